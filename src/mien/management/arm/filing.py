"""The subscription and group of each resource in ARM, and the subscriptions that accepted the responsible-AI terms."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import select

from mien.accounts import Accounts, Acknowledgement, Resource
from mien.accounts.subscriptions import DEFAULT_GROUP, DEFAULT_SUBSCRIPTION
from mien.clock import Clock
from mien.storage import EVERY_RESOURCE, Database
from mien.storage.tables import ArmRow, SubscriptionTermsRow

STATEMENT: Final = (
    "I acknowledge the responsible-AI terms of this service for all resources of the subscription, and declare that "
    "none of them is used by or for a police department in the United States."
)
"""The accepted text, which is stored with every acceptance."""


@dataclass(frozen=True, slots=True)
class ArmLocation:
    """The subscription and group of a resource in ARM.

    Attributes:
        subscription: id of the subscription, as the caller wrote it.
        group: name of the resource group, as the caller wrote it.
        created_by: name of the creator.
        changed_by: name of the actor of the last change through ARM.
        changed_at: time of that change.
        echo: properties that Mien does not use and returns unchanged.
    """

    subscription: str
    group: str
    created_by: str
    changed_by: str
    changed_at: datetime
    echo: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def is_in(self, subscription: str, group: str | None = None) -> bool:
        """Return whether it is in a subscription and, if given, a resource group, ignoring letter case."""
        same = self.subscription.lower() == subscription.lower()
        return same and (group is None or self.group.lower() == group.lower())


FiledResource = tuple[Resource, ArmLocation]


class Filing:
    """Finds resources by subscription, resource group and name.

    Args:
        database: the database.
        accounts: the resources.
    """

    def __init__(self, database: Database, accounts: Accounts) -> None:
        self._database = database
        self._accounts = accounts

    def living(self, subscription: str, group: str | None = None) -> list[FiledResource]:
        """Return the resources of a subscription, or of one of its groups, oldest first."""
        return self._file(self._accounts.resources(), subscription, group)

    def deleted(self, subscription: str, group: str | None = None) -> list[FiledResource]:
        """Return the deleted resources that can still be restored."""
        return self._file(self._accounts.deleted(), subscription, group)

    def find(self, subscription: str, group: str, name: str, *, deleted: bool = False) -> FiledResource | None:
        """Return a resource, or with `deleted` a deleted one; None if there is none."""
        resource = self._accounts.named(name, deleted=deleted)
        if resource is None:
            return None
        place = self.place(resource)
        return (resource, place) if place.is_in(subscription, group) else None

    def place(self, resource: Resource) -> ArmLocation:
        """Return the subscription and group of a resource."""
        with self._database.read(resource.id) as session:
            row = session.get(ArmRow, resource.id)
        return _place(row, resource)

    def put(self, resource_id: UUID, place: ArmLocation) -> None:
        """Set the subscription and group of a resource."""
        with self._database.write(resource_id) as session:
            session.merge(
                ArmRow(
                    resource_id=resource_id,
                    subscription=place.subscription,
                    resource_group=place.group,
                    echo=json.dumps(place.echo),
                    created_by=place.created_by[:200],
                    changed_by=place.changed_by[:200],
                    changed_at=place.changed_at,
                )
            )

    def _file(self, resources: list[Resource], subscription: str, group: str | None) -> list[FiledResource]:
        with self._database.read(EVERY_RESOURCE) as session:
            rows = {row.resource_id: row for row in session.scalars(select(ArmRow))}
        filed = ((resource, _place(rows.get(resource.id), resource)) for resource in resources)
        return [(resource, place) for resource, place in filed if place.is_in(subscription, group)]


def _place(row: ArmRow | None, resource: Resource) -> ArmLocation:
    if row is None:
        return ArmLocation(DEFAULT_SUBSCRIPTION, DEFAULT_GROUP, "mien", "mien", resource.created_at)
    return ArmLocation(
        row.subscription, row.resource_group, row.created_by, row.changed_by, row.changed_at, json.loads(row.echo)
    )


@dataclass(frozen=True, slots=True)
class Acceptance:
    """An acceptance of the terms for a subscription.

    Attributes:
        subscription: the subscription.
        accepted_by: name of the person who accepted.
        accepted_at: time of acceptance.
        statement: text of the accepted statement.
    """

    subscription: str
    accepted_by: str
    accepted_at: datetime
    statement: str


class SubscriptionTerms:
    """The responsible-AI terms of subscriptions. ARM has no property for them; on Azure the portal accepts them.

    Args:
        database: the database with all acceptances, of which the newest is valid.
        clock: the clock.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def accept(self, subscription: str, accepted_by: str) -> Acceptance:
        """Record that somebody accepts `STATEMENT` for a subscription."""
        made = Acceptance(subscription, accepted_by, self._clock.now(), STATEMENT)
        with self._database.write(EVERY_RESOURCE) as session:
            session.add(
                SubscriptionTermsRow(
                    id=uuid4(),
                    subscription=subscription.lower(),
                    accepted_by=accepted_by,
                    accepted_at=made.accepted_at,
                    statement=made.statement,
                )
            )
        return made

    def history(self, subscription: str) -> list[Acceptance]:
        """Return all acceptances for a subscription, newest first."""
        query = (
            select(SubscriptionTermsRow)
            .where(SubscriptionTermsRow.subscription == subscription.lower())
            .order_by(SubscriptionTermsRow.accepted_at.desc())
        )
        with self._database.read(EVERY_RESOURCE) as session:
            return [
                Acceptance(row.subscription, row.accepted_by, row.accepted_at, row.statement)
                for row in session.scalars(query)
            ]

    def acknowledgement(self, subscription: str) -> Acknowledgement | None:
        """Return the acceptance for new resources of a subscription; None if nobody accepted."""
        found = self.history(subscription)
        return Acknowledgement(found[0].accepted_by, responsible_ai=True, not_for_police=True) if found else None
