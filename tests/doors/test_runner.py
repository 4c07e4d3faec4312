"""Cameras and doors run on one server at a time; another takes over; a camera that is lost is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, text, update
from sqlalchemy.exc import DBAPIError
from tests.doors.conftest import House
from tests.doors.parts import Recorder

from mien.doors.actuators.config import ActuatorConfig, MqttActuator, NoActuator
from mien.doors.events import Act, EventKind
from mien.doors.evidence import TrackEvidence
from mien.doors.openings import Actuator, ActuatorError
from mien.doors.runner import Runner
from mien.doors.runner_parts import RunnerParts
from mien.doors.types import Camera, CameraSpec, Door, DoorSpec
from mien.storage import EVERY_RESOURCE
from mien.storage.claims import Claims
from mien.storage.tables import DoorRow

PATIENCE = 60.0
LEASE = 20.0
"""Longer than a busy machine pauses a thread: no door is opened under a lease that may have ended."""
Take = Callable[[TrackEvidence], None]


class Script:
    """A camera that shows what the test tells it to."""

    def __init__(self, camera: Camera, source: str) -> None:
        self.camera, self.source = camera, source
        self.up = True
        self.take: Take | None = None
        self.end: Take | None = None
        self.running = threading.Event()
        self._stop = threading.Event()

    def run(self, on_evidence: Take, on_end: Take | None = None) -> None:
        self.take, self.end = on_evidence, on_end
        self.running.set()
        self._stop.wait()

    def stop(self) -> None:
        self._stop.set()

    def best_shot(self, track: str) -> bytes | None:
        return b"jpeg of " + track.encode()

    def connected(self) -> bool:
        return self.up


STARTED: list[Runner] = []


class Server:
    """A runner with its own claims, as a process of its own has them."""

    def __init__(self, house: House, *, port: bool = True) -> None:
        self.scripts: dict[str, Script] = {}
        self.links = 0
        self.actuator = Recorder()
        self.claims = Claims(house.database, seconds=LEASE)
        self._port = port
        self.runner = Runner(
            RunnerParts(
                database=house.database,
                cameras=house.cameras,
                doors=house.doors,
                decisions=house.decisions,
                events=house.events,
                claims=self.claims,
                open_watcher=self._watch,
                open_actuator=self._actuator,
                approved=house.approved.__contains__,
            ),
            lease=LEASE,
        )
        STARTED.append(self.runner)

    def _watch(self, camera: Camera, source: str) -> Script:
        made = self.scripts[camera.name] = Script(camera, source)
        return made

    def _actuator(self, door: Door, config: ActuatorConfig) -> Actuator:
        if not self._port:
            raise ActuatorError("the port /dev/ttyUSB0 cannot be opened")
        self.actuator = Recorder()
        self.links += 1
        return self.actuator

    def script(self, name: str = "Lobby") -> Script:
        until(lambda: name in self.scripts and self.scripts[name].running.is_set())
        return self.scripts[name]


@pytest.fixture(autouse=True)
def _ended(house: House) -> Iterator[None]:
    """Leave no thread behind, whatever a test found: it would write into the output of others."""
    del house  # this ends before it
    yield
    while STARTED:
        STARTED.pop().stop()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def set_up(house: House) -> tuple[Door, UUID]:
    ada = house.person("Ada")
    door = house.door()
    house.doors.change(house.owner, door.door_id, actor="anna", actuator=MqttActuator(topic="door/set"))
    house.rule(door)
    spec = CameraSpec(groups=("largePersonGroup/staff",), door=door.door_id)
    house.cameras.create(house.owner, "Lobby", "rtsp://u:hush@10.0.0.1/", spec, actor="anna")
    return door, ada


def test_one_server_runs_a_door_and_another_takes_over(house: House) -> None:
    door, ada = set_up(house)
    first, second = Server(house), Server(house)
    first.runner.look()
    second.runner.look()
    assert first.runner.running() == [f"door/{door.door_id}"]
    assert second.runner.running() == []
    script = first.script()
    assert script.source == "rtsp://u:hush@10.0.0.1/"
    assert script.take is not None
    script.take(house.evidence(ada))
    until(lambda: house.events.get(house.owner, 1).act is Act.DONE)
    assert first.actuator.opened == [1]
    first.runner.stop()
    second.runner.look()
    assert second.runner.running() == [f"door/{door.door_id}"]
    taken = second.script().take
    assert taken is not None
    script.take(house.evidence(ada, track="old"))  # what the old server still sees
    taken(house.evidence(ada, track="new"))
    assert [one.track for one in house.all() if one.granted] == ["7"], "hold-off of the first"
    second.runner.stop()
    audited = [entry.action for entry in house.audit.search(action="camera.st*")]
    assert audited == ["camera.stop", "camera.start", "camera.stop", "camera.start"]
    assert "hush" not in "".join(house.audit.export())


def test_a_server_without_the_doors_port_leaves_it_to_another(house: House) -> None:
    door, _ = set_up(house)
    without, with_port = Server(house, port=False), Server(house)
    without.runner.look()
    assert without.runner.running() == []
    with_port.runner.look()
    assert with_port.runner.running() == [f"door/{door.door_id}"]
    with_port.runner.stop()


def test_changes_approvals_and_lost_cameras(house: House) -> None:
    set_up(house)
    server = Server(house)
    server.runner.look()
    before = server.script()
    server.runner.look()
    assert house.all()[-1].code == "connected"
    before.up = False
    server.runner.look()
    assert (house.all()[-1].kind, house.all()[-1].code) == (EventKind.CAMERA, "lost")
    camera = house.cameras.named(house.owner, "Lobby")
    house.clock.advance(timedelta(seconds=1))
    house.cameras.change(house.owner, camera.camera_id, actor="anna", source="rtsp://10.0.0.2/")
    server.runner.look()
    until(lambda: server.script().source == "rtsp://10.0.0.2/")
    house.approved.clear()
    server.runner.look()
    assert server.runner.running() == []
    server.runner.stop()


def test_a_change_of_a_camera_leaves_the_doors_link_alone(house: House) -> None:
    door, ada = set_up(house)
    server = Server(house)
    server.runner.look()
    link = server.actuator
    old = server.script()
    spec = CameraSpec(groups=("largePersonGroup/staff",), door=door.door_id)
    house.clock.advance(timedelta(seconds=1))
    house.cameras.create(house.owner, "Yard", "rtsp://10.0.0.3/", spec, actor="anna")
    camera = house.cameras.named(house.owner, "Lobby")
    house.cameras.change(house.owner, camera.camera_id, actor="anna", source="rtsp://10.0.0.2/")
    server.runner.look()
    until(lambda: server.script().source == "rtsp://10.0.0.2/" and server.script() is not old)
    assert old._stop.is_set(), "the camera was started anew"
    assert (server.links, link.closed) == (1, False)
    take = server.script("Yard").take
    assert take is not None
    take(house.evidence(ada))
    until(lambda: link.opened)
    yard = house.cameras.named(house.owner, "Yard")
    house.cameras.delete(house.owner, yard.camera_id, actor="anna")
    server.runner.look()
    assert server.scripts["Yard"]._stop.is_set()
    assert (server.links, link.closed) == (1, False)
    house.clock.advance(timedelta(seconds=1))
    house.doors.change(house.owner, door.door_id, actor="anna", actuator=MqttActuator(topic="door/other"))
    server.runner.look()
    server.runner.look()
    assert (server.links, link.closed) == (2, True), "a door that was changed gets a new link"
    server.runner.stop()


def test_a_change_of_a_doors_settings_leaves_its_link_and_cameras_alone(house: House) -> None:
    door, ada = set_up(house)
    server = Server(house)
    server.runner.look()
    link, script = server.actuator, server.script()
    for spec in (DoorSpec(hold_off_seconds=0), DoorSpec(confidence=0.99), DoorSpec(confidence=0.7)):
        house.clock.advance(timedelta(seconds=1))
        house.doors.change(house.owner, door.door_id, actor="anna", name="Gate", spec=spec)
        server.runner.look()
    house.clock.advance(timedelta(seconds=1))
    same = MqttActuator(topic="door/set")
    house.doors.change(house.owner, door.door_id, actor="anna", actuator=same)  # as a form does that saves all fields
    server.runner.look()
    assert (server.links, link.closed, script._stop.is_set()) == (1, False, False)
    assert script.take is not None
    script.take(house.evidence(ada))
    until(lambda: link.opened)
    house.clock.advance(timedelta(seconds=1))
    house.doors.change(house.owner, door.door_id, actor="anna", spec=DoorSpec(open_seconds=9))
    server.runner.look()
    server.runner.look()
    assert (server.links, link.closed) == (2, True), "the actuator is told for how long the door is to open"
    house.clock.advance(timedelta(seconds=1))
    house.doors.change(house.owner, door.door_id, actor="anna", actuator=NoActuator())
    server.runner.look()
    assert server.actuator.closed
    server.runner.stop()


@contextmanager
def audit_log_gone(house: House) -> Iterator[None]:
    """A database in which nothing can be audited."""
    with house.database.write(EVERY_RESOURCE) as session:
        session.execute(text("ALTER TABLE audit_log RENAME TO audit_log_gone"))
    try:
        yield
    finally:
        with house.database.write(EVERY_RESOURCE) as session:
            session.execute(text("ALTER TABLE audit_log_gone RENAME TO audit_log"))


def test_a_fault_of_the_database_at_the_start_leaves_a_door_to_the_next_round(house: House) -> None:
    door, _ = set_up(house)
    first, second = Server(house), Server(house)
    with audit_log_gone(house):
        first.runner.look()
    assert (first.runner.running(), first.scripts, first.actuator.closed) == ([], {}, True)
    second.runner.look()
    assert second.runner.running() == [f"door/{door.door_id}"]
    second.script()


def test_a_fault_of_the_database_at_a_change_leaves_a_camera_to_the_next_round(house: House) -> None:
    door, _ = set_up(house)
    server = Server(house)
    server.runner.look()
    server.script()
    house.clock.advance(timedelta(seconds=1))
    spec = CameraSpec(groups=("largePersonGroup/staff",), door=door.door_id)
    house.cameras.create(house.owner, "Yard", "rtsp://10.0.0.3/", spec, actor="anna")
    with audit_log_gone(house):
        server.runner.look()
    assert "Yard" not in server.scripts
    server.runner.look()
    server.script("Yard")


def test_a_time_zone_that_this_machine_lacks_stops_the_doors_of_its_resource_only(house: House) -> None:
    door, _ = set_up(house)
    house.doors.create(house.other, "Theirs", DoorSpec(time_zone="Europe/Berlin"), NoActuator(), actor="anna")
    with house.database.write(EVERY_RESOURCE) as session:
        spec = func.replace(DoorRow.spec, "Europe/Berlin", "Mars/Base")
        session.execute(update(DoorRow).where(DoorRow.name == "Theirs").values(spec=spec))
    server = Server(house)
    server.runner.look()
    assert server.runner.running() == [f"door/{door.door_id}"]


def test_a_server_that_is_paused_in_a_transaction_delays_a_takeover_by_seconds(house: House) -> None:
    if house.database.is_sqlite:
        pytest.skip("on SQLite a paused process keeps the lock of the database")
    door, _ = set_up(house)
    back = house.door("Back")
    paused, other = Claims(house.database, seconds=0.01), Server(house)
    held = paused.acquire(f"door/{door.door_id}")
    assert held is not None
    with house.database.engine.connect() as connection, suppress(DBAPIError):
        held.fence(connection, brief=True)
        backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        other.runner.look()
        with house.database.read(EVERY_RESOURCE) as session:
            is_paused = session.scalar(text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid"), {"pid": backend})
        if is_paused:  # a slow machine may have come too late
            assert other.runner.running() == [f"door/{back.door_id}"], "it does not wait for the door that is locked"
        while len(other.runner.running()) < 2:
            other.runner.look()
        connection.execute(text("SELECT 1"))
        raise AssertionError("the paused server goes on in its transaction")
