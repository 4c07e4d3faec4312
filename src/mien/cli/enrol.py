"""`mien enrol`: people of photos and folders into a group."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.cli._face_service import AsJson, CaFile, DataDir, Endpoint, Key, OfResource, Where, connected
from mien.contract.models import NEWEST_RECOGNITION

if TYPE_CHECKING:
    from mien.cli._face_calls import FaceCalls, Group

_LONGEST_DATA = 1024
"""Bytes of the user data of a face (contract)."""


@dataclass(slots=True)
class _Photo:
    """A photo and its result: enrolled, earlier (enrolled before) or refused."""

    path: Path
    key: str
    result: str = ""
    face: str | None = None
    reason: str | None = None


@dataclass(slots=True)
class _Person:
    """A person and their photos."""

    name: str
    photos: list[_Photo] = field(default_factory=list)
    id: str | None = None
    created: bool = False

    def count(self, result: str) -> int:
        """Return how many photos ended so."""
        return sum(one.result == result for one in self.photos)


def command(
    group: Annotated[
        str, typer.Argument(help="largePersonGroup/ID, personGroup/ID or ID; created (large) if it does not exist.")
    ],
    paths: Annotated[
        list[Path],
        typer.Argument(help="A folder with a folder for each person, a person's folder, or photos.", exists=True),
    ],
    person: Annotated[
        str | None, typer.Option(help="Enrol all photos as this person: name, personId or its beginning.")
    ] = None,
    model: Annotated[str, typer.Option(help="Recognition model of a group that is created.")] = NEWEST_RECOGNITION,
    train: Annotated[bool, typer.Option(help="Whether to train the group at the end.")] = True,
    *,
    endpoint: Endpoint = None,
    key: Key = None,
    cacert: CaFile = None,
    resource: OfResource = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Enrol people from photos: "Anna Weiss/1.jpg" is a photo of Anna Weiss.

    Photos that were already enrolled under the same name are skipped, so the command can be repeated. A photo without
    exactly one good face is refused with its reason; no person is created without a face. Exits with 0 if all photos
    are enrolled, 1 if some were refused, 2 if it could not continue. For thousands of photos, see `mien gallery
    import`.
    """
    from mien.cli._administration import print_json

    with connected(Where(endpoint, key, cacert, resource, data_dir)) as calls:
        people = _people(paths, person)
        place = _group(calls, group, model)
        stopped = _enrol_all(calls, place, people, as_named=person)
        changed = any(one.count("enrolled") for one in people)
        training = calls.train(place) if train and changed and stopped is None else None
    if as_json:
        print_json({"group": str(place), "people": [_as_json(one) for one in people], "training": training})
    else:
        _print(people, str(place), training, trained=train)
    if stopped is not None:
        typer.echo(f"mien: {stopped}; photos without a result were not sent", err=True)
        raise typer.Exit(2)
    if any(one.count("refused") for one in people) or training == "failed":
        raise typer.Exit(1)


def _people(paths: Iterable[Path], person: str | None) -> list[_Person]:
    """Return whose photos these are, by their folders."""
    from mien.cli._face_service import trouble
    from mien.importing.sources import photos_below
    from mien.importing.whose import NOBODY, is_left_out, person_below, person_of
    from mien.storage.names import name_key

    found: dict[str, _Person] = {}

    def add(name: str, path: Path) -> None:
        someone = found.setdefault(name_key(name), _Person(name))  # one person, as in `mien gallery import`
        photo = _Photo(path, f"{name}/{path.name}")
        if not name:
            photo.result, photo.reason = "refused", f"{NOBODY}, or name the person with --person"
        someone.photos.append(photo)

    for path in paths:
        if not path.is_dir():
            written = PurePosixPath(path.name)
            if path.parent != Path():
                written = PurePosixPath(path.resolve().parent.name, path.name)
            add(person or person_of(written), path)
            continue
        photos = photos_below(path)
        places = [PurePosixPath(photo.relative_to(path)) for photo in photos]
        of_people = any(len(place.parts) > 1 for place in places)
        for photo, place in zip(photos, places, strict=True):
            add(person or person_below(place, given=path.resolve().name, of_people=of_people), photo)
        filled = {place.parts[0] for place in places}
        for folder in sorted(path.iterdir()) if photos else ():
            if folder.is_dir() and folder.name not in filled and not is_left_out(folder.name):
                typer.echo(f"{folder}: there are no photos in it", err=True)
    if not found:
        trouble("there are no photos in these folders")
    if not any(found):
        lost = found[""].photos[0]
        trouble(f"{lost.path}: {lost.reason}")
    return list(found.values())


def _group(calls: FaceCalls, text: str, model: str) -> Group:
    from mien.cli._face_calls import CallError

    try:
        return calls.group(text)
    except CallError as error:
        if error.code != "NotFound":
            raise
    return calls.create_group(text, model)


def _enrol_all(calls: FaceCalls, group: Group, people: list[_Person], *, as_named: str | None) -> str | None:
    """Enrol photo by photo; return why it could not go on, or None."""
    from mien.cli._face_calls import CallError
    from mien.cli._photos import of_name, person_named

    known = list(calls.persons(group))
    for someone in people:
        if not someone.name:
            continue
        same = of_name(known, someone.name)
        if as_named is not None and not same and _is_id(as_named):
            same = [person_named(calls, group, as_named)]
        if len(same) > 1:
            ids = ", ".join(one["personId"] for one in same[:5])
            for photo in someone.photos:
                photo.result = "refused"
                photo.reason = f"{len(same)} persons are named so: give --person with one of {ids}"
            continue
        faces: list[str] = []
        if same:
            someone.id, someone.name, faces = same[0]["personId"], same[0]["name"], same[0]["persistedFaceIds"]
        try:
            earlier = {calls.face_data(group, str(someone.id), face) for face in faces}
            _enrol(calls, group, someone, earlier)
        except CallError as error:
            return str(error)
    return None


def _enrol(calls: FaceCalls, group: Group, someone: _Person, earlier: set[str | None]) -> None:
    from mien.cli._face_calls import CallError

    try:
        for photo in someone.photos:
            data = photo.key.encode()[:_LONGEST_DATA].decode("utf-8", "ignore")
            if data in earlier:
                photo.result = "earlier"
                continue
            if someone.id is None:
                someone.id, someone.created = calls.create_person(group, someone.name), True
            try:
                photo.face = calls.add_face(group, someone.id, photo.path.read_bytes(), data)
                photo.result = "enrolled"
            except CallError as error:
                if not error.about_photo:
                    raise
                photo.result, photo.reason = "refused", str(error)
            except OSError as error:
                photo.result, photo.reason = "refused", f"cannot be read: {error.strerror}"
    finally:
        if someone.created and someone.id is not None and not someone.count("enrolled"):
            calls.delete_person(group, someone.id)  # nobody stays without a face
            someone.id, someone.created = None, False


def _is_id(text: str) -> bool:
    return len(text) >= 4 and all(letter in "0123456789abcdef-" for letter in text.lower())


def _as_json(one: _Person) -> dict[str, Any]:
    return {
        "name": one.name,
        "personId": one.id,
        "created": one.created,
        "photos": [
            {
                "photo": str(photo.path),
                "result": photo.result or None,
                "persistedFaceId": photo.face,
                "reason": photo.reason,
            }
            for photo in one.photos
        ],
    }


def _print(people: list[_Person], group: str, training: str | None, *, trained: bool) -> None:
    from mien.cli._pictures import print_pictures, thumbnail

    counted = ("enrolled", "earlier", "refused")
    print_pictures(
        ("person", "personId", *counted),
        [
            (thumbnail(one.photos[0].path.read_bytes()), (one.name, one.id, *(one.count(result) for result in counted)))
            for one in people
        ],
    )
    for one in people:
        for photo in one.photos:
            if photo.result == "refused":
                typer.echo(f"{photo.path}: {photo.reason}", err=True)
    if training is not None:
        typer.echo(f"{group}: training {training}")
    elif not trained and any(one.count("enrolled") for one in people):
        typer.echo(f"{group} is not trained: these people are found after its next training")
