"""Try it: who of a group is on a photo; and the liveness demo."""

from __future__ import annotations

from nicegui import ui

from mien.accounts import Feature
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.types import Identified
from mien.management.roles import Permission
from mien.portal.frame import Page
from mien.portal.pages.try_it import approved, tabs
from mien.portal.photos import drawn, drop, picture
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, banner, empty, link_button, loading, section, table, text
from mien.vision.types import Face, OperatingPoint, Want

_SECONDS = 60
_MOST = 10


async def render(visitor: Visitor) -> None:
    """Draw the page."""
    tabs(visitor, "/try/identify")
    if not approved(visitor, Feature.IDENTIFICATION, "Identification"):
        return
    resource, gallery = visitor.resource, visitor.parts.gallery
    kinds = (Kind.PERSON_GROUP, Kind.LARGE_PERSON_GROUP)
    groups = {
        f"{kind.value}/{one.collection_id}": f"{one.name} ({one.persons} persons, {one.recognition_model})"
        for kind in kinds
        for one in await visitor.ask(lambda kind=kind: gallery.collections.page(resource.id, kind))  # type: ignore[misc]  # bound at once
    }
    if not groups:
        empty(
            "groups",
            "There is no group to look in",
            "Make one with persons and their faces, and train it.",
            ("People", visitor.link("/people")),
        )
        return
    with section("Photo"):
        chosen = ui.select(groups, value=next(iter(groups)), label="Group").props("outlined")

        async def look(image: bytes) -> None:
            result.clear()
            kind, _, name = str(chosen.value).partition("/")
            ref = CollectionRef(resource.id, Kind(kind), name)
            with result:
                waiting = loading("Looking for who that is …")
            found = await visitor.act(Permission.READ, lambda: _identify(visitor, ref, image))
            waiting.delete()
            if found is not None:
                with result:
                    _show(*found)

        drop(visitor, "Drop a photo", look)
        result = Tag("div", classes="stack")


def _identify(visitor: Visitor, ref: CollectionRef, image: bytes) -> tuple[str, list[Identified], dict[str, str]]:
    gallery = visitor.parts.gallery
    model = gallery.collections.get(ref).recognition_model
    want = Want(operating_point=OperatingPoint.BEST, recogniser=visitor.parts.recognisers[model].pack, max_faces=_MOST)
    faces: tuple[Face, ...] = visitor.parts.engine.analyze(image, want).faces
    embeddings = [face.embedding for face in faces if face.embedding is not None]
    ids = visitor.parts.memory.remember(ref.resource_id, model, embeddings, _SECONDS)
    found = gallery.recognition.identify(ids, ref, top=3) if ids else []
    visitor.note("portal.identify", collection=f"{ref.kind.value}/{ref.collection_id}", faces=len(ids))
    people = {one.person_id for face in found for one in face.candidates}
    return drawn(image, faces), found, {one: gallery.persons.get(ref, one).name for one in people}


def _show(address: str, found: list[Identified], names: dict[str, str]) -> None:
    picture(address, "The photo with the faces that were looked for")
    if not found:
        empty("face_retouching_off", "No face was found")
        return
    rows: list[list[str | int | float | None]] = []
    for number, face in enumerate(found, start=1):
        if not face.candidates:
            rows.append([number, "nobody of the group", "", ""])
        rows += [[number, names[one.person_id], f"{one.confidence:.3f}", one.person_id] for one in face.candidates]
    with Tag("div", role="status"):
        table("Who was found", ["Face", "Person", "Confidence", "Person id"], rows, numbers=[0, 2])


async def liveness(visitor: Visitor) -> None:
    """Draw the way to the liveness demo."""
    tabs(visitor, "/try/liveness")
    if not approved(visitor, Feature.LIVENESS, "Liveness"):
        return
    address = f"{visitor.parts.local_endpoint}/liveness/demo"
    with section("Liveness demo", "The component that applications embed, with a session of this server."):
        text("It opens in a window of its own: browsers give the camera to pages of one origin only.")
        link = link_button("Open the demo", address, "primary")
        link.props["target"] = "_blank"
        link.props["rel"] = "noopener"
        banner("info", "For trying out only", "The demo page is there when the server was started with --dev.")


PAGE = Page("/try/identify", "Identify", "Who of a group is on a photo.", "Use", "science", render, listed=False)
LIVENESS = Page(
    "/try/liveness",
    "Liveness",
    "Whether a living person is before the camera.",
    "Use",
    "science",
    liveness,
    listed=False,
)
