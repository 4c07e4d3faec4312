"""No column is lost when a person is moved or a collection copied: every one, by its table, with a value of its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Column, Table, insert, select, update
from tests.gallery.conftest import World, embedding, open_world, photo, unit
from tests.gallery.texts import FINGERPRINT
from tests.manual_clock import ManualClock

from mien.accounts import DEVELOPMENT_TERMS
from mien.gallery import enrolment
from mien.gallery.copies import Copies
from mien.gallery.crops import Crop
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.policy import EnrolmentPolicy
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.base import AnyText, Base, UtcDateTime
from mien.storage.names import name_key

Rows = Mapping[str, Mapping[str, Any]]
SECRETS = ("sealed", "snapshot_key")

MOVED: Mapping[str, frozenset[str]] = {
    "persons": frozenset({"collection"}),
    "persisted_faces": frozenset({"collection", "revision", "sealed"}),
    "enrolment_crops": frozenset({"collection", "sealed"}),
    "other_templates": frozenset({"collection", "sealed"}),
    "consents": frozenset({"collection"}),
    "duplicates": frozenset({"collection"}),
    "person_negatives": frozenset({"collection"}),
}
"""What moving a person to another group changes in each table that it touches; it changes nothing else."""

STAY_WHEN_MOVED = {
    "removals",
    "training_runs",
    "model_migrations",
    "retention_rules",
    "applied_calibrations",
    "corrections",
    "review_policies",
    "review_cases",
    "review_candidates",
    # A badge, a visit and a presence are of a person in one group: after a move, doors refuse until they are made anew.
    "door_badges",
    "door_visitors",
    "door_presence",
    # Records of what happened keep the group of then.
    "door_events",
    "door_acceptances",
    # Which photos an import has filed in this group.
    "imported_photos",
}

COPIED: Mapping[str, frozenset[str]] = {
    "collections": frozenset({"resource_id", "kind", "collection_id", "uid", "created_at", "snapshot", "snapshot_key"}),
    "persons": frozenset({"resource_id", "collection"}),
    "persisted_faces": frozenset({"resource_id", "collection", "sealed"}),
    "enrolment_crops": frozenset({"resource_id", "collection", "sealed"}),
}
"""What copying a collection to another resource changes in each table that it touches; it changes nothing else."""

STAY_WHEN_COPIED = {*STAY_WHEN_MOVED, "other_templates", "consents", "duplicates", "person_negatives"}

MERGED = frozenset({"faces", "created_at", "seen_at"})
"""What merging a person into another changes of the row that stays; everything else of it is kept."""


def sample(column: Column[Any], at: int) -> Any:
    """A value that no default has."""
    decorated = {AnyText: str, UtcDateTime: datetime}
    kind = decorated.get(type(column.type)) or column.type.python_type
    return {
        str: f"kept {column.name}"[: getattr(column.type, "length", None) or 99],
        int: 7 + at,
        float: 0.875,
        bool: True,
        bytes: bytes([at + 1]) * 32,
        datetime: datetime(2031, 2, 3, 4, 5, at, tzinfo=UTC),
        UUID: uuid4(),
    }[kind]


def table(name: str) -> Table:
    return Base.metadata.tables[name]


def fixed(name: str) -> set[str]:
    """Columns that a test cannot choose: keys, references, and what is sealed for the place."""
    its = table(name)
    keys = {column.name for column in its.primary_key}
    return keys | {key.parent.name for key in its.foreign_keys} | {*SECRETS, "uid", "person_id", "face_id"}


def whole(world: World, name: str, **where: Any) -> dict[str, Any]:
    with world.gallery.rows.database.read(EVERY_RESOURCE) as session:
        query = select(table(name)).where(*(table(name).c[key] == value for key, value in where.items()))
        return dict(session.connection().execute(query).mappings().one())


def fill(world: World, name: str, keep: Mapping[str, Any] | None = None, **where: Any) -> None:
    """Give every column of a row a value of its own."""
    kept = fixed(name) | set(keep or ())
    values = {one.name: sample(one, at) for at, one in enumerate(table(name).c) if one.name not in kept}
    with world.gallery.rows.database.write(EVERY_RESOURCE) as session:
        query = update(table(name)).where(*(table(name).c[key] == value for key, value in where.items()))
        session.connection().execute(query.values(**values, **(keep or {})))


@pytest.fixture
def world(
    database: Database, vault: Vault, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> World:
    monkeypatch.setattr(enrolment, "make_crop", Crop)
    return open_world(database, vault, clock, tmp_path)


def enrolled(world: World, kind: Kind) -> tuple[CollectionRef, UUID, UUID, list[UUID]]:
    """A trained group with a person of two faces, all of whose columns have values of their own."""
    world.gallery.policies.set(world.owner, EnrolmentPolicy(keep_crops=True))
    ref = world.make(kind, "from")
    person = world.gallery.persons.create(ref, "Ann", "about Ann")
    faces = sorted(
        UUID(world.gallery.faces.add(ref, photo({"seed": seed}), person_id=person).persisted_face_id) for seed in (1, 2)
    )
    assert world.train(ref) == "succeeded"
    uid = world.gallery.rows.get(ref).uid
    fill(world, "persons", {"faces": 2}, person_id=UUID(person))
    fill(world, "persisted_faces", face_id=faces[0])
    return ref, uid, UUID(person), faces


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    assert before.keys() == after.keys()
    return {name for name in before if before[name] != after[name]}


def test_every_table_of_a_collection_is_moved_and_copied_or_stays() -> None:
    """A new table has to be decided upon here."""
    of_collections = {
        name
        for name, one in Base.metadata.tables.items()
        if "collection" in one.c and name != "collections" and one.foreign_keys
    }
    assert of_collections == MOVED.keys() | STAY_WHEN_MOVED
    assert of_collections == (COPIED.keys() - {"collections"}) | STAY_WHEN_COPIED


def test_a_moved_person_keeps_every_column(world: World) -> None:
    ref, uid, person, faces = enrolled(world, Kind.LARGE_PERSON_GROUP)
    to = world.make(Kind.PERSON_GROUP, "to")
    sealed = world.gallery.templates.seal(world.owner, uid, faces[0], embedding(unit(77), "b" * 64))
    place = {"resource_id": world.owner, "collection": uid}
    given: Rows = {
        "other_templates": {**place, "face_id": faces[0], "fingerprint": "b" * 64, "sealed": sealed},
        "consents": {**place, "consent_id": uuid4(), "person_id": person, "face_id": None},
        "duplicates": {**place, "face_id": faces[0], "other_face_id": faces[1]},
        "person_negatives": {**place, "negative_id": uuid4(), "person_id": person},
    }
    with world.gallery.rows.database.write(EVERY_RESOURCE) as session:
        for name, values in given.items():
            more = {one.name: sample(one, at) for at, one in enumerate(table(name).c) if one.name not in values}
            session.connection().execute(insert(table(name)).values(**values, **more))
    keys: Mapping[str, dict[str, Any]] = {
        "persons": {"person_id": person},
        "persisted_faces": {"face_id": faces[0]},
        "enrolment_crops": {"face_id": faces[0]},
        "other_templates": {"face_id": faces[0]},
        "consents": {"person_id": person},
        "duplicates": {"face_id": faces[0]},
        "person_negatives": {"person_id": person},
    }
    before = {name: whole(world, name, **key) for name, key in keys.items()}
    world.gallery.relocation.move(ref, str(person), to)
    after = {name: whole(world, name, **key) for name, key in keys.items()}
    assert {name: changed(before[name], after[name]) for name in MOVED} == MOVED


def test_a_copied_collection_keeps_every_column(world: World, vault: Vault) -> None:
    ref, uid, person, faces = enrolled(world, Kind.LARGE_PERSON_GROUP)
    fill(
        world, "collections", uid=uid,
        keep={"snapshot": world.gallery.rows.get(ref).snapshot, "fingerprint": FINGERPRINT, "policy": "{}",
              "training_status": "succeeded", "recognition_model": "recognition_04"},
    )  # fmt: skip
    other = world.accounts.create("other", terms=DEVELOPMENT_TERMS).id
    source = {name: whole(world, name, **key) for name, key in keys_of(uid, person, faces[0]).items()}
    gallery = world.gallery
    copies = Copies(gallery.rows, gallery.collections, gallery.templates, vault, gallery.indexes)
    with copies.of(ref, other) as copy:
        made = {name: whole(world, name, **key) for name, key in keys_of(copy.uid, person, faces[0]).items()}
    assert {name: changed(source[name], made[name]) for name in COPIED} == COPIED


def keys_of(uid: UUID, person: UUID, face: UUID) -> Mapping[str, dict[str, Any]]:
    return {
        "collections": {"uid": uid},
        "persons": {"collection": uid, "person_id": person},
        "persisted_faces": {"collection": uid, "face_id": face},
        "enrolment_crops": {"collection": uid, "face_id": face},
    }


def test_who_is_merged_into_keeps_every_other_column(world: World) -> None:
    ref, uid, person, _ = enrolled(world, Kind.LARGE_PERSON_GROUP)
    gone = world.gallery.persons.create(ref, "Anna", None)
    world.gallery.faces.add(ref, photo({"seed": 3}), person_id=gone)
    fill(world, "persons", {"faces": 1, "created_at": datetime(2020, 1, 1, tzinfo=UTC),
                            "seen_at": datetime(2040, 1, 1, tzinfo=UTC)}, person_id=UUID(gone))  # fmt: skip
    before = whole(world, "persons", collection=uid, person_id=person)
    world.gallery.reassignment.merge(ref, gone, str(person))
    assert changed(before, whole(world, "persons", collection=uid, person_id=person)) == MERGED


def test_an_undone_merge_gives_back_every_column(world: World) -> None:
    ref, uid, person, _ = enrolled(world, Kind.LARGE_PERSON_GROUP)
    other = world.gallery.persons.create(ref, "Anna", None)
    fill(world, "persons", {"faces": 0}, person_id=UUID(other))
    fill(world, "persons", {"faces": 2, "name_key": name_key("kept name")}, person_id=person)  # it follows the name
    rows = [(person, 2), (UUID(other), 0)]
    before = [whole(world, "persons", collection=uid, person_id=one) for one, _ in rows]
    world.gallery.reassignment.merge(ref, str(person), other)
    (merge,) = world.gallery.corrections.recent(ref)
    world.gallery.corrections.undo(ref, merge.id)
    after = [whole(world, "persons", collection=uid, person_id=one) for one, _ in rows]
    assert [changed(one, now) for one, now in zip(before, after, strict=True)] == [set(), set()]
