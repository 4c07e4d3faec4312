"""The trained index of a collection on disk.

A folder of immutable segment files and one small manifest that names them. Training writes changes to a new segment and
then replaces the manifest atomically; a crash leaves either the old or the new state.

* Added faces become a new segment. Segments of similar size are merged as they accumulate (each row is rewritten about
  log4(size of the collection) times), so the cost of training is proportional to the change.
* Removed faces are listed as dead rows beside their segment. Once a fifth of a segment is dead it is rewritten.
  `compact` rewrites all segments with dead rows; no byte of a removed template is left afterwards.
* Files that the manifest does not name are deleted; a search that has them open is not affected.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import secrets
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import numpy as np

from mien.search.container import Container, ContainerSection, derive_key, write_container
from mien.search.errors import TrainedIndexCorruptError, TrainedIndexKeyError, TrainedIndexMissingError
from mien.search.exact import ExactSearch
from mien.search.segment import Rows, Segment
from mien.search.types import EnrolledTemplates, TemplateSearch

_VERSION = 1
_MANIFEST = "manifest.json"
_MERGE_RATIO = 4
_DEAD_RATIO = 0.2
_NO_ROWS: Rows = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class _SegmentEntry:
    """A segment in the manifest: its file and header hash, and the file and number of its dead rows."""

    file: str
    digest: str
    rows: int
    dead_file: str = ""
    dead_digest: str = ""
    dead: int = 0


@dataclass(frozen=True, slots=True)
class _Manifest:
    generation: int
    fingerprint: str
    dimension: int
    segments: tuple[_SegmentEntry, ...]


class TrainedIndexFiles:
    """The trained index of one collection.

    Writers are serialised by a lock file, also between processes; readers need no lock.

    Args:
        folder: created if it does not exist; nothing else may be stored in it.
        key: data key (16 bytes or more) to encrypt with; None stores templates unencrypted.
    """

    def __init__(self, folder: Path, key: bytes | None = None) -> None:
        if key is not None and len(key) < 16:
            raise ValueError("a data key must have at least 16 bytes")
        self.folder = folder
        self._key = key
        self._begun: _Manifest | None = None

    @property
    def exists(self) -> bool:
        """Whether there is a trained index."""
        return (self.folder / _MANIFEST).exists()

    @property
    def holds_removed(self) -> bool:
        """Whether the files still contain templates of removed faces, which searches skip; see `compact`.

        Raises:
            TrainedIndexError: there is no usable trained index.
        """
        return any(entry.dead for entry in self._manifest().segments)

    def write(self, faces: EnrolledTemplates, fingerprint: str) -> None:
        """Replace the whole index with these faces.

        Args:
            faces: in any order; face ids are unique.
            fingerprint: fingerprint of the templates' recogniser.
        """
        with self._writing():
            generation = self._manifest().generation + 1 if self._readable() else 1
            entries = (self._write_segment(faces, fingerprint),) if len(faces) else ()
            self._replace_manifest(_Manifest(generation, fingerprint, faces.templates.shape[1], entries))

    def update(
        self,
        added: EnrolledTemplates,
        removed: Collection[tuple[UUID, UUID | None]] = (),
        current: TemplateSearch | None = None,
    ) -> None:
        """Apply the changes since the last training. Removals come first: a face may be removed and added again.

        Args:
            added: new faces, possibly none, of the index's recogniser.
            removed: (person, face) pairs, or (person, None) for all of a person's faces; unknown ones are ignored.
            current: a search loaded earlier, whose segments are reused to find the removed faces.

        Raises:
            TrainedIndexError: there is no usable trained index; `write` a new one.
            ValueError: the templates have another dimension than the trained index's.
        """
        with self._writing():
            old = self._begun or self._manifest()
            if len(added) and not old.segments:
                old = replace(old, dimension=added.templates.shape[1])
            if len(added) and added.templates.shape[1] != old.dimension:
                raise ValueError(
                    f"templates of {added.templates.shape[1]} dimensions, trained index of {old.dimension}"
                )
            known = _by_digest(current)
            entries = (
                [self._mark_dead(entry, removed, known) for entry in old.segments] if removed else list(old.segments)
            )
            if len(added):
                entries.append(self._write_segment(added, old.fingerprint))
            self._replace_manifest(replace(old, generation=old.generation + 1, segments=self._tidy(entries, old)))

    def compact(self) -> None:
        """Rewrite every segment that has dead rows, so that no removed template is left on disk.

        Raises:
            TrainedIndexError: there is no usable trained index.
        """
        with self._writing():
            old = self._manifest()
            if not any(entry.dead for entry in old.segments):
                return
            entries = [self._merge([entry], old) if entry.dead else entry for entry in old.segments]
            kept = tuple(entry for entry in entries if entry.rows)
            self._replace_manifest(replace(old, generation=old.generation + 1, segments=kept))

    def branch(self, folder: Path) -> TrainedIndexFiles:
        """Start another index with the content of this one, which does not change. Call `update` on the new one.

        The files are shared by hard links, which takes almost no time or space. The new index does not exist until
        `update` has written its changes: if that fails, the old content cannot pass for the new index.

        Args:
            folder: folder of the new index, on the same file system; its content is replaced.

        Raises:
            TrainedIndexError: there is no usable trained index.
        """
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
        manifest = self._manifest()
        try:
            for entry in manifest.segments:
                for name in filter(None, (entry.file, entry.dead_file)):
                    (folder / name).hardlink_to(self.folder / name)
        except FileNotFoundError as error:
            raise TrainedIndexCorruptError(self.folder, "a file is missing") from error
        new = TrainedIndexFiles(folder, self._key)
        new._begun = manifest
        return new

    def load(self, previous: TemplateSearch | None = None) -> ExactSearch:
        """Open the trained index for searching.

        Args:
            previous: an earlier search on this store; unchanged segments are reused from it.

        Returns:
            A search that later trainings do not change.

        Raises:
            TrainedIndexMissingError: the collection was never trained.
            TrainedIndexCorruptError: the index is damaged, altered or of another version.
            TrainedIndexKeyError: it is encrypted and there is no key, or the other way round.
        """
        known = _by_digest(previous)
        while True:
            manifest = self._manifest()
            try:
                segments = [known[e.digest] if e.digest in known else self._open(e) for e in manifest.segments]
                dead = [self._dead_rows(entry) for entry in manifest.segments]
            except FileNotFoundError as error:
                # A training may have replaced the manifest and deleted the file meanwhile.
                if self._manifest().generation == manifest.generation:
                    raise TrainedIndexCorruptError(Path(error.filename), "the file is missing") from error
                continue
            if not segments:
                empty = np.empty((0, 16), dtype=np.uint8)
                none = EnrolledTemplates(empty, empty, np.empty((0, manifest.dimension), dtype=np.float32))
                return ExactSearch.of(none, manifest.fingerprint)
            return ExactSearch(segments, dead)

    def verify(self) -> None:
        """Read and check every byte.

        Raises:
            TrainedIndexError: something is missing or damaged.
        """
        for segment in self.load().segments:
            segment.verify()

    # Writing

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _write_segment(self, faces: EnrolledTemplates, fingerprint: str) -> _SegmentEntry:
        name = f"{secrets.token_hex(16)}.segment"
        digest = Segment.write(self.folder / name, faces, fingerprint, self._key)
        return _SegmentEntry(name, digest, len(faces))

    def _mark_dead(
        self, entry: _SegmentEntry, removed: Collection[tuple[UUID, UUID | None]], known: Mapping[str, Segment]
    ) -> _SegmentEntry:
        """Add removed faces to the dead rows of a segment."""
        segment = known[entry.digest] if entry.digest in known else self._open(entry)
        rows = np.union1d(
            segment.rows_of_persons([person for person, face in removed if face is None]),
            segment.rows_of_faces((person, face) for person, face in removed if face is not None),
        )
        dead = np.union1d(self._dead_rows(entry), rows)
        if len(dead) == entry.dead:
            return entry
        name = f"{secrets.token_hex(16)}.dead"
        digest = write_container(
            self.folder / name, {"rows": ContainerSection(dead.astype("<u4"))}, {"of": entry.digest}, self._key
        )
        return replace(entry, dead_file=name, dead_digest=digest, dead=len(dead))

    def _tidy(self, entries: list[_SegmentEntry], old: _Manifest) -> tuple[_SegmentEntry, ...]:
        """Rewrite segments with many dead rows, merge those of similar size."""
        kept = [self._merge([e], old) if e.dead > _DEAD_RATIO * e.rows else e for e in entries]
        kept = sorted((e for e in kept if e.rows), key=lambda e: -e.rows)
        first = len(kept)
        total = 0
        # From the smallest up: merge those less than four times as large as all the smaller ones together.
        for index in range(len(kept) - 1, -1, -1):
            if total and kept[index].rows < _MERGE_RATIO * total:
                first = index
            total += kept[index].rows
        if first < len(kept):
            kept[first:] = [self._merge(kept[first:], old)]
        return tuple(kept)

    def _merge(self, entries: Sequence[_SegmentEntry], old: _Manifest) -> _SegmentEntry:
        parts = []
        for entry in entries:
            segment = self._open(entry)
            alive = np.ones(len(segment), dtype=bool)
            alive[self._dead_rows(entry)] = False
            parts.append(segment.faces(np.flatnonzero(alive)))
        merged = EnrolledTemplates(
            np.concatenate([p.person_ids for p in parts]),
            np.concatenate([p.face_ids for p in parts]),
            np.concatenate([p.templates for p in parts]),
        )
        return self._write_segment(merged, old.fingerprint)

    def _replace_manifest(self, manifest: _Manifest) -> None:
        """Replace the manifest, flushed to disk, and delete the files that it does not name."""
        _sync_folder(self.folder)
        body = json.dumps(
            {
                "version": _VERSION,
                "generation": manifest.generation,
                "fingerprint": manifest.fingerprint,
                "dimension": manifest.dimension,
                "segments": [
                    {name: getattr(entry, name) for name in _SegmentEntry.__slots__} for entry in manifest.segments
                ],
            },
            sort_keys=True,
        )
        temporary = self.folder / f"{_MANIFEST}.new"
        with temporary.open("w", encoding="utf-8") as file:
            file.write(json.dumps({"body": body, "seal": self._seal(body)}))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.folder / _MANIFEST)
        self._begun = None
        _sync_folder(self.folder)
        named = {name for entry in manifest.segments for name in (entry.file, entry.dead_file)}
        for path in self.folder.iterdir():
            if path.suffix in (".segment", ".dead") and path.name not in named:
                path.unlink(missing_ok=True)

    # Reading

    def _seal(self, body: str) -> str:
        """Return the manifest's checksum; with a key, a MAC that also detects deliberate changes."""
        if self._key is None:
            return hashlib.sha256(body.encode()).hexdigest()
        return "hmac:" + hmac.new(derive_key(self._key, b"", b"manifest"), body.encode(), hashlib.sha256).hexdigest()

    def _readable(self) -> bool:
        try:
            self._manifest()
        except (TrainedIndexMissingError, TrainedIndexCorruptError, TrainedIndexKeyError):
            return False
        return True

    def _manifest(self) -> _Manifest:
        path = self.folder / _MANIFEST
        try:
            outer = json.loads(path.read_text(encoding="utf-8"))
            body, seal = str(outer["body"]), str(outer["seal"])
            if seal.startswith("hmac:") != (self._key is not None):
                raise TrainedIndexKeyError(
                    path, "is encrypted and needs the key" if self._key is None else "is in the clear"
                )
            if not hmac.compare_digest(seal, self._seal(body)):
                raise TrainedIndexCorruptError(path, "was altered or encrypted with another key")
            inner = json.loads(body)
            if inner["version"] != _VERSION:
                raise TrainedIndexCorruptError(path, f"has format {inner['version']}, this program reads {_VERSION}")
            segments = tuple(_SegmentEntry(**entry) for entry in inner["segments"])
            return _Manifest(inner["generation"], inner["fingerprint"], inner["dimension"], segments)
        except FileNotFoundError:
            raise TrainedIndexMissingError(path, "there is none") from None
        except (ValueError, KeyError, TypeError) as error:
            raise TrainedIndexCorruptError(path, "is damaged") from error

    def _open(self, entry: _SegmentEntry) -> Segment:
        path = self.folder / entry.file
        segment = Segment.open(path, self._key)
        if segment.digest != entry.digest:
            raise TrainedIndexCorruptError(path, "is not the file that the manifest names")
        return segment

    def _dead_rows(self, entry: _SegmentEntry) -> Rows:
        if not entry.dead:
            return _NO_ROWS
        path = self.folder / entry.dead_file
        file = Container(path, self._key)
        rows: Rows = file.read("rows").view("<u4").astype(np.int64)
        if file.digest != entry.dead_digest or len(rows) != entry.dead:
            raise TrainedIndexCorruptError(path, "is not the file that the manifest names")
        return rows


def _by_digest(search: TemplateSearch | None) -> dict[str, Segment]:
    segments = search.segments if isinstance(search, ExactSearch) else ()
    return {segment.digest: segment for segment in segments if segment.digest}


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
