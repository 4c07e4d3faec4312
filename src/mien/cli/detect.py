"""`mien detect`: find the faces of photos without a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mien.vision import Analysis, Face, Want
    from mien.vision.measures import Measure, QualityScore

_POINTS = ("general", "sensitive", "best")


_CHILDREN = (
    "Note: a face looks like a child's. Recognition confuses small children and relatives more than others: "
    "see docs/accuracy.md, and `mien gallery policy RESOURCE --strict-children`."
)


def command(
    photos: Annotated[list[Path], typer.Argument(help="JPEG, PNG, GIF or BMP files.", exists=True, dir_okay=False)],
    *,
    point: Annotated[str, typer.Option(help=f"Detection thoroughness: {', '.join(_POINTS)}.")] = "best",
    landmarks: Annotated[bool, typer.Option("--landmarks", help="Find the 27 landmarks.")] = False,
    attributes: Annotated[
        str | None, typer.Option(help='Comma-separated attribute names as in the API; "all" for all.')
    ] = None,
    quality: Annotated[
        bool, typer.Option("--quality", help="Measure the faces by ISO/IEC 29794-5: 0 to 100, higher is better.")
    ] = False,
    draw: Annotated[
        Path | None, typer.Option(help="Write the photo with everything drawn on it (PNG or JPEG).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find the faces in photos on this machine, without a server; nothing is stored.

    With --draw, boxes, landmarks, pose axes and attributes are drawn onto the photo (one photo at a time).
    """
    from mien.models.errors import ModelError
    from mien.vision import ImageError, UnsupportedAttributeError

    if point not in _POINTS:
        raise typer.BadParameter(f"{point!r} is none of {', '.join(_POINTS)}", param_hint="--point")
    if draw is not None and len(photos) != 1:
        raise typer.BadParameter("takes one photo at a time", param_hint="--draw")
    try:
        marked = landmarks or draw is not None
        want = _want(point, landmarks=marked, attributes=attributes, quality=quality, drawn=draw is not None)
        found = _analyze(photos, want)
    except (ModelError, UnsupportedAttributeError) as error:
        typer.echo(f"mien: {error}", err=True)
        raise typer.Exit(1) from None
    failed = {photo: result for photo, result in found.items() if isinstance(result, ImageError)}
    analyses = {photo: result for photo, result in found.items() if not isinstance(result, ImageError)}
    for photo, problem in failed.items():
        typer.echo(f"mien: {photo}: {problem}", err=True)
    if as_json:
        typer.echo(json.dumps([_as_json(photo, analysis) for photo, analysis in analyses.items()], indent=1))
    elif analyses:
        _print(analyses)
    if any(_looks_like_a_child(face) for analysis in analyses.values() for face in analysis.faces):
        typer.echo(_CHILDREN, err=True)
    if draw is not None and analyses:
        _draw(analyses[photos[0]], draw)
    if failed:
        raise typer.Exit(1)


def _looks_like_a_child(face: Face) -> bool:
    from mien.vision.attributes.age import CHILD_AGE

    return face.attributes.age is not None and face.attributes.age < CHILD_AGE


def _want(point: str, *, landmarks: bool, attributes: str | None, quality: bool, drawn: bool) -> Want:
    from mien.vision import Attribute, OperatingPoint, Want
    from mien.vision.attributes.registry import ESTIMATORS

    wanted = {Attribute.HEAD_POSE} & set(ESTIMATORS) if drawn else set()
    if attributes == "all":
        wanted = set(ESTIMATORS)
    elif attributes:
        by_name = {attribute.value.lower(): attribute for attribute in Attribute}
        for name in attributes.split(","):
            if name.strip().lower() not in by_name:
                raise typer.BadParameter(
                    f"{name!r} is none of {', '.join(by_name[key].value for key in by_name)}", param_hint="--attributes"
                )
            wanted.add(by_name[name.strip().lower()])
    return Want(OperatingPoint(point), landmarks=landmarks, attributes=frozenset(wanted), quality=quality, photo=drawn)


def _analyze(photos: list[Path], want: Want) -> dict[Path, Any]:
    """Return what was found by photo, or the `ImageError` that says why it cannot be analysed."""
    from mien.cli._images import image_rules
    from mien.cli._pull import pull
    from mien.models.store import ModelStore
    from mien.settings import Settings
    from mien.vision import FaceEngine, ImageError
    from mien.vision.attributes.registry import packs_for
    from mien.vision.quality.report import PACKS

    settings = Settings()
    store = ModelStore(settings.model_dir)
    packs = packs_for(want.attributes) | (PACKS if want.quality else set()) | ({"mesh"} if want.landmarks else set())
    pull(store, ["yunet", *sorted(packs)])
    engine = FaceEngine(store, rules=image_rules(settings))
    found: dict[Path, Any] = {}
    for photo in photos:
        try:
            found[photo] = engine.analyze(photo.read_bytes(), want)
        except ImageError as error:
            found[photo] = error
    return found


def _as_json(photo: Path, analysis: Analysis) -> dict[str, Any]:
    return {
        "photo": str(photo),
        "width": analysis.width,
        "height": analysis.height,
        "faces": [_face_as_json(face) for face in analysis.faces],
    }


def _face_as_json(face: Face) -> dict[str, Any]:
    from dataclasses import asdict

    from mien.contract.landmarks import LANDMARK_NAMES

    result: dict[str, Any] = {"box": asdict(face.box), "score": round(face.score, 4)}
    if face.landmarks is not None:
        result["landmarks"] = {
            name: [round(float(x), 1), round(float(y), 1)]
            for name, (x, y) in zip(LANDMARK_NAMES, face.landmarks, strict=True)
        }
    attributes = {name: value for name, value in asdict(face.attributes).items() if value is not None}
    if attributes:
        result["attributes"] = attributes
    if face.quality is not None:
        result["quality"] = {
            measure.value: {"raw": round(found.raw, 4), "score": found.score} for measure, found in face.quality.items()
        }
    return result


def _print(analyses: dict[Path, Analysis]) -> None:
    from rich.console import Console
    from rich.table import Table

    from mien.vision.draw import describe

    table = Table("photo", "face", "left", "top", "width", "height", "score", "attributes")
    for photo, analysis in analyses.items():
        for number, face in enumerate(analysis.faces, start=1):
            box = (str(value) for value in (face.box.left, face.box.top, face.box.width, face.box.height))
            told = "\n".join(describe(face.attributes))
            table.add_row(photo.name, str(number), *box, f"{face.score:.2f}", told)
        if not analysis.faces:
            table.add_row(photo.name, "none found")
    Console().print(table)
    for photo, analysis in analyses.items():
        for number, face in enumerate(analysis.faces, start=1):
            if face.quality is not None:
                _print_quality(f"{photo.name}, face {number}", face.quality)


def _print_quality(title: str, quality: Mapping[Measure, QualityScore]) -> None:
    from rich.console import Console
    from rich.table import Table

    from mien.vision.measures import MEASURES, MeasureBasis

    table = Table("measure of ISO/IEC 29794-5", "score", "raw", "by", title=title)
    for measure, found in quality.items():
        definition = MEASURES[measure]
        by = "the standard" if definition.basis is MeasureBasis.STANDARD else "Mien"
        table.add_row(f"{definition.name} ({definition.clause})", str(found.score), f"{found.raw:.3f}", by)
    Console().print(table)


def _draw(analysis: Analysis, target: Path) -> None:
    import cv2

    from mien.vision.draw import draw_faces

    assert analysis.photo is not None
    drawn = draw_faces(analysis.photo.full_pixels(), analysis.faces)
    try:
        written = cv2.imwrite(str(target), drawn)
        why = f"is {target.parent} a folder that may be written to?"
    except cv2.error:
        written, why = False, "its name should end in .png or .jpg"
    if not written:
        typer.echo(f"mien: {target} could not be written; {why}", err=True)
        raise typer.Exit(1)
