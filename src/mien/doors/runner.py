"""Runs cameras and doors on this server, each under a claim: one server runs it, and another can take over.

A door, its actuator and its cameras are one unit with one claim: the server that decides also opens. Cameras without a
door are separate units. If a camera is changed, only it is restarted. If a door's actuator is changed, the door is
restarted with its cameras; its other settings apply without that, because some panels stay away for minutes after every
interruption.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from mien.doors.actuators.config import ActuatorConfig, NoActuator
from mien.doors.errors import DoorsError
from mien.doors.events import Draft, Event, EventKind
from mien.doors.evidence import TrackEvidence, TrackSource
from mien.doors.openings import ActuatorError, Openings
from mien.doors.reasons import Code
from mien.doors.runner_parts import RunnerParts, Watching
from mien.doors.types import Camera, Door
from mien.storage import EVERY_RESOURCE
from mien.storage.claims import ClaimLostError, Held, identity
from mien.storage.tables import DoorRow

LOOK_SECONDS: Final = 2.0
"""How often to check for changes and free claims; with the lease, a takeover takes at most 12 s."""
LEASE_SECONDS: Final = 10.0
_AGAIN_SECONDS: Final = 5.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Plan:
    """A unit that should run."""

    resource_id: UUID
    door: Door | None
    cameras: tuple[Camera, ...]

    @property
    def claim(self) -> str:
        return f"door/{self.door.door_id}" if self.door else f"camera/{self.cameras[0].camera_id}"


@dataclass
class _Eye:
    """A running camera, in its own thread."""

    camera: Camera
    stopping: threading.Event = field(default_factory=threading.Event)
    watcher: Watching | None = None
    thread: threading.Thread | None = None
    connected: bool | None = None


@dataclass
class _Unit:
    """A running unit."""

    plan: _Plan
    held: Held
    config: ActuatorConfig = field(default_factory=NoActuator)
    openings: Openings | None = None
    eyes: dict[UUID, _Eye] = field(default_factory=dict)


class Runner:
    """Runs the units that no other server runs.

    Args:
        parts: its dependencies.
        seconds: how often it looks.
        lease: how long its claims outlive this process.
    """

    def __init__(self, parts: RunnerParts, *, seconds: float = LOOK_SECONDS, lease: float = LEASE_SECONDS) -> None:
        self._parts = parts
        self._seconds = seconds
        self._lease = lease
        self._units: dict[str, _Unit] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mien-doors", daemon=True)
        self._name = f"server:{identity_name()}"

    def start(self) -> None:
        """Start."""
        self._thread.start()

    def stop(self) -> None:
        """Stop all cameras and doors and release their claims."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._lock:
            units = list(self._units.values())
            self._units.clear()
        for unit in units:
            self._end(unit)

    def watchers(self, resource_id: UUID) -> Mapping[UUID, Watching]:
        """Return the cameras of a resource that run on this server."""
        with self._lock:
            units = [unit for unit in self._units.values() if unit.plan.resource_id == resource_id]
        eyes = [eye for unit in units for eye in list(unit.eyes.values())]
        return {eye.camera.camera_id: eye.watcher for eye in eyes if eye.watcher is not None}

    def running(self) -> Sequence[str]:
        """Return the claims of what runs on this server."""
        with self._lock:
            return sorted(self._units)

    def nudge(self, door_id: UUID) -> None:
        """Check a door's decisions now, if it runs here."""
        with self._lock:
            unit = self._units.get(f"door/{door_id}")
        if unit is not None and unit.openings is not None:
            unit.openings.nudge()

    def look(self) -> None:
        """Start what should run and is free, stop what should not."""
        plans = {plan.claim: plan for plan in self._plans()}
        with self._lock:
            units = dict(self._units)
        for name, unit in units.items():
            try:
                self._keep(name, unit, plans.get(name))
            except ClaimLostError:
                self._drop(name, unit)
            except SQLAlchemyError as error:  # the next round tries again; the other units do not wait for that
                _log.warning("a door or camera could not be looked after", unit=name, reason=type(error).__name__)
        for name, plan in plans.items():
            with self._lock:
                running = name in self._units
            if not running and not self._stop.is_set():
                self._try(plan)

    def _keep(self, name: str, unit: _Unit, plan: _Plan | None) -> None:
        """Bring a running unit in line with its plan."""
        if plan is None or unit.held.lost.is_set() or not self._same_actuator(unit, plan):
            self._drop(name, unit)
        else:
            self._fit(unit, plan)
            self._check(unit)

    def _same_actuator(self, unit: _Unit, plan: _Plan) -> bool:
        """Return whether the actuator of a running unit can stay as it is."""
        door, before = plan.door, unit.plan.door
        if door is None or before is None or door.changed_at == before.changed_at:
            return True
        if door.spec.open_seconds != before.spec.open_seconds:
            return False
        try:
            return self._parts.doors.actuator(plan.resource_id, door.door_id) == unit.config
        except DoorsError:  # it was deleted just now
            return False

    def _plans(self) -> list[_Plan]:
        """Return all units that should run on some server."""
        parts = self._parts
        cameras = [one for one in parts.cameras.all() if one.spec.enabled and parts.approved(one.resource_id)]
        with parts.database.read(EVERY_RESOURCE) as session:
            owners = session.scalars(select(DoorRow.resource_id).distinct()).all()
        plans = []
        for owner in owners:
            if not parts.approved(owner):
                continue
            try:
                doors = parts.doors.of(owner)
            except DoorsError as error:  # such as a time zone that this machine does not have: the others go on
                _log.warning("the doors of a resource cannot be read", resource=str(owner), reason=str(error))
                continue
            for door in doors:
                mine = tuple(one for one in cameras if one.resource_id == owner and one.spec.door == door.door_id)
                plans.append(_Plan(owner, door, mine))
        return [*plans, *(_Plan(one.resource_id, None, (one,)) for one in cameras if one.spec.door is None)]

    def _try(self, plan: _Plan) -> None:
        """Start a unit if its claim is free and its actuator is at this server."""
        unit = None
        try:
            held = self._parts.claims.acquire(plan.claim, self._lease)
            if held is None:
                return
            unit = _Unit(plan, held)
            unit.openings = self._openings(unit)
            if unit.openings is not None:
                unit.openings.start()
            for camera in plan.cameras:
                self._open(unit, camera)
        except Exception as error:
            # The claim is renewed until it is released: without that, no server would ever run the unit.
            if unit is not None:
                self._end(unit)
            known = isinstance(error, ActuatorError | DoorsError | ClaimLostError)
            reason = str(error) if known else type(error).__name__
            _log.warning("a door cannot be run here", door=plan.claim, reason=reason)
            return
        with self._lock:
            self._units[plan.claim] = unit

    def _fit(self, unit: _Unit, plan: _Plan) -> None:
        """Stop the cameras that were changed or deleted and start the new ones; the door's link stays."""
        wanted = {camera.camera_id: camera for camera in plan.cameras}
        old = [eye for eye in unit.eyes.values() if wanted.get(eye.camera.camera_id) != eye.camera]
        self._close(unit, old)
        unit.plan = plan
        for camera in plan.cameras:
            if camera.camera_id not in unit.eyes:
                self._open(unit, camera)

    def _open(self, unit: _Unit, camera: Camera) -> None:
        # First: no camera runs without its entry in the audit log.
        self._parts.cameras.started(camera, where=self._name)
        eye = _Eye(camera)
        eye.thread = threading.Thread(target=self._watch, args=(unit, eye), name="mien-camera", daemon=True)
        unit.eyes[camera.camera_id] = eye
        eye.thread.start()

    def _close(self, unit: _Unit, eyes: Sequence[_Eye]) -> None:
        for eye in eyes:
            eye.stopping.set()
            if eye.watcher is not None:
                eye.watcher.stop()
        for eye in eyes:
            if eye.thread is not None:
                eye.thread.join(10.0)
            unit.eyes.pop(eye.camera.camera_id, None)
            try:
                self._parts.cameras.stopped(eye.camera, where=self._name)
            except SQLAlchemyError as error:  # it has stopped anyway
                _log.warning("a camera's stop could not be recorded", reason=type(error).__name__)

    def _openings(self, unit: _Unit) -> Openings | None:
        door, parts = unit.plan.door, self._parts
        if door is None:
            return None
        key = (unit.plan.resource_id, door.door_id)
        unit.config = parts.doors.actuator(*key)
        if isinstance(unit.config, NoActuator):
            return None
        actuator = parts.open_actuator(door, unit.config)
        return Openings(parts.database, parts.decisions.clock, key, actuator, unit.held, told=parts.told)

    def _watch(self, unit: _Unit, eye: _Eye) -> None:
        """Run one camera until it is stopped; restart it if it fails."""
        parts, plan, camera = self._parts, unit.plan, eye.camera
        watched = TrackSource(
            resource_id=plan.resource_id,
            camera=camera.name,
            door_id=plan.door.door_id if plan.door else None,
            direction=camera.spec.direction,
            opens=unit.openings is not None,
        )
        while not eye.stopping.is_set() and not unit.held.lost.is_set():
            try:
                watcher = parts.open_watcher(camera, parts.cameras.source(plan.resource_id, camera.camera_id))
                eye.watcher = watcher
                if eye.stopping.is_set():
                    return
                on_evidence, on_end = self._takers(unit, eye, watched, watcher)
                watcher.run(on_evidence, on_end)
                if not eye.stopping.is_set():
                    _log.info("a camera's stream has ended", camera=camera.name)
                    return  # a file has ended
            except ClaimLostError:
                return
            except Exception as error:  # the other cameras continue
                _log.warning("a camera failed", camera=camera.name, reason=f"{type(error).__name__}: {error}"[:200])
            eye.stopping.wait(_AGAIN_SECONDS)

    def _takers(
        self, unit: _Unit, eye: _Eye, watched: TrackSource, watcher: Watching
    ) -> tuple[Callable[[TrackEvidence], None], Callable[[TrackEvidence], None]]:
        """Return what takes evidence and the ends of tracks."""
        decisions, held = self._parts.decisions, unit.held

        def take(evidence: TrackEvidence, *, end: bool) -> None:
            if eye.stopping.is_set() or held.lost.is_set():
                watcher.stop()
                return
            look = decisions.ended if end else decisions.observe
            try:
                event = look(watched, evidence, held=held, shot=lambda: watcher.best_shot(evidence.track))
            except ClaimLostError:
                watcher.stop()
                return
            except (SQLAlchemyError, DoorsError) as error:  # no decision: the door stays shut
                _log.warning("no decision was made", camera=watched.camera, reason=type(error).__name__)
                return
            if event is not None:
                self._tell(unit, event)

        return (lambda evidence: take(evidence, end=False)), (lambda evidence: take(evidence, end=True))

    def _tell(self, unit: _Unit, event: Event) -> None:
        if event.granted and unit.openings is not None:
            unit.openings.nudge()
        self._parts.told()

    def _check(self, unit: _Unit) -> None:
        """Record cameras that were lost or are back."""
        for eye in unit.eyes.values():
            if eye.watcher is None:
                continue
            camera, now, before = eye.camera, eye.watcher.connected(), eye.connected
            if now == before or (before is None and not now):
                continue
            door = unit.plan.door
            draft = Draft(
                kind=EventKind.CAMERA,
                code=Code.CONNECTED if now else Code.LOST,
                door_id=door.door_id if door else None,
                camera=camera.name,
                details={"door": door.name} if door else {},
            )
            self._parts.events.write(unit.plan.resource_id, draft, held=unit.held)
            eye.connected = now
            self._parts.told()

    def _drop(self, name: str, unit: _Unit) -> None:
        with self._lock:
            self._units.pop(name, None)
        self._end(unit)

    def _end(self, unit: _Unit) -> None:
        self._close(unit, list(unit.eyes.values()))
        if unit.openings is not None:
            unit.openings.stop()
        unit.held.release()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.look()
            except Exception as error:  # the next round tries again
                _log.warning("cameras could not be looked after", reason=type(error).__name__)
            self._stop.wait(self._seconds)


def identity_name() -> str:
    """Return this process's name in audit entries: `host:pid`."""
    return identity(os.getpid()).partition(" ")[0]
