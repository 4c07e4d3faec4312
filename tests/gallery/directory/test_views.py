"""What operators look at in a directory is what is in it, of their own resource alone."""

from __future__ import annotations

from uuid import uuid4

import pytest
from tests.gallery.directory.world import MODEL, World

from mien.gallery.errors import DynamicGroupNotFoundError, InvalidStartError, PersonNotFoundError

OTHER_MODEL = "recognition_03"


def test_a_directory_that_nobody_wrote_to(world: World) -> None:
    views, owner = world.views, world.owner
    assert (views.sizes(owner).persons, views.sizes(owner).faces) == (0, {})
    assert (views.persons(owner), views.groups(owner), views.named(owner, [str(uuid4())])) == ([], [], {})
    with pytest.raises(PersonNotFoundError):
        views.faces(owner, str(uuid4()))
    with pytest.raises(DynamicGroupNotFoundError):
        views.group(owner, "none")
    with pytest.raises(InvalidStartError):
        views.persons(owner, "no-guid")


def test_persons_with_their_faces_of_all_models(world: World) -> None:
    views, owner = world.views, world.owner
    ada = world.person(1, 2, name="Ada")
    first, second = world.persons.face_ids(owner, ada, MODEL)
    third = world.face(ada, 3, OTHER_MODEL)
    world.persons.update_face(owner, ada, MODEL, second, "by the door")
    world.person(name="Bob")
    world.persons.create(world.other, "Carl")
    assert (views.sizes(owner).persons, dict(views.sizes(owner).faces)) == (2, {OTHER_MODEL: 1, MODEL: 2})
    assert {one.name: one.faces for one in views.persons(owner)} == {"Ada": 3, "Bob": 0}
    assert [
        (one.recognition_model, one.face.persisted_face_id, one.face.user_data) for one in views.faces(owner, ada)
    ] == [(OTHER_MODEL, third, None), (MODEL, first, None), (MODEL, second, "by the door")]
    assert list(views.named(owner, [ada.upper(), "no-guid", str(uuid4())])) == [ada]
    assert views.named(world.other, [ada]) == {}
    world.persons.delete_face(owner, ada, OTHER_MODEL, third)
    assert dict(views.sizes(owner).faces) == {MODEL: 2}


def test_pages_and_names(world: World) -> None:
    views, owner = world.views, world.owner
    made = {world.person(name=f"Émile {number}"): f"Émile {number}" for number in range(10)}
    zoe = world.person(name="Zoë \ud800")
    everybody = views.persons(owner)
    assert {one.person_id: one.name for one in everybody} == {**made, zoe: "Zoë \ud800"}
    assert [one.person_id for one in everybody] == sorted([*made, zoe])
    assert views.persons(owner, everybody[3].person_id, 4) == everybody[4:8]
    found = views.persons(owner, text=" eMILE ")
    assert [one.person_id for one in found] == sorted(made)
    assert views.persons(owner, found[1].person_id, 2, "émile") == found[2:4]
    assert [one.person_id for one in views.persons(owner, text=zoe.upper())] == [zoe]
    assert [one.name for one in views.persons(owner, text="7 émile")] == ["Émile 7"]
    assert views.persons(owner, text="nobody") == []


def test_dynamic_groups_with_their_sizes(world: World) -> None:
    views, owner = world.views, world.owner
    people = [world.person(name=str(number)) for number in range(3)]
    world.groups.create(owner, "all", "All", "data", add=people)
    world.groups.create(owner, "none", "None")
    world.groups.create(owner, "one", "One", add=people[:1])
    elsewhere = world.persons.create(world.other, "Carl").id or ""
    world.groups.create(world.other, "all", "Others", add=[elsewhere])
    assert [(one.group.group_id, one.persons) for one in views.groups(owner)] == [("all", 3), ("none", 0), ("one", 1)]
    assert [one.group.group_id for one in views.groups(owner, "all", 1)] == ["none"]
    assert (views.group(owner, "all").group.user_data, views.group(owner, "all").persons) == ("data", 3)
    assert [one.name for one in views.groups_of(owner, people[0])] == ["All", "One"]
    assert [one.name for one in views.groups_of(world.other, elsewhere)] == ["Others"]
