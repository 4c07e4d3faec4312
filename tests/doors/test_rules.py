"""The decision, against a plain restatement of its conditions."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from tests.doors.situations import DOOR, HOME, PEOPLE, cases
from tests.examples import examples

from mien.doors.checks import zone_of
from mien.doors.evidence import TrackCandidate, TrackEvidence
from mien.doors.people import Known
from mien.doors.reasons import Code
from mien.doors.roster_types import RosterPerson
from mien.doors.rules import FirstOfTwo, PresentedBadge, Situation, decide
from mien.doors.schedule import is_open
from mien.doors.types import ALWAYS, Direction, Door, DoorSpec, How, Rule, RuleSpec

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def expected(evidence: TrackEvidence, situation: Situation) -> bool:
    """Whether a door opens, condition by condition, without any of the code under test but schedules."""
    spec, person, best = situation.door.spec, situation.person, evidence.best
    if not (situation.approved and spec.enabled and person is not None and best is not None):
        return False
    age = (situation.at - evidence.updated_at).total_seconds()
    second = evidence.second.confidence if evidence.second else 0
    good = (
        -2 <= age <= spec.decision_seconds
        and evidence.agreeing >= spec.frames
        and evidence.readable > 0
        and spec.agreement * evidence.readable <= evidence.agreeing <= evidence.readable
        and spec.confidence <= best.confidence <= 1
        and best.confidence - second >= spec.margin
        and evidence.quality in {"medium", "high"}
        and evidence.face_px >= spec.face_px
    )
    passed = situation.passed_at
    good = good and (passed is None or (situation.at - passed).total_seconds() >= spec.hold_off_seconds)
    if spec.anti_passback:
        inside = situation.inside_since is not None
        good = good and inside == (situation.direction is Direction.EXIT)
    return good and any(fits(rule, evidence, situation, person) for rule in situation.rules)


def fits(rule: Rule, evidence: TrackEvidence, situation: Situation, person: Known) -> bool:
    said, door = rule.spec, situation.door.spec
    who = person.person.person_id
    named = who in said.persons or bool(person.groups & set(said.groups)) or (said.visitors and situation.visiting)
    when = is_open(said.schedule, situation.at, zone_of(door.time_zone), use=said.holidays, holidays=situation.holidays)
    live = not said.liveness or (evidence.liveness is not None and evidence.liveness >= door.liveness)
    badge, extra = situation.badge, True
    if said.how is How.FACE_AND_BADGE:
        extra = badge is not None and badge.person_id == who and (situation.at - badge.at).total_seconds() <= 20
    if said.how is How.TWO_PERSONS:
        extra = any(
            one.rule_id == rule.rule_id and one.person_id != who and (situation.at - one.at).total_seconds() <= 20
            for one in situation.waiting
        )
    where = DOOR in said.doors and situation.direction in said.directions
    return said.enabled and named and when and live and extra and where


@given(cases())
@examples(200)
def test_a_door_opens_exactly_when_every_condition_is_met(case: tuple[TrackEvidence, Situation]) -> None:
    evidence, situation = case
    verdict = decide(evidence, situation)
    assert verdict.granted == expected(evidence, situation)
    assert verdict.granted == (not verdict.failed)
    assert verdict.granted == (verdict.code is Code.GRANTED)
    if verdict.granted:
        assert verdict.rule is not None
        assert situation.person is not None
        assert fits(verdict.rule, evidence, situation, situation.person)
    for failure in verdict.failed:
        assert "None" not in failure.text
        assert "{" not in failure.text


@given(cases())
@examples(50)
def test_the_same_evidence_always_gives_the_same_verdict(case: tuple[TrackEvidence, Situation]) -> None:
    evidence, situation = case
    assert repr(decide(evidence, situation)) == repr(decide(evidence, situation))


@given(cases(), st.randoms(use_true_random=False))
@examples(50)
def test_the_order_of_rules_changes_the_reason_at_most(
    case: tuple[TrackEvidence, Situation], chance: random.Random
) -> None:
    evidence, situation = case
    mixed = list(situation.rules)
    chance.shuffle(mixed)
    assert decide(evidence, situation).granted == decide(evidence, replace(situation, rules=tuple(mixed))).granted


@given(cases(), st.data())
@examples(50)
def test_without_one_of_the_rules_no_door_opens_that_was_shut(
    case: tuple[TrackEvidence, Situation], data: st.DataObject
) -> None:
    evidence, situation = case
    fewer = tuple(rule for rule in situation.rules if data.draw(st.booleans()))
    if decide(evidence, replace(situation, rules=fewer)).granted:
        assert decide(evidence, situation).granted


@given(cases())
@examples(50)
def test_duress_never_changes_what_the_door_does(case: tuple[TrackEvidence, Situation]) -> None:
    evidence, situation = case
    badge = situation.badge
    quiet = replace(
        situation,
        badge=badge and replace(badge, duress=False),
        door=replace(situation.door, spec=replace(situation.door.spec, duress=())),
    )
    loud, silent = decide(evidence, situation), decide(evidence, quiet)
    assert (loud.granted, loud.failed, silent.duress) == (silent.granted, silent.failed, False)


ADA = Known(
    HOME, RosterPerson(place="personGroup/staff", person_id=PEOPLE[0], name="Ada"), frozenset({"personGroup/staff"})
)
BOB = Known(
    HOME, RosterPerson(place="personGroup/staff", person_id=PEOPLE[1], name="Bob"), frozenset({"personGroup/staff"})
)


def evidence_of(known: Known | None, **changes: object) -> TrackEvidence:
    who = TrackCandidate("staff", str(known.person.person_id), known.person.name, 0.93) if known else None
    made = TrackEvidence("Lobby", "7", NOW, NOW, 9, 8, 8, who, None, "high", 150, 0.9)
    return replace(made, **changes)  # type: ignore[arg-type]  # fields of the tests' choice


def situation_of(known: Known | None, *rules: RuleSpec, **changes: object) -> Situation:
    door = Door(
        door_id=DOOR,
        resource_id=UUID(int=9),
        name="Front",
        spec=DoorSpec(),
        actuator="none",
        created_at=NOW,
        changed_at=NOW,
    )
    made = tuple(Rule(rule_id=UUID(int=100 + n), position=n, spec=spec) for n, spec in enumerate(rules))
    return replace(Situation(door, Direction.ENTRY, NOW, made, known), **changes)  # type: ignore[arg-type]  # as above


STAFF = RuleSpec(name="Staff", doors=(DOOR,), groups=("personGroup/staff",), schedule=ALWAYS)


def test_everything_is_refused_by_default() -> None:
    assert decide(evidence_of(ADA), situation_of(ADA)).code is Code.NO_RULE
    for rule in (
        RuleSpec(name="Empty"),
        RuleSpec(name="Nobody", doors=(DOOR,), schedule=ALWAYS),
        RuleSpec(name="Never", doors=(DOOR,), groups=("personGroup/staff",)),
        RuleSpec(name="Nowhere", groups=("personGroup/staff",), schedule=ALWAYS),
        replace(STAFF, directions=()),
        replace(STAFF, enabled=False),
    ):
        assert not decide(evidence_of(ADA), situation_of(ADA, rule)).granted, rule.name
    assert decide(evidence_of(ADA), situation_of(ADA, STAFF)).granted


def test_the_reason_is_that_of_the_rule_that_names_the_person() -> None:
    others = replace(STAFF, name="Cleaners", groups=("personGroup/cleaners",))
    shut = replace(STAFF, name="Never", schedule=(), how=How.FACE_AND_BADGE)
    verdict = decide(evidence_of(ADA), situation_of(ADA, others, shut))
    assert verdict.rule is not None
    assert verdict.rule.spec.name == "Never"
    assert [one.code for one in verdict.failed] == [Code.WRONG_TIME, Code.BADGE_MISSING]
    assert not verdict.pending
    assert verdict.failed[1].text == "A badge of the person is needed within 20 s."


def test_numbers_are_in_the_reason() -> None:
    weak = evidence_of(ADA, agreeing=2, readable=4, liveness=0.31, face_px=60)
    verdict = decide(weak, situation_of(ADA, STAFF))
    assert [one.text for one in verdict.failed] == [
        "Frames that agree: 2; needed: 3.",
        "0.5 of the readable frames agree; 0.6 is needed.",
        "The face is 60 pixels wide; 80 are needed.",
        "The liveness evidence is 0.31; 0.5 is needed.",
    ]
    assert verdict.pending


def test_a_held_picture_is_named_where_the_rule_asks_for_liveness() -> None:
    held = evidence_of(ADA, liveness=0.0, held_edges=True)
    verdict = decide(held, situation_of(ADA, STAFF))
    assert [one.text for one in verdict.failed] == [
        "Straight edges move with the face, as those of a print or screen that somebody holds."
    ]
    assert decide(held, situation_of(ADA, replace(STAFF, liveness=False))).granted


def test_a_stranger_and_a_person_who_was_deleted_meanwhile() -> None:
    assert decide(evidence_of(None), situation_of(None, STAFF)).code is Code.STRANGER
    verdict = decide(evidence_of(ADA), situation_of(None, STAFF))
    assert (verdict.code, verdict.pending) == (Code.PERSON_UNKNOWN, False)


def test_a_badge_must_be_of_the_very_person_and_fresh() -> None:
    rule = replace(STAFF, how=How.FACE_AND_BADGE)
    mine = PresentedBadge(HOME, PEOPLE[0], NOW - timedelta(seconds=5))
    assert decide(evidence_of(ADA), situation_of(ADA, rule)).code is Code.BADGE_MISSING
    assert decide(evidence_of(ADA), situation_of(ADA, rule, badge=replace(mine, person_id=PEOPLE[1]))).code is (
        Code.BADGE_OF_OTHER
    )
    old = replace(mine, at=NOW - timedelta(seconds=21))
    assert decide(evidence_of(ADA), situation_of(ADA, rule, badge=old)).code is Code.BADGE_MISSING
    verdict = decide(evidence_of(ADA), situation_of(ADA, rule, badge=replace(mine, duress=True)))
    assert (verdict.granted, verdict.badge, verdict.duress) == (True, True, True)


def test_two_persons_are_two() -> None:
    rule = replace(STAFF, how=How.TWO_PERSONS)
    alone = situation_of(BOB, rule)
    assert decide(evidence_of(BOB), alone).code is Code.SECOND_PERSON_MISSING
    first = FirstOfTwo(UUID(int=100), HOME, PEOPLE[0], NOW - timedelta(seconds=3))
    assert decide(evidence_of(BOB), replace(alone, waiting=(first,))).partner == first
    for wrong in (
        replace(first, person_id=PEOPLE[1]),
        replace(first, rule_id=UUID(int=5)),
        replace(first, at=NOW - timedelta(seconds=21)),
    ):
        assert not decide(evidence_of(BOB), replace(alone, waiting=(wrong,))).granted
