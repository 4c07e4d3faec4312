from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from unittest.mock import ANY
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from tests.gallery.directory.world import MODEL, World, build
from tests.gallery.texts import photo, unit
from tests.manual_clock import ManualClock

from mien.accounts import Sku
from mien.accounts.subscriptions import ACCOUNT_TYPE, DEFAULT_SUBSCRIPTION
from mien.gallery.errors import (
    CollectionExistsError,
    CollectionNotFoundError,
    InvalidCollectionIdError,
    NothingToUpdateError,
    NotTrainedError,
    Quota,
    QuotaExceededError,
    TransferNotFoundError,
    UserDataTooLongError,
)
from mien.gallery.kinds import PUBLIC_KINDS, CollectionRef, Kind
from mien.gallery.quotas import Limits, Quotas
from mien.gallery.types import FindMode, TrainingState
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.tables import ArmRow, CollectionRow, PersistedFaceRow, TransferUseRow

ON_POSTGRESQL = (Kind.LARGE_PERSON_GROUP, Kind.FACE_LIST)
KINDS = pytest.mark.parametrize(
    "kind",
    [
        pytest.param(one, marks=[] if one in ON_POSTGRESQL else [pytest.mark.heavy_on_postgresql])
        for one in PUBLIC_KINDS
    ],
)
PATHS = {
    Kind.FACE_LIST: "/facelists/copy",
    Kind.LARGE_FACE_LIST: "/largefacelists/copy",
    Kind.PERSON_GROUP: "/persongroups/copy",
    Kind.LARGE_PERSON_GROUP: "/largepersongroups/copy",
}


def train(world: World, ref: CollectionRef) -> None:
    world.gallery.training.start(ref)
    world.gallery.training.run_pending()
    assert world.gallery.training.status(ref).status is TrainingState.SUCCEEDED


def enrol(world: World, ref: CollectionRef, *seeds: int) -> list[str]:
    """Enrol a face for each seed, each of a person of its own; returns who (or what) was made."""
    made = []
    for seed in seeds:
        person = world.gallery.persons.create(ref, f"person {seed}", "data") if ref.kind.has_persons else None
        face = world.gallery.faces.add(ref, photo({"seed": seed}), person_id=person, user_data=f"face {seed}")
        made.append(person or face.persisted_face_id)
    return made


def source(world: World, kind: Kind, *seeds: int) -> CollectionRef:
    ref = CollectionRef(world.owner, kind, "source")
    world.gallery.collections.create(ref, "Staff", "about", MODEL)
    enrol(world, ref, *seeds)
    if kind.trained and seeds:
        train(world, ref)
    return ref


def search(world: World, ref: CollectionRef, seed: int) -> list[tuple[str, float]]:
    """What a search for a face answers."""
    probe = world.detect(unit(seed + 1000, seed), owner=ref.resource_id)
    if ref.kind.has_persons:
        (one,) = world.gallery.recognition.identify([probe], ref, 10, 0.0)
        return [(candidate.person_id, candidate.confidence) for candidate in one.candidates]
    similar = world.gallery.similar_faces.find_in(probe, ref, FindMode.MATCH_FACE)
    return [(face.face_id, face.confidence) for face in similar]


@KINDS
def test_a_copy_in_another_resource_is_searched_with_the_same_answers(kind: Kind, world: World) -> None:
    ref = source(world, kind, *range(12))
    taken = world.transfers.take(ref, [world.other], "note")
    assert taken.id is not None
    assert world.operations.get(world.owner, taken.operation_id).resource_location == f"/snapshots/{taken.id}"
    applied = world.transfers.apply(world.other, taken.id, "copy")
    assert world.operations.get(world.other, applied.operation_id).resource_location == PATHS[kind]
    copy = CollectionRef(world.other, kind, "copy")
    one, other = world.gallery.collections.get(ref), world.gallery.collections.get(copy)
    assert (other.name, other.user_data, other.recognition_model) == ("Staff", "about", MODEL)
    assert (other.persons, other.faces) == (one.persons, one.faces)
    for seed in (0, 5, 11, 77):
        assert search(world, copy, seed) == search(world, ref, seed)
        assert len(search(world, copy, seed)) >= 10
    if kind.has_persons:
        assert world.gallery.persons.page(copy) == world.gallery.persons.page(ref)
    else:
        assert world.gallery.faces.page(copy) == world.gallery.faces.page(ref)
    # They have nothing in common any more.
    world.gallery.collections.delete(ref)
    world.transfers.delete(world.owner, taken.id)
    world.gallery.purge()
    enrol(world, copy, 77)
    if kind.trained:
        train(world, copy)
    assert search(world, copy, 77)[0][1] > 0.9


def test_what_was_deleted_since_the_training_does_not_come_back(world: World) -> None:
    ref = source(world, Kind.PERSON_GROUP, 1, 2)
    gone = next(person for person in world.gallery.persons.page(ref) if person.name == "person 1")
    world.gallery.persons.delete(ref, gone.person_id)
    (added,) = enrol(world, ref, 3)
    transfer = world.transfers.take(ref, [world.other]).id
    enrol(world, ref, 4)  # after it was taken
    world.transfers.apply(world.other, transfer or "", "copy")
    copy = CollectionRef(world.other, Kind.PERSON_GROUP, "copy")
    assert gone.person_id not in {person for seed in (1, 2) for person, _ in search(world, copy, seed)}
    assert added not in {person for person, _ in search(world, copy, 3)}  # enrolled, not yet trained
    train(world, copy)
    assert search(world, copy, 3)[0][0] == added
    assert world.gallery.collections.get(copy).persons == 2


def test_an_untrained_group_stays_untrained(world: World) -> None:
    ref = source(world, Kind.LARGE_PERSON_GROUP)
    enrol(world, ref, 1)
    transfer = world.transfers.take(ref, [world.owner]).id
    world.gallery.training.start(ref)  # goes on while it is taken
    running = world.transfers.take(ref, [world.owner]).id
    for name, given in (("one", transfer), ("two", running)):
        world.transfers.apply(world.owner, given or "", name)
        with pytest.raises(NotTrainedError):
            world.gallery.training.status(CollectionRef(world.owner, ref.kind, name))


def test_only_resources_in_the_scope_may_apply(world: World) -> None:
    ref = source(world, Kind.FACE_LIST, 1)
    third = world.resource("third")
    transfer = world.transfers.take(ref, [world.other]).id or ""
    for stranger, call in (
        (third, lambda: world.transfers.get(third, transfer)),
        (third, lambda: world.transfers.apply(third, transfer, "copy")),
        (third, lambda: world.transfers.update(third, transfer, user_data="x")),
        (world.owner, lambda: world.transfers.apply(world.owner, transfer, "copy")),
        (world.other, lambda: world.transfers.update(world.other, transfer, user_data="x")),
        (world.other, lambda: world.transfers.delete(world.other, transfer)),
    ):
        with pytest.raises(TransferNotFoundError):
            call()
        assert world.gallery.collections.page(stranger, Kind.LARGE_FACE_LIST) == []
    assert world.transfers.get(world.other, transfer).apply_scope == (str(world.other),)
    world.transfers.update(world.owner, transfer, [third])
    with pytest.raises(TransferNotFoundError):
        world.transfers.get(world.other, transfer)
    world.transfers.apply(third, transfer, "copy")


def file(world: World, database: Database, resource: UUID, subscription: str) -> None:
    """File a resource under a subscription, as the resource manager does."""
    with database.write(resource) as session:
        at = world.gallery.rows.clock.now()
        session.add(
            ArmRow(
                resource_id=resource,
                subscription=subscription,
                resource_group="rg",
                echo="{}",
                created_by="anna",
                changed_by="anna",
                changed_at=at,
            )
        )


def test_a_scope_holds_subscriptions(world: World, database: Database) -> None:
    ref = source(world, Kind.FACE_LIST, 1)
    third, odd = world.resource("third"), world.resource("odd")
    subscription = uuid4()
    file(world, database, world.other, str(subscription).upper())
    file(world, database, odd, "a")  # not a GUID: no scope can hold it, and it is part of every one as text
    transfer = world.transfers.take(ref, [subscription]).id or ""
    account = f"/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/mien/providers/{ACCOUNT_TYPE}/owner"
    assert world.transfers.get(world.other, transfer).account == account
    assert [one.transfer_id for one in world.transfers.all(world.other)] == [transfer]
    world.transfers.apply(world.other, transfer, "copy")
    for stranger in (third, odd, world.owner):
        with pytest.raises(TransferNotFoundError, match="subscription of this resource"):
            world.transfers.apply(stranger, transfer, "copy")
    for stranger in (third, odd):
        assert world.transfers.all(stranger) == []
    everybody = world.transfers.take(ref, [UUID(DEFAULT_SUBSCRIPTION)]).id or ""
    world.transfers.apply(third, everybody, "copy")
    with pytest.raises(TransferNotFoundError, match=str(subscription).upper()):
        world.transfers.apply(world.other, everybody, "copy2")


def test_transfers_are_listed_to_who_took_them_or_may_apply_them(world: World, clock: ManualClock) -> None:
    lists, groups = source(world, Kind.FACE_LIST), source(world, Kind.PERSON_GROUP)
    first = world.transfers.take(lists, [world.other], "one").id
    clock.advance(timedelta(seconds=1))
    second = world.transfers.take(groups, [world.owner]).id
    began = clock.now()

    def ids(resource: UUID, kind: Kind | None = None, scope: tuple[UUID, ...] = ()) -> list[str]:
        return [one.transfer_id for one in world.transfers.all(resource, kind, scope)]

    assert ids(world.owner) == [first, second]
    assert ids(world.other) == [first]
    assert ids(world.owner, Kind.PERSON_GROUP) == [second]
    assert ids(world.owner, scope=(world.other, uuid4())) == [first]
    assert ids(world.resource("third")) == []
    clock.advance(timedelta(seconds=1))
    world.transfers.update(world.owner, second or "", user_data="new")
    shown = world.transfers.get(world.owner, second or "")
    assert (shown.account, shown.kind, shown.user_data) == (ANY, "personGroup", "new")
    assert (shown.created, shown.last_update) == (began, clock.now())
    world.transfers.delete(world.owner, first or "")
    assert ids(world.owner) == [second]


def test_a_transfer_expires_after_48_hours_and_leaves_nothing(
    world: World, clock: ManualClock, database: Database, tmp_path: Path
) -> None:
    ref = source(world, Kind.PERSON_GROUP, 1, 2)
    transfer = world.transfers.take(ref, [world.owner]).id or ""
    folders = len([one for one in tmp_path.iterdir() if one.is_dir()])
    clock.advance(timedelta(hours=48) - timedelta(microseconds=1))
    assert world.purge() == 0
    world.transfers.get(world.owner, transfer)
    clock.advance(timedelta(microseconds=1))
    with pytest.raises(TransferNotFoundError):
        world.transfers.get(world.owner, transfer)
    with pytest.raises(TransferNotFoundError):
        world.transfers.apply(world.owner, transfer, "copy")
    assert world.transfers.all(world.owner) == []
    assert world.purge() > 0
    with database.read(EVERY_RESOURCE) as session:
        assert session.scalars(select(CollectionRow.kind)).all() == ["personGroup"]
        assert len(session.scalars(select(PersistedFaceRow.face_id)).all()) == 2
    assert len([one for one in tmp_path.iterdir() if one.is_dir()]) == folders - 1


def test_a_refused_apply_leaves_nothing(world: World, database: Database) -> None:
    ref = source(world, Kind.LARGE_FACE_LIST, 1)
    transfer = world.transfers.take(ref, [world.owner]).id or ""
    with pytest.raises(CollectionExistsError):
        world.transfers.apply(world.owner, transfer, "source")
    with pytest.raises(InvalidCollectionIdError):
        world.transfers.apply(world.owner, transfer, "No!")
    with pytest.raises(CollectionNotFoundError):
        world.transfers.take(CollectionRef(world.owner, Kind.FACE_LIST, "source"), [])
    with pytest.raises(UserDataTooLongError):
        world.transfers.take(ref, [], "x" * 16385)
    with pytest.raises(NothingToUpdateError):
        world.transfers.update(world.owner, transfer)
    for unknown in ("x", str(uuid4())):
        with pytest.raises(TransferNotFoundError):
            world.transfers.apply(world.owner, unknown, "copy")
    with database.read(EVERY_RESOURCE) as session:
        assert len(session.scalars(select(CollectionRow.uid)).all()) == 2
        assert session.scalars(select(TransferUseRow.action)).all() == ["take"]


def test_tiers_limit_what_is_taken_applied_and_made(
    world: World, database: Database, vault: Vault, clock: ManualClock, tmp_path: Path
) -> None:
    wide = {kind: Limits(9, 9, 9, 9) for kind in Kind}
    narrow = {**wide, Kind.PERSON_GROUP: Limits(9, 1, 9, 9), Kind.FACE_LIST: Limits(9, 0, 0, 1)}
    quotas = Quotas({Sku.FREE: narrow, Sku.STANDARD: wide}, transfers=3)
    small = build(database, vault, clock, tmp_path, quotas=quotas)
    free = small.resource("free", Sku.FREE)
    transfers = [
        small.transfers.take(source(small, kind, 1, 2), [free, small.owner]).id or ""
        for kind in (Kind.PERSON_GROUP, Kind.FACE_LIST)
    ]
    for transfer, quota in zip(transfers, (Quota.PERSONS_OF_COLLECTION, Quota.FACES), strict=True):
        with pytest.raises(QuotaExceededError) as exceeded:
            small.transfers.apply(free, transfer, "copy")
        assert exceeded.value.quota is quota
    with database.read(free) as session:
        assert session.scalars(select(CollectionRow.uid)).all() == []
    ref = CollectionRef(small.owner, Kind.FACE_LIST, "source")
    small.transfers.take(ref, [])
    with pytest.raises(QuotaExceededError) as exceeded:
        small.transfers.take(ref, [])
    assert exceeded.value.quota is Quota.TRANSFERS
    for name in ("a", "b", "c"):
        small.transfers.apply(small.owner, transfers[0], name)
    with pytest.raises(QuotaExceededError):
        small.transfers.apply(small.owner, transfers[0], "d")
    clock.advance(timedelta(days=1))  # a paid tier counts by the day
    small.transfers.take(ref, [])
    clock.advance(timedelta(days=30))
    small.purge()
    with database.read(EVERY_RESOURCE) as session:
        assert session.scalars(select(TransferUseRow.use_id)).all() == []


def test_what_a_killed_process_left_behind_is_removed(world: World, clock: ManualClock, database: Database) -> None:
    ref = source(world, Kind.PERSON_GROUP, 1)
    copies = world.transfers._copies
    left = copies.of(ref, world.owner)
    left.__enter__()  # and never again heard of
    kept = world.transfers.take(ref, [world.owner]).id
    clock.advance(timedelta(days=1) - timedelta(microseconds=1))
    world.purge()
    assert count(database) == 3
    clock.advance(timedelta(microseconds=1))
    world.purge()
    assert count(database) == 2
    assert world.transfers.get(world.owner, kept or "").transfer_id == kept


def count(database: Database) -> int:
    with database.read(EVERY_RESOURCE) as session:
        return len(session.scalars(select(CollectionRow.uid)).all())


def test_no_copied_template_opens_for_another_row(world: World, database: Database, vault: Vault) -> None:
    transfer = world.transfers.take(source(world, Kind.FACE_LIST, 1), [world.other]).id or ""
    world.transfers.apply(world.other, transfer, "copy")
    with database.read(EVERY_RESOURCE) as session:
        sealed = session.scalars(select(PersistedFaceRow.sealed)).all()
    assert len(set(sealed)) == 3
    assert all(unit(1).tobytes()[:16] not in one for one in sealed)
