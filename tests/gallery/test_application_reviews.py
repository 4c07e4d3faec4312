"""Applications file matches for review: compared again by the server, once per id, in groups and in the directory."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from tests.gallery.conftest import World, embedding, open_world, photo, unit
from tests.gallery.test_reviews import audit_of, people
from tests.gallery.texts import recognisers
from tests.manual_clock import ManualClock

from mien.accounts import DEVELOPMENT_TERMS
from mien.gallery.directory.services import DirectoryServices, open_directory
from mien.gallery.errors import (
    CollectionNotFoundError,
    FaceNotFoundError,
    IncompatibleModelError,
    InvalidReviewError,
    OwnCaseError,
    PersonHasNoFaceError,
    PersonNotFoundError,
    ReviewExistsError,
    ReviewNotFoundError,
)
from mien.gallery.kinds import CollectionRef, Kind, persons_ref
from mien.gallery.reviews import ApplicationReviews, Filed, FiledMatch, MatchCandidate, Reviews, ReviewState
from mien.gallery.types import Candidate, FindMode
from mien.storage import Database, Vault

PICTURE = photo({"seed": 50, "near": 1}, {"seed": 77})


def directory_of(world: World, database: Database, vault: Vault, clock: ManualClock) -> DirectoryServices:
    return open_directory(world.gallery, database, vault, clock, engine=world.engine, recognisers=recognisers())


def applications_of(world: World, database: Database, vault: Vault, clock: ManualClock) -> ApplicationReviews:
    reviews = Reviews(world.gallery.rows, vault, audit_of(database, vault, clock))
    directory = directory_of(world, database, vault, clock)
    return ApplicationReviews(
        reviews, world.gallery.rows, world.gallery.recognition, directory.recognition, world.engine
    )


@pytest.fixture
def applications(world: World, database: Database, vault: Vault, clock: ManualClock) -> ApplicationReviews:
    return applications_of(world, database, vault, clock)


@pytest.fixture
def match(world: World) -> FiledMatch:
    """A match in a group, as an application has it from identify."""
    ref, _ = people(world)
    probe = world.detect(unit(50, near=1))
    (found,) = world.gallery.recognition.identify([probe], ref, confidence_threshold=0.0)
    candidates = [MatchCandidate(one.person_id, one.confidence) for one in found.candidates]
    assert len(candidates) == 3
    return FiledMatch(uuid4(), ref, probe, candidates, picture=PICTURE, purpose="front door")


def test_a_match_is_filed_compared_again_and_decided(
    world: World, applications: ApplicationReviews, match: FiledMatch
) -> None:
    reviews, owner = applications.reviews, world.owner
    wrong = [MatchCandidate(one.person_id, 0.123) for one in match.candidates]
    case, made = applications.file(replace(match, candidates=wrong), filed_by="key:owner")
    assert (made, case.id, case.filed_by, case.reviewers) == (True, match.case_id, "key:owner", 2)
    assert {(one.confidence, one.sent) for one in case.candidates} == {(None, None)}
    assert not {"sent", "request"} & case.reference.keys(), "the confidences may not leak before the answer"
    with pytest.raises(OwnCaseError):
        reviews.answer(owner, case.id, 1, reviewer="key:owner")
    best = next(one.number for one in case.candidates if one.person_id == match.candidates[0].person_id)
    for reviewer in ("ann", "ben"):
        seen = reviews.answer(owner, case.id, best, reviewer=reviewer)
    assert (seen.counts, seen.person_id) == (True, match.candidates[0].person_id)
    # The server's own confidences, which are identify's as long as nothing was enrolled since; and what was claimed.
    said = {one.person_id: one.confidence for one in seen.candidates}
    assert said == {one.person_id: one.confidence for one in match.candidates}
    assert {one.sent for one in seen.candidates} == {0.123}
    assert (seen.reference["faceId"], seen.reference["model"]) == (match.face_id, "recognition_04")
    for word in ("fingerprint", "training", "revision"):
        assert seen.reference[word], word
    assert reviews.picture(owner, case.id) == PICTURE
    assert reviews.faults(owner) == []


def test_filing_is_no_sighting(world: World, applications: ApplicationReviews, match: FiledMatch) -> None:
    noted: list[object] = []
    world.gallery.recognition.last_seen.note = lambda *given: noted.append(given)  # type: ignore[method-assign]
    applications.file(match, filed_by="key:owner")
    assert noted == []


def test_the_same_call_makes_one_case(
    world: World, applications: ApplicationReviews, match: FiledMatch, clock: ManualClock
) -> None:
    first, made = applications.file(match, filed_by="key:owner")
    clock.advance(timedelta(days=2))  # the faceId has expired
    turned = replace(
        match,
        face_id=match.face_id.upper(),
        candidates=[MatchCandidate(one.person_id.upper(), one.confidence) for one in reversed(match.candidates)],
    )
    again, made_again = applications.file(turned, filed_by="key:owner")
    assert (made, made_again, again.id) == (True, False, first.id)
    for other in (
        replace(match, purpose="back door"),
        replace(match, candidates=match.candidates[:1]),
        replace(match, picture=None),
        replace(match, candidates=[replace(one, confidence=1.0) for one in match.candidates]),
    ):
        with pytest.raises(ReviewExistsError):
            applications.file(other, filed_by="key:owner")
    assert len(applications.reviews.cases(world.owner)) == 1
    with pytest.raises(FaceNotFoundError):
        applications.file(replace(match, case_id=uuid4()), filed_by="key:owner")
    # A case that the server or a person filed is no application's, whatever its contents.
    persons = [Candidate(one.person_id, one.confidence or 0.0) for one in match.candidates]
    own = applications.reviews.file(match.collection, Filed(persons, "ann", face_id=match.face_id)).id
    with pytest.raises(ReviewExistsError):
        applications.file(replace(match, case_id=own), filed_by="key:owner")


def test_many_calls_at_once_make_one_case(world: World, applications: ApplicationReviews, match: FiledMatch) -> None:
    done: list[bool | Exception] = []
    ready = threading.Barrier(4)

    def call() -> None:
        ready.wait()
        try:
            done.append(applications.file(match, filed_by="key:owner")[1])
        except Exception as error:  # what the assertion below shows
            done.append(error)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(map(str, done)) == ["False", "False", "False", "True"], done
    assert applications.reviews.faults(world.owner) == []


def test_an_id_may_be_used_again_after_its_case_is_deleted(
    world: World, applications: ApplicationReviews, match: FiledMatch
) -> None:
    reviews = applications.reviews
    reviews.policies.set(world.owner, actor="ann", reviewers=1)
    applications.file(match, filed_by="key:owner")
    reviews.answer(world.owner, match.case_id, 1, reviewer="ann")
    reviews.delete(world.owner, match.case_id, actor="admin")
    assert reviews.faults(world.owner) == []
    case, made = applications.file(replace(match, purpose="another"), filed_by="key:owner")
    assert (made, case.state, case.counts) == (True, ReviewState.WAITING, False)
    assert reviews.faults(world.owner) == []


def test_what_the_server_cannot_confirm_is_refused_and_leaves_nothing(
    world: World, applications: ApplicationReviews, match: FiledMatch, clock: ManualClock
) -> None:
    ref = match.collection
    _, others = people(world, "others")
    empty = world.gallery.persons.create(ref, "nobody yet", None)
    faces = world.make(Kind.FACE_LIST, "faces")
    first = match.candidates[0]
    old = world.detect(unit(1), "recognition_03")
    stranger = world.accounts.create("stranger", terms=DEVELOPMENT_TERMS).id
    (theirs,) = world.faces.remember(stranger, "recognition_04", [embedding(unit(1))], 600)
    refused: list[tuple[FiledMatch, type[Exception]]] = [
        (replace(match, face_id=str(uuid4())), FaceNotFoundError),
        (replace(match, face_id=theirs), FaceNotFoundError),
        (replace(match, face_id=old), IncompatibleModelError),
        (replace(match, candidates=[MatchCandidate(others[0])]), PersonNotFoundError),
        (replace(match, candidates=[MatchCandidate(empty)]), PersonHasNoFaceError),
        (replace(match, candidates=[]), InvalidReviewError),
        (replace(match, candidates=[first] * 11), InvalidReviewError),
        (replace(match, collection=CollectionRef(world.owner, ref.kind, "none")), CollectionNotFoundError),
        (replace(match, collection=replace(ref, resource_id=stranger)), FaceNotFoundError),
        (replace(match, collection=faces), InvalidReviewError),
        (replace(match, used_from=clock.now() + timedelta(hours=1)), InvalidReviewError),
        (replace(match, picture=photo({"seed": 77})), InvalidReviewError),
        (replace(match, picture=photo()), InvalidReviewError),
        (replace(match, collection=persons_ref(world.owner)), PersonNotFoundError),
    ]
    for wrong, error in refused:
        with pytest.raises(error):
            applications.file(wrong, filed_by="key:owner")
    assert applications.reviews.cases(world.owner) == []
    with pytest.raises(ReviewNotFoundError):
        applications.reviews.get(world.owner, match.case_id, reader=None)


def test_another_resource_has_ids_of_its_own(
    world: World, applications: ApplicationReviews, match: FiledMatch, database: Database, vault: Vault,
    clock: ManualClock, tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    """The same id is another case there, and says nothing of this one."""
    applications.file(match, filed_by="key:owner")
    other = world.accounts.create("other", terms=DEVELOPMENT_TERMS).id
    there = open_world(database, vault, clock, tmp_path_factory.mktemp("other"), owner=other)
    ref, ids = people(there)
    probe = there.detect(unit(50, near=1))
    case, made = applications_of(there, database, vault, clock).file(
        FiledMatch(match.case_id, ref, probe, [MatchCandidate(ids[0])]), filed_by="key:other"
    )
    assert (made, len(case.candidates)) == (True, 1)
    assert len(applications.reviews.get(world.owner, match.case_id, reader=None).candidates) == 3


@pytest.mark.parametrize("answered", ["verify", "identify"])
def test_matches_of_the_person_directory(
    world: World, applications: ApplicationReviews, database: Database, vault: Vault, clock: ManualClock, answered: str
) -> None:
    directory = directory_of(world, database, vault, clock)
    probe, persons = world.detect(unit(50, near=1)), []
    with pytest.raises(PersonNotFoundError):
        applications.file(
            FiledMatch(uuid4(), persons_ref(world.owner), probe, [MatchCandidate(str(uuid4()))]), filed_by="key:owner"
        )
    for seed in (1, 2):
        made = directory.directory.create(world.owner, f"p{seed}").id
        assert made is not None
        directory.directory.add_face(world.owner, made, "recognition_04", photo({"seed": seed}))
        persons.append(made)
    if answered == "verify":
        sure = directory.recognition.verify_person(world.owner, probe, persons[0]).confidence
        candidates = [MatchCandidate(persons[0], sure)]
    else:
        (found,) = directory.recognition.identify_persons(world.owner, [probe], ("*",), confidence_threshold=0.0)
        candidates = [MatchCandidate(one.person_id, one.confidence) for one in found.candidates]
        assert len(candidates) == 2
    match = FiledMatch(uuid4(), persons_ref(world.owner), probe, candidates)
    case, _ = applications.file(match, filed_by="key:owner")
    assert (case.collection, case.reference["model"]) == ("directory", "recognition_04")
    assert case.reference["fingerprint"], "of the collection of the faces, not of the persons"
    number = next(one.number for one in case.candidates if one.person_id == persons[0])
    for reviewer in ("ann", "ben"):
        seen = applications.reviews.answer(world.owner, case.id, number, reviewer=reviewer)
    assert seen.person_id == persons[0]
    assert {one.confidence for one in seen.candidates} == {one.sent for one in seen.candidates}
    assert applications.reviews.faults(world.owner) == []
    directory.directory.delete(world.owner, persons[0])
    assert applications.reviews.get(world.owner, case.id, reader="ann").person_id is None


def test_the_case_of_a_face_is_found_behind_many_older_ones(
    world: World, applications: ApplicationReviews, match: FiledMatch, clock: ManualClock
) -> None:
    for _ in range(5):
        clock.advance(timedelta(seconds=1))
        probe = world.detect(unit(50, near=1))
        applications.file(replace(match, case_id=uuid4(), face_id=probe), filed_by="key:owner")
    (found,) = applications.reviews.cases(world.owner, face_id=probe.upper(), limit=1)
    assert found.reference["faceId"] == probe


def test_a_match_of_find_similar_in_a_list_has_no_persons(world: World, applications: ApplicationReviews) -> None:
    """Why lists are left out: what find similar returns are faces, which nobody is enrolled as."""
    faces = world.make(Kind.FACE_LIST, "faces")
    world.gallery.faces.add(faces, photo({"seed": 1}))
    probe = world.detect(unit(50, near=1))
    (found,) = world.gallery.similar_faces.find_in(probe, faces, FindMode.MATCH_PERSON)
    with pytest.raises(InvalidReviewError, match="have no persons"):
        applications.file(FiledMatch(uuid4(), faces, probe, [MatchCandidate(str(found.face_id))]), filed_by="key:owner")
