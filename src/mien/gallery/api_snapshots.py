"""Snapshots of API v1.0: frozen copies of collections, to apply in the same or another resource of this server.

Called transfers here, to distinguish them from trained indexes. The apply scope contains subscription ids, as on Azure:
every resource of such a subscription may apply the snapshot. A resource id is accepted too, for that resource alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from mien.accounts import Sku
from mien.accounts.subscriptions import arm_id_of, subscription_of
from mien.gallery.checks import check_user_data
from mien.gallery.collections import Collections
from mien.gallery.copies import Copies
from mien.gallery.errors import (
    InvalidCollectionIdError,
    NothingToUpdateError,
    Quota,
    QuotaExceededError,
    TransferNotFoundError,
)
from mien.gallery.kinds import COLLECTION_ID, CollectionRef, Kind, parse_id
from mien.gallery.operations import Operations
from mien.gallery.persons import check_person_quota
from mien.gallery.rows import Rows, find
from mien.gallery.types import UNSET, Started, Transfer, Unset
from mien.storage import EVERY_RESOURCE
from mien.storage.tables import CollectionRow, ResourceRow, TransferRow, TransferUseRow

KEPT_FOR: Final = timedelta(hours=48)
"""Lifetime of a snapshot (contract, section 9)."""

_TAKE: Final = "take"
_APPLY: Final = "apply"
_QUOTA_PERIOD: Final = {Sku.FREE: timedelta(days=30)}
_USUAL_QUOTA_PERIOD: Final = timedelta(days=1)
_ABANDONED: Final = timedelta(days=1)
"""A copy that is older and neither a snapshot nor a collection was left behind by a killed process."""

_PATHS: Final = {
    Kind.FACE_LIST: "/facelists/",
    Kind.LARGE_FACE_LIST: "/largefacelists/",
    Kind.PERSON_GROUP: "/persongroups/",
    Kind.LARGE_PERSON_GROUP: "/largepersongroups/",
}


class Transfers:
    """Takes, lists and applies v1.0 snapshots, which expire after 48 hours.

    Its calls raise, where applicable: `CollectionNotFoundError`, `CollectionExistsError`, `InvalidCollectionIdError`,
    `TransferNotFoundError`, `UserDataTooLongError`, `NothingToUpdateError`, `QuotaExceededError`, `ConflictError`.

    Args:
        rows: opens sessions.
        collections: checks that a collection may be created.
        copies: copies collections.
        operations: records the operations.
    """

    def __init__(self, rows: Rows, collections: Collections, copies: Copies, operations: Operations) -> None:
        self._rows = rows
        self._collections = collections
        self._copies = copies
        self._operations = operations

    def take(self, ref: CollectionRef, apply_scope: Sequence[UUID], user_data: str | None = None) -> Started:
        """Copy a collection with its trained index; `Started.id` is the transfer id."""
        check_user_data(user_data)
        resource_id, transfer_id = ref.resource_id, uuid4()
        self._rows.get(ref)
        with self._rows.database.read(resource_id) as session:
            self._check_quota(session, resource_id, _TAKE)
        with (
            self._copies.of(ref, resource_id, str(transfer_id)),
            self._rows.transaction(resource_id, ref.collection_id) as session,
        ):
            self._use(session, resource_id, _TAKE)
            now = self._rows.clock.now()
            session.add(
                TransferRow(
                    resource_id=resource_id,
                    transfer_id=transfer_id,
                    kind=ref.kind.value,
                    apply_scope=_scope_text(apply_scope),
                    user_data=user_data,
                    created_at=now,
                    updated_at=now,
                    expires_at=now + KEPT_FOR,
                )
            )
            operation = self._operations.succeeded(session, resource_id, f"/snapshots/{transfer_id}")
        return Started(str(transfer_id), operation)

    def get(self, resource_id: UUID, transfer_id: str) -> Transfer:
        """Return a transfer that this resource took or may apply."""
        with self._rows.database.read(EVERY_RESOURCE) as session:
            row = self._find(session, transfer_id)
            if resource_id != row.resource_id and not _may_apply(session, resource_id, row):
                raise _not_found(subscription_of(session, resource_id))
            return _transfer(row, arm_id_of(session, row.resource_id))

    def all(self, resource_id: UUID, kind: Kind | None = None, apply_scope: Sequence[UUID] = ()) -> list[Transfer]:
        """Return the transfers that this resource took or may apply, by creation time.

        Args:
            resource_id: id of the calling resource.
            kind: only transfers of this kind.
            apply_scope: only transfers whose scope contains one of these ids.
        """
        query = select(TransferRow).where(TransferRow.expires_at > self._rows.clock.now())
        if kind is not None:
            query = query.where(TransferRow.kind == kind.value)
        if apply_scope:
            query = query.where(or_(*(_in_scope(one) for one in apply_scope)))
        with self._rows.database.read(EVERY_RESOURCE) as session:
            names = [_in_scope(name) for name in _scope_names(session, resource_id)]
            query = query.where(or_(TransferRow.resource_id == resource_id, *names))
            rows = session.scalars(query.order_by(TransferRow.created_at, TransferRow.transfer_id)).all()
            return [_transfer(row, arm_id_of(session, row.resource_id)) for row in rows]

    def update(
        self,
        resource_id: UUID,
        transfer_id: str,
        apply_scope: Sequence[UUID] | Unset = UNSET,
        user_data: str | Unset | None = UNSET,
    ) -> None:
        """Change scope or user data; only for the resource that took it. None does not change the user data."""
        given = user_data if isinstance(user_data, str) else None
        check_user_data(given)
        if isinstance(apply_scope, Unset) and given is None:
            raise NothingToUpdateError("give an apply scope or user data")
        with self._rows.database.write(resource_id) as session:
            row = self._find(session, transfer_id)
            if not isinstance(apply_scope, Unset):
                row.apply_scope = _scope_text(apply_scope)
            if given is not None:
                row.user_data = given
            row.updated_at = self._rows.clock.now()

    def delete(self, resource_id: UUID, transfer_id: str) -> None:
        """Delete a transfer; only for the resource that took it."""
        with self._rows.database.write(resource_id) as session:
            row = self._find(session, transfer_id)
            copy = find(session, _ref(row), lock=True)
            session.delete(row)
        self._copies.delete(copy)

    def apply(self, resource_id: UUID, transfer_id: str, collection_id: str) -> Started:
        """Create a collection from a transfer in a resource of its scope; `Started.id` is the collection id."""
        with self._rows.database.read(EVERY_RESOURCE) as session:
            row = self._find(session, transfer_id)
            if not _may_apply(session, resource_id, row):
                raise _not_found(subscription_of(session, resource_id))
        ref = CollectionRef(resource_id, Kind(row.kind), collection_id)
        if not COLLECTION_ID.fullmatch(collection_id):
            raise InvalidCollectionIdError(ref)
        with self._rows.transaction(resource_id, collection_id) as session:
            # Check before the costly copy, not only after it.
            self._check_quota(session, resource_id, _APPLY)
            self._collections.check_free(session, ref)
        with (
            self._copies.of(_ref(row), resource_id) as copy,
            self._rows.transaction(resource_id, collection_id) as session,
        ):
            self._use(session, resource_id, _APPLY)
            self._collections.check_free(session, ref)
            session.execute(
                update(CollectionRow)
                .where(CollectionRow.uid == copy.uid)
                .values(kind=ref.kind.value, collection_id=collection_id, created_at=self._rows.clock.now())
                .execution_options(synchronize_session=False)
            )
            self._check_size(session, ref)
            operation = self._operations.succeeded(session, resource_id, f"{_PATHS[ref.kind]}{collection_id}")
        return Started(collection_id, operation)

    def purge_expired(self) -> int:
        """Delete expired snapshots, data left by killed processes, and uses that no quota counts any more.

        Returns:
            The number of deleted rows.
        """
        now = self._rows.clock.now()
        with self._rows.database.write(EVERY_RESOURCE) as session:
            expired = session.scalars(select(TransferRow).where(TransferRow.expires_at <= now)).all()
            for row in expired:
                session.delete(row)
            old = TransferUseRow.used_at <= now - max(_QUOTA_PERIOD.values())
            uses = session.scalars(select(TransferUseRow).where(old)).all()
            for use in uses:
                session.delete(use)
        with self._rows.database.read(EVERY_RESOURCE) as session:
            wanted = {str(one) for one in session.scalars(select(TransferRow.transfer_id))}
            copies = session.scalars(select(CollectionRow).where(CollectionRow.kind == Kind.TRANSFER.value)).all()
        gone = {str(row.transfer_id) for row in expired}
        for copy in copies:
            left = copy.collection_id not in wanted and copy.created_at <= now - _ABANDONED
            if left or copy.collection_id in gone:
                self._copies.delete(copy)
        return len(expired) + len(uses)

    def _find(self, session: Session, transfer_id: str) -> TransferRow:
        parsed = parse_id(transfer_id)
        row = session.scalar(select(TransferRow).where(TransferRow.transfer_id == parsed)) if parsed else None
        if row is None or self._rows.clock.now() >= row.expires_at:
            raise _not_found()
        return row

    def _check_quota(self, session: Session, resource_id: UUID, action: str) -> None:
        sku = Sku(session.scalar(select(ResourceRow.sku).where(ResourceRow.id == resource_id)) or Sku.STANDARD)
        since = self._rows.clock.now() - _QUOTA_PERIOD.get(sku, _USUAL_QUOTA_PERIOD)
        used = select(func.count()).select_from(TransferUseRow)
        used = used.where(TransferUseRow.action == action, TransferUseRow.used_at > since)
        limit = self._rows.quotas.transfers
        if (session.scalar(used) or 0) >= limit:
            raise QuotaExceededError(Quota.TRANSFERS, Kind.TRANSFER, limit)

    def _use(self, session: Session, resource_id: UUID, action: str) -> None:
        self._rows.database.lock(session, f"transfers {resource_id}")
        self._check_quota(session, resource_id, action)
        now = self._rows.clock.now()
        session.add(TransferUseRow(resource_id=resource_id, use_id=uuid4(), action=action, used_at=now))

    def _check_size(self, session: Session, ref: CollectionRef) -> None:
        """Check that the new collection fits the tier of its resource, which may differ from the source's."""
        row = find(session, ref)
        if ref.kind.has_persons:
            check_person_quota(self._rows, session, ref, row, more=0)
            return
        limit = self._rows.limits(session, ref.resource_id, ref.kind).faces
        if row.faces > limit:
            raise QuotaExceededError(Quota.FACES, ref.kind, limit)


def _ref(row: TransferRow) -> CollectionRef:
    """Return the reference of the transfer's copy."""
    return CollectionRef(row.resource_id, Kind.TRANSFER, str(row.transfer_id))


def _scope_text(scope: Sequence[UUID]) -> str:
    return " ".join(sorted({str(one) for one in scope}))


def _scope_names(session: Session, resource_id: UUID) -> set[UUID]:
    """Return the ids by which an apply scope may name a resource: its own, and its subscription's if that is a GUID."""
    subscription = parse_id(subscription_of(session, resource_id))
    return {resource_id} | ({subscription} if subscription else set())


def _may_apply(session: Session, resource_id: UUID, row: TransferRow) -> bool:
    return not _scope_names(session, resource_id).isdisjoint(UUID(one) for one in row.apply_scope.split())


def _in_scope(name: UUID) -> ColumnElement[bool]:
    return TransferRow.apply_scope.contains(str(name))


def _not_found(subscription: str = "") -> TransferNotFoundError:
    if subscription:
        return TransferNotFoundError(
            "The snapshot does not exist, has expired after 48 hours, or its applyScope does not hold the subscription "
            "of this resource, which is {subscription}.",
            subscription=subscription,
        )
    return TransferNotFoundError(
        "The snapshot does not exist, has expired after 48 hours, or its applyScope does not hold the subscription of "
        "this resource."
    )


def _transfer(row: TransferRow, account: str) -> Transfer:
    scope = tuple(row.apply_scope.split())
    return Transfer(str(row.transfer_id), account, row.kind, scope, row.user_data, row.created_at, row.updated_at)
