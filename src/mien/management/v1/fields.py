"""Values that several routes accept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from mien.accounts import Accounts, Resource
from mien.clock import YEARS
from mien.management.errors import ManagementError, not_found

_FIRST: Final = datetime(YEARS.start, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(YEARS.stop, 1, 1, tzinfo=UTC)


def _in_range(at: datetime) -> datetime:
    if not _FIRST <= at <= _LAST:
        raise ValueError(f"must be a moment between the years {YEARS.start} and {YEARS.stop}")
    return at


def _sorted(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else value


Moment = Annotated[AwareDatetime, AfterValidator(_in_range)]
"""A time with its zone, in a year that every database can store."""

Sorted = BeforeValidator(_sorted)
"""A set, which is returned sorted."""

ResourceName = Annotated[str, Field(min_length=1, max_length=64, description="Name or id of a resource.")]


def find(accounts: Accounts, name: str) -> Resource:
    """Return a resource by its name or id.

    Raises:
        ManagementError: 404, if there is none.
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
    """Return the id of a resource by its name or id; an id is valid even if the resource was deleted.

    Raises:
        ManagementError: 404, if no resource has that name.
    """
    try:
        return find(accounts, name).id
    except ManagementError:
        try:
            return UUID(name)
        except ValueError:
            pass
        raise
