"""A match counts only when as many different people as were asked for agree, whatever is called in whatever order."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from sqlalchemy import select, update
from tests.conftest import MASTER_KEY, sqlite_database
from tests.examples import run_machine
from tests.gallery.conftest import World, embedding, open_world, unit
from tests.gallery.texts import recognisers
from tests.manual_clock import ManualClock
from tests.many_people import NewPerson, add_persons

from mien.accounts import DEVELOPMENT_TERMS
from mien.events import AlertRules, AuditLog, Condition
from mien.events.audit_chain import AuditEntry, verify_entries
from mien.gallery.directory.services import open_directory
from mien.gallery.errors import (
    AlreadyAnsweredError,
    InvalidReviewPolicyError,
    OwnCaseError,
    ReviewDecidedError,
    ReviewExistsError,
    ReviewNotFoundError,
    UnknownCandidateError,
)
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.reviews import (
    NOBODY,
    ApplicationReviews,
    Filed,
    FiledMatch,
    MatchCandidate,
    Reviews,
    ReviewState,
    outcome,
)
from mien.gallery.types import Candidate
from mien.storage import EVERY_RESOURCE, Database, MasterKey, Vault
from mien.storage.tables import AlertDeliveryRow, ReviewAnswerRow, ReviewCandidateRow, ReviewCaseRow


def audit_of(database: Database, vault: Vault, clock: ManualClock) -> AuditLog:
    return AuditLog(database, clock, vault)


def check(audit: AuditLog, entries: Sequence[AuditEntry], head: tuple[int, str]) -> bool:
    """Whether an exported log is as it was written, up to the end that was noted."""
    return verify_entries(entries, known=head, key=audit.key).broken is None


@pytest.fixture
def audit(database: Database, vault: Vault, clock: ManualClock) -> AuditLog:
    return audit_of(database, vault, clock)


@pytest.fixture
def reviews(world: World, vault: Vault, audit: AuditLog) -> Reviews:
    return Reviews(world.gallery.rows, vault, audit)


def people(world: World, name: str = "group", count: int = 3) -> tuple[CollectionRef, list[str]]:
    ref = world.make(Kind.PERSON_GROUP, name)
    ids = add_persons(
        world.gallery, ref, [NewPerson(f"p{seed}", None, (embedding(unit(seed)),)) for seed in range(1, count + 1)]
    )
    world.train(ref)
    return ref, ids


def candidates(ids: list[str]) -> list[Candidate]:
    return [Candidate(one, 0.9 - place / 10) for place, one in enumerate(ids)]


def filed(reviews: Reviews, ref: CollectionRef, ids: list[str], **more: object) -> UUID:
    return reviews.file(ref, Filed(candidates(ids), "door", **more)).id  # type: ignore[arg-type]  # what the test gives


def number_of(reviews: Reviews, world: World, case: UUID, person: str) -> int:
    found = reviews.get(world.owner, case, reader=None)
    return next(one.number for one in found.candidates if one.person_id == person)


def test_two_different_people_must_agree(world: World, reviews: Reviews) -> None:
    ref, ids = people(world)
    case = filed(reviews, ref, ids, picture=b"picture", purpose="front door")
    right = number_of(reviews, world, case, ids[1])
    first = reviews.answer(world.owner, case, right, reviewer="ann", reason="the scar")
    assert (first.state, first.counts, first.person_id) == (ReviewState.WAITING, False, None)
    with pytest.raises(AlreadyAnsweredError):
        reviews.answer(world.owner, case, right, reviewer="ann")
    with pytest.raises(OwnCaseError):
        reviews.answer(world.owner, case, right, reviewer="door")
    second = reviews.answer(world.owner, case, right, reviewer="ben")
    assert (second.state, second.counts, second.person_id) == (ReviewState.CONFIRMED, True, ids[1])
    assert [one.reviewer for one in second.answers] == ["ann", "ben"]
    assert second.decided_at is not None
    for word in ("collection", "uid", "fingerprint", "training", "revision"):
        assert second.reference[word], word
    assert second.input_sha256 is not None
    with pytest.raises(ReviewDecidedError):
        reviews.answer(world.owner, case, NOBODY, reviewer="cem")


def test_scores_and_others_answers_are_hidden_until_the_reviewer_has_answered(world: World, reviews: Reviews) -> None:
    ref, ids = people(world)
    case = filed(reviews, ref, ids)
    reviews.answer(world.owner, case, 1, reviewer="ann")
    for reader in ("ben", None, "door"):
        seen = reviews.get(world.owner, case, reader=reader)
        assert {one.confidence for one in seen.candidates} == {None}
        assert seen.answers == []
    mine = reviews.get(world.owner, case, reader="ann")
    assert {round(one.confidence or 0, 1) for one in mine.candidates} == {0.9, 0.8, 0.7}
    assert len(mine.answers) == 1
    # The order does not give the rank away: over several cases the best candidate has every number.
    assert len({number_of(reviews, world, filed(reviews, ref, ids), ids[0]) for _ in range(40)}) == 3


def test_disagreement_is_escalated_to_a_third_person(world: World, reviews: Reviews) -> None:
    ref, ids = people(world)
    case = filed(reviews, ref, ids)
    reviews.answer(world.owner, case, 1, reviewer="ann")
    assert reviews.answer(world.owner, case, 2, reviewer="ben").state is ReviewState.ESCALATED
    with pytest.raises(AlreadyAnsweredError):
        reviews.answer(world.owner, case, 1, reviewer="ben")
    assert reviews.answer(world.owner, case, None, reviewer="cem").state is ReviewState.ESCALATED
    assert reviews.answer(world.owner, case, NOBODY, reviewer="dan").state is ReviewState.REJECTED


def test_the_rules_of_outcomes() -> None:
    assert outcome(1, []).state is ReviewState.WAITING
    assert outcome(1, [2]).chosen == 2
    assert outcome(1, [NOBODY]).state is ReviewState.REJECTED
    assert outcome(1, [None]).state is ReviewState.ESCALATED
    assert outcome(1, [None, 1]).chosen == 1
    assert outcome(2, [None]).state is ReviewState.WAITING
    assert outcome(2, [None, None]).state is ReviewState.ESCALATED
    assert outcome(2, [NOBODY, NOBODY]).state is ReviewState.REJECTED
    assert outcome(2, [1, None, 3]).chosen == 3


def test_every_identify_of_a_collection_that_asks_for_it_is_filed(world: World, reviews: Reviews) -> None:
    ref, ids = people(world)
    other, _ = people(world, "other")
    recognition = world.gallery.recognition
    recognition.filing = reviews.identified
    probe = world.detect(unit(50, near=1))
    plain = recognition.identify([probe], ref)
    assert reviews.cases(world.owner) == []
    reviews.policies.set(world.owner, ref, actor="ann", reviewers=1)
    assert recognition.identify([probe], ref) == plain, "the answer of the Face API stays as it is"
    recognition.identify([probe], other)
    recognition.identify([world.detect(-unit(1))], ref)
    (case,) = reviews.cases(world.owner, face_id=probe.upper())
    assert (case.reviewers, case.collection, case.filed_by) == (1, "personGroup/group", "mien identify")
    assert reviews.answer(world.owner, case.id, 1, reviewer="ann").person_id == ids[0]
    assert len(reviews.cases(world.owner)) == 1
    reviews.policies.remove(world.owner, ref, actor="ann")
    recognition.identify([probe], ref)
    assert len(reviews.cases(world.owner)) == 1


def test_a_weaker_policy_does_not_weaken_open_cases(world: World, reviews: Reviews) -> None:
    ref, ids = people(world)
    case = filed(reviews, ref, ids)
    reviews.policies.set(world.owner, actor="ann", reviewers=1)
    assert reviews.answer(world.owner, case, 1, reviewer="ann").state is ReviewState.WAITING
    reviews.policies.remove(world.owner, actor="ann")
    assert not reviews.get(world.owner, case, reader="ann").counts
    for wrong in ({"reviewers": 0}, {"reviewers": 3}, {"keep_days": -1}, {"rule_id": uuid4()}):
        with pytest.raises(InvalidReviewPolicyError):
            reviews.policies.set(world.owner, actor="ann", **wrong)


def test_pictures_are_sealed_and_deleted_in_time(world: World, reviews: Reviews, clock: ManualClock) -> None:
    ref, ids = people(world)
    reviews.policies.set(world.owner, ref, actor="ann", reviewers=1, keep_days=2)
    case = filed(reviews, ref, ids, picture=b"picture of a face")
    with world.gallery.rows.database.read(world.owner) as session:
        assert b"picture" not in (session.scalar(select(ReviewCaseRow.probe)) or b"")
    assert reviews.picture(world.owner, case) == b"picture of a face"
    assert reviews.purge() == 0
    reviews.answer(world.owner, case, 1, reviewer="ann")
    clock.advance(timedelta(days=2))
    assert reviews.purge() == 1
    assert reviews.picture(world.owner, case) is None
    assert reviews.get(world.owner, case, reader="ann").input_sha256


def test_a_deleted_person_is_gone_from_the_case_and_the_record_stays(world: World, reviews: Reviews) -> None:
    ref, ids = people(world)
    case = filed(reviews, ref, ids)
    number = number_of(reviews, world, case, ids[0])
    for reviewer in ("ann", "ben"):
        reviews.answer(world.owner, case, number, reviewer=reviewer)
    world.gallery.persons.delete(ref, ids[0])
    seen = reviews.get(world.owner, case, reader="ann")
    assert (seen.state, seen.person_id, len(seen.candidates)) == (ReviewState.CONFIRMED, None, 2)
    assert reviews.faults(world.owner) == []


def test_other_resources_see_nothing(world: World, reviews: Reviews) -> None:
    ref, ids = people(world)
    case = filed(reviews, ref, ids)
    other = world.accounts.create("other", terms=DEVELOPMENT_TERMS).id
    assert (reviews.cases(other), reviews.policies.all(other)) == ([], [])
    for call in (
        lambda: reviews.get(other, case, reader="ann"),
        lambda: reviews.answer(other, case, 1, reviewer="ann"),
        lambda: reviews.picture(other, case),
        lambda: reviews.delete(other, case, actor="ann"),
    ):
        with pytest.raises(ReviewNotFoundError):
            call()


def test_what_cannot_be_filed_or_answered(world: World, reviews: Reviews) -> None:
    ref, ids = people(world)
    _, others = people(world, "other")
    for wrong in ([], [*ids, ids[0]], [others[0]], [str(uuid4())]):
        with pytest.raises(UnknownCandidateError):
            filed(reviews, ref, wrong)
    case = filed(reviews, ref, ids[:2])
    for number in (3, -1, 99):
        with pytest.raises(UnknownCandidateError):
            reviews.answer(world.owner, case, number, reviewer="ann")
    with pytest.raises(ReviewDecidedError):
        reviews.delete(world.owner, case, actor="ann")


def test_changes_beside_the_service_are_found(world: World, reviews: Reviews) -> None:
    ref, ids = people(world)
    cases = [filed(reviews, ref, ids) for _ in range(6)]
    for case in cases:
        reviews.answer(world.owner, case, 1, reviewer="ann", reason="hair")
    assert reviews.faults(world.owner) == []
    row, answer, candidate = ReviewCaseRow, ReviewAnswerRow, ReviewCandidateRow
    changes = [
        update(row).values(state="confirmed", chosen=1).where(row.case_id == cases[0]),
        update(row).values(reviewers=1).where(row.case_id == cases[1]),
        update(answer).values(reviewer="ben").where(answer.case_id == cases[2]),
        update(answer).values(reason="nose").where(answer.case_id == cases[3]),
        update(candidate).values(confidence=0.99).where(candidate.case_id == cases[4], candidate.number == 1),
        update(row).values(filed_by="ann").where(row.case_id == cases[5]),
    ]
    for place, change in enumerate(changes):
        with world.gallery.rows.database.write(EVERY_RESOURCE) as session:
            session.execute(change)
        assert any(str(cases[place]) in fault for fault in reviews.faults(world.owner)), place


def test_a_thousand_tamperings_of_the_log_are_found(world: World, reviews: Reviews, audit: AuditLog) -> None:
    ref, ids = people(world)
    for _ in range(8):
        case = filed(reviews, ref, ids)
        for reviewer in ("ann", "ben"):
            reviews.answer(world.owner, case, 1, reviewer=reviewer, reason="sure")
    entries = list(audit.entries())
    head = (entries[-1].sequence, entries[-1].hash)
    assert check(audit, entries, head)
    chance = random.Random(7)
    for attempt in range(1000):
        changed = list(entries)
        place = chance.randrange(len(changed))
        kind = chance.randrange(5)
        if kind == 0:
            del changed[place]
        elif kind == 1:
            changed[place] = replace(changed[place], actor="eve")
        elif kind == 2:
            details = {**changed[place].details, "state": "confirmed", "attempt": attempt}
            changed[place] = replace(changed[place], details=details)
        elif kind == 3:
            other = (place + 1 + chance.randrange(len(changed) - 1)) % len(changed)
            changed[place], changed[other] = changed[other], changed[place]
        else:  # a forger who knows the format but not the key
            forged = replace(changed[place], action="review.forged")
            changed[place] = forged
        assert not check(audit, changed, head), (attempt, kind, place)


def test_decisions_are_written_for_the_webhook_with_the_decision(
    world: World, reviews: Reviews, database: Database, vault: Vault, clock: ManualClock
) -> None:
    rule, _ = AlertRules(database, vault, clock).create(
        "told", Condition("QuotaUse", 80.0, False, 5), resource_id=world.owner, url="https://hooks.test/x"
    )
    ref, ids = people(world)
    reviews.policies.set(world.owner, ref, actor="ann", reviewers=1, rule_id=rule.id)
    case = filed(reviews, ref, ids)
    number = number_of(reviews, world, case, ids[2])
    reviews.answer(world.owner, case, number, reviewer="ann")
    with database.read(EVERY_RESOURCE) as session:
        (row,) = session.scalars(select(AlertDeliveryRow))
        assert (row.rule_id, row.event, row.state) == (rule.id, "review", "pending")
        body = json.loads(row.body)
    assert (body["state"], body["personId"], body["case"]) == ("confirmed", ids[2], str(case))


BY = ["ann", "ben", "cem", "door", "key:owner"]


class ReviewMachine(RuleBasedStateMachine):
    """Every order of calls, by every role, with restarts between them: nothing counts without the agreement."""

    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        place = self.folder / str(uuid4())
        place.mkdir()
        self.database = sqlite_database(place / "mien.db")
        self.vault = Vault(self.database, MasterKey.from_hex(MASTER_KEY), self.clock)
        self.world = open_world(self.database, self.vault, self.clock, place)
        self.ref, self.ids = people(self.world, count=2)
        self.said: dict[UUID, list[tuple[str, int | None]]] = {}
        self.required: dict[UUID, int] = {}
        self.policy: int | None = None
        self.probe = self.world.detect(unit(50, near=1))
        self.claimed: dict[UUID, bool] = {}
        self.restart()

    @initialize()
    def begin(self) -> None:
        self.file("door")

    @rule()
    def restart(self) -> None:
        self.reviews = Reviews(self.world.gallery.rows, self.vault, audit_of(self.database, self.vault, self.clock))

    @rule(case=st.sampled_from([UUID(int=1), UUID(int=2)]), alone=st.booleans())
    def file_by_an_application(self, case: UUID, alone: bool) -> None:
        """Under an id that may be taken: by the same call, or by another match."""
        directory = open_directory(
            self.world.gallery, self.database, self.vault, self.clock,
            engine=self.world.engine, recognisers=recognisers(),
        )  # fmt: skip
        recognition = self.world.gallery.recognition
        applications = ApplicationReviews(
            self.reviews, self.world.gallery.rows, recognition, directory.recognition, self.world.engine
        )
        ids = self.ids[:1] if alone else self.ids
        match = FiledMatch(case, self.ref, self.probe, [MatchCandidate(one) for one in ids])
        try:
            _, made = applications.file(match, filed_by="key:owner")
        except ReviewExistsError:
            assert case in self.said
            assert self.claimed[case] != alone
            return
        assert made == (case not in self.said)
        if made:
            self.said[case], self.required[case] = [("filer:key:owner", None)], self.policy or 2
            self.claimed[case] = alone
        assert self.claimed[case] == alone

    @rule(by=st.sampled_from(["door", "ann"]))
    def file(self, by: str) -> None:
        case = self.reviews.file(self.ref, Filed(candidates(self.ids), by)).id
        self.said[case], self.required[case] = [(f"filer:{by}", None)], self.policy or 2

    @rule(reviewers=st.sampled_from([1, 2]))
    def set_policy(self, reviewers: int) -> None:
        self.reviews.policies.set(self.world.owner, self.ref, actor="admin", reviewers=reviewers)
        self.policy = reviewers

    @rule()
    def remove_policy(self) -> None:
        self.reviews.policies.remove(self.world.owner, self.ref, actor="admin")
        self.policy = None

    @precondition(lambda self: self.said)
    @rule(data=st.data(), by=st.sampled_from(BY), chosen=st.sampled_from([None, 0, 1, 2, 7]))
    def answer(self, data: st.DataObject, by: str, chosen: int | None) -> None:
        case = data.draw(st.sampled_from(list(self.said)))
        try:
            self.reviews.answer(self.world.owner, case, chosen, reviewer=by)
        except (AlreadyAnsweredError, OwnCaseError, ReviewDecidedError, UnknownCandidateError):
            return
        self.said[case].append((by, chosen))

    @precondition(lambda self: self.said)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        case = data.draw(st.sampled_from(list(self.said)))
        try:
            self.reviews.delete(self.world.owner, case, actor="admin")
        except ReviewDecidedError:
            return
        del self.said[case]

    @invariant()
    def nothing_counts_without_agreement(self) -> None:
        for case, (filer, *answers) in self.said.items():
            seen = self.reviews.get(self.world.owner, case, reader=None)
            reviewers = [by for by, _ in answers]
            assert len(set(reviewers)) == len(reviewers)
            assert filer[0].removeprefix("filer:") not in reviewers
            if seen.counts:
                agreed = max(sum(said == chosen for _, said in answers) for _, chosen in answers if chosen)
                assert agreed >= self.required[case] or len(answers) > self.required[case]
                assert len(answers) >= self.required[case]
                assert seen.person_id in self.ids
            if not answers:
                assert seen.state is ReviewState.WAITING
        assert self.reviews.faults(self.world.owner) == []

    def teardown(self) -> None:
        self.database.close()


def test_no_order_of_calls_roles_and_restarts_leads_around_the_review(tmp_path: Path) -> None:
    ReviewMachine.folder = tmp_path
    run_machine(ReviewMachine, 8, steps=25)
