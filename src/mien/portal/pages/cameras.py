"""The cameras of a resource with their status, and the form to add one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Final
from uuid import UUID

from nicegui import ui

from mien.accounts import Feature
from mien.doors.service import DoorServices
from mien.doors.types import Camera, CameraSpec, Direction
from mien.management.roles import Permission
from mien.portal.approval import feature_names
from mien.portal.cameras import running, where_runs
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.pages.choosing import group_field, group_name
from mien.portal.running_cameras import RunningCamera
from mien.portal.texts import mark, t, translated
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, badge, banner, button, empty, hint, section, table

_WAYS: Final = {
    Direction.ENTRY.value: mark("people who enter"),
    Direction.EXIT.value: mark("people who leave"),
}
_ADDRESS_HINT: Final = mark("rtsp://user:password@host/path, http://… (Motion JPEG), /dev/video0 or file:/path")


def doors_of(visitor: Visitor) -> DoorServices:
    """Return the services of cameras and doors."""
    doors = visitor.parts.doors
    assert doors is not None
    return doors


def watcher_of(visitor: Visitor, camera_id: UUID) -> RunningCamera | None:
    """Return a camera that runs on this server, else None."""
    return running(visitor.parts, visitor.resource.id).get(camera_id)


def approved(visitor: Visitor) -> bool:
    """Return whether the resource is approved to identify people in video; if not, show a banner."""
    if Feature.VIDEO_IDENTIFICATION in visitor.resource.features:
        return True
    banner(
        "warn",
        t(
            "{resource} is not approved for {feature}",
            resource=visitor.resource.name,
            feature=feature_names([Feature.VIDEO_IDENTIFICATION]),
        ),
        t("Cameras can be configured, but none runs before it is approved: it is limited access."),
        (t("Request access"), visitor.link("/access")),
    )
    return False


def state_of(visitor: Visitor, camera: Camera, elsewhere: str | None) -> tuple[str, str]:
    """Return the status of a camera as text, and its tone.

    Args:
        visitor: the signed-in person.
        camera: the camera.
        elsewhere: another server that runs it, as `host:pid`; None if there is none.
    """
    if not camera.spec.enabled:
        return t("off"), ""
    if Feature.VIDEO_IDENTIFICATION not in visitor.resource.features:
        return t("not approved"), "warn"
    watcher = watcher_of(visitor, camera.camera_id)
    if watcher is None:
        return (t("runs on {server}", server=elsewhere), "info") if elsewhere else (t("starting"), "warn")
    health = watcher.health()
    if watcher.problem is not None:
        return t("cannot search"), "bad"
    return (t("connected"), "good") if health.connected else (t("no picture"), "bad")


async def render(visitor: Visitor) -> None:
    """Render the page."""
    approved(visitor)
    doors = doors_of(visitor)
    cameras = await visitor.ask(lambda: doors.cameras.of(visitor.resource.id))
    names = {door.door_id: door.name for door in await visitor.ask(lambda: doors.doors.of(visitor.resource.id))}
    named = await visitor.ask(
        lambda: doors.places.named(visitor.resource.id, (one for camera in cameras for one in camera.spec.groups))
    )
    held = await visitor.ask(lambda: {one.camera_id: where_runs(visitor.parts, one) for one in cameras})
    with section(t("Cameras")):
        if not cameras:
            empty(
                "videocam",
                t("No cameras yet"),
                t("Add the address of a stream below; a webcam or a file will do, too."),
            )
        else:
            table(
                t("Cameras"),
                [t("Name"), t("Address"), t("Groups"), t("Door"), t("State")],
                [
                    [
                        partial(_link, visitor, camera),
                        camera.host,
                        ", ".join(group_name(named, one) for one in camera.spec.groups) or "–",
                        _at_door(camera, names),
                        partial(badge, *state_of(visitor, camera, held[camera.camera_id])),
                    ]
                    for camera in cameras
                ],
            )
    with section(t("Add a camera"), t("The address is stored encrypted and is never shown again.")):
        _form(visitor, names)


def _link(visitor: Visitor, camera: Camera) -> None:
    Tag("a", camera.name, href=visitor.link(f"/cameras/{camera.camera_id}"))


def _at_door(camera: Camera, doors: Mapping[UUID, str]) -> str:
    """Return the door that a camera watches, and which way people go who are seen by it."""
    spec = camera.spec
    if spec.door is None or spec.door not in doors:
        return "–"
    return f"{doors[spec.door]} · {t(_WAYS[spec.direction.value])}"


class DoorFields:
    """Fields for the door that a camera watches and for the direction of the people whom it sees.

    Args:
        spec: the initial values.
        doors: names of the doors by id.
    """

    def __init__(self, spec: CameraSpec, doors: Mapping[UUID, str]) -> None:
        chosen = str(spec.door) if spec.door in doors else ""
        choices = {"": t("None"), **{str(one): words for one, words in doors.items()}}
        self._door = ui.select(choices, value=chosen, label=t("Door")).props("outlined")
        self._way = ui.select(translated(_WAYS), value=spec.direction.value, label=t("Direction")).props("outlined")

    def put(self, spec: CameraSpec) -> CameraSpec:
        """Return a configuration with what was chosen."""
        door = UUID(str(self._door.value)) if self._door.value else None
        return replace(spec, door=door, direction=Direction(str(self._way.value)))


def _form(visitor: Visitor, doors: dict[UUID, str]) -> None:
    with Tag("div", classes="two"):
        name = ui.input(t("Name")).props("outlined")
        address = ui.input(t("Address")).props(hint(t(_ADDRESS_HINT), "outlined autocomplete=off"))
        groups = group_field(visitor, t("Groups"), several=True)
        place = DoorFields(CameraSpec(), doors)

    async def make() -> None:
        def work() -> Camera:
            spec = place.put(replace(CameraSpec(), groups=groups.values))
            cameras = doors_of(visitor).cameras
            return cameras.create(
                visitor.resource.id, str(name.value or ""), str(address.value or ""), spec, actor=visitor.name
            )

        made = await visitor.act(Permission.MANAGE, work)
        if made:
            ui.navigate.to(visitor.link(f"/cameras/{made.camera_id}"))

    with Tag("div"):
        button(t("Add"), make, "primary", may=visitor.may(Permission.MANAGE))


PAGE = Page(
    "/cameras",
    mark("Cameras"),
    mark("Video streams in which enrolled people are recognised, and the state of each camera."),
    mark("Use"),
    "videocam",
    render,
    needs=Permission.SEE,
    help=Help(
        mark(
            "Cameras whose streams are searched for enrolled people. They run only when "
            "video identification is approved."
        ),
        "cameras.md",
        (Term.LIMITED_ACCESS, Term.CONFIDENCE),
    ),
)
