"""Templates of known people for an evaluation: from a folder of folders, a CSV of pairs, or an enrolled collection."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_OID, UUID, uuid5

import numpy as np
from sqlalchemy import func, select

from mien.contract.attributes import Attribute, Level3
from mien.evaluation import Comparisons, Samples, TooFewSamplesError, of_pairs
from mien.gallery.errors import GalleryError
from mien.gallery.kinds import CollectionRef, Kind, persons_ref
from mien.gallery.rows import Rows, find
from mien.gallery.templates import SealedFace, Templates
from mien.storage.names import name_key
from mien.storage.tables import CollectionRow, PersistedFaceRow, PersonRow
from mien.vision.errors import VisionError
from mien.vision.ports import Engine
from mien.vision.types import Embedding, OperatingPoint, Want

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".heic", ".heif"})
_SAME: Final = {
    "1": True,
    "true": True,
    "yes": True,
    "same": True,
    "0": False,
    "false": False,
    "no": False,
    "different": False,
}

NO_FACE: Final = "no face found"
UNREADABLE: Final = "face not readable"
NO_IMAGE: Final = "not a readable image"
OWNERLESS: Final = "without an owner"
FAILURES: Final = (NO_FACE, UNREADABLE, NO_IMAGE, OWNERLESS)
"""Why photos have no template, as stored results name it."""


class SampleSourceError(GalleryError):
    """The photos or the list of an evaluation cannot be used; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Read:
    """Result of a photo: a template or the reason for its absence, and the quality for recognition."""

    embedding: Embedding | None
    reason: str = ""
    quality: Level3 | None = None


class PhotoReader:
    """Computes templates of photo files, several at a time.

    Args:
        engine: analyses the photos.
        pack: model pack of the recogniser.
        threads: number of photos at a time; None for the number of cores.
        progress: called with the number of finished photos and the total.
        quality: whether to assess the quality for recognition too.
    """

    def __init__(
        self,
        engine: Engine,
        pack: str,
        *,
        threads: int | None = None,
        progress: Callable[[int, int], None] = lambda _done, _all: None,
        quality: bool = False,
    ) -> None:
        self._engine = engine
        attributes = frozenset({Attribute.QUALITY} if quality else ())
        self._want = Want(operating_point=OperatingPoint.BEST, recogniser=pack, attributes=attributes)
        self._threads = threads or os.cpu_count() or 1
        self._progress = progress

    def read(self, paths: Sequence[Path]) -> list[Read]:
        """Return a result for each file, for its largest face.

        Raises:
            SampleSourceError: a file cannot be read.
        """
        found = []
        with ThreadPoolExecutor(self._threads) as pool:
            for done, one in enumerate(pool.map(self._one, paths), 1):
                found.append(one)
                self._progress(done, len(paths))
        return found

    def _one(self, path: Path) -> Read:
        try:
            image = path.read_bytes()
        except OSError as error:
            raise SampleSourceError("{path} cannot be read: {reason}", path=path, reason=error.strerror) from error
        try:
            faces = self._engine.analyze(image, self._want).faces
        except VisionError:
            return Read(None, NO_IMAGE)
        if not faces or faces[0].embedding is None:
            return Read(None, NO_FACE)
        quality = faces[0].attributes.quality
        if not faces[0].embedding.readable:
            return Read(None, UNREADABLE, quality)
        return Read(faces[0].embedding, quality=quality)


def photos_in(folder: Path) -> dict[str, list[Path]]:
    """Return the photos of a folder of folders, with one folder for each person.

    Raises:
        SampleSourceError: it is not a folder, or has no folder with photos.
    """
    if not folder.is_dir():
        raise SampleSourceError("{folder} is not a folder", folder=folder)
    people = {
        person.name: sorted(path for path in person.iterdir() if _is_photo(path))
        for person in sorted(folder.iterdir())
        if person.is_dir() and not person.name.startswith(".")
    }
    found = {name: photos for name, photos in people.items() if photos}
    if not found:
        raise SampleSourceError(
            "{folder} has no folders with photos: put the photos of each person into a folder of its own", folder=folder
        )
    return found


def plain_photos(folder: Path) -> list[Path]:
    """Return the photos of a folder without folders of photos; each photo counts as a different person."""
    if not folder.is_dir() or any(one.is_dir() and not one.name.startswith(".") for one in folder.iterdir()):
        return []
    return sorted(path for path in folder.iterdir() if _is_photo(path))


def from_folder(folder: Path, reader: PhotoReader) -> Samples:
    """Read a folder of folders.

    Raises:
        SampleSourceError: as `photos_in`, or no photo has a face.
    """
    people = photos_in(folder)
    paths = [path for photos in people.values() for path in photos]
    owners = [person for person, photos in enumerate(people.values()) for _ in photos]
    return collected(reader.read(paths), owners, [f"{path.parent.name}/{path.name}" for path in paths])


def collected(read: Sequence[Read], owners: Sequence[int], names: Sequence[str]) -> Samples:
    """Collect templates as samples; people without a template are left out.

    Args:
        read: a result for each photo.
        owners: the person of each photo.
        names: the name of each photo.

    Raises:
        SampleSourceError: there is no template at all.
    """
    kept = [
        (one.embedding.vector, owner, name)
        for one, owner, name in zip(read, owners, names, strict=True)
        if one.embedding is not None
    ]
    if not kept:
        raise SampleSourceError("no photo has a face that can be read")
    people, owner = np.unique([owner for _, owner, _ in kept], return_inverse=True)
    return Samples(
        np.stack([vector for vector, _, _ in kept]).astype(np.float32),
        owner.astype(np.intp),
        len(people),
        [name for _, _, name in kept],
        Counter(one.reason for one in read if one.embedding is None),
    )


def from_pairs(path: Path, reader: PhotoReader) -> tuple[Comparisons, Counter[str], int]:
    """Read a CSV of pairs: columns `first`, `second` (files, relative to the CSV's folder) and `same` (yes or no).

    Returns:
        The comparisons, the number of photos without a template by reason, and the number of photos with one.

    Raises:
        SampleSourceError: the list is malformed, or too few pairs can be read.
    """
    lines = list(_pairs(path))
    paths = list(dict.fromkeys(name for one, other, _ in lines for name in (one, other)))
    read = dict(zip(paths, reader.read([path.parent / name for name in paths]), strict=True))
    vectors = {name: one.embedding.vector for name, one in read.items() if one.embedding is not None}
    kept = [line for line in lines if line[0] in vectors and line[1] in vectors]
    scores = [float(vectors[one] @ vectors[other]) for one, other, _ in kept]
    try:
        found = of_pairs(scores, [line[:2] for line in kept], [line[2] for line in kept])
    except (TooFewSamplesError, ValueError) as error:
        raise SampleSourceError("{path}: {reason}", path=path, reason=error) from error
    return found, Counter(one.reason for one in read.values() if one.embedding is None), len(vectors)


def _pairs(path: Path) -> Iterator[tuple[str, str, bool]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SampleSourceError("{path} cannot be read as CSV in UTF-8: {reason}", path=path, reason=error) from error
    if not rows or not {"first", "second", "same"} <= set(rows[0]):
        raise SampleSourceError("{path} needs the columns first, second and same", path=path)
    for number, row in enumerate(rows, 2):
        same = _SAME.get((row["same"] or "").strip().lower())
        if same is None or not row["first"] or not row["second"]:
            raise SampleSourceError(
                "{path}, line {number}: two files and yes or no are needed", path=path, number=number
            )
        yield row["first"].strip(), row["second"].strip(), same


@dataclass(frozen=True, slots=True)
class EnrolledSamples:
    """The templates of an enrolled collection.

    Attributes:
        samples: the usable templates.
        people: the person id of each person index of the samples.
        unread: number of faces with an unusable template, by person.
        label: recognition model.
        fingerprint: fingerprint of the templates.
        collection: internal id of the collection.
    """

    samples: Samples
    people: tuple[UUID, ...]
    unread: Mapping[UUID, int]
    label: str
    fingerprint: str
    collection: UUID


def from_collection(
    rows: Rows, templates: Templates, ref: CollectionRef, owners: Mapping[str, str] | None = None
) -> EnrolledSamples:
    """Return the templates of an enrolled collection.

    Args:
        rows: opens sessions.
        templates: decrypts templates.
        ref: a person group, the faces of a directory, or a face list.
        owners: for a face list, the person of each face, by persistedFaceId or user data; other faces are left out.

    Raises:
        CollectionNotFoundError: there is no such collection.
        SampleSourceError: it has no persons with templates, or `owners` is missing for a face list.
    """
    if not ref.kind.has_persons and not owners:
        raise SampleSourceError(
            "the faces of a face list belong to nobody: measure a person group, or say whose they are with a CSV of "
            "the columns face and person (`mien calibrate run … --owners FILE`)"
        )
    with rows.reading(ref) as (session, row):
        face = PersistedFaceRow
        query = select(face.person_id, face.face_id, face.sealed, face.user_data).where(
            face.collection == row.uid, func.length(face.sealed) > 0
        )
        found = session.execute(query.order_by(face.person_id, face.face_id)).all()
    sealed, ownerless = [], 0
    for one in found:
        whose = one.person_id if owners is None else _owner(owners, one.face_id, one.user_data)
        if whose is None:
            ownerless += 1
        else:
            sealed.append(SealedFace(whose, one.face_id, one.sealed))
    faces = templates.faces(ref.resource_id, row.uid, sealed)
    readable = np.linalg.norm(faces.templates, axis=1) > 0.5
    if not readable.any():
        raise SampleSourceError("nobody is enrolled in the collection")
    people, owner = np.unique(faces.person_ids[readable], axis=0, return_inverse=True)
    unread = Counter(one.person_id for one, read in zip(sealed, readable.tolist(), strict=True) if not read)
    lost = {UNREADABLE: unread.total()} if unread else {}
    if ownerless:
        lost[OWNERLESS] = ownerless
    samples = Samples(faces.templates[readable], owner.ravel().astype(np.intp), len(people), (), lost)
    ids = tuple(UUID(bytes=one.tobytes()) for one in people)
    return EnrolledSamples(samples, ids, unread, row.recognition_model, row.fingerprint, row.uid)


def owners_in(path: Path) -> dict[str, str]:
    """Read the persons of a list's faces: a CSV with columns `face` (persistedFaceId or user data) and `person`.

    Raises:
        SampleSourceError: it cannot be read, or lacks a column.
    """
    try:
        lines = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SampleSourceError("{path} cannot be read as CSV in UTF-8: {reason}", path=path, reason=error) from error
    if not lines or not {"face", "person"} <= set(lines[0]):
        raise SampleSourceError("{path} needs the columns face and person", path=path)
    return {one["face"].strip(): one["person"].strip() for one in lines if one["face"] and one["person"]}


def _owner(owners: Mapping[str, str], face_id: UUID, user_data: str | None) -> UUID | None:
    """Return an id for the owner of a face; None if it has none."""
    name = owners.get(str(face_id)) or owners.get((user_data or "").strip())
    return None if name is None else uuid5(NAMESPACE_OID, name_key(name))


def names_in(rows: Rows, ref: CollectionRef) -> dict[UUID, str]:
    """Return the names of a collection's persons; for a directory's faces, of all persons of the directory.

    Raises:
        CollectionNotFoundError: there is no such collection.
    """
    home = persons_ref(ref.resource_id) if ref.kind is Kind.DIRECTORY else ref
    with rows.database.read(ref.resource_id) as session:
        row: CollectionRow = find(session, home)
        query = select(PersonRow.person_id, PersonRow.name).where(PersonRow.collection == row.uid)
        return {one.person_id: one.name for one in session.execute(query)}


def _is_photo(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
