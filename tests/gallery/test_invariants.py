"""Random sequences of operations against a small model in memory: what is enrolled, and what was last trained."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)
from tests.conftest import MASTER_KEY
from tests.examples import run_machine
from tests.gallery.conftest import CALIBRATION
from tests.gallery.texts import TextEngine, embedding, photo, recognisers, unit
from tests.manual_clock import ManualClock

from mien.accounts import DEVELOPMENT_TERMS, Accounts
from mien.gallery.detected_faces import DetectedFaces
from mien.gallery.errors import NotTrainedError, PersistedFaceNotFoundError, PersonNotFoundError, SamePersonError
from mien.gallery.gallery import open_gallery
from mien.gallery.kinds import CollectionRef, Kind
from mien.matching.persons import person_scores
from mien.storage import Database, MasterKey, Vault

SEEDS = st.integers(0, 40)


def score(probe: np.ndarray, seeds: Iterable[int]) -> float:
    """The similarity of a probe with a person of these faces, as `mien.matching.persons` defines it."""
    return float(person_scores(probe[None], np.stack([unit(seed) for seed in seeds]))[0])


@dataclass
class Model:
    """What should be there.

    Attributes:
        people: faces (id → seed) by person, as they are now.
        trained: the same as the last successful training saw it; None before the first.
        back: who left the group since then and came back.
        gave: of whom a face was moved to somebody else since then; it may have come back.
    """

    people: dict[str, dict[str, int]] = field(default_factory=dict)
    trained: dict[str, dict[str, int]] | None = None
    back: set[str] = field(default_factory=set)
    gave: set[str] = field(default_factory=set)


class GalleryMachine(RuleBasedStateMachine):
    """One large person group; `database_url` is set by the test."""

    database_url = ""
    people = Bundle("people")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="mien-machine-"))
        self.database = Database(self.database_url)
        clock = self.clock = ManualClock()
        self.vault = Vault(self.database, MasterKey.from_hex(MASTER_KEY), clock)
        self.accounts = Accounts(self.database, self.vault, clock)
        self.owner = self.accounts.create("owner", terms=DEVELOPMENT_TERMS).id
        self.faces = DetectedFaces(self.database, self.vault, clock)
        self.open_again()
        self.ref = CollectionRef(self.owner, Kind.LARGE_PERSON_GROUP, "group")
        self.elsewhere = CollectionRef(self.owner, Kind.PERSON_GROUP, "elsewhere")
        for ref in (self.ref, self.elsewhere):
            self.gallery.collections.create(ref, "group", None, "recognition_04")
        self.model = Model()

    def teardown(self) -> None:
        self.accounts.delete(self.owner)
        self.accounts.purge(self.owner)
        self.database.close()
        shutil.rmtree(self.folder)

    @initialize(target=people, count=st.integers(0, 4))
    def begin_with_some(self, count: int) -> object:
        """Somebody enrolled and trained already: most mistakes are in what happens after that."""
        some = [self.create_person() for _ in range(count)]
        for seed, person in enumerate(some):
            self.add_face(person, seed)
        if some:
            self.train(crash=False)
        return multiple(*some)

    @rule()
    def open_again(self) -> None:
        """As after a restart: nothing is in memory."""
        self.gallery = open_gallery(
            self.database,
            self.vault,
            self.clock,
            self.folder,
            engine=TextEngine(),
            recognisers=recognisers(),
            detected_faces=self.faces,
        )

    @rule(target=people)
    def create_person(self) -> str:
        person = self.gallery.persons.create(self.ref, "p")
        self.model.people[person] = {}
        return person

    @rule(person=people, seed=SEEDS)
    def add_face(self, person: str, seed: int) -> None:
        if person in self.model.people:
            added = self.gallery.faces.add(self.ref, photo({"seed": seed}), person_id=person)
            known = {f for faces in self.model.people.values() for f, other in faces.items() if other == seed}
            assert known <= {*(found.other_face_id for found in added.duplicates)} or len(known) > 3
            self.model.people[person][added.persisted_face_id] = seed
        else:
            with pytest.raises(PersonNotFoundError):
                self.gallery.faces.add(self.ref, photo({"seed": seed}), person_id=person)

    @rule(person=people, data=st.data())
    def delete_face(self, person: str, data: st.DataObject) -> None:
        faces = self.model.people.get(person, {})
        if faces:
            face = data.draw(st.sampled_from(list(faces)))
            self.gallery.faces.delete(self.ref, face, person)
            del faces[face]
            with pytest.raises(PersistedFaceNotFoundError):
                self.gallery.faces.get(self.ref, face, person)

    @rule(target=people, person=consumes(people))
    def delete_person(self, person: str) -> object:
        if person in self.model.people:
            self.gallery.persons.delete(self.ref, person)
            del self.model.people[person]
        with pytest.raises(PersonNotFoundError):
            self.gallery.persons.delete(self.ref, person)
        return multiple()

    @rule(target=people, person=consumes(people), into=people)
    def merge(self, person: str, into: str) -> object:
        both = {person, into} & set(self.model.people)
        if len(both) < 2:
            with pytest.raises((PersonNotFoundError, SamePersonError)):
                self.gallery.reassignment.merge(self.ref, person, into)
            return person
        faces = self.model.people.pop(person)
        assert self.gallery.reassignment.merge(self.ref, person, into) == len(faces)
        self.model.people[into] |= faces
        return multiple()

    @rule(person=people, into=people, data=st.data())
    def move_faces(self, person: str, into: str, data: st.DataObject) -> None:
        faces = self.model.people.get(person, {})
        if faces and into in self.model.people and person != into:
            some = data.draw(st.lists(st.sampled_from(list(faces)), min_size=1, unique=True))
            self.gallery.reassignment.move_faces(self.ref, some, person, into)
            self.model.people[into] |= {face: faces.pop(face) for face in some}
            self.model.gave.add(person)

    @rule(person=people, back=st.booleans())
    def move_away(self, person: str, back: bool) -> None:
        if person in self.model.people:
            self.gallery.relocation.move(self.ref, person, self.elsewhere)
            moved = self.gallery.persons.get(self.elsewhere, person)
            assert set(moved.persisted_face_ids) == set(self.model.people[person])
            if back:
                self.gallery.relocation.move(self.elsewhere, person, self.ref)
                self.model.back.add(person)
            else:
                del self.model.people[person]

    @rule(crash=st.booleans())
    def train(self, crash: bool) -> None:
        self.gallery.training.start(self.ref)
        if crash:
            self.open_again()
        self.gallery.training.run_pending()
        status = self.gallery.training.status(self.ref).status.value
        if any(self.model.people.values()):
            assert status == "succeeded", self.gallery.training.status(self.ref)
            self.model.trained = {person: dict(faces) for person, faces in self.model.people.items()}
            self.model.back, self.model.gave = set(), set()
        else:
            assert status == "failed"

    @rule()
    def purge(self) -> None:
        self.clock.advance(timedelta(minutes=31))
        self.gallery.purge()

    @rule(seed=SEEDS, threshold=st.sampled_from([0.0, 0.3, 0.9]))
    def identify(self, seed: int, threshold: float) -> None:
        (face_id,) = self.faces.remember(self.owner, "recognition_04", [embedding(unit(seed, near=seed + 1))], 60)
        if self.model.trained is None:
            with pytest.raises(NotTrainedError):
                self.gallery.recognition.identify([face_id], self.ref)
            return
        probe = unit(seed, near=seed + 1)
        expected = {}
        for person, faces in self.model.trained.items():
            # Of a person who is still there the faces of the training; one who left is never found.
            if faces and person in self.model.people and person not in self.model.back:
                expected[person] = round(CALIBRATION.confidence(score(probe, faces.values())), 5)
        found = self.gallery.recognition.identify([face_id], self.ref, 100, threshold)[0].candidates
        got = {candidate.person_id: candidate.confidence for candidate in found}
        gone = self._gone_faces()
        for person, confidence in got.items():
            assert person in expected
            if person not in gone:
                assert abs(confidence - expected[person]) <= 2e-5
        for person, confidence in expected.items():
            if person not in gone and confidence >= threshold + 2e-5:
                assert person in got
        assert [c.confidence for c in found] == sorted((c.confidence for c in found), reverse=True)

    def _gone_faces(self) -> set[str]:
        """Persons of whom a trained face is gone, or was: it may be found until the next training, or not any more."""
        trained = self.model.trained or {}
        gone = {person for person, faces in trained.items() if set(faces) - set(self.model.people.get(person, {}))}
        return gone | self.model.gave

    @rule(person=people, seed=SEEDS)
    def verify(self, person: str, seed: int) -> None:
        faces = self.model.people.get(person)
        if faces:
            (face_id,) = self.faces.remember(self.owner, "recognition_04", [embedding(unit(seed))], 60)
            found = self.gallery.recognition.verify_person(self.owner, face_id, person, self.ref)
            expected = CALIBRATION.confidence(score(unit(seed), faces.values()))
            assert abs(found.confidence - expected) <= 2e-5

    @invariant()
    def counts_and_pages_agree(self) -> None:
        counted = self.gallery.collections.get(self.ref)
        assert counted.persons == len(self.model.people)
        assert counted.faces == sum(len(faces) for faces in self.model.people.values())
        seen: dict[str, set[str]] = {}
        start = ""
        while page := self.gallery.persons.page(self.ref, start, 3):
            seen.update((person.person_id, set(person.persisted_face_ids)) for person in page)
            start = page[-1].person_id
        assert seen == {person: set(faces) for person, faces in self.model.people.items()}
        assert list(seen) == sorted(seen)


@pytest.mark.heavy_on_postgresql
@pytest.mark.usefixtures("database")  # migrated
def test_random_operations_keep_the_invariants(database_url: str) -> None:
    machine = type("Machine", (GalleryMachine,), {"database_url": database_url})
    run_machine(machine, 12, steps=30)
