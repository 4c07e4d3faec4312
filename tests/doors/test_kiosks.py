"""Kiosks and check-ins: keys, acceptances, sessions that count once, doors that decide, codes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from tests.doors.conftest import STAFF, House
from tests.doors.parts import Recorder
from tests.gallery.texts import TextEngine
from tests.random_ids import without_ids

from mien.doors.actuators.config import MqttActuator
from mien.doors.check_in import CheckInResult, CheckIns, PhotoMatch
from mien.doors.errors import InvalidDoorError, NameInUseError, NotConfiguredError
from mien.doors.events import Act, Event, EventKind
from mien.doors.evidence import TrackCandidate
from mien.doors.kiosks import Kiosk, Kiosks, KioskSpec
from mien.doors.openings import Openings
from mien.doors.places import Places
from mien.doors.reviews import DoorReviews
from mien.doors.roster_types import BadgeNumber
from mien.doors.service import DoorServices
from mien.doors.types import DoorSpec
from mien.gateway.origin import OriginFinder
from mien.liveness.errors import SessionNotFoundError
from mien.liveness.records import AttemptResult, ClientRequest
from mien.liveness.service import Liveness, open_liveness
from mien.liveness.types import Decision
from mien.storage import EVERY_RESOURCE
from mien.storage.tables import DoorAcceptanceRow, DoorKioskRow
from mien.wire.body import BodyLimits
from mien.wire.kiosk.pages import KioskPages, KioskParts
from mien.workers import WorkerPool

SPEC = KioskSpec(group=STAFF, notice="Your face is compared with our staff's.")
CLIENT = ClientRequest("GET", "/", "test", "192.0.2.1")
JPEG = b"the best frame"


@dataclass
class Hall:
    """A kiosk's surroundings; `shown` is what the search finds in any picture."""

    house: House
    kiosks: Kiosks
    check_ins: CheckIns
    liveness: Liveness
    shown: list[PhotoMatch | None] = field(default_factory=list)

    def kiosk(self, spec: KioskSpec = SPEC, name: str = "Reception") -> tuple[Kiosk, UUID]:
        """A kiosk whose notice was accepted."""
        kiosk, _ = self.kiosks.create(self.house.owner, name, spec, actor="anna")
        return kiosk, self.kiosks.accept(kiosk, spec.version, "en")

    def session(self, kiosk: Kiosk, acceptance: UUID, decision: Decision | None = Decision.REAL) -> str:
        """A session that has ended."""
        made = self.check_ins.begin(kiosk, acceptance, "http://mien.test", "/channel")
        admission = self.liveness.attempts.admit(made.token, CLIENT)
        begun = self.liveness.attempts.begin(admission, 60)
        error = None if decision else "NoFaceDetected"
        outcome = AttemptResult(decision=decision, error_code=error)
        self.liveness.attempts.finish(admission, begun, outcome, image=JPEG if decision else None)
        return made.id

    def see(self, person: UUID | None, confidence: float = 0.9, quality: str = "high") -> None:
        best = None if person is None else TrackCandidate("staff", str(person), "", confidence)
        self.shown.append(PhotoMatch(best, None, quality, 200))

    def events(self) -> list[Event]:
        return self.house.all()


@pytest.fixture
def hall(house: House) -> Iterator[Hall]:
    kiosks = Kiosks(house.database, house.vault, house.clock, house.audit)
    doors = DoorServices(
        house.cameras,
        house.doors,
        house.events,
        house.roster,
        house.decisions,
        DoorReviews(house.database, house.clock, house.audit, house.events),
        kiosks,
        Places(house.database),
        house.approved.__contains__,
    )
    liveness = open_liveness(house.database, house.vault, house.clock, engine=TextEngine(), recogniser="pack")
    shown: list[PhotoMatch | None] = []

    def search(resource_id: UUID, group: str, image: bytes) -> PhotoMatch | None:
        assert (resource_id, group, image) == (house.owner, STAFF, JPEG)
        return shown.pop(0)

    yield Hall(house, kiosks, CheckIns(house.database, house.clock, doors, liveness, search), liveness, shown)
    assert shown == []  # every picture was looked at


def test_a_key_is_stored_as_a_hash_and_belongs_to_one_resource(hall: Hall) -> None:
    house = hall.house
    kiosk, key = hall.kiosks.create(house.owner, "Reception", SPEC, actor="anna")
    assert hall.kiosks.opened_by(key) == kiosk
    assert len(key) >= 43
    with house.database.read(EVERY_RESOURCE) as session:
        row = session.scalars(select(DoorKioskRow)).one()
    assert key.encode() not in row.digest
    assert key not in row.spec + "\n".join(house.audit.export()) + repr(kiosk)
    for wrong in ("", key[:-1], key + "A", str(kiosk.kiosk_id)):
        with pytest.raises(NotConfiguredError):
            hall.kiosks.opened_by(wrong)
    with pytest.raises(NameInUseError):
        hall.kiosks.create(house.owner, "Reception", SPEC, actor="anna")
    assert hall.kiosks.of(house.other) == []
    with pytest.raises(NotConfiguredError):
        hall.kiosks.delete(house.other, kiosk.kiosk_id, actor="eve")
    hall.kiosks.delete(house.owner, hall.kiosks.named(house.owner, "Reception").kiosk_id, actor="anna")
    with pytest.raises(NotConfiguredError):
        hall.kiosks.opened_by(key)
    actions = [one.action for one in house.audit.search(resource_id=house.owner, action="door.kiosk*")]
    assert actions == ["door.kiosk.delete", "door.kiosk.create"]


@pytest.mark.parametrize("wrong", [
    {"group": "staff"},
    {"notice": " "},
    {"notice": "x" * 4001},
    {"greeting": "x" * 201},
    {"door": uuid4(), "liveness": False},
    {"acceptance_days": 0},
    {"acceptance_days": 3651},
])  # fmt: skip
def test_impossible_kiosks_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidDoorError):
        KioskSpec(**{"group": STAFF, "notice": "n"} | wrong)  # type: ignore[arg-type]  # fields


def test_a_kiosk_takes_doors_of_its_own_resource_only(hall: Hall) -> None:
    door = hall.house.door()
    with pytest.raises(InvalidDoorError, match="there is no door"):
        hall.kiosks.create(
            hall.house.other, "Reception", KioskSpec(group="directory", notice="n", door=door.door_id), actor="eve"
        )


def test_an_acceptance_holds_time_and_version_but_no_name_and_lapses(hall: Hall) -> None:
    kiosk, acceptance = hall.kiosk()
    other, _ = hall.kiosk(name="Back")
    with pytest.raises(InvalidDoorError):
        hall.kiosks.accept(kiosk, "0" * 64, "en")
    with hall.house.database.read(hall.house.owner) as session:
        row = session.scalars(select(DoorAcceptanceRow).where(DoorAcceptanceRow.acceptance_id == acceptance)).one()
    assert (row.at, row.notice, row.language, row.person_id) == (hall.house.clock.now(), SPEC.version, "en", None)
    assert hall.kiosks.is_accepted(kiosk, acceptance)
    assert not hall.kiosks.is_accepted(other, acceptance)
    assert not hall.kiosks.is_accepted(kiosk, uuid4())
    hall.house.clock.advance(timedelta(minutes=10))
    assert not hall.kiosks.is_accepted(kiosk, acceptance)
    hall.house.clock.advance(timedelta(hours=-1))
    assert not hall.kiosks.is_accepted(kiosk, acceptance), "a clock that is set back renews nothing"
    assert hall.kiosks.acceptances(hall.house.owner) == {kiosk.kiosk_id: 1, other.kiosk_id: 1}


def test_a_live_face_is_greeted_once_and_the_session_is_erased(hall: Hall) -> None:
    ada = hall.house.person("Ada")
    kiosk, acceptance = hall.kiosk()
    session = hall.session(kiosk, acceptance)
    with pytest.raises(InvalidDoorError):
        hall.check_ins.by_session(kiosk, uuid4(), session)
    hall.see(ada)
    answer = hall.check_ins.by_session(kiosk, acceptance, session)
    assert (answer.outcome, answer.name) == (CheckInResult.WELCOME, "Ada")
    with pytest.raises(SessionNotFoundError):
        hall.liveness.sessions.get(hall.house.owner, session, with_verify=False)
    with pytest.raises(InvalidDoorError):
        hall.check_ins.by_session(kiosk, acceptance, session)
    (event,) = hall.events()
    assert (event.kind, event.code, event.person_id, event.camera) == (
        EventKind.CHECK_IN,
        "checked_in",
        ada,
        "Reception",
    )
    assert event.reasons == ["The person checked in at a kiosk."]


@pytest.mark.parametrize("decision", [Decision.SPOOF, Decision.UNCERTAIN, None])
def test_a_face_that_is_not_live_is_not_looked_for(hall: Hall, decision: Decision | None) -> None:
    kiosk, acceptance = hall.kiosk()
    session = hall.session(kiosk, acceptance, decision)
    assert hall.check_ins.by_session(kiosk, acceptance, session).outcome is CheckInResult.RECEPTION
    assert [one.code for one in hall.events()] == ["not_live"]


@pytest.mark.parametrize("step", [timedelta(seconds=61), timedelta(hours=-1)])
def test_a_session_counts_for_a_minute_also_when_the_clock_is_set_back(hall: Hall, step: timedelta) -> None:
    kiosk, acceptance = hall.kiosk()
    session = hall.session(kiosk, acceptance)
    hall.house.clock.advance(step)
    assert hall.check_ins.by_session(kiosk, acceptance, session).outcome is CheckInResult.RECEPTION
    with pytest.raises(InvalidDoorError):
        hall.check_ins.by_photo(kiosk, JPEG)


def test_strangers_and_poor_pictures_see_reception(hall: Hall) -> None:
    ada = hall.house.person("Ada")
    kiosk, _ = hall.kiosk(KioskSpec(group=STAFF, notice="n", liveness=False))
    hall.see(None)
    hall.see(ada, quality="low")
    hall.see(uuid4())
    hall.shown.append(None)
    second = TrackCandidate("staff", str(uuid4()), "", 0.85)
    hall.shown.append(PhotoMatch(TrackCandidate("staff", str(ada), "", 0.9), second, "high", 200))
    assert [hall.check_ins.by_photo(kiosk, JPEG).outcome for _ in range(5)] == [CheckInResult.RECEPTION] * 5
    assert [one.code for one in hall.events()] == ["stranger", "quality", "stranger", "stranger", "margin"]
    assert {one.person_id for one in hall.events()} == {None}


def test_a_door_opens_by_its_rules_and_by_nothing_else(hall: Hall) -> None:
    house = hall.house
    ada, bob = house.person("Ada"), house.person("Bob", "guests")
    door = house.doors.create(
        house.owner, "Front", DoorSpec(hold_off_seconds=0), MqttActuator(topic="door/front"), actor="anna"
    )
    kiosk, acceptance = hall.kiosk(KioskSpec(group=STAFF, notice="n", door=door.door_id))

    def come(person: UUID | None, openings: Openings | None = None) -> CheckInResult:
        hall.see(person)
        session = hall.session(kiosk, acceptance)
        answer = hall.check_ins.by_session(kiosk, acceptance, session)
        assert answer.outcome is CheckInResult.RECEPTION, "nobody is welcome before the door has opened"
        with pytest.raises(SessionNotFoundError):
            hall.liveness.sessions.get(house.owner, session, with_verify=False)
        if answer.opening is None:
            return answer.outcome
        assert openings is not None
        openings.work()
        last = hall.check_ins.look(kiosk, answer.opening)
        assert last.opening is None
        return last.outcome

    assert come(ada) is CheckInResult.RECEPTION  # no rule
    house.rule(door)
    actuator = Recorder()
    with house.claims.hold(f"door/{door.door_id}") as held:
        assert held is not None
        openings = house.openings(door, actuator, held)
        assert come(ada, openings) is CheckInResult.WELCOME
        assert len(actuator.opened) == 1
        assert come(bob) is CheckInResult.RECEPTION
        assert come(None) is CheckInResult.RECEPTION
        actuator.fails = True
        assert come(ada, openings) is CheckInResult.RECEPTION, "the door stayed shut"
    house.approved.clear()
    assert come(ada) is CheckInResult.RECEPTION
    opened = [one for one in hall.events() if one.granted]
    assert {(one.person_id, one.act, one.camera) for one in opened} == {
        (ada, Act.DONE, "Reception"),
        (ada, Act.FAILED, "Reception"),
    }
    codes = [one.code for one in hall.events() if one.kind is EventKind.DECISION]
    assert codes == ["no_rule", "granted", "person_unknown", "granted", "not_approved"]
    house.doors.delete(house.owner, door.door_id, actor="anna")
    assert come(ada) is CheckInResult.RECEPTION


async def test_a_kiosk_that_waits_for_its_door_leaves_the_worker_threads_to_others(hall: Hall) -> None:
    house = hall.house
    ada = house.person("Ada")
    spec = DoorSpec(decision_seconds=10)
    door = house.doors.create(house.owner, "Front", spec, MqttActuator(topic="door/front"), actor="anna")
    house.rule(door)
    kiosk, acceptance = hall.kiosk(KioskSpec(group=STAFF, notice="n", door=door.door_id))
    session = hall.session(kiosk, acceptance)
    hall.see(ada)
    pool = WorkerPool(1, 1)
    parts = KioskParts(hall.kiosks, hall.check_ins, lambda kiosk, address: True)
    pages = KioskPages(parts, pool, OriginFinder(), BodyLimits())
    with house.claims.hold(f"door/{door.door_id}") as held:
        assert held is not None
        openings = house.openings(door, Recorder(), held)
        checked_in = asyncio.ensure_future(
            pages.check_in(kiosk, lambda: hall.check_ins.by_session(kiosk, acceptance, session))
        )
        while await pool.run(openings.work) == 0:  # in the only thread: before, the kiosk kept it
            await asyncio.sleep(0.01)
        assert await checked_in == {"outcome": "welcome", "name": "Ada"}
    pool.close()


def test_a_code_greets_and_opens_nothing(hall: Hall) -> None:
    house = hall.house
    ada = house.person("Ada")
    now = house.clock.now()
    house.roster.add_badge(house.owner, STAFF, ada, BadgeNumber(number=4711, facility=12), actor="anna")
    visit = house.roster.add_visitor(
        house.owner, STAFF, ada, starts_at=now, ends_at=now + timedelta(hours=1), host=None, actor="anna"
    )
    kiosk, _ = hall.kiosk()
    for code, outcome in (
        ("12:4711", CheckInResult.WELCOME),
        (str(visit.visitor_id), CheckInResult.WELCOME),
        ("4711", CheckInResult.RECEPTION),
        ("999:1", CheckInResult.RECEPTION),
        ("9" * 21, CheckInResult.RECEPTION),
        (str(uuid4()), CheckInResult.RECEPTION),
        ("Ada", CheckInResult.RECEPTION),
    ):
        assert hall.check_ins.by_code(kiosk, code).outcome is outcome, code
    house.clock.advance(timedelta(seconds=3601))
    assert hall.check_ins.by_code(kiosk, str(visit.visitor_id)).outcome is CheckInResult.RECEPTION
    assert "4711" not in without_ids("".join(str(one.to_json()) for one in hall.events()))
    door = house.door()
    house.rule(door)
    at_door, _ = hall.kiosk(KioskSpec(group=STAFF, notice="n", door=door.door_id), "Door")
    assert {hall.check_ins.by_code(at_door, code).outcome for code in ("12:4711", "1", "x")} == {CheckInResult.FACE}
    assert [one.code for one in hall.events() if one.kind is EventKind.BADGE] == ["badge", "badge_unknown"]
    assert not any(one.granted for one in hall.events())


def test_a_kiosk_is_changed_switched_off_and_given_another_key(hall: Hall) -> None:
    house, kiosks = hall.house, hall.kiosks
    kiosk, key = kiosks.create(house.owner, "Reception", SPEC, actor="anna")
    old = kiosks.accept(kiosk, SPEC.version, "en")
    changed = replace(SPEC, notice="A new notice.", greeting="Hello, {name}")
    done = kiosks.change(house.owner, kiosk.kiosk_id, actor="anna", name="Lobby", spec=changed)
    assert kiosks.opened_by(key) == done, "the key stays"
    assert (done.name, done.spec) == ("Lobby", changed)
    assert not kiosks.is_accepted(done, old), "a new notice is accepted anew"
    renamed, renewed = kiosks.renew_key(house.owner, kiosk.kiosk_id, actor="anna")
    assert kiosks.opened_by(renewed) == renamed == done
    with pytest.raises(NotConfiguredError):
        kiosks.opened_by(key)
    kiosks.change(house.owner, kiosk.kiosk_id, actor="anna", spec=replace(changed, enabled=False))
    with pytest.raises(NotConfiguredError):
        kiosks.opened_by(renewed)
    kiosks.create(house.owner, "Yard", SPEC, actor="anna")
    with pytest.raises(NameInUseError):
        kiosks.change(house.owner, kiosk.kiosk_id, actor="anna", name="Yard")
    for call in (
        lambda: kiosks.change(house.other, kiosk.kiosk_id, actor="eve", name="Mine"),
        lambda: kiosks.renew_key(house.other, kiosk.kiosk_id, actor="eve"),
    ):
        with pytest.raises(NotConfiguredError):
            call()
    with pytest.raises(InvalidDoorError, match="there is no door"):
        kiosks.change(house.owner, kiosk.kiosk_id, actor="anna", spec=replace(SPEC, door=uuid4()))
    entries = house.audit.search(resource_id=house.owner, action="door.kiosk*")
    assert [one.action for one in entries] == [
        "door.kiosk.create",
        "door.kiosk.change",
        "door.kiosk.key",
        "door.kiosk.change",
        "door.kiosk.create",
    ]
    assert renewed not in "\n".join(house.audit.export())


def test_acceptances_are_kept_for_the_days_of_their_kiosk(hall: Hall) -> None:
    house, kiosks = hall.house, hall.kiosks
    brief, _ = kiosks.create(house.owner, "Brief", replace(SPEC, acceptance_days=2), actor="anna")
    usual, _ = kiosks.create(house.owner, "Usual", SPEC, actor="anna")
    gone, _ = kiosks.create(house.other, "Gone", replace(SPEC, group="directory", acceptance_days=2), actor="eve")
    for kiosk in (brief, usual, gone):
        kiosks.accept(kiosk, SPEC.version, "en")
    kiosks.delete(house.other, gone.kiosk_id, actor="eve")
    assert kiosks.purge() == 0
    house.clock.advance(timedelta(days=3))
    kiosks.accept(brief, SPEC.version, "en")
    assert kiosks.purge() == 1
    assert kiosks.acceptances(house.owner) == {brief.kiosk_id: 1, usual.kiosk_id: 1}
    assert kiosks.acceptances(house.other) == {gone.kiosk_id: 1}, "those of a deleted kiosk stay for a year"
    house.clock.advance(timedelta(days=363))
    assert kiosks.purge() == 3
    assert kiosks.acceptances(house.owner) == kiosks.acceptances(house.other) == {}


def test_a_kiosk_needs_no_video_library() -> None:
    code = (
        "import sys; sys.modules['av'] = None; import mien.doors.kiosk_search, mien.wire.kiosk.pages; print('loaded')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300)
    assert done.stdout == "loaded\n", done.stderr
