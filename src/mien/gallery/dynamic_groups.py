"""Dynamic person groups: sets of persons of the directory; no training, no recognition model."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from mien.gallery.types import UNSET, DynamicGroup, Started, Unset


class DynamicGroups:
    """The dynamic person groups of a resource.

    Raises, as they apply: `DynamicGroupNotFoundError`, `DynamicGroupExistsError`, `PersonNotFoundError` (an id to be
    added that the directory has not), `NameEmptyError`, `NameTooLongError`, `UserDataTooLongError`,
    `NothingToUpdateError`, `StartTooLongError`, `InvalidStartError` (persons), `InvalidTopError`, `QuotaExceededError`.
    """

    def create(
        self, resource_id: UUID, group_id: str, name: str, user_data: str | None = None, add: Sequence[str] = ()
    ) -> Started:
        """Make a group with these persons; `Started.id` is the group id."""
        raise NotImplementedError

    def get(self, resource_id: UUID, group_id: str) -> DynamicGroup:
        """Return a group."""
        raise NotImplementedError

    def page(self, resource_id: UUID, start: str = "", top: int = 1000) -> list[DynamicGroup]:
        """Return groups after `start` by ascending id."""
        raise NotImplementedError

    def update(
        self,
        resource_id: UUID,
        group_id: str,
        *,
        name: str | Unset = UNSET,
        user_data: str | Unset | None = UNSET,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
    ) -> Started:
        """Change name, user data or persons."""
        raise NotImplementedError

    def delete(self, resource_id: UUID, group_id: str) -> Started:
        """Delete a group; its persons stay."""
        raise NotImplementedError

    def persons(self, resource_id: UUID, group_id: str, start: str = "", top: int = 1000) -> list[str]:
        """Return ids of a group's persons after `start`, ascending."""
        raise NotImplementedError
