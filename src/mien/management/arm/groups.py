"""Subscriptions and resource groups: those with accounts, and groups that were created explicitly."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import delete, select

from mien.accounts.subscriptions import DEFAULT_GROUP, DEFAULT_SUBSCRIPTION
from mien.clock import Clock
from mien.management.arm.filing import Filing
from mien.storage import EVERY_RESOURCE, Database
from mien.storage.tables import ArmGroupRow, ArmRow, SubscriptionTermsRow


@dataclass(frozen=True, slots=True)
class ResourceGroup:
    """A resource group.

    Attributes:
        subscription: id of its subscription, as the caller wrote it.
        name: its name, as the caller wrote it.
        location: location in Azure's short form.
        tags: its tags.
    """

    subscription: str
    name: str
    location: str
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)


class ResourceGroups:
    """The resource groups in a database, which only organise accounts.

    Args:
        database: the database with the created groups.
        filing: finds the groups of accounts.
        clock: the clock.
    """

    def __init__(self, database: Database, filing: Filing, clock: Clock) -> None:
        self._database = database
        self._filing = filing
        self._clock = clock

    def subscriptions(self) -> list[str]:
        """Return the ids of all subscriptions in use, the default one first."""
        with self._database.read(EVERY_RESOURCE) as session:
            queries = (
                select(ArmRow.subscription),
                select(ArmGroupRow.subscription),
                select(SubscriptionTermsRow.subscription),
            )
            used = [one for query in queries for one in session.scalars(query.distinct())]
        found = {DEFAULT_SUBSCRIPTION: DEFAULT_SUBSCRIPTION}
        for one in used:
            found.setdefault(one.lower(), one)
        return list(found.values())

    def list(self, subscription: str) -> list[ResourceGroup]:
        """Return the groups of a subscription by name: created ones, and those with accounts."""
        query = select(ArmGroupRow).where(ArmGroupRow.subscription_key == subscription.lower())
        with self._database.read(EVERY_RESOURCE) as session:
            found = {row.name_key: _group(row) for row in session.scalars(query)}
        for resource, place in self._filing.living(subscription):
            implied = ResourceGroup(place.subscription, place.group, resource.location)
            found.setdefault(place.group.lower(), implied)
        if subscription.lower() == DEFAULT_SUBSCRIPTION:
            found.setdefault(DEFAULT_GROUP, ResourceGroup(DEFAULT_SUBSCRIPTION, DEFAULT_GROUP, "local"))
        return sorted(found.values(), key=lambda group: group.name.lower())

    def find(self, subscription: str, name: str) -> ResourceGroup | None:
        """Return a group by name, ignoring letter case; None if there is none."""
        return next((one for one in self.list(subscription) if one.name.lower() == name.lower()), None)

    def put(self, group: ResourceGroup, actor: str) -> bool:
        """Create a group, or change its tags; return whether it is new."""
        known = self.find(group.subscription, group.name)
        with self._database.write(EVERY_RESOURCE) as session:
            session.merge(
                ArmGroupRow(
                    subscription_key=group.subscription.lower(),
                    name_key=group.name.lower(),
                    subscription=group.subscription,
                    name=known.name if known else group.name,
                    location=group.location,
                    tags=json.dumps(dict(group.tags)),
                    created_by=actor[:200],
                    created_at=self._clock.now(),
                )
            )
        return known is None

    def delete(self, group: ResourceGroup) -> None:
        """Delete a group; the caller must ensure that it has no accounts."""
        with self._database.write(EVERY_RESOURCE) as session:
            session.execute(
                delete(ArmGroupRow).where(
                    ArmGroupRow.subscription_key == group.subscription.lower(),
                    ArmGroupRow.name_key == group.name.lower(),
                )
            )


def _group(row: ArmGroupRow) -> ResourceGroup:
    return ResourceGroup(row.subscription, row.name, row.location, json.loads(row.tags))
