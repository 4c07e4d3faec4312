"""A measured calibration holds for what it was applied to, and for nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from tests.gallery.conftest import CALIBRATION, World, embedding, photo, unit
from tests.gallery.texts import FINGERPRINT, recognisers
from tests.manual_clock import ManualClock
from tests.many_people import NewPerson, add_persons

from mien.accounts import DEVELOPMENT_TERMS
from mien.events import AuditLog
from mien.gallery.errors import (
    CalibrationMismatchError,
    CollectionNotFoundError,
    EvaluationExistsError,
    EvaluationNotFoundError,
    FingerprintMismatchError,
    InvalidEvaluationNameError,
    NothingToUndoError,
    NotMeasuredError,
)
from mien.gallery.evaluations import Evaluation, Evaluations
from mien.gallery.kinds import Kind
from mien.gallery.measuring import Measuring
from mien.gallery.recognisers import Recognisers
from mien.gallery.remembered import KNOWN_FOR
from mien.gallery.sampling import SampleSourceError, from_collection, owners_in
from mien.matching import cosine
from mien.storage import Database, Vault

CURVE = {"threshold": 0.9, "fmr": 1e-4, "tail": 50.0, "levels": [[1e-4, 0.9]]}


@pytest.fixture
def audit(database: Database, clock: ManualClock, vault: Vault) -> AuditLog:
    return AuditLog(database, clock, vault)


@pytest.fixture
def stored(world: World, audit: AuditLog) -> Evaluations:
    return Evaluations(world.gallery.rows, recognisers(), world.gallery.curves, audit)


def measured(stored: Evaluations, world: World, name: str, **changes: object) -> Evaluation:
    result = {"people": 300, "missing": 0, "calibration": {**CURVE, **changes}}
    recogniser = recognisers()["recognition_04"]
    return stored.add(world.owner, name, result, recogniser=recogniser, source="folder", actor="ann")


def confidence(world: World, away: float = 0.5) -> float:
    one, other = world.detect(unit(1)), world.detect(unit(50, near=1, away=away))
    return world.gallery.recognition.verify(world.owner, one, other).confidence


def test_confidences_follow_an_applied_calibration_and_step_back(
    world: World, stored: Evaluations, audit: AuditLog
) -> None:
    alike = cosine(unit(1), unit(50, near=1, away=0.5))
    before = confidence(world)
    assert before == round(CALIBRATION.confidence(alike), 5)
    measured(stored, world, "front")
    measured(stored, world, "strict", threshold=0.95, levels=[])
    first = stored.apply(world.owner, "front", actor="ann")
    assert first.curve is not None
    assert confidence(world) == round(first.curve.confidence(alike), 5) != before
    stored.apply(world.owner, "strict", actor="ann")
    assert confidence(world) < round(first.curve.confidence(alike), 5)
    back = stored.undo(world.owner, actor="ben")
    assert (back.version, back.name, back.undoes) == (3, "front", 2)
    assert confidence(world) == round(first.curve.confidence(alike), 5)
    with pytest.raises(NothingToUndoError):
        stored.undo(world.owner, actor="ben")
    assert [one.holds for one in stored.applied(world.owner)] == [False, False, True]
    told = [(entry.action, entry.actor, entry.details.get("version")) for entry in audit.search()]
    assert told[:3] == [
        ("calibration.undo", "ben", 3),
        ("calibration.apply", "ann", 2),
        ("calibration.apply", "ann", 1),
    ]
    stored.delete(world.owner, "front", actor="ann")
    assert confidence(world) == round(first.curve.confidence(alike), 5), "it stays in use"


def test_one_step_back_from_the_first_is_the_packs_own(world: World, stored: Evaluations) -> None:
    before = confidence(world)
    measured(stored, world, "front")
    stored.apply(world.owner, "front", actor="ann")
    back = stored.undo(world.owner, actor="ann")
    assert (back.name, back.curve) == (None, None)
    assert confidence(world) == before


def test_a_collections_own_calibration_wins_and_the_default_threshold_follows(
    world: World, stored: Evaluations
) -> None:
    ref, other = world.make(Kind.PERSON_GROUP), world.make(Kind.PERSON_GROUP, "other")
    for each in (ref, other):
        add_persons(world.gallery, each, [NewPerson("a", None, (embedding(unit(1)),))])
        world.train(each)
    probe = world.detect(unit(50, near=1, away=0.6))

    def found(where: object) -> int:
        (answer,) = world.gallery.recognition.identify([probe], where)  # type: ignore[arg-type]  # both are refs
        return len(answer.candidates)

    assert (found(ref), found(other)) == (1, 1)
    measured(stored, world, "front")
    stored.apply(world.owner, "front", ref, actor="ann")
    assert (found(ref), found(other)) == (0, 1), "0.857 is below 0.9"
    assert confidence(world) == round(CALIBRATION.confidence(cosine(unit(1), unit(50, near=1, away=0.5))), 5)
    world.gallery.collections.delete(ref)
    assert stored.applied(world.owner) == []


def test_a_calibration_never_holds_for_another_fingerprint(world: World, stored: Evaluations, audit: AuditLog) -> None:
    measured(stored, world, "front")
    before = confidence(world)
    other = Recognisers({one.label: replace(one, fingerprint="b" * 64) for one in recognisers()})
    moved = Evaluations(world.gallery.rows, other, world.gallery.curves, audit)
    with pytest.raises(CalibrationMismatchError):
        moved.apply(world.owner, "front", actor="ann")
    stored.apply(world.owner, "front", actor="ann")
    curves = world.gallery.curves
    mine, theirs = recognisers()["recognition_04"], other["recognition_04"]
    assert curves.of(mine, world.owner).calibration.threshold == 0.9
    assert curves.of(theirs, world.owner).calibration is theirs.calibration
    assert before == round(CALIBRATION.confidence(cosine(unit(1), unit(50, near=1, away=0.5))), 5)


def test_other_processes_follow_after_a_while(world: World, stored: Evaluations, clock: ManualClock) -> None:
    elsewhere = world.open()
    mine = recognisers()["recognition_04"]
    assert elsewhere.curves.of(mine, world.owner) is mine
    measured(stored, world, "front")
    stored.apply(world.owner, "front", actor="ann")
    assert elsewhere.curves.of(mine, world.owner) is mine
    clock.advance(KNOWN_FOR + timedelta(seconds=1))
    assert elsewhere.curves.of(mine, world.owner).calibration.threshold == 0.9


def test_another_resource_sees_and_feels_nothing(world: World, stored: Evaluations) -> None:
    other = world.accounts.create("other", terms=DEVELOPMENT_TERMS).id
    measured(stored, world, "front")
    stored.apply(world.owner, "front", actor="ann")
    assert (stored.all(other), stored.applied(other)) == ([], [])
    with pytest.raises(EvaluationNotFoundError):
        stored.apply(other, "front", actor="ann")
    mine = recognisers()["recognition_04"]
    assert world.gallery.curves.of(mine, other) is mine


def test_what_is_refused(world: World, stored: Evaluations) -> None:
    measured(stored, world, "front")
    with pytest.raises(EvaluationExistsError):
        measured(stored, world, "front")
    for name in ("", " x", "a" * 65, "<b>", "a\nb"):
        with pytest.raises(InvalidEvaluationNameError):
            measured(stored, world, name)
    recogniser = recognisers()["recognition_04"]
    few = {"people": 10, "missing": 236, "calibration": None}
    stored.add(world.owner, "few", few, recogniser=recogniser, source="folder", actor="ann")
    with pytest.raises(NotMeasuredError, match="236 more people"):
        stored.apply(world.owner, "few", actor="ann")
    with pytest.raises(CollectionNotFoundError):
        stored.apply(world.owner, "front", world.ref(Kind.PERSON_GROUP, "nowhere"), actor="ann")
    with pytest.raises(NothingToUndoError):
        stored.undo(world.owner, actor="ann")
    with pytest.raises(EvaluationNotFoundError):
        stored.delete(world.owner, str(uuid4()), actor="ann")


def test_an_enrolled_collection_is_measured(world: World, audit: AuditLog) -> None:
    measuring = Measuring(world.gallery, recognisers(), audit)
    ref = world.make(Kind.PERSON_GROUP)
    with pytest.raises(SampleSourceError, match="nobody"):
        measuring.measure(ref, "empty", actor="ann")
    people = [
        NewPerson(str(seed), None, tuple(embedding(unit(1000 * seed + k, near=seed, away=0.4)) for k in range(3)))
        for seed in range(1, 90)
    ]
    add_persons(world.gallery, ref, people)
    done = measuring.measure(ref, "staff", fmr=1e-3, actor="ann")
    assert (done.source, done.fingerprint) == ("personGroup/group", FINGERPRINT)
    assert (done.result["people"], done.result["photos"], done.result["genuine"]) == (89, 267, 267)
    assert done.calibration is not None
    assert np.isclose(done.calibration.fmr or 0, 1e-3)
    assert done.result["current"]["threshold"] == CALIBRATION.threshold
    faces = world.make(Kind.LARGE_FACE_LIST, "faces")
    with pytest.raises(SampleSourceError, match="face list"):
        measuring.measure(faces, "faces", actor="ann")
    other = Recognisers({one.label: replace(one, fingerprint="b" * 64) for one in recognisers()})
    with pytest.raises(FingerprintMismatchError):
        Measuring(world.gallery, other, audit).measure(ref, "other", actor="ann")


def test_a_face_list_is_measured_with_a_table_of_owners(world: World, tmp_path: Path) -> None:
    gallery, ref = world.gallery, world.make(Kind.LARGE_FACE_LIST, "visitors")
    added = [
        gallery.faces.add(
            ref, photo({"seed": 100 + number, "near": number % 2 + 1, "away": 0.3}), user_data=f"u{number}"
        )
        for number in range(5)
    ]
    table = tmp_path / "owners.csv"
    table.write_text(f"face,person\n{added[0].persisted_face_id},Ann\nu1,Ben\nu2,ann\nu3,Ben\n", encoding="utf-8-sig")
    found = from_collection(gallery.rows, gallery.templates, ref, owners_in(table))
    assert (found.samples.people, len(found.samples.templates)) == (2, 4)
    assert sorted(np.bincount(found.samples.owner)) == [2, 2]
    assert found.samples.failures == {"without an owner": 1}
    with pytest.raises(SampleSourceError, match="--owners FILE"):
        from_collection(gallery.rows, gallery.templates, ref)
    table.write_text("photo,person\nu1,Ben\n")
    with pytest.raises(SampleSourceError, match="columns face and person"):
        owners_in(table)
