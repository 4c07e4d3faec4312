"""Random calls on a person directory, held against a model of a few dictionaries."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from tests.examples import run_machine
from tests.gallery.directory.world import World, build
from tests.gallery.texts import photo, unit
from tests.manual_clock import ManualClock

from mien.gallery.directory.recognition import EVERYONE
from mien.gallery.errors import DynamicGroupExistsError, PersistedFaceNotFoundError, PersonNotFoundError
from mien.storage import Database, Vault

SEEDS = range(6)
MODELS = ("recognition_03", "recognition_04")
GROUPS = ("a", "a-b", "a_b", "z")


@dataclass
class Known:
    """What ought to be there: name and faces (id → model, seed) of each person, persons of each group."""

    names: dict[str, str] = field(default_factory=dict)
    faces: dict[str, dict[str, tuple[str, int]]] = field(default_factory=dict)
    groups: dict[str, set[str]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    def has(self, seed: int, model: str, among: set[str]) -> set[str]:
        """The persons of some who have a face of a seed."""
        return {person for person in among if (model, seed) in self.faces[person].values()}


def machine(world: World) -> type[RuleBasedStateMachine]:
    """The machine of one world; every run has a resource of its own."""

    class Directory(RuleBasedStateMachine):
        @initialize()
        def begin(self) -> None:
            self.owner = world.resource(f"r-{uuid4().hex[:20]}")
            self.known = Known()

        def pick(self, data: st.DataObject) -> str:
            return data.draw(st.sampled_from(sorted(self.known.names)))

        @rule(name=st.text(min_size=1, max_size=5).filter(str.strip))
        def create(self, name: str) -> None:
            person = world.persons.create(self.owner, name).id or ""
            self.known.names[person], self.known.faces[person] = name, {}

        @precondition(lambda self: self.known.names)
        @rule(data=st.data(), name=st.sampled_from(["x", "y"]))
        def rename(self, data: st.DataObject, name: str) -> None:
            person = self.pick(data)
            world.persons.update(self.owner, person, name=name)
            self.known.names[person] = name

        @precondition(lambda self: self.known.names)
        @rule(data=st.data(), seed=st.sampled_from(SEEDS), model=st.sampled_from(MODELS))
        def enrol(self, data: st.DataObject, seed: int, model: str) -> None:
            person = self.pick(data)
            face = world.persons.add_face(self.owner, person, model, photo({"seed": seed})).id or ""
            self.known.faces[person][face] = (model, seed)

        @precondition(lambda self: any(self.known.faces.values()))
        @rule(data=st.data())
        def remove_face(self, data: st.DataObject) -> None:
            person, face = data.draw(
                st.sampled_from(sorted((who, face) for who, faces in self.known.faces.items() for face in faces))
            )
            model, _ = self.known.faces[person].pop(face)
            world.persons.delete_face(self.owner, person, model, face)
            with pytest.raises(PersistedFaceNotFoundError):
                world.persons.get_face(self.owner, person, model, face)

        @precondition(lambda self: self.known.names)
        @rule(data=st.data())
        def delete(self, data: st.DataObject) -> None:
            person = self.pick(data)
            world.persons.delete(self.owner, person)
            del self.known.names[person], self.known.faces[person]
            self.known.gone.add(person)
            for members in self.known.groups.values():
                members.discard(person)
            with pytest.raises(PersonNotFoundError):
                world.persons.delete(self.owner, person)

        @rule(data=st.data(), group=st.sampled_from(GROUPS))
        def change_group(self, data: st.DataObject, group: str) -> None:
            some = (
                st.sets(st.sampled_from(sorted(self.known.names)), max_size=4) if self.known.names else st.just(set())
            )
            add = data.draw(some)
            if group not in self.known.groups:
                world.groups.create(self.owner, group, group, add=sorted(add))
                self.known.groups[group] = set(add)
                return
            with pytest.raises(DynamicGroupExistsError):
                world.groups.create(self.owner, group, group)
            remove = data.draw(some) | self.known.gone
            if add or remove:
                world.groups.update(self.owner, group, add=sorted(add), remove=sorted(remove))
                self.known.groups[group] = (self.known.groups[group] | add) - remove

        @precondition(lambda self: self.known.groups)
        @rule(data=st.data())
        def delete_group(self, data: st.DataObject) -> None:
            group = data.draw(st.sampled_from(sorted(self.known.groups)))
            world.groups.delete(self.owner, group)
            del self.known.groups[group]

        @rule(seed=st.sampled_from(SEEDS), model=st.sampled_from(MODELS))
        def identify(self, seed: int, model: str) -> None:
            probe = world.detect(unit(seed), model, owner=self.owner)
            known, everyone = self.known, set(self.known.names)
            (found,) = world.recognition.identify_persons(self.owner, [probe], EVERYONE, 100)
            assert {one.person_id for one in found.candidates} == known.has(seed, model, everyone)
            for group, members in known.groups.items():
                (among,) = world.recognition.identify_dynamic(self.owner, [probe], group, 100)
                assert {one.person_id for one in among.candidates} == known.has(seed, model, members)

        @rule(top=st.integers(1, 4))
        def page(self, top: int) -> None:
            seen: list[str] = []
            while page := world.persons.page(self.owner, seen[-1] if seen else "", top):
                seen += [person.person_id for person in page]
                assert [person.name for person in page] == [self.known.names[one.person_id] for one in page]
            assert seen == sorted(self.known.names)

        @invariant()
        def what_is_there_is_what_was_written(self) -> None:
            known = self.known
            for person, faces in known.faces.items():
                for model in MODELS:
                    expected = sorted(face for face, (of, _) in faces.items() if of == model)
                    assert world.persons.face_ids(self.owner, person, model) == expected
                expected = sorted(group for group, members in known.groups.items() if person in members)
                assert world.persons.groups_of(self.owner, person) == expected
            assert [one.group_id for one in world.groups.page(self.owner)] == sorted(known.groups)
            for group, members in known.groups.items():
                assert world.groups.persons(self.owner, group) == sorted(members)

    return Directory


@pytest.mark.heavy_on_postgresql
def test_random_calls_leave_what_was_written(
    database: Database, vault: Vault, clock: ManualClock, tmp_path: Path
) -> None:
    world = build(database, vault, clock, tmp_path)
    run_machine(machine(world), 8, steps=25)
