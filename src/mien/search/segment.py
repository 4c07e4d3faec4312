"""An immutable set of templates: ids and quantised copies in memory, the float32 templates in memory or on disk.

Rows are sorted by person, then face, so that a person is a range of rows. Templates are quantised twice: a search reads
all of `coarse` (int8, one step for the segment; a quarter of the bytes); `fine` is the remainder as int8 with steps 254
times finer. The largest error of either is known exactly, so a search excludes nearly all rows by coarse, nearly all of
the rest by coarse and fine, and never a row of the result. The float32 templates are read only for the few rows left.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mien.search.container import Container, ContainerSection, write_container
from mien.search.errors import TrainedIndexCorruptError
from mien.search.types import EnrolledTemplates, Float32, Ids, pack_ids

_ROWS_AT_ONCE = 1 << 16
_BLOCK_BYTES = 16 << 10
"""Float32 templates are read from disk in blocks of about this size: cheap to check, few unneeded templates."""

_SMALL_BYTES = 1 << 20
"""Segments with at most this many bytes of float32 templates (2,048 of SFace) keep them in memory from the first use:
in so small a group each result needs nearly every block, and reading them took most of the time of a search."""

Rows = NDArray[np.int64]


def keys_of(ids: Ids) -> NDArray[np.bytes_]:
    """Return ids (n, 16) as (n,) byte strings, which numpy can sort and search; ordered by their bytes."""
    return np.ascontiguousarray(ids).view("S16").reshape(-1)


FINER = 254
"""Fine steps in a coarse step: half a coarse step is 127 fine ones, the range of int8."""


@dataclass(frozen=True, slots=True)
class Quantised:
    """Templates as integers; a template is about step x (coarse + fine / FINER).

    Attributes:
        coarse: int8 (n, d).
        fine: int8 (n, d).
        step: value of one unit of coarse.
        coarse_error: length of the longest difference between a template and its coarse part.
        fine_error: the same with both parts.
        longest: length of the longest template, 1 up to rounding.
    """

    coarse: NDArray[np.int8]
    fine: NDArray[np.int8]
    step: float
    coarse_error: float
    fine_error: float
    longest: float


def quantise(templates: Float32, order: Rows | None = None) -> Quantised:
    """Quantise templates with one step, set by the largest of all components.

    Args:
        templates: float32 (n, d).
        order: the rows in the order of the result; None keeps their order.
    """
    largest = max((float(np.abs(templates[a : a + _ROWS_AT_ONCE]).max()) for a in _starts(templates)), default=0.0)
    step = largest / 127.0 or 1.0
    coarse, fine = np.empty(templates.shape, dtype=np.int8), np.empty(templates.shape, dtype=np.int8)
    errors = np.zeros(3)
    for start in _starts(templates):
        rows = slice(start, start + _ROWS_AT_ONCE)
        part = templates[rows if order is None else order[rows]]
        rounded = np.rint(part * np.float32(1.0 / step))
        left = part - rounded * np.float32(step)
        finer = np.clip(np.rint(left * np.float32(FINER / step)), -127, 127)
        coarse[start : start + len(part)], fine[start : start + len(part)] = rounded, finer
        squares = [np.einsum("ij,ij->i", a, a) for a in (left, left - finer * np.float32(step / FINER), part)]
        errors = np.maximum(errors, [s.max() for s in squares])
    return Quantised(coarse, fine, step, *np.sqrt(errors).tolist())


def _starts(templates: Float32) -> range:
    return range(0, len(templates), _ROWS_AT_ONCE)


def sorted_rows(faces: EnrolledTemplates) -> Rows:
    """Return the rows of faces in the order of the person's id, then the face's."""
    columns = [faces.person_ids, faces.face_ids]
    words = np.concatenate([np.ascontiguousarray(c).view(">u8") for c in columns], axis=1)
    order: Rows = np.lexsort(words.T[::-1])
    return order


class Segment:
    """Templates that can be scanned; create one with `of` (memory) or `open` (disk).

    Attributes:
        persons: uint8 (m, 16), ascending.
        first_row: int64 (m + 1,), the first row of each person; ends with n.
        face_ids: uint8 (n, 16).
        quantised: the templates as integers.
        fingerprint: fingerprint of the recogniser.
        digest: digest of the file's header; "" for a segment in memory.
    """

    def __init__(
        self,
        ids: tuple[Ids, Rows, Ids],
        quantised: Quantised,
        fingerprint: str,
        templates: Float32 | Container,
    ) -> None:
        self.persons, self.first_row, self.face_ids = ids
        self.quantised = quantised
        self.fingerprint = fingerprint
        self.digest = templates.digest if isinstance(templates, Container) else ""
        self._person_keys = keys_of(self.persons)
        self._templates = templates
        self._kept: Float32 | None = None

    @classmethod
    def of(cls, faces: EnrolledTemplates, fingerprint: str) -> Segment:
        """Return a segment in memory."""
        order = sorted_rows(faces)
        return cls(*_index(faces, order), fingerprint, faces.templates[order])

    @staticmethod
    def write(path: Path, faces: EnrolledTemplates, fingerprint: str, key: bytes | None) -> str:
        """Write faces to a new segment file; see `container.write_container`."""
        order = sorted_rows(faces)
        (persons, first_row, face_ids), quantised = _index(faces, order)
        dimension = faces.templates.shape[1]
        templates = faces.templates.astype("<f4", copy=False)
        sections = {
            "persons": ContainerSection(persons),
            "first_row": ContainerSection(first_row.astype("<u4")),
            "faces": ContainerSection(face_ids),
            "coarse": ContainerSection(quantised.coarse),
            "fine": ContainerSection(quantised.fine),
            # Reordered while they are written: a copy of all would double the memory of a training.
            "templates": ContainerSection(templates, _block_rows(dimension) * dimension * 4, order),
        }
        meta = {
            "rows": len(faces),
            "dimension": dimension,
            "fingerprint": fingerprint,
            "step": quantised.step,
            "coarse_error": quantised.coarse_error,
            "fine_error": quantised.fine_error,
            "longest": quantised.longest,
        }
        return write_container(path, sections, meta, key)

    @classmethod
    def open(cls, path: Path, key: bytes | None) -> Segment:
        """Load a segment file; its float32 templates stay on disk.

        Raises:
            FileNotFoundError: there is no such file.
            TrainedIndexError: the file cannot be used.
        """
        file = Container(path, key)
        meta = file.meta
        try:
            shape = (int(meta["rows"]), int(meta["dimension"]))
            persons = file.read("persons").reshape(-1, 16)
            first_row = file.read("first_row").view("<u4").astype(np.int64)
            face_ids = file.read("faces").reshape(shape[0], 16)
            coarse, fine = (file.read(name).view(np.int8).reshape(shape) for name in ("coarse", "fine"))
            numbers = [float(meta[name]) for name in ("step", "coarse_error", "fine_error", "longest")]
            quantised = Quantised(coarse, fine, *numbers)
            fingerprint = str(meta["fingerprint"])
        except (KeyError, TypeError, ValueError) as error:
            raise TrainedIndexCorruptError(path, f"its parts do not fit together ({error})") from error
        if len(first_row) != len(persons) + 1 or first_row[-1] != shape[0]:
            raise TrainedIndexCorruptError(path, "its parts do not fit together")
        return cls((persons, first_row, face_ids), quantised, fingerprint, file)

    def __len__(self) -> int:
        return len(self.quantised.coarse)

    @property
    def dimension(self) -> int:
        """Length of a template."""
        return int(self.quantised.coarse.shape[1])

    def templates(self, rows: Rows) -> Float32:
        """Return the float32 templates (r, d) of ascending rows.

        Raises:
            TrainedIndexCorruptError: a block is damaged.
        """
        if not isinstance(self._templates, Container):
            return self._templates[rows]
        if (kept := self.kept()) is not None:
            return kept[rows]
        block_rows = _block_rows(self.dimension)
        result = np.empty((len(rows), self.dimension), dtype=np.float32)
        blocks, starts = np.unique(rows // block_rows, return_index=True)
        if not len(rows):
            return result
        for block, start, end in zip(blocks.tolist(), starts, [*starts[1:], len(rows)], strict=True):
            data = np.frombuffer(self._templates.chunk("templates", block), dtype="<f4").reshape(-1, self.dimension)
            result[start:end] = data[rows[start:end] - block * block_rows]
        return result

    def kept(self) -> Float32 | None:
        """Return all float32 templates (n, d) of a small segment, read at the first call; None for a larger one.

        Raises:
            TrainedIndexCorruptError: a block is damaged.
        """
        if self._kept is None:
            if not isinstance(self._templates, Container):
                self._kept = self._templates if self._templates.nbytes <= _SMALL_BYTES else None
            elif self._templates.size("templates") <= _SMALL_BYTES:
                read = self._templates.read("templates").view("<f4").reshape(-1, self.dimension)
                self._kept = np.asarray(read, np.float32)
        return self._kept

    def person_of(self, rows: Rows) -> Rows:
        """Return each row's position in `persons`, int64 (r,)."""
        after = np.searchsorted(self.first_row, rows, side="right")
        person: Rows = np.subtract(after, 1, dtype=np.int64)
        return person

    def rows_of_persons(self, persons: Collection[UUID]) -> Rows:
        """Return all rows of persons, ascending; unknown persons have none."""
        if not persons or not len(self.persons):
            return np.empty(0, dtype=np.int64)
        wanted = np.unique(keys_of(pack_ids(persons)))
        position = np.minimum(np.searchsorted(self._person_keys, wanted), len(self.persons) - 1)
        position = position[self._person_keys[position] == wanted]
        first, count = self.first_row[position], self.first_row[position + 1] - self.first_row[position]
        # For every person, its first row plus 0..count-1.
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        rows: Rows = np.repeat(first, count) + within
        return rows

    def rows_of_faces(self, faces: Iterable[tuple[UUID, UUID]]) -> Rows:
        """Return the rows of (person, face) pairs, ascending; unknown pairs have none."""
        wanted = list(faces)
        rows = self.rows_of_persons({person for person, _ in wanted})
        if not len(rows):
            return rows
        pairs = np.concatenate([self.persons[self.person_of(rows)], self.face_ids[rows]], axis=1).view("S32")
        asked = np.frombuffer(b"".join(person.bytes + face.bytes for person, face in wanted), dtype="S32")
        return rows[np.isin(pairs.reshape(-1), asked)]

    def faces(self, rows: Rows) -> EnrolledTemplates:
        """Return the faces of ascending rows, with templates read from disk."""
        return EnrolledTemplates(self.persons[self.person_of(rows)], self.face_ids[rows], self.templates(rows))

    def verify(self) -> None:
        """Read and check every byte of the file.

        Raises:
            TrainedIndexCorruptError: something is damaged.
        """
        if isinstance(self._templates, Container):
            self._templates.verify()


def _block_rows(dimension: int) -> int:
    return max(1, _BLOCK_BYTES // (4 * dimension))


def _index(faces: EnrolledTemplates, order: Rows) -> tuple[tuple[Ids, Rows, Ids], Quantised]:
    persons = faces.person_ids[order]
    keys = keys_of(persons)
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if len(keys) else np.empty(0, np.int64)
    first_row = np.append(starts, len(keys)).astype(np.int64)
    return (persons[starts], first_row, faces.face_ids[order]), quantise(faces.templates, order)
