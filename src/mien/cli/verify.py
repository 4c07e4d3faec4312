"""`mien verify`: are these photos of one person."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.cli._face_service import AsJson, CaFile, DataDir, Endpoint, Key, OfResource, Where, connected
from mien.contract.models import NEWEST_RECOGNITION

if TYPE_CHECKING:
    from mien.cli._face_calls import FaceCalls


def command(
    photo: Annotated[Path, typer.Argument(help="A photo of a person.", exists=True, dir_okay=False)],
    others: Annotated[
        list[Path] | None, typer.Argument(help="Photos, or folders of photos, to compare with it.", exists=True)
    ] = None,
    group: Annotated[
        str | None, typer.Option("--group", "-g", help="With --person: largePersonGroup/ID, personGroup/ID or ID.")
    ] = None,
    person: Annotated[
        str | None, typer.Option(help="Compare with this enrolled person instead: name, personId or its beginning.")
    ] = None,
    model: Annotated[str, typer.Option(help="Recognition model, without --group.")] = NEWEST_RECOGNITION,
    *,
    endpoint: Endpoint = None,
    key: Key = None,
    cacert: CaFile = None,
    resource: OfResource = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Compare a photo with other photos, or with an enrolled person.

    Uses the largest face of each photo. Exits with 0 if all are identical, 1 if not, 2 if the comparison failed.
    """
    from mien.cli._administration import print_json
    from mien.cli._photos import photos_of
    from mien.cli._pictures import print_pictures, thumbnail

    if (person is None) == (not others):
        raise typer.BadParameter("give photos to compare with, or --group and --person")
    if (person is None) != (group is None):
        raise typer.BadParameter("--group and --person belong together")
    with connected(Where(endpoint, key, cacert, resource, data_dir)) as calls:
        if person is not None and group is not None:
            found = [_with_person(calls, photo, group, person)]
        else:
            compared = photos_of(others or [])
            found = _with_photos(calls, photo, compared, model)
    if as_json:
        print_json({"photo": str(photo), "compared": found})
    else:
        print_pictures(
            ("compared with", "identical", "confidence"),
            [
                (
                    thumbnail(Path(one["photo"]).read_bytes()) if "photo" in one else None,
                    (
                        one.get("photo") or one["person"],
                        "yes" if one["isIdentical"] else "no",
                        f"{one['confidence']:.2f}",
                    ),
                )
                for one in found
            ],
        )
    if not all(one["isIdentical"] for one in found):
        raise typer.Exit(1)


def _face(calls: FaceCalls, photo: Path, model: str) -> str:
    """Return the id of the largest face of a photo."""
    from mien.cli._photos import detected

    faces = detected(calls, photo, model)
    if len(faces) > 1:
        typer.echo(f"mien: {photo}: {len(faces)} faces were found; the largest one counts", err=True)
    return str(faces[0]["faceId"])


def _with_photos(calls: FaceCalls, photo: Path, others: list[Path], model: str) -> list[dict[str, Any]]:
    first = _face(calls, photo, model)
    found = []
    for other in others:
        same, confidence = calls.verify({"faceId1": first, "faceId2": _face(calls, other, model)})
        found.append({"photo": str(other), "isIdentical": same, "confidence": confidence})
    return found


def _with_person(calls: FaceCalls, photo: Path, group: str, person: str) -> dict[str, Any]:
    from mien.cli._photos import person_named

    place = calls.group(group)
    someone = person_named(calls, place, person)
    face = _face(calls, photo, place.model)
    same, confidence = calls.verify({"faceId": face, "personId": someone["personId"], **place.scope})
    known = {"person": someone["name"], "personId": someone["personId"]}
    return {**known, "isIdentical": same, "confidence": confidence}
