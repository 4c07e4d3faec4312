from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from tests.gallery.directory.world import MODEL, World, build
from tests.gallery.texts import unit
from tests.manual_clock import ManualClock

from mien.gallery.directory.recognition import EVERYONE
from mien.gallery.errors import (
    DynamicGroupNotFoundError,
    FaceNotFoundError,
    FingerprintMismatchError,
    IncompatibleModelError,
    PersonHasNoFaceError,
    PersonNotFoundError,
)
from mien.storage import Database, Vault


def found(world: World, seed: int, among: tuple[str, ...] = EVERYONE, model: str = MODEL, top: int = 10) -> list[str]:
    face_id = world.detect(unit(seed + 1000, seed), model)
    (one,) = world.recognition.identify_persons(world.owner, [face_id], among, top)
    assert one.face_id == face_id
    return [candidate.person_id for candidate in one.candidates]


def test_identify_sees_every_write_at_once(world: World) -> None:
    assert found(world, 1) == []
    ada = world.person(1, 2)
    assert (found(world, 1), found(world, 2), found(world, 3)) == ([ada], [ada], [])
    grace = world.person(3)
    assert (found(world, 2), found(world, 3)) == ([ada], [grace])
    faces = world.persons.face_ids(world.owner, ada, MODEL)
    world.persons.delete_face(world.owner, ada, MODEL, faces[0])
    assert sorted([found(world, 1), found(world, 2)]) == [[], [ada]]
    world.persons.delete(world.owner, ada)
    assert (found(world, 1), found(world, 2), found(world, 3)) == ([], [], [grace])
    world.persons.delete(world.owner, grace)
    assert found(world, 3) == []


def test_another_process_sees_every_write_too(
    world: World, database: Database, vault: Vault, clock: ManualClock, tmp_path: Path
) -> None:
    ada = world.person(1)
    neighbour = build(database, vault, clock, tmp_path)
    assert found(neighbour, 1) == [ada]
    grace = world.person(2)
    assert (found(neighbour, 1), found(neighbour, 2)) == ([ada], [grace])
    world.persons.delete(world.owner, ada)
    assert (found(neighbour, 1), found(neighbour, 2)) == ([], [grace])


def test_candidates_are_the_persons_asked_for(world: World) -> None:
    ada, twin = world.person(1), world.person(1)
    assert found(world, 1) == sorted([ada, twin])
    assert found(world, 1, top=1) == [min(ada, twin)]
    assert found(world, 1, (ada,)) == [ada]
    assert found(world, 1, (world.person(5),)) == []
    with pytest.raises(PersonNotFoundError):
        found(world, 1, (ada, str(uuid4())))
    with pytest.raises(PersonNotFoundError):
        found(world, 1, ("*", ada))
    with pytest.raises(FaceNotFoundError):
        world.recognition.identify_persons(world.owner, [str(uuid4())], EVERYONE)


def test_a_probe_meets_faces_of_its_own_model(world: World) -> None:
    ada = world.person(1)
    assert found(world, 1, model="recognition_03") == []
    world.face(ada, 7, "recognition_03")
    assert found(world, 1, model="recognition_03") == []
    assert found(world, 7, model="recognition_03") == [ada]
    four, three = world.detect(unit(1)), world.detect(unit(7), "recognition_03")
    answers = world.recognition.identify_persons(world.owner, [three, four, three], EVERYONE)
    assert [answer.face_id for answer in answers] == [three, four, three]
    assert [[one.person_id for one in answer.candidates] for answer in answers] == [[ada], [ada], [ada]]


def test_a_caller_may_ask_for_less_sure_candidates(world: World) -> None:
    ada = world.person(1)
    doubtful = world.detect(unit(500, 1, away=2.0))
    for threshold in (None, 0.5):
        (one,) = world.recognition.identify_persons(world.owner, [doubtful], EVERYONE, 10, threshold)
        assert one.candidates == ()
    (one,) = world.recognition.identify_persons(world.owner, [doubtful], EVERYONE, 10, 0.0)
    assert [candidate.person_id for candidate in one.candidates] == [ada]
    assert one.candidates[0].confidence < 0.5


def test_identify_in_a_dynamic_group_follows_its_persons(world: World) -> None:
    ada, grace = world.person(1), world.person(2)
    world.groups.create(world.owner, "staff", "Staff", add=[ada])

    def members(seed: int) -> list[str]:
        (one,) = world.recognition.identify_dynamic(world.owner, [world.detect(unit(seed))], "staff")
        return [candidate.person_id for candidate in one.candidates]

    assert (members(1), members(2)) == ([ada], [])
    world.groups.update(world.owner, "staff", add=[grace], remove=[ada])
    assert (members(1), members(2)) == ([], [grace])
    world.groups.delete(world.owner, "staff")
    with pytest.raises(DynamicGroupNotFoundError):
        members(1)
    world.groups.create(world.owner, "staff", "Staff")
    assert (members(1), members(2)) == ([], [])
    with pytest.raises(DynamicGroupNotFoundError) as malformed:
        world.recognition.identify_dynamic(world.owner, [world.detect(unit(1))], "No!")
    assert malformed.value.malformed


def test_verify_takes_the_best_face_of_the_probes_model(world: World) -> None:
    ada, nobody = world.person(1, 2), world.person()
    verify = world.recognition.verify_person
    same = verify(world.owner, world.detect(unit(60, 2)), ada)
    assert same.is_identical
    assert same.confidence > 0.9
    assert not verify(world.owner, world.detect(unit(3)), ada).is_identical
    with pytest.raises(PersonHasNoFaceError):
        verify(world.owner, world.detect(unit(1)), nobody)
    with pytest.raises(IncompatibleModelError, match="recognition_04"):
        verify(world.owner, world.detect(unit(1), "recognition_03"), ada)
    with pytest.raises(FaceNotFoundError):
        verify(world.owner, "x", ada)
    for unknown in ("x", str(uuid4())):
        with pytest.raises(PersonNotFoundError):
            verify(world.owner, world.detect(unit(1)), unknown)
    other = world.detect(unit(1), owner=world.other)
    with pytest.raises(PersonNotFoundError):
        verify(world.other, other, ada)
    (answer,) = world.recognition.identify_persons(world.other, [other], EVERYONE)
    assert answer.candidates == ()


def test_other_weights_under_the_same_name_are_refused(
    world: World, database: Database, vault: Vault, clock: ManualClock, tmp_path: Path
) -> None:
    ada = world.person(1)
    old, new = world.detect(unit(1)), world.detect(unit(1), fingerprint="b" * 64)
    with pytest.raises(FingerprintMismatchError):
        world.recognition.identify_persons(world.owner, [old, new], EVERYONE)
    rebound = build(database, vault, clock, tmp_path, fingerprint="b" * 64)
    for probe in (old, new):
        with pytest.raises(FingerprintMismatchError, match=r"mien models migrate|detect it again"):
            rebound.recognition.identify_persons(world.owner, [probe], EVERYONE)
        with pytest.raises(FingerprintMismatchError):
            rebound.recognition.verify_person(world.owner, probe, ada)
