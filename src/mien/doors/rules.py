"""Decide on a track's evidence. Pure functions: the same evidence and situation always give the same verdict.

Everything is refused by default. A door opens only if the evidence is good enough for the door, and one rule allows
this person, here, now, and everything else that it requires is present.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from mien.doors.agreement import liveness_failures
from mien.doors.checks import zone_of
from mien.doors.evidence import TrackEvidence
from mien.doors.people import Known
from mien.doors.reasons import PENDING, Code, Failure, number
from mien.doors.schedule import is_open
from mien.doors.types import Direction, Door, How, Quality, Rule, RuleSpec

AHEAD: Final = timedelta(seconds=2)
"""How far a time may be ahead of the clock of the deciding server. A time that is further ahead was recorded before
the clock was set back, or by another clock: how long ago that was is not known."""


@dataclass(frozen=True, slots=True)
class PresentedBadge:
    """A badge that was presented at the door and is unused.

    Attributes:
        collection: the collection of its person.
        person_id: id of the person who owns it.
        at: time when it was presented.
        duress: whether its use is a silent alarm.
        number: number of the event that tells of it.
    """

    collection: UUID
    person_id: UUID
    at: datetime
    duress: bool = False
    number: int = 0


@dataclass(frozen=True, slots=True)
class FirstOfTwo:
    """A person whom a two-person rule allows and who waits for another.

    Attributes:
        rule_id: the rule.
        collection: the person's collection.
        person_id: id of the person.
        at: time when they were recognised.
        number: number of the event that tells of it.
        seen: the camera and its name for the track; None if the track was forgotten.
        inside_since: time when they entered the door's area; None while they are outside.
        duress: whether their being seen is a silent alarm.
    """

    rule_id: UUID
    collection: UUID
    person_id: UUID
    at: datetime
    number: int = 0
    seen: tuple[str | None, str] | None = None
    inside_since: datetime | None = None
    duress: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """The data besides the evidence on which a decision depends.

    Attributes:
        door: the door.
        direction: which way.
        at: the time.
        rules: the resource's rules, in their order.
        person: the evidence's best candidate as the database has them; None for nobody.
        approved: whether the resource is approved for video identification.
        holidays: local days that are holidays.
        visiting: whether the person is a visitor at the moment.
        inside_since: time when the person entered the door's area; None while they are outside.
        passed_at: time when the person was last let through this door in this direction.
        badge: the newest badge presented at the door.
        waiting: persons who wait for a second one and may still pass (`may_still_pass`).
    """

    door: Door
    direction: Direction
    at: datetime
    rules: Sequence[Rule]
    person: Known | None
    approved: bool = True
    holidays: frozenset[date] = frozenset()
    visiting: bool = False
    inside_since: datetime | None = None
    passed_at: datetime | None = None
    badge: PresentedBadge | None = None
    waiting: Sequence[FirstOfTwo] = ()


@dataclass(frozen=True, slots=True)
class AccessDecision:
    """A decision and its reason.

    Attributes:
        granted: whether the door is to open.
        rule: the rule that allows it; without one, the rule that comes nearest.
        failed: the conditions that failed; empty if and only if it is granted.
        duress: whether a duress person or badge was seen; the door does the same as without.
        badge: whether the badge was used.
        partner: the other of two persons.
    """

    granted: bool
    rule: Rule | None
    failed: tuple[Failure, ...]
    duress: bool = False
    badge: bool = False
    partner: FirstOfTwo | None = None

    @property
    def code(self) -> Code:
        """The main reason: the first condition that failed."""
        return self.failed[0].code if self.failed else Code.GRANTED

    @property
    def pending(self) -> bool:
        """Whether more evidence of the same track may still change the main reason of a refusal."""
        return not self.granted and self.code in PENDING


def decide(evidence: TrackEvidence, situation: Situation) -> AccessDecision:
    """Return whether a door opens, and why.

    Args:
        evidence: evidence of one track, as of now.
        situation: all that it is compared with.
    """
    of_door = tuple(_door_failures(evidence, situation))
    best: tuple[int, Rule, tuple[Failure, ...], FirstOfTwo | None] | None = None
    for rule in situation.rules:
        if not _applies(rule.spec, situation):
            continue
        partner = _partner(rule, evidence, situation)
        failed = tuple(_rule_failures(rule.spec, evidence, situation, partner))
        # A rule that names the person explains more than any other, whatever else each lacks.
        distance = len(failed) + 100 * any(one.code is Code.NOT_ALLOWED for one in failed)
        if best is None or distance < best[0]:
            best = (distance, rule, failed, partner)
    duress = _duress(situation)
    if best is None:
        return AccessDecision(False, None, (*of_door, Failure(Code.NO_RULE)), duress)
    _, rule, failed, partner = best
    failed = (*of_door, *failed)
    if failed:
        return AccessDecision(False, rule, failed, duress)
    used = rule.spec.how is How.FACE_AND_BADGE
    if rule.spec.how is not How.TWO_PERSONS or partner is None:
        return AccessDecision(True, rule, (), duress, used)
    return AccessDecision(True, rule, (), duress or partner.duress, used, partner)


def may_still_pass(rule: Rule, situation: Situation) -> bool:
    """Return whether a person who waits for a second one is still allowed to pass.

    Args:
        rule: the rule by which they wait.
        situation: with the person who waits.
    """
    person = situation.person
    allowed = person is not None and _names_person(rule.spec, person, visiting=situation.visiting)
    return allowed and not any(_passage_failures(situation))


def _door_failures(evidence: TrackEvidence, situation: Situation) -> Iterator[Failure]:
    """Yield the requirements of the door that the evidence and the person do not meet."""
    spec, now = situation.door.spec, situation.at
    if not situation.approved:
        yield Failure(Code.NOT_APPROVED)
    if not spec.enabled:
        yield Failure(Code.DOOR_DISABLED)
    age = (now - evidence.updated_at).total_seconds()
    if not -AHEAD.total_seconds() <= age <= spec.decision_seconds:
        yield Failure(Code.EVIDENCE_OLD, round(age, 1), spec.decision_seconds)
    if evidence.best is None:
        yield Failure(Code.STRANGER)
        return
    if situation.person is None:
        yield Failure(Code.PERSON_UNKNOWN)
        return
    if not evidence.session and not evidence.agreeing >= spec.frames:
        yield Failure(Code.FRAMES, evidence.agreeing, spec.frames)
    share = evidence.agreeing / evidence.readable if evidence.readable > 0 else 0.0
    if not spec.agreement <= share <= 1:
        yield Failure(Code.AGREEMENT, number(share), spec.agreement)
    if not spec.confidence <= evidence.best.confidence <= 1:
        yield Failure(Code.CONFIDENCE, number(evidence.best.confidence), spec.confidence)
    if not evidence.margin >= spec.margin:
        yield Failure(Code.MARGIN, number(evidence.margin), spec.margin)
    if evidence.quality not in set(Quality) or not Quality(evidence.quality).reaches(spec.quality):
        yield Failure(Code.QUALITY, evidence.quality, spec.quality.value)
    if not evidence.face_px >= spec.face_px:
        yield Failure(Code.FACE_SIZE, evidence.face_px, spec.face_px)
    yield from _passage_failures(situation)


def _passage_failures(situation: Situation) -> Iterator[Failure]:
    """Yield the failures of hold-off and anti-passback."""
    spec, now = situation.door.spec, situation.at
    if situation.passed_at is not None:
        since = (now - situation.passed_at).total_seconds()
        if -AHEAD.total_seconds() <= since < spec.hold_off_seconds:
            yield Failure(Code.HOLD_OFF, round(max(since, 0.0), 1), spec.hold_off_seconds)
    if spec.anti_passback:
        inside = is_inside(situation.inside_since, now, spec.passback_hours)
        if inside and situation.direction is Direction.ENTRY:
            yield Failure(Code.ALREADY_INSIDE)
        elif not inside and situation.direction is Direction.EXIT:
            yield Failure(Code.NOT_INSIDE)


def is_inside(since: datetime | None, now: datetime, hours: float) -> bool:
    """Return whether somebody who entered at a moment still counts as inside.

    After the clock was set back, the moment may be in the future: it counts only if it is nearer than `hours`, so that
    a clock that was wrong for a while locks nobody out for longer.
    """
    return since is not None and abs(now - since) < timedelta(hours=hours)


def _applies(spec: RuleSpec, situation: Situation) -> bool:
    return spec.enabled and situation.door.door_id in spec.doors and situation.direction in spec.directions


def _rule_failures(
    spec: RuleSpec, evidence: TrackEvidence, situation: Situation, partner: FirstOfTwo | None
) -> Iterator[Failure]:
    """Yield the requirements of a rule that are not met."""
    door, person = situation.door.spec, situation.person
    if (
        evidence.best is not None
        and person is not None
        and not _names_person(spec, person, visiting=situation.visiting)
    ):
        yield Failure(Code.NOT_ALLOWED)
    if not is_open(
        spec.schedule,
        situation.at,
        zone_of(door.time_zone),
        use=spec.holidays,
        holidays=situation.holidays,
        first_day=spec.first_day,
        last_day=spec.last_day,
    ):
        yield Failure(Code.WRONG_TIME)
    if spec.liveness:
        yield from liveness_failures(evidence, door.liveness)
    if spec.how is How.FACE_AND_BADGE:
        yield from _badge_failures(situation)
    if spec.how is How.TWO_PERSONS and partner is None:
        yield Failure(Code.SECOND_PERSON_MISSING, None, door.pair_seconds)


def _names_person(spec: RuleSpec, person: Known, *, visiting: bool) -> bool:
    """Return whether a rule names a person: by itself, by a group, or as a visitor."""
    return (
        person.person.person_id in spec.persons
        or not person.groups.isdisjoint(spec.groups)
        or (spec.visitors and visiting)
    )


def _badge_failures(situation: Situation) -> Iterator[Failure]:
    badge, seconds = situation.badge, situation.door.spec.badge_seconds
    if badge is None or not _within(badge.at, situation.at, seconds):
        yield Failure(Code.BADGE_MISSING, None, seconds)
    elif not _is(badge.collection, badge.person_id, situation.person):
        yield Failure(Code.BADGE_OF_OTHER)


def _partner(rule: Rule, evidence: TrackEvidence, situation: Situation) -> FirstOfTwo | None:
    """Return somebody else who waits for a second person by this rule: another person, and another track.

    One face that is taken for one person and then for another is not two people.
    """
    if situation.person is None:
        return None
    for first in situation.waiting:
        fits = first.rule_id == rule.rule_id and first.person_id != situation.person.person.person_id
        other = first.seen != (evidence.camera, evidence.track)
        if fits and other and _within(first.at, situation.at, situation.door.spec.pair_seconds):
            return first
    return None


def _duress(situation: Situation) -> bool:
    person, badge = situation.person, situation.badge
    if person is not None and person.person.person_id in situation.door.spec.duress:
        return True
    fresh = badge is not None and _within(badge.at, situation.at, situation.door.spec.badge_seconds)
    return badge is not None and fresh and badge.duress


def _within(earlier: datetime, now: datetime, seconds: float) -> bool:
    return -AHEAD <= now - earlier <= timedelta(seconds=seconds)


def _is(collection: UUID, person_id: UUID, person: Known | None) -> bool:
    return person is not None and (collection, person_id) == (person.collection, person.person.person_id)
