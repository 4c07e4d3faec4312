"""Try it: identify the people on a photo; the liveness demo."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from nicegui import ui

from mien.accounts import Feature
from mien.gallery.types import Identified
from mien.liveness.types import Mode
from mien.management.roles import Permission
from mien.portal.approval import check_approved
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.pages.identify_places import SearchScope, places
from mien.portal.pages.try_it import approved, tabs
from mien.portal.photos import Upload, drawn, drop, picture
from mien.portal.stale import stale_notice
from mien.portal.texts import figure, mark, t
from mien.portal.visitor import Visitor
from mien.portal.widgets import Cell, Tag, banner, empty, link_button, loading, section, table, text
from mien.vision.types import OperatingPoint, Want

_SECONDS = 60
_MOST = 10


async def render(visitor: Visitor) -> None:
    """Render the page."""
    tabs(visitor, "/try/identify")
    if not approved(visitor, Feature.IDENTIFICATION):
        return
    found = await visitor.ask(lambda: places(visitor))
    if not found:
        empty(
            "groups",
            t("Nobody is enrolled yet"),
            t("Create a group, enrol persons with their faces and train it, or enrol persons in the directory."),
            (t("People"), visitor.link("/people")),
        )
        return
    with section(t("Photo")):
        options = {key: f"{one.title} ({one.about})" for key, one in found.items()}
        chosen = ui.select(options, value=next(iter(found)), label=t("Search in")).props("outlined")
        warned = Tag("div")

        async def warn() -> None:
            warned.clear()
            ref = found[str(chosen.value)].ref
            if ref is not None:
                with warned:
                    await stale_notice(visitor, ref)

        await warn()
        chosen.on_value_change(warn)

        async def look(photo: Upload) -> None:
            result.clear()
            place = found[str(chosen.value)]
            with result:
                waiting = loading(t("Looking for who that is …"))
            seen = await visitor.act(Permission.LOOK_UP, lambda: _identify(visitor, place, photo.data))
            waiting.delete()
            if seen is not None:
                with result:
                    _show(visitor, place, *seen)

        drop(visitor, t("Drop a photo"), look)
        result = Tag("div", classes="stack")


def _identify(visitor: Visitor, place: SearchScope, image: bytes) -> tuple[str, list[Identified], Mapping[str, str]]:
    check_approved(visitor, [Feature.IDENTIFICATION])
    model = place.recognition_model
    pack = visitor.parts.recognisers[model].pack
    want = Want(operating_point=OperatingPoint.BEST, recogniser=pack, max_faces=_MOST, photo=True)
    seen = visitor.parts.engine.analyze(image, want)
    embeddings = [face.embedding for face in seen.faces if face.embedding is not None]
    ids = visitor.parts.memory.remember(visitor.resource.id, model, embeddings, _SECONDS)
    found = place.identify(ids) if ids else []
    visitor.note("portal.identify", collection=place.noted, faces=len(ids))
    people = dict.fromkeys(one.person_id for face in found for one in face.candidates)
    return drawn(seen), found, place.names(list(people))


def _link(visitor: Visitor, place: SearchScope, person_id: str, names: Mapping[str, str]) -> None:
    with Tag("a", href=visitor.link(place.address(person_id))):
        Tag("bdi", names.get(person_id, person_id), "name")


def _show(
    visitor: Visitor, place: SearchScope, address: str, found: list[Identified], names: Mapping[str, str]
) -> None:
    picture(address, t("The photo with the faces that were looked for"))
    if not found:
        empty("face_retouching_off", t("No face was found"))
        return
    rows: list[list[Cell]] = []
    for number, face in enumerate(found, start=1):
        if not face.candidates:
            rows.append([number, t("nobody who is enrolled there"), "", ""])
        rows += [
            [number, partial(_link, visitor, place, one.person_id, names), figure(one.confidence, ".3f"), one.person_id]
            for one in face.candidates
        ]
    with Tag("div", classes="stack", role="status"):
        title = t("Candidates: {title}", title=place.title)
        Tag("h3", title)
        table(title, [t("Face"), t("Person"), t("Confidence"), t("Person id")], rows, numbers=[0, 2])


async def liveness(visitor: Visitor) -> None:
    """Render the page of the liveness demo."""
    tabs(visitor, "/try/liveness")
    if not approved(visitor, Feature.LIVENESS):
        return
    address = f"{visitor.parts.local_endpoint}/liveness/demo"
    lacking = visitor.parts.lacks(Mode.PASSIVE) if visitor.parts.lacks is not None else None
    if lacking is not None:
        banner("warn", t("Passive sessions are refused on this server"), lacking)
    with section(t("Liveness demo"), t("The component that applications embed, with a session on this server.")):
        text(t("The demo opens in its own window: browsers grant the camera per origin."))
        link = link_button(t("Open the demo"), address, "primary")
        link.props["target"] = "_blank"
        link.props["rel"] = "noopener"
        if visitor.parts.demo:
            text(
                t("Its sessions belong to the resource of mien serve --dev, and count as its calls."),
                "soft small",
            )
        else:
            about = t(
                "This server was not started with --dev, so the page makes no sessions of its own. It "
                "asks for the token of one that you create with a key of the resource."
            )
            banner("info", t("You need a session's token"), about)


PAGE = Page(
    "/try/identify",
    mark("Identify"),
    mark("Identify the person in a photo among a group or the person directory."),
    mark("Use"),
    "science",
    render,
    listed=False,
    needs=Permission.LOOK_UP,
    help=Help(
        mark("Identifies the faces in a photo. People added after the last training of a group are not found."),
        "recognise.md#who-is-this",
        (Term.CANDIDATE, Term.CONFIDENCE, Term.TRAINING),
    ),
)
LIVENESS = Page(
    "/try/liveness",
    mark("Liveness"),
    mark("Whether a living person is before the camera."),
    mark("Use"),
    "science",
    liveness,
    listed=False,
    needs=Permission.LOOK_UP,
    help=Help(
        mark("Shows the liveness check that applications embed, with the camera of this machine."),
        "liveness.md",
        (Term.LIVENESS, Term.LIMITED_ACCESS),
    ),
)
