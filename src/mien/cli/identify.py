"""`mien identify`: who is on these photos."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.cli._face_service import AsJson, CaFile, DataDir, Endpoint, Key, OfResource, Where, connected

if TYPE_CHECKING:
    from mien.cli._face_calls import FaceCalls, Group


@dataclass(frozen=True, slots=True)
class _Seen:
    """A face of a photo and who it may be."""

    photo: Path
    number: int
    faces: int
    box: dict[str, int] | None
    candidates: tuple[dict[str, Any], ...]


def command(
    group: Annotated[str, typer.Argument(help="Group to search: largePersonGroup/ID, personGroup/ID or ID.")],
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of photos.", exists=True)],
    most: Annotated[int, typer.Option("--max", help="Number of candidates for each face.", min=1, max=100)] = 1,
    threshold: Annotated[
        float | None, typer.Option(help="Lowest confidence, 0 to 1. (default: the calibrated one)", min=0, max=1)
    ] = None,
    *,
    endpoint: Endpoint = None,
    key: Key = None,
    cacert: CaFile = None,
    resource: OfResource = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Identify the people of a group on photos; each face is searched.

    Exits with 0 if somebody was found on each photo, 1 if not, 2 if the search failed.
    """
    from mien.cli._administration import print_json
    from mien.cli._photos import photos_of
    from mien.cli._pictures import print_pictures, thumbnail

    with connected(Where(endpoint, key, cacert, resource, data_dir)) as calls:
        place = calls.group(group)
        seen = [one for photo in photos_of(photos) for one in _look(calls, place, photo, most, threshold)]
    if as_json:
        print_json({"group": str(place), "faces": [_as_json(one) for one in seen]})
    else:
        rows = []
        for one in seen:
            picture = thumbnail(one.photo.read_bytes(), one.box)
            for number, row in enumerate(_rows(one)):
                rows.append((picture if number == 0 else None, row))
        print_pictures(("photo", "face", "person", "personId", "confidence"), rows)
    found = {one.photo for one in seen if one.candidates}
    if found != {one.photo for one in seen}:
        raise typer.Exit(1)


def _look(calls: FaceCalls, group: Group, photo: Path, most: int, threshold: float | None) -> list[_Seen]:
    from mien.cli._face_calls import CallError
    from mien.cli._photos import detected

    try:
        faces = detected(calls, photo, group.model)
    except CallError as error:
        if error.code != "NoFace":
            raise
        return [_Seen(photo, 0, 0, None, ())]
    found = calls.identify(group, [one["faceId"] for one in faces], most=most, threshold=threshold)
    return [
        _Seen(
            photo,
            number,
            len(faces),
            one["faceRectangle"],
            tuple(
                {**candidate, "name": calls.person(group, candidate["personId"])["name"]}
                for candidate in found[one["faceId"]]
            ),
        )
        for number, one in enumerate(faces, start=1)
    ]


def _as_json(one: _Seen) -> dict[str, Any]:
    return {"photo": str(one.photo), "faceRectangle": one.box, "candidates": one.candidates}


def _rows(one: _Seen) -> list[tuple[object, ...]]:
    if not one.faces:
        return [(one.photo, None, "no face", None, None)]
    face = f"{one.number} of {one.faces}"
    if not one.candidates:
        return [(one.photo, face, "nobody of the group", None, None)]
    return [
        (one.photo, face, candidate["name"], candidate["personId"], f"{candidate['confidence']:.2f}")
        for candidate in one.candidates
    ]
