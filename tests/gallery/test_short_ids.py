"""Persons and faces by the beginning of their ids: in a group, in the directory, anywhere in a resource."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from tests.gallery.conftest import World, embedding, unit
from tests.gallery.test_reviews import people
from tests.many_people import NewPerson, add_persons

from mien.accounts import DEVELOPMENT_TERMS
from mien.gallery.errors import CollectionNotFoundError
from mien.gallery.kinds import Kind, persons_ref


def test_they_are_found_where_they_are(world: World) -> None:
    ref, ids = people(world)
    other = replace(world, owner=world.accounts.create("other", terms=DEVELOPMENT_TERMS).id)
    group = other.make(Kind.PERSON_GROUP, "group")
    (stranger,) = add_persons(other.gallery, group, [NewPerson("p9", None, (embedding(unit(9)),))])
    found = world.gallery.short_ids
    for number, one in enumerate(ids, 1):
        (face,) = world.gallery.persons.get(ref, one).persisted_face_ids
        for text in (one[:8], one[:13], one.replace("-", "")[:20].upper(), one):
            assert (UUID(one), f"p{number}") in found.persons(world.owner, text)
            assert (UUID(one), f"p{number}") in found.persons(world.owner, text, ref)
        assert (UUID(face), "a face") in found.faces(world.owner, face[:8], ref)
        assert {UUID(one), UUID(face)} <= {
            it for text in (one, face) for it, _ in found.anything(world.owner, text[:8])
        }
        assert UUID(one) not in dict(found.persons(other.owner, one[:8]))
    probe = world.detect(unit(3))
    assert (UUID(probe), "a short-lived face") in found.anything(world.owner, probe[:8])
    assert UUID(stranger) not in dict(found.persons(world.owner, stranger[:8]))
    assert found.persons(world.owner, ids[0][:8], persons_ref(world.owner)) == []  # nobody is in the directory
    with pytest.raises(CollectionNotFoundError):
        found.persons(world.owner, ids[0][:8], replace(ref, collection_id="none"))


@pytest.mark.parametrize("text", ["", "-", "xyz", "1234%", "0" * 33])
def test_what_begins_no_id_finds_nothing(world: World, text: str) -> None:
    found = world.gallery.short_ids
    assert found.persons(world.owner, text) == found.faces(world.owner, text) == []
    assert found.anything(world.owner, text) == []
