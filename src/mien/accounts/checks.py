"""Checks before a resource is created or changed: terms, name, subdomain, number of resources of the tier."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mien.accounts.errors import (
    NameTakenError,
    ResourceQuotaError,
    SoftDeletedError,
    SubdomainTakenError,
    TermsNotAcceptedError,
)
from mien.accounts.types import AccountRules, Acknowledgement, Sku, Terms
from mien.accounts.validation import checked_text
from mien.messages import Message
from mien.storage.tables import ResourceRow

_SMALL_REGIONS: Final = frozenset({"uaenorth", "brazilsouth", "qatarcentral"})


def accepted(terms: Acknowledgement | None, now: datetime) -> Terms:
    """Return the terms as accepted.

    Raises:
        TermsNotAcceptedError: nobody did, or not all of them.
        InvalidValueError: whoever did has no name.
    """
    missing: list[str] = []
    if terms is None or not terms.responsible_ai:
        missing.append(Message("the responsible-AI terms"))
    if terms is None or not terms.not_for_police:
        missing.append(Message("that it is not used by or for a police department in the United States"))
    if terms is None or missing:
        raise TermsNotAcceptedError(tuple(missing))
    return Terms(checked_text("accepted_by", terms.accepted_by, 200), now, terms.development)


def check_name(session: Session, name: str) -> None:
    """Check that no resource has the name, in whatever case.

    Raises:
        NameTakenError: one has.
        SoftDeletedError: a deleted one has.
    """
    taken = session.scalar(select(ResourceRow).where(func.lower(ResourceRow.name) == name.lower()))
    if taken is not None:
        raise NameTakenError(taken.name) if taken.deleted_at is None else SoftDeletedError(taken.name)


def check_subdomain(session: Session, row: ResourceRow) -> None:
    """Check that no other resource has the row's custom subdomain, deleted ones included.

    Raises:
        SubdomainTakenError: one has.
    """
    same = (ResourceRow.custom_subdomain == row.custom_subdomain, ResourceRow.id != row.id)
    if row.custom_subdomain is not None and session.scalar(select(ResourceRow.id).where(*same)) is not None:
        raise SubdomainTakenError(row.custom_subdomain)


def check_quota(session: Session, row: ResourceRow, rules: AccountRules) -> None:
    """Check that there may be one more resource of the row's tier, beside those that are not deleted.

    Raises:
        ResourceQuotaError: there are as many as there may be.
    """
    count = select(func.count()).select_from(ResourceRow)
    count = count.where(ResourceRow.deleted_at.is_(None), ResourceRow.id != row.id)
    if row.sku == Sku.FREE.value:
        limit, where = rules.free_resources, Message("of tier {sku}", sku=row.sku)
        count = count.where(ResourceRow.sku == row.sku)
    else:
        usual = 5 if row.location in _SMALL_REGIONS else 10
        limit, where = (
            rules.paid_resources or usual,
            Message("of tiers S0 and E0 in {location}", location=row.location),
        )
        count = count.where(ResourceRow.sku != Sku.FREE.value, ResourceRow.location == row.location)
    if (session.scalar(count) or 0) >= limit:
        raise ResourceQuotaError(
            Message("there are already {limit} resources {where}, which is the maximum", limit=limit, where=where),
            limit,
        )
