"""Values that several routes take."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from mien.accounts import Accounts, Resource
from mien.management.errors import ManagementError, not_found

_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(2200, 1, 1, tzinfo=UTC)


def _in_range(at: datetime) -> datetime:
    if not _FIRST <= at <= _LAST:
        raise ValueError("must be a moment between the years 2000 and 2200")
    return at


def _sorted(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else value


Moment = Annotated[AwareDatetime, AfterValidator(_in_range)]
"""A moment with its time zone, of a year that every database keeps."""

Sorted = BeforeValidator(_sorted)
"""Sets are answered in their order."""

ResourceName = Annotated[str, Field(min_length=1, max_length=64, description="Name or id of a resource.")]


def find(accounts: Accounts, name: str) -> Resource:
    """Return the resource of a name or an id.

    Raises:
        ManagementError: 404, there is none.
    """
    found = accounts.named(name)
    if found is None:
        try:
            found = accounts.get(UUID(name))
        except ValueError:
            found = None
    if found is None or found.deleted_at is not None:
        raise not_found(f"The resource {name!r}")
    return found


def resource_id(accounts: Accounts, name: str) -> UUID:
    """Return the id of a resource by its name or id; an id is believed even when its resource is gone.

    Raises:
        ManagementError: 404, no resource has that name.
    """
    try:
        return find(accounts, name).id
    except ManagementError:
        try:
            return UUID(name)
        except ValueError:
            pass
        raise
