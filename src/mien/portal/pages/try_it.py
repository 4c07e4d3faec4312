"""Try it: detect faces in a photo, drawn on it and as text."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Final

from nicegui import ui

from mien.accounts import Feature
from mien.contract.attributes import DECLARED, LIMITED, Attribute
from mien.contract.headers import KEY_HEADER
from mien.contract.models import NEWEST_DETECTION, NEWEST_RECOGNITION
from mien.contract.versions import STABLE
from mien.management.roles import Permission
from mien.portal.approval import check_approved, feature_names
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.photos import Upload, drawn, drop, picture
from mien.portal.texts import mark, t, tn
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, banner, code, empty, facts, loading, section, text
from mien.vision.types import Accessory, Face, HairColor, OperatingPoint, Want
from mien.wire.face_json import attributes_json, landmarks_json

TABS: Final = (
    ("/try", mark("Detect")),
    ("/try/verify", mark("Verify")),
    ("/try/identify", mark("Identify")),
    ("/try/liveness", mark("Liveness")),
)
MODEL: Final = NEWEST_RECOGNITION


def tabs(visitor: Visitor, current: str) -> None:
    """Draw the tabs of the pages to try."""
    with Tag("nav", classes="tabs", aria_label=t("Try it")):
        for path, label in TABS:
            link = Tag("a", t(label), href=visitor.link(path))
            if path == current:
                link.props["aria-current"] = "page"


def approved(visitor: Visitor, feature: Feature) -> bool:
    """Return whether the resource is approved for a feature; if not, show a banner."""
    if feature in visitor.resource.features:
        return True
    about = t("This is limited access, here as for every caller.")
    banner(
        "warn",
        t("{resource} is not approved for {feature}", resource=visitor.resource.name, feature=feature_names([feature])),
        about,
        (t("Request access"), visitor.link("/access")),
    )
    return False


async def render(visitor: Visitor) -> None:
    """Render the page."""
    tabs(visitor, "/try")
    limited = Feature.LIMITED_ATTRIBUTES in visitor.resource.features
    wanted = frozenset(DECLARED) - frozenset(() if limited else LIMITED)
    points = {point.value: f"{label} ({point.value})" for label, point in _points(visitor).items()}
    with section(t("Photo"), t("The photo is analysed on this server and not stored.")):
        model = ui.select(points, value=OperatingPoint.BEST.value, label=t("Detection model")).props("outlined")

        async def analyse(photo: Upload) -> None:
            result.clear()
            with result:
                waiting = loading(t("Looking for faces …"))
            want = Want(operating_point=OperatingPoint(str(model.value)), landmarks=True, attributes=wanted, photo=True)

            def work() -> tuple[str, tuple[Face, ...]]:
                if limited:
                    check_approved(visitor, [Feature.LIMITED_ATTRIBUTES])
                found = visitor.parts.engine.analyze(photo.data, want)
                return drawn(found), found.faces

            found = await visitor.act(Permission.LOOK_UP, work)
            waiting.delete()
            if found is not None:
                with result:
                    _show(*found, call=_call(visitor, str(model.value), wanted))

        drop(visitor, t("Drop a photo"), analyse)
        result = Tag("div", classes="stack")
    if not limited:
        text(t("Age, smile and hair are not shown: they are limited access."), "soft small")


def _points(visitor: Visitor) -> dict[str, OperatingPoint]:
    bound = visitor.parts.bindings.detection
    return {label: OperatingPoint(bound[label].operating_point) for label in sorted(bound)}


def _show(address: str, faces: tuple[Face, ...], call: str) -> None:
    with Tag("div", classes="beside"):
        with Tag("div", classes="stack"):
            picture(
                address,
                tn(
                    "The photo with {count} face, its box, landmarks and the axes of the head",
                    "The photo with {count} faces, their boxes, landmarks and the axes of their heads",
                    len(faces),
                ),
            )
            if faces:
                text(
                    t(
                        "Green: the box. Yellow: the 27 landmarks. Arrows from the tip of the nose: to the right "
                        "(red), down (green) and forward (blue), as the head is turned."
                    ),
                    "soft small",
                )
        with Tag("div", classes="stack"):
            with Tag("div", role="status"):
                text(tn("One face found.", "{count} faces found.", len(faces)))
            with ui.tabs().props("no-caps align=left dense inline-label").classes("languages") as tabs_of:
                tabs_of.props["aria-label"] = t("Result as")
                for label in (t("Faces"), "JSON", "curl"):
                    ui.tab(label)
            with ui.tab_panels(tabs_of, value=t("Faces"), animated=False).classes("panels"):
                with ui.tab_panel(t("Faces")):
                    _cards(faces)
                with ui.tab_panel("JSON"):
                    code(json.dumps([_answer(face) for face in faces], indent=2), t("Answer as JSON"))
                with ui.tab_panel("curl"):
                    code(call, t("The same call with curl"))


def _cards(faces: tuple[Face, ...]) -> None:
    if not faces:
        empty(
            "face_retouching_off",
            t("No face was found"),
            t("Try detection_02 or detection_03, or a photo in which faces are larger."),
        )
    with Tag("div", classes="stack"):
        for number, face in enumerate(faces, start=1):
            with Tag("section", classes="card"):
                Tag("h3", t("Face {number}", number=number))
                box = face.box
                lines = [("box", f"{box.left}, {box.top}, {box.width} × {box.height}"), ("score", f"{face.score:.3f}")]
                found = ((item.name, getattr(face.attributes, item.name)) for item in fields(face.attributes))
                lines += [(name.replace("_", " "), words(value)) for name, value in found if value is not None]
                facts(lines)


def _answer(face: Face) -> dict[str, Any]:
    """Return a face as in detect's response, without a face id."""
    box = face.box
    shown: dict[str, Any] = {
        "faceRectangle": {"top": box.top, "left": box.left, "width": box.width, "height": box.height}
    }
    if face.landmarks is not None:
        shown["faceLandmarks"] = landmarks_json(face.landmarks)
    return {**shown, "faceAttributes": attributes_json(face.attributes, STABLE)}


def _call(visitor: Visitor, point: str, wanted: frozenset[Attribute]) -> str:
    """Return the same call with curl, with the chosen detection model."""
    bound = visitor.parts.bindings.detection
    label = next((label for label in sorted(bound) if bound[label].operating_point == point), NEWEST_DETECTION)
    asked = ",".join(sorted(one.value for one in wanted))
    return (
        f'export FACE_KEY="…"   # {t("from the page “Keys and endpoint”")}\n'
        f'curl "{visitor.parts.local_endpoint}/face/{STABLE.name}/detect?detectionModel={label}'
        f"&recognitionModel={MODEL}&returnFaceId=false&returnFaceLandmarks=true"
        f'&returnFaceAttributes={asked}" \\\n'
        f'  -H "{KEY_HEADER}: $FACE_KEY" -H "Content-Type: application/octet-stream" \\\n'
        "  --data-binary @photo.jpg"
    )


def words(value: object) -> str:
    """Return the value of an attribute as text."""
    match value:
        case bool():
            return "yes" if value else "no"
        case Enum():
            said = str(value.value)
        case float():
            said = f"{value:.2f}"
        case tuple():
            said = "; ".join(words(part) for part in value) or "none"
        case Accessory():
            said = f"{value.type} {value.confidence:.2f}"
        case HairColor():
            said = f"{value.color} {value.confidence:.2f}"
        case _ if is_dataclass(value):
            parts = ((item.name.replace("_", " "), getattr(value, item.name)) for item in fields(value))
            said = ", ".join(f"{name} {words(part)}" for name, part in parts)
        case _:
            said = str(value)
    return said


PAGE = Page(
    "/try",
    mark("Try it"),
    mark("Detect faces: boxes, 27 landmarks, pose, attributes and quality."),
    mark("Use"),
    "science",
    render,
    needs=Permission.LOOK_UP,
    help=Help(
        mark("Shows what the service sees in a photo, before an application is written. The photo is not stored."),
        "recognise.md",
        (Term.LANDMARK, Term.LIMITED_ACCESS, Term.TEMPLATE),
    ),
)
