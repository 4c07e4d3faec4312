"""Cameras of a resource: what they are, how they do, adding one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final
from uuid import UUID

from nicegui import ui

from mien.accounts import Feature
from mien.doors.service import DoorServices
from mien.doors.types import Camera, CameraSpec
from mien.management.roles import Permission
from mien.portal.cameras import running, where_runs
from mien.portal.frame import Page
from mien.portal.visitor import Visitor
from mien.portal.watched import Watched
from mien.portal.widgets import Tag, badge, banner, button, empty, section, table

_ADDRESS_HINT: Final = "rtsp://user:password@host/path, http://… (Motion JPEG), /dev/video0 or file:/path"
_GROUPS_HINT: Final = "personGroup/ID, largePersonGroup/ID, dynamicPersonGroup/ID or directory; blanks between them"


def doors_of(visitor: Visitor) -> DoorServices:
    """Return the services of cameras and doors."""
    doors = visitor.parts.doors
    assert doors is not None
    return doors


def watcher_of(visitor: Visitor, camera_id: UUID) -> Watched | None:
    """Return a camera that runs on this server; None when it runs elsewhere or not at all."""
    return running(visitor.parts, visitor.resource.id).get(camera_id)


def approved(visitor: Visitor) -> bool:
    """Whether the resource may identify people in video; says so when it may not."""
    if Feature.VIDEO_IDENTIFICATION in visitor.resource.features:
        return True
    banner(
        "warn",
        f"{visitor.resource.name} is not approved for {Feature.VIDEO_IDENTIFICATION.value}",
        "Cameras can be configured, but none runs before it is approved: it is limited access.",
        ("Request access", visitor.link("/access")),
    )
    return False


def state_of(visitor: Visitor, camera: Camera, elsewhere: str | None) -> tuple[str, str]:
    """Return a word for how a camera does, and its tone.

    Args:
        visitor: who looks.
        camera: at what.
        elsewhere: which server runs it, as `host:pid`, if this one does not.
    """
    if not camera.spec.enabled:
        return "off", ""
    if Feature.VIDEO_IDENTIFICATION not in visitor.resource.features:
        return "not approved", "warn"
    watcher = watcher_of(visitor, camera.camera_id)
    if watcher is None:
        return (f"runs on {elsewhere}", "info") if elsewhere else ("starting", "warn")
    health = watcher.health()
    if watcher.problem is not None:
        return "cannot search", "bad"
    return ("connected", "good") if health.connected else ("no picture", "bad")


async def render(visitor: Visitor) -> None:
    """Draw the page."""
    approved(visitor)
    doors = doors_of(visitor)
    cameras = await visitor.ask(lambda: doors.cameras.of(visitor.resource.id))
    names = {door.door_id: door.name for door in await visitor.ask(lambda: doors.doors.of(visitor.resource.id))}
    held = await visitor.ask(lambda: {one.camera_id: where_runs(visitor.parts, one) for one in cameras})
    with section("Cameras"):
        if not cameras:
            empty("videocam", "No cameras yet", "Add the address of a stream below; a webcam or a file will do, too.")
        else:
            table(
                "Cameras",
                ["Name", "Address", "Groups", "Door", "State"],
                [
                    [
                        partial(_link, visitor, camera),
                        camera.host,
                        ", ".join(camera.spec.groups) or "–",
                        names.get(camera.spec.door, "–") if camera.spec.door else "–",
                        partial(badge, *state_of(visitor, camera, held[camera.camera_id])),
                    ]
                    for camera in cameras
                ],
            )
    with section("Add a camera", "The address is stored encrypted and is never shown again."):
        _form(visitor, names)


def _link(visitor: Visitor, camera: Camera) -> None:
    Tag("a", camera.name, href=visitor.link(f"/cameras/{camera.camera_id}"))


def _form(visitor: Visitor, doors: dict[UUID, str]) -> None:
    with Tag("div", classes="two"):
        name = ui.input("Name").props("outlined")
        address = ui.input("Address").props(f'outlined autocomplete=off hint="{_ADDRESS_HINT}"')
        groups = ui.input("Groups").props(f'outlined hint="{_GROUPS_HINT}"')
        choices = {"": "None", **{str(one): words for one, words in doors.items()}}
        door = ui.select(choices, value="", label="Door").props("outlined")

    async def make() -> None:
        def work() -> Camera:
            spec = replace(
                CameraSpec(),
                groups=tuple(str(groups.value or "").split()),
                door=UUID(str(door.value)) if door.value else None,
            )
            cameras = doors_of(visitor).cameras
            return cameras.create(
                visitor.resource.id, str(name.value or ""), str(address.value or ""), spec, actor=visitor.name
            )

        made = await visitor.act(Permission.MANAGE, work)
        if made:
            ui.navigate.to(visitor.link(f"/cameras/{made.camera_id}"))

    with Tag("div"):
        button("Add", make, "primary", may=visitor.may(Permission.MANAGE))


PAGE = Page(
    "/cameras",
    "Cameras",
    "Streams in which enrolled people are recognised, and how they do.",
    "Use",
    "videocam",
    render,
    needs=Permission.SEE,
)
