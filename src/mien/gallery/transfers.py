"""Snapshots of v1.0: frozen copies of collections, to apply in the same resource or in others of this server.

Called transfers here, because a snapshot is what training makes.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.types import UNSET, Started, Transfer, Unset


class Transfers:
    """The v1.0 snapshots. They expire 48 hours after they were taken.

    Raises, as they apply: `CollectionNotFoundError`, `CollectionExistsError`, `InvalidCollectionIdError`,
    `TransferNotFoundError`, `UserDataTooLongError`, `NothingToUpdateError`, `QuotaExceededError`.
    """

    def take(self, ref: CollectionRef, apply_scope: Sequence[UUID], user_data: str | None = None) -> Started:
        """Copy a collection, with what its last training made; `Started.id` is the transfer id."""
        raise NotImplementedError

    def get(self, resource_id: UUID, transfer_id: str) -> Transfer:
        """Return a transfer that this resource took or may apply."""
        raise NotImplementedError

    def all(self, resource_id: UUID, kind: Kind | None = None, apply_scope: Sequence[UUID] = ()) -> list[Transfer]:
        """Return the transfers that this resource took or may apply, by creation time.

        Args:
            resource_id: who asks.
            kind: only of this kind.
            apply_scope: only those whose scope has one of these.
        """
        raise NotImplementedError

    def update(
        self,
        resource_id: UUID,
        transfer_id: str,
        apply_scope: Sequence[UUID] | Unset = UNSET,
        user_data: str | Unset | None = UNSET,
    ) -> None:
        """Change scope or user data; only for the resource that took it."""
        raise NotImplementedError

    def delete(self, resource_id: UUID, transfer_id: str) -> None:
        """Delete it; only for the resource that took it."""
        raise NotImplementedError

    def apply(self, resource_id: UUID, transfer_id: str, collection_id: str) -> Started:
        """Make a new collection of it in a resource of its scope; `Started.id` is the collection id."""
        raise NotImplementedError
