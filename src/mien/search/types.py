"""Types of search, independent of the engine: data, queries, results."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Ids = NDArray[np.uint8]


def pack_ids(ids: Collection[UUID]) -> Ids:
    """Return UUIDs as uint8 (n, 16), big-endian, so that the bytes sort like the ids."""
    return np.frombuffer(b"".join(i.bytes for i in ids), dtype=np.uint8).reshape(-1, 16)


@dataclass(frozen=True, slots=True)
class EnrolledTemplates:
    """Enrolled faces.

    In a collection without persons (a face list) every face is its own person, with the same id.

    Attributes:
        person_ids: uint8 (n, 16), the person of each face.
        face_ids: uint8 (n, 16), unique.
        templates: float32 (n, d), unit rows.
    """

    person_ids: Ids
    face_ids: Ids
    templates: Float32

    def __post_init__(self) -> None:
        rows = len(self.templates)
        if self.templates.ndim != 2 or self.person_ids.shape != (rows, 16) or self.face_ids.shape != (rows, 16):
            raise ValueError(
                f"ids of shapes {self.person_ids.shape} and {self.face_ids.shape} do not fit templates of shape "
                f"{self.templates.shape}"
            )

    @classmethod
    def of(cls, persons: Sequence[UUID], faces: Sequence[UUID], templates: NDArray[Any]) -> EnrolledTemplates:
        """Create from a person id, a face id and a template (d,) for each face."""
        return cls(pack_ids(persons), pack_ids(faces), np.asarray(templates, dtype=np.float32))

    def __len__(self) -> int:
        return len(self.templates)


@dataclass(frozen=True, slots=True)
class Match:
    """A person found.

    Attributes:
        person_id: id of the person.
        face_id: the person's face that is most like the probe.
        similarity: cosine similarity of that face with the probe, computed from the float32 templates.
    """

    person_id: UUID
    face_id: UUID
    similarity: float


@dataclass(frozen=True, slots=True)
class Query:
    """The parameters of a search.

    Attributes:
        top: most persons to return, >= 1.
        min_similarity: persons below are left out (see `Calibration.similarity`).
        only: search only these persons; None searches everyone.
        without: never return these persons, such as those deleted since the training.
    """

    top: int = 1
    min_similarity: float = -1.0
    only: frozenset[UUID] | None = None
    without: frozenset[UUID] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        if self.top < 1:
            raise ValueError("top must be at least 1")


class TemplateSearch(Protocol):
    """A search over a collection's templates; thread-safe."""

    @property
    def dimension(self) -> int:
        """Length d of a template."""
        ...

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the templates' recogniser."""
        ...

    def __len__(self) -> int:
        """Number of templates that can be found."""
        ...

    @property
    def persons(self) -> int:
        """Number of persons that can be found; a person whose faces were trained at different times may count twice."""
        ...

    @property
    def one_face_each(self) -> bool:
        """Whether every person has only one face; False if unknown."""
        ...

    @property
    def in_memory(self) -> int:
        """Number of templates that the search keeps in this process's memory."""
        ...

    def faces(self) -> EnrolledTemplates:
        """All faces that can be found, with their templates."""
        ...

    def faces_of(self, persons: Collection[UUID]) -> EnrolledTemplates:
        """Return the faces of persons with their templates; unknown persons have none."""
        ...

    def search(self, probes: Float32, query: Query) -> list[list[Match]]:
        """Find the persons most like each probe.

        Args:
            probes: float32 (p, d), unit rows.
            query: number, lowest similarity and filter of persons.

        Returns:
            For each probe its matches, best first; equal similarities by ascending person id. A person's similarity
            is that of their best face; among equally good faces, the one with the lowest id.

        Raises:
            ValueError: the probes have another dimension.
        """
        ...


class TrainedStore(Protocol):
    """The location of one collection's trained index, under one name."""

    @property
    def exists(self) -> bool:
        """Whether there is a trained index."""
        ...

    @property
    def holds_removed(self) -> bool:
        """Whether it still contains templates of removed faces, which searches skip; see `compact`."""
        ...

    def write(self, faces: EnrolledTemplates, fingerprint: str) -> None:
        """Replace the whole index with these faces, of one recogniser."""
        ...

    def update(
        self,
        added: EnrolledTemplates,
        removed: Collection[tuple[UUID, UUID | None]] = (),
        current: TemplateSearch | None = None,
    ) -> None:
        """Apply the changes since the last training. Removals come first: a face may be removed and added again.

        Args:
            added: new faces, possibly none.
            removed: (person, face) pairs, or (person, None) for all of a person's faces; unknown ones are ignored.
            current: a search loaded earlier; the store may reuse its unchanged data.

        Raises:
            TrainedIndexError: there is no usable index.
            ValueError: the templates have another dimension.
        """
        ...

    def compact(self) -> None:
        """Delete the templates of removed faces for good."""
        ...

    def verify(self) -> None:
        """Check the whole index.

        Raises:
            TrainedIndexError: something is missing or damaged.
        """
        ...

    def load(self, previous: TemplateSearch | None = None) -> TemplateSearch:
        """Open the index for searching.

        Args:
            previous: an earlier search on the same collection; the store may reuse its unchanged data.

        Raises:
            TrainedIndexError: there is no usable index.
        """
        ...


def check_probes(probes: NDArray[Any], dimension: int) -> Float32:
    """Return the probes as float32 (p, d).

    Raises:
        ValueError: they are not (p, dimension) or not finite.
    """
    array = np.ascontiguousarray(probes, dtype=np.float32)
    if array.ndim != 2 or array.shape[1] != dimension:
        raise ValueError(f"probes of shape {array.shape} cannot be compared with templates of {dimension} dimensions")
    if not np.all(np.isfinite(array)):
        raise ValueError("probes must be finite")
    return array
