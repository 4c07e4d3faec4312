from __future__ import annotations

from uuid import uuid4

import pytest
from tests.gallery.directory.world import World

from mien.gallery.errors import (
    DynamicGroupExistsError,
    DynamicGroupNotFoundError,
    InvalidStartError,
    NameEmptyError,
    NothingToUpdateError,
    PersonNotFoundError,
    StartTooLongError,
    UserDataTooLongError,
)
from mien.gallery.types import OperationState


def test_a_group_is_made_shown_changed_and_deleted(world: World) -> None:
    groups, owner = world.groups, world.owner
    one, two, three = sorted(world.person() for _ in range(3))
    started = groups.create(owner, "staff", "Staff", "data", add=[two, one, two.upper()])
    assert started.id == "staff"
    assert world.operations.get(owner, started.operation_id).status is OperationState.SUCCEEDED
    group = groups.get(owner, "staff")
    assert (group.group_id, group.name, group.user_data) == ("staff", "Staff", "data")
    assert groups.persons(owner, "staff") == [one, two]
    groups.update(owner, "staff", name="Other", add=[three, one], remove=[two, str(uuid4())])
    assert (groups.get(owner, "staff").name, groups.get(owner, "staff").user_data) == ("Other", "data")
    assert groups.persons(owner, "staff") == [one, three]
    groups.update(owner, "staff", add=[two], remove=[two])
    assert groups.persons(owner, "staff") == [one, three]
    groups.update(owner, "staff", user_data="new")
    assert groups.persons(owner, "staff") == [one, three]
    groups.delete(owner, "staff")
    with pytest.raises(DynamicGroupNotFoundError):
        groups.get(owner, "staff")
    assert world.persons.get(owner, one).person_id == one
    groups.create(owner, "staff", "Again")
    assert groups.persons(owner, "staff") == []


def test_a_change_that_names_a_stranger_changes_nothing(world: World) -> None:
    groups, owner, person = world.groups, world.owner, world.person()
    groups.create(owner, "staff", "Staff")
    for stranger, malformed in ((str(uuid4()), False), ("nobody", True)):
        with pytest.raises(PersonNotFoundError) as error:
            groups.update(owner, "staff", name="Other", add=[person, stranger])
        assert (error.value.person_id, error.value.malformed) == (stranger, malformed)
        with pytest.raises(PersonNotFoundError):
            groups.create(owner, "other", "Other", add=[stranger])
    with pytest.raises(PersonNotFoundError):
        groups.update(owner, "staff", remove=["nobody"])
    assert groups.get(owner, "staff").name == "Staff"
    assert groups.persons(owner, "staff") == []
    assert [group.group_id for group in groups.page(owner)] == ["staff"]


def test_references_go_with_persons_and_groups(world: World) -> None:
    groups, owner, person = world.groups, world.owner, world.person(1)
    names = ["b", "a-1", "a_1", "a", "10", "9"]
    for name in names:
        groups.create(owner, name, name, add=[person])
    assert world.persons.groups_of(owner, person) == sorted(names)
    assert world.persons.groups_of(owner, person, start="a", top=2) == sorted(names)[sorted(names).index("a") + 1 :][:2]
    groups.delete(owner, "b")
    assert world.persons.groups_of(owner, person) == sorted(names)[:-1]
    world.persons.delete(owner, person)
    assert groups.persons(owner, "a") == []


def test_paging_visits_every_group_and_person_once_in_order(world: World) -> None:
    persons = sorted(world.person() for _ in range(9))
    for name in ("b", "-", "_", "0", "a-", "a_", "z9"):
        world.groups.create(world.owner, name, name, add=persons)
    expected = sorted(("b", "-", "_", "0", "a-", "a_", "z9"))
    for top in (1, 2, 100):
        seen: list[str] = []
        while page := world.groups.page(world.owner, seen[-1] if seen else "", top):
            seen += [group.group_id for group in page]
        assert seen == expected
        members: list[str] = []
        while ids := world.groups.persons(world.owner, "a_", members[-1] if members else "", top):
            members += ids
        assert members == persons


def test_what_is_given_is_checked(world: World) -> None:
    groups, owner = world.groups, world.owner
    groups.create(owner, "staff", "Staff")
    with pytest.raises(DynamicGroupExistsError):
        groups.create(owner, "staff", "Staff")
    for malformed in ("", "Staff", "a b", "x" * 65, "é"):
        for call in (
            lambda bad=malformed: groups.create(owner, bad, "Name"),
            lambda bad=malformed: groups.get(owner, bad),
            lambda bad=malformed: groups.persons(owner, bad),
            lambda bad=malformed: groups.update(owner, bad, name="x"),
            lambda bad=malformed: groups.delete(owner, bad),
        ):
            with pytest.raises(DynamicGroupNotFoundError) as error:
                call()
            assert error.value.malformed
    with pytest.raises(DynamicGroupNotFoundError) as missing:
        groups.get(owner, "nothing")
    assert not missing.value.malformed
    with pytest.raises(NameEmptyError):
        groups.create(owner, "x", " ")
    with pytest.raises(UserDataTooLongError):
        groups.create(owner, "x", "x", "u" * 16385)
    with pytest.raises(NothingToUpdateError):
        groups.update(owner, "staff")
    with pytest.raises(InvalidStartError):
        groups.persons(owner, "staff", start="x")
    with pytest.raises(StartTooLongError):
        groups.page(owner, start="x" * 65)
    assert groups.page(owner, start="z\0é") == []
    with pytest.raises(PersonNotFoundError):
        world.persons.groups_of(owner, str(uuid4()))
