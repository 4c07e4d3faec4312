"""Between rows and resources: JSON columns, granted features, the count of changes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from mien.accounts.types import DefaultAction, ProvisioningState, Resource, Sku, Terms
from mien.contract.features import Feature
from mien.contract.flashes import AS_SERVER, WithoutFlashes
from mien.storage.tables import AccessRequestRow, AccountsVersionRow, ResourceRow

READ_VERSION: Final = "SELECT version FROM accounts_version WHERE id = 1"
"""For `mien.storage.watch.RowWatch`."""

APPROVED: Final = "approved"
EXPIRED: Final = "expired"


@dataclass(frozen=True, slots=True)
class Grants:
    """The effect of a resource's requests at a moment.

    Attributes:
        features: granted now.
        states: the state of the newest request for each feature that was ever requested.
        until: time when the first of `features` expires; None when none does.
    """

    features: frozenset[Feature] = frozenset()
    states: Mapping[Feature, str] | None = None
    until: datetime | None = None


def bump(session: Session) -> None:
    """Count a change, so that every process sees it; writers of accounts wait for each other here.

    Call it first in the transaction: what is read after it cannot change before the commit.
    """
    counted = update(AccountsVersionRow).values(version=AccountsVersionRow.version + 1).returning(AccountsVersionRow.id)
    if session.execute(counted).first() is None:
        session.execute(insert(AccountsVersionRow), [{"id": 1, "version": 1}])


def features_of(row: AccessRequestRow) -> frozenset[Feature]:
    """Return what a request is for."""
    return frozenset(Feature(name) for name in row.features.split(","))


def state_of(row: AccessRequestRow, now: datetime) -> str:
    """Return the state of a request: an approval past its end is expired, even if it is not marked as such yet."""
    over = row.state == APPROVED and row.expires_at is not None and row.expires_at <= now
    return EXPIRED if over else row.state


def grants_of(rows: Iterable[AccessRequestRow], now: datetime) -> Grants:
    """Return what requests amount to, given all of one resource."""
    features: set[Feature] = set()
    states: dict[Feature, str] = {}
    ends: list[datetime] = []
    for row in sorted(rows, key=lambda one: (one.requested_at, one.request_id)):
        state = state_of(row, now)
        for feature in features_of(row):
            states[feature] = state
        if state == APPROVED:
            features |= features_of(row)
            if row.expires_at is not None:
                ends.append(row.expires_at)
    return Grants(frozenset(features), states, min(ends, default=None))


def requests_of(session: Session, row: ResourceRow) -> list[AccessRequestRow]:
    """Return the requests of a resource."""
    return list(session.scalars(select(AccessRequestRow).where(AccessRequestRow.resource_id == row.id)))


def resource_of(row: ResourceRow, grants: Grants) -> Resource:
    """Return the resource of a row."""
    return Resource(
        id=row.id,
        name=row.name,
        location=row.location,
        sku=Sku(row.sku),
        custom_subdomain=row.custom_subdomain,
        created_at=row.created_at,
        tags=json.loads(row.tags),
        state=ProvisioningState(row.state),
        public_network_access=row.public_network_access,
        default_action=cast("DefaultAction", row.default_action),
        ip_rules=tuple(json.loads(row.ip_rules)),
        local_auth=row.local_auth,
        features=grants.features,
        access_state=grants.states or {},
        request_log=row.request_log,
        cors_origins=tuple(json.loads(row.cors_origins)),
        without_flashes=None if row.without_flashes == AS_SERVER else WithoutFlashes(row.without_flashes),
        terms=None if row.terms is None else _terms(row.terms),
        deleted_at=row.deleted_at,
    )


def terms_text(terms: Terms) -> str:
    """Return terms as the table has them."""
    at = terms.accepted_at.isoformat()
    return json.dumps({"by": terms.accepted_by, "at": at, "development": terms.development})


def _terms(text: str) -> Terms:
    fields = json.loads(text)
    return Terms(fields["by"], datetime.fromisoformat(fields["at"]), fields["development"])
