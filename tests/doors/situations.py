"""Strategies for evidence and situations."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from hypothesis import strategies as st

from mien.doors.evidence import TrackCandidate, TrackEvidence
from mien.doors.people import Known
from mien.doors.roster_types import RosterPerson
from mien.doors.rules import FirstOfTwo, PresentedBadge, Situation
from mien.doors.types import Direction, Door, DoorSpec, Holidays, How, Rule, RuleSpec, Window

DOOR, ELSEWHERE = UUID(int=1), UUID(int=2)
PEOPLE = [UUID(int=number) for number in (11, 12, 13)]
HOME = UUID(int=21)
GROUPS = ["personGroup/staff", "dynamicGroup/night", "directory"]
ZONES = ["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago"]

moments = st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))
windows = st.builds(
    Window,
    days=st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
    start=st.integers(0, 1439),
    end=st.integers(1, 1440),
)
rules = st.builds(
    Rule,
    rule_id=st.uuids(),
    position=st.integers(1, 5),
    spec=st.builds(
        RuleSpec,
        name=st.just("a rule"),
        doors=st.sampled_from([(DOOR,), (DOOR, ELSEWHERE), (ELSEWHERE,), ()]),
        directions=st.sampled_from([(Direction.ENTRY,), (Direction.EXIT,), (Direction.ENTRY, Direction.EXIT), ()]),
        groups=st.lists(st.sampled_from(GROUPS), max_size=2).map(tuple),
        persons=st.lists(st.sampled_from(PEOPLE), max_size=2).map(tuple),
        visitors=st.booleans(),
        schedule=st.one_of(
            st.just((Window(days=(0, 1, 2, 3, 4, 5, 6), start=0, end=1440),)), st.lists(windows, max_size=2).map(tuple)
        ),
        holidays=st.sampled_from(list(Holidays)),
        how=st.sampled_from(list(How)),
        liveness=st.booleans(),
        enabled=st.sampled_from([True, True, True, False]),
    ),
)
doors = st.builds(
    Door,
    door_id=st.just(DOOR),
    resource_id=st.just(UUID(int=9)),
    name=st.just("Front"),
    spec=st.builds(
        DoorSpec,
        time_zone=st.sampled_from(ZONES),
        anti_passback=st.booleans(),
        duress=st.sampled_from([(), (PEOPLE[0],)]),
        enabled=st.sampled_from([True, True, True, False]),
    ),
    actuator=st.just("none"),
    created_at=st.just(datetime(2024, 1, 1, tzinfo=UTC)),
    changed_at=st.just(datetime(2024, 1, 1, tzinfo=UTC)),
)


@st.composite
def known(draw: st.DrawFn) -> Known:
    person = RosterPerson(place="directory", person_id=draw(st.sampled_from(PEOPLE)), name="Ada")
    return Known(HOME, person, frozenset(draw(st.sets(st.sampled_from(GROUPS)))))


@st.composite
def cases(draw: st.DrawFn) -> tuple[TrackEvidence, Situation]:
    """Evidence and a situation: mostly good, each part spoilt now and then."""
    at = draw(moments)

    def mostly(good: object, *bad: object) -> object:
        return draw(st.sampled_from([good] * 6 + list(bad)))

    before = st.floats(0, 60).map(lambda seconds: at - timedelta(seconds=seconds))
    person = draw(st.one_of(st.none(), known(), known(), known()))
    best = None
    if person is not None or draw(st.booleans()):
        confidence = mostly(0.9, 0.2, 0.55, float("nan"), 1.5)
        who = str(person.person.person_id) if person else str(UUID(int=99))
        best = TrackCandidate("", who, "Ada", float(str(confidence)))
    second = draw(
        st.one_of(
            st.none(),
            st.just(TrackCandidate("", str(UUID(int=98)), "", 0.3)),
            st.just(TrackCandidate("", "x", "", 0.88)),
        )
    )
    evidence = TrackEvidence(
        camera="Lobby",
        track="1",
        started_at=at - timedelta(seconds=3),
        updated_at=at - timedelta(seconds=float(str(mostly(0.2, 9.0, -60.0)))),
        frames=8,
        readable=int(str(mostly(6, 0))),
        agreeing=int(str(mostly(6, 2, 9))),
        best=best,
        second=second,
        quality=str(mostly("high", "low", "odd")),
        face_px=int(str(mostly(140, 40))),
        liveness=draw(st.sampled_from([0.9, 0.9, 0.9, 0.3, None, float("nan")])),
    )
    door = draw(doors)
    mine = draw(st.lists(rules, max_size=4))
    badge = draw(
        st.one_of(
            st.none(),
            st.builds(PresentedBadge, st.just(HOME), st.sampled_from(PEOPLE), before, st.booleans()),
        )
    )
    waiting = draw(
        st.lists(
            st.builds(
                FirstOfTwo,
                st.sampled_from([rule.rule_id for rule in mine] or [UUID(int=77)]),
                st.just(HOME),
                st.sampled_from(PEOPLE),
                before,
            ),
            max_size=3,
        )
    )
    day = st.sampled_from([date(at.year, at.month, at.day), date(2024, 1, 1)])
    return evidence, Situation(
        door=door,
        direction=draw(st.sampled_from(list(Direction))),
        at=at,
        rules=tuple(mine),
        person=person if best is not None else None,
        approved=bool(mostly(True, False)),
        holidays=frozenset(draw(st.sets(day))),
        visiting=draw(st.booleans()),
        inside_since=draw(st.one_of(st.none(), before)),
        passed_at=draw(st.one_of(st.none(), st.none(), before)),
        badge=badge,
        waiting=tuple(waiting),
    )
