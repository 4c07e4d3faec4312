"""A camera: live picture with boxes and names, health, zones, settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Final
from uuid import UUID

from nicegui import events, ui

from mien.doors.agreement import Agreement
from mien.doors.places import Place
from mien.doors.types import Camera, CameraSpec, Polygon
from mien.management.roles import Permission
from mien.messages import message_of
from mien.portal.camera_problems import said
from mien.portal.cameras import about_track, name_of, outlines, parse_corners, polygons, where_runs, written_corners
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.pages.cameras import DoorFields, approved, doors_of, state_of, watcher_of
from mien.portal.pages.choosing import group_field
from mien.portal.running_cameras import RunningCamera
from mien.portal.texts import mark, moment, t, tn
from mien.portal.visitor import Visitor, check_unchanged, sentence, tell
from mien.portal.widgets import Tag, badge, banner, base_path, button, confirm, empty, facts, hint, section

_EVERY_S: Final = 0.5
_CHECK_TICKS: Final = 20
_BLANK: Final = (1280, 720)
_AGREEMENT: Final = Agreement()


async def render(visitor: Visitor) -> None:
    """Render the page."""
    camera = await _camera(visitor)
    if camera is None:
        banner(
            "bad",
            t("There is no such camera"),
            t("It may have been deleted."),
            (t("Cameras"), visitor.link("/cameras")),
        )
        return
    approved(visitor)
    with Tag("nav", aria_label=t("Back")):
        Tag("a", t("All cameras"), href=visitor.link("/cameras"))
    live = _Live(visitor, camera)
    await live.draw()
    named = await visitor.ask(lambda: doors_of(visitor).places.named(visitor.resource.id, camera.spec.groups))
    doors = await visitor.ask(lambda: doors_of(visitor).doors.of(visitor.resource.id))
    _settings(visitor, camera, named, {one.door_id: one.name for one in doors})


async def _camera(visitor: Visitor) -> Camera | None:
    try:
        wanted = UUID(visitor.query.get("camera", ""))
    except ValueError:
        return None
    cameras = await visitor.ask(lambda: doors_of(visitor).cameras.of(visitor.resource.id))
    return next((one for one in cameras if one.camera_id == wanted), None)


class _Live:
    """Draws the live parts: picture, faces, health, zones.

    Args:
        visitor: the signed-in person.
        camera: the camera.
    """

    def __init__(self, visitor: Visitor, camera: Camera) -> None:
        self._visitor = visitor
        self._camera = camera
        self._watch: list[Polygon] = list(camera.spec.regions)
        self._privacy: list[Polygon] = list(camera.spec.privacy)
        self._stored = camera.spec.regions, camera.spec.privacy
        self._draft: list[tuple[float, float]] = []
        self._size = _BLANK
        self._ticks = 0
        self._elsewhere: str | None = None
        self._sees = visitor.may(Permission.MANAGE)
        self._source = f"{base_path()}{visitor.link(f'/cameras/{camera.camera_id}/picture')}"

    async def draw(self) -> None:
        """Draw everything, and update it while the page is open."""
        await self._ask_where()
        with section(self._camera.name):
            self._state = Tag("div", classes="row", role="status")
            if self._sees:
                self._image = ui.interactive_image(
                    size=_BLANK, on_mouse=self._clicked, events=["click"], cross="#4aa3ff"
                ).classes("live")
                said = json.dumps(t("Live picture of {camera}", camera=self._camera.name))
                # The library's image element has no alt text; the faces are listed as text below it.
                ui.run_javascript(f"getElement({self._image.id}).$el.querySelector('img')?.setAttribute('alt', {said})")
            else:
                empty("visibility_off", t("Live pictures are for administrators"), t("Health and settings are below."))
            self._faces = Tag("div", classes="stack", role="log", aria_label=t("Faces in the picture"))
        with section(t("Health")):
            self._health = Tag("div")
        with section(
            t("Zones"), t("Faces count inside the zones to watch; black zones are hidden before anything sees them.")
        ):
            self._zones()
        if self._sees:
            self._visitor.note("camera.view", camera=self._camera.name)
        self._update()
        ui.timer(_EVERY_S, self._tick)

    async def _tick(self) -> None:
        self._ticks += 1
        if self._ticks % _CHECK_TICKS == 0:
            visitor = self._visitor
            if not await visitor.ask(lambda: visitor.sessions.is_open(visitor.session)):
                ui.navigate.reload()
                return
            await self._ask_where()
        self._update()

    async def _ask_where(self) -> None:
        visitor = self._visitor
        self._elsewhere = await visitor.ask(lambda: where_runs(visitor.parts, self._camera))

    def _update(self) -> None:
        watcher = watcher_of(self._visitor, self._camera.camera_id)
        self._state.clear()
        with self._state:
            badge(*state_of(self._visitor, self._camera, self._elsewhere))
            if watcher is not None and (problem := watcher.problem or watcher.health().problem or watcher.left_out):
                Tag("span", said(problem), "soft")
        self._show(watcher)
        self._health.clear()
        with self._health:
            _health(watcher, _not_here(self._camera, self._elsewhere))

    def _show(self, watcher: RunningCamera | None) -> None:
        if not self._sees:
            return
        found = watcher.latest() if watcher is not None else ()
        picture = watcher.picture() if watcher is not None else None
        if picture is not None:
            self._size = picture.size
            self._image.set_source(f"{self._source}&at={picture.taken_at.timestamp():.3f}")
        labels = {}
        for one in found:
            number = int(one.track.rpartition("-")[2])
            known = not _AGREEMENT.missing(one)
            labels[number] = (name_of(one) if known or one.best is None else f"{name_of(one)}?", known)
        boxes = picture.boxes if picture is not None else {}
        zones = polygons(self._size, self._watch, self._privacy, self._draft)
        self._image.set_content(zones + outlines(self._size, boxes, labels))
        self._faces.clear()
        with self._faces:
            if watcher is None:
                Tag("span", _not_here(self._camera, self._elsewhere), "soft")
            elif not found:
                Tag("span", t("Nobody is in the picture."), "soft")
            for one in found:
                missing = _AGREEMENT.missing(one)
                with Tag("div", classes="row"):
                    badge(name_of(one), "good" if not missing else "warn")
                    Tag("span", about_track(one, missing), "small")

    def _clicked(self, event: events.MouseEventArguments) -> None:
        width, height = self._size
        x, y = event.image_x / width, event.image_y / height
        self._draft.append((min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)))
        self._corners.value = written_corners(self._draft)

    def _zones(self) -> None:
        may = self._visitor.may(Permission.MANAGE)
        text = t("Click the corners in the picture, or type them; then say what the zone is for.")
        Tag("p", text, "soft small")
        self._corners = ui.input(t("Corners of a new zone")).props(
            hint(t("x,y in percent of the picture, such as 0,0 50,0 50,100 0,100"), "outlined")
        )
        self._corners.on("keydown.enter", self._typed)
        with Tag("div", classes="row"):
            button(t("Watch this zone"), lambda: self._add(self._watch), "primary", may=may)
            button(t("Hide this zone"), lambda: self._add(self._privacy), may=may)
            button(t("Discard corners"), self._discard, "quiet", may=may)
        self._listed = Tag("div", classes="stack")
        self._list()

    def _typed(self) -> bool:
        try:
            self._draft = list(parse_corners(str(self._corners.value or "")))
        except ValueError as error:
            tell(sentence(message_of(error)), "bad")
            return False
        return True

    async def _add(self, zones: list[Polygon]) -> None:
        if not self._typed():
            return
        zones.append(tuple(self._draft))
        if not await self._save():
            zones.pop()
            return
        self._discard()

    def _discard(self) -> None:
        self._draft = []
        self._corners.value = ""

    async def _remove(self, zones: list[Polygon], zone: Polygon) -> None:
        place = zones.index(zone)
        zones.pop(place)
        if not await self._save():
            zones.insert(place, zone)

    async def _save(self) -> bool:
        """Store the zones, which the process that runs the camera then applies."""

        def work() -> bool:
            cameras = doors_of(self._visitor).cameras
            owner, camera_id = self._visitor.resource.id, self._camera.camera_id
            spec = cameras.get(owner, camera_id).spec  # the other settings may have changed
            check_unchanged(self._stored, (spec.regions, spec.privacy))
            spec = replace(spec, regions=tuple(self._watch), privacy=tuple(self._privacy))
            cameras.change(owner, camera_id, actor=self._visitor.name, spec=spec)
            self._stored = spec.regions, spec.privacy
            return True

        saved = await self._visitor.act(Permission.MANAGE, work, t("The zones are stored"))
        self._list()
        return bool(saved)

    def _list(self) -> None:
        self._listed.clear()
        with self._listed:
            kinds = ((t("Watched"), "good", self._watch), (t("Hidden"), "", self._privacy))
            if not self._watch and not self._privacy:
                Tag("span", t("There are no zones: the whole picture is watched, and nothing is hidden."), "soft")
            for words, tone, zones in kinds:
                for zone in list(zones):
                    with Tag("div", classes="row"):
                        badge(words, tone)
                        Tag("span", written_corners(zone), "small mono grow")
                        remove = partial(self._remove, zones, zone)
                        made = button(t("Remove"), remove, "quiet", may=self._visitor.may(Permission.MANAGE))
                        made.props["aria-label"] = t(
                            "Remove the zone {written_corners}", written_corners=written_corners(zone)
                        )


def _frames(count: int) -> str:
    return tn("{count} frame", "{count} frames", count)


def _not_here(camera: Camera, elsewhere: str | None) -> str:
    """Explain why this server has no live picture, and which one has it."""
    if not camera.spec.enabled:
        return t("The camera is switched off.")
    if elsewhere is None:
        return t("No server runs the camera yet. It starts within seconds of being added, changed or approved.")
    return t(
        "The camera runs on the server {server}: its live picture, faces and health are in "
        "the portal of that server. Zones and settings can be changed here; that server takes "
        "them up within seconds.",
        server=elsewhere,
    )


def _health(watcher: RunningCamera | None, not_here: str) -> None:
    if watcher is None:
        Tag("span", not_here, "soft")
        return
    health = watcher.health()
    last = health.last_frame_at
    facts(
        [
            (t("Picture"), f"{health.size[0]} × {health.size[1]}" if last else t("none yet")),
            (
                t("Frames a second"),
                t("{fps:.1f}, of which {analysed_fps:.1f} analysed", fps=health.fps, analysed_fps=health.analysed_fps),
            ),
            (t("Lost on the way"), _frames(health.lost)),
            (t("Skipped as the machine was busy"), _frames(health.dropped)),
            (
                t("Behind the camera's clock"),
                tn(
                    "{behind:.1f} s; the clock stepped {count} time",
                    "{behind:.1f} s; the clock stepped {count} times",
                    health.clock_jumps,
                    behind=health.behind_s,
                ),
            ),
            (t("Connected again"), tn("{count} time", "{count} times", health.reconnects)),
            (t("Last frame"), moment(last, seconds=True) if last else t("none yet")),
        ]
    )


def _in_form(camera: Camera) -> tuple[object, ...]:
    """Return the settings that the form shows."""
    spec = camera.spec
    return camera.name, camera.host, spec.groups, spec.door, spec.direction, spec.rate, spec.enabled


def _settings(visitor: Visitor, camera: Camera, named: Mapping[str, Place], doors: Mapping[UUID, str]) -> None:
    may, spec = visitor.may(Permission.MANAGE), camera.spec
    with section(t("Settings")):
        facts([(t("Address"), camera.host)])
        with Tag("div", classes="two"):
            name = ui.input(t("Name"), value=camera.name).props("outlined")
            address = ui.input(t("New address")).props(
                hint(t("leave empty to keep the present one"), "outlined autocomplete=off")
            )
            groups = group_field(visitor, t("Groups"), spec.groups, named, several=True)
            place = DoorFields(spec, doors)
            rate = ui.number(t("Analysed frames a second"), value=spec.rate, min=0.5, max=30, step=0.5).props(
                "outlined"
            )
            enabled = ui.switch(t("Runs"), value=spec.enabled)

        async def save() -> None:
            def work() -> bool:
                cameras = doors_of(visitor).cameras
                now = cameras.get(visitor.resource.id, camera.camera_id)
                check_unchanged(_in_form(camera), _in_form(now))
                kept: CameraSpec = place.put(now.spec)
                changed = replace(
                    kept,
                    groups=groups.values,
                    rate=float(rate.value or 0),
                    enabled=bool(enabled.value),
                )
                cameras.change(
                    visitor.resource.id,
                    camera.camera_id,
                    actor=visitor.name,
                    name=str(name.value or ""),
                    source=str(address.value) if address.value else None,
                    spec=changed,
                )
                return True

            if await visitor.act(Permission.MANAGE, work):
                ui.navigate.reload()

        async def delete() -> None:
            def work() -> bool:
                doors_of(visitor).cameras.delete(visitor.resource.id, camera.camera_id, actor=visitor.name)
                return True

            if await visitor.act(Permission.MANAGE, work):
                ui.navigate.to(visitor.link("/cameras"))

        def ask() -> None:
            confirm(
                t("Delete {camera}?", camera=camera.name),
                t("It stops immediately. Its events stay."),
                t("Delete"),
                delete,
            )

        with Tag("div", classes="row"):
            button(t("Save"), save, "primary", may=may)
            button(t("Delete"), ask, "danger", may=may)


PAGE = Page(
    "/cameras/{camera}",
    mark("Camera"),
    mark("Its current picture and state."),
    mark("Use"),
    "videocam",
    render,
    listed=False,
    help=Help(
        mark("Shows what one camera sees and how well, and sets its zones, groups and address."),
        "cameras.md#zones",
        (Term.ZONE, Term.CONFIDENCE, Term.MARGIN, Term.LIVENESS),
    ),
)
