"""The status of all resources (failures, approvals, alerts, stale groups) and of the server (disk, version, models).

The portal's page *Status*, `/mien/v1/status` and `mien status` show it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final
from uuid import UUID

from mien.accounts import AccessRequests, Accounts, RequestState, Resource
from mien.clock import Clock
from mien.events import AlertRules, MetricQuestion, MetricStore
from mien.gallery.training.staleness import StaleCollections

MANY_ERRORS: Final = 0.1
"""Minimum share of failed calls at which a resource needs attention."""
LITTLE_SPACE: Final = 0.1
"""Share of free disk space below which a server needs attention."""

_WAITING: Final = frozenset({RequestState.SUBMITTED, RequestState.IN_REVIEW})


@dataclass(frozen=True, slots=True)
class ResourceGlance:
    """The status of a resource.

    Attributes:
        resource: the resource.
        calls: calls of today (UTC).
        errors: failed calls of today (UTC).
        waiting: pending requests for limited access.
        firing: firing alert rules.
        undelivered: alert rules whose last message was not delivered.
        stale: groups that have changed since their last training.
        faces: number of enrolled faces.
    """

    resource: Resource
    calls: float
    errors: float
    waiting: int
    firing: int
    undelivered: int
    stale: int
    faces: int

    @property
    def error_rate(self) -> float:
        """Share of failed calls today, in [0, 1]; 0 without calls."""
        return self.errors / self.calls if self.calls else 0.0

    @property
    def attention(self) -> bool:
        """Whether the resource needs attention."""
        return bool(self.waiting or self.firing or self.undelivered or self.stale or self.error_rate >= MANY_ERRORS)


@dataclass(frozen=True, slots=True)
class Glance:
    """The status of a server.

    Attributes:
        resources: all resources, most urgent first.
        firing: firing alert rules for all resources.
        undelivered: alert rules for all resources whose last message was not delivered.
        disk_free: free space on the data folder's disk, in bytes; None without a data folder.
        disk_total: size of that disk, in bytes.
        version: version of Mien.
        models: the model pack of each recognition model.
    """

    resources: tuple[ResourceGlance, ...]
    firing: int
    undelivered: int
    disk_free: int | None
    disk_total: int | None
    version: str
    models: Mapping[str, str]

    @property
    def little_space(self) -> bool:
        """Whether the disk is nearly full."""
        return self.disk_free is not None and self.disk_free < LITTLE_SPACE * (self.disk_total or 0)

    @property
    def attention(self) -> bool:
        """Whether the server or a resource needs attention."""
        return bool(
            self.firing or self.undelivered or self.little_space or any(one.attention for one in self.resources)
        )


@dataclass(frozen=True, slots=True)
class Glances:
    """Computes the status of a server.

    Attributes:
        accounts: the resources.
        access: requests for limited access.
        alerts: the alert rules.
        metrics: answers metric queries.
        stale: finds groups that have changed since their last training.
        faces_stored: returns the number of enrolled faces per resource.
        clock: the clock.
        data_dir: the data folder; None to leave the disk out.
        models: the model pack of each recognition model.
    """

    accounts: Accounts
    access: AccessRequests
    alerts: AlertRules
    metrics: MetricStore
    stale: StaleCollections
    faces_stored: Callable[[], Mapping[UUID, int]]
    clock: Clock
    data_dir: Path | None
    models: Mapping[str, str]

    def look(self, sees: Callable[[UUID], bool] = lambda _: True) -> Glance:
        """Return the status of the server.

        Args:
            sees: returns whether a resource may be shown to the caller.
        """
        undelivered, rules = self.alerts.undelivered(), self.alerts.rules()
        stale: dict[UUID, int] = {}
        for one in self.stale.every():
            stale[one.ref.resource_id] = stale.get(one.ref.resource_id, 0) + 1
        faces = self.faces_stored()
        now = self.clock.now()
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)

        def count(name: str, resource: Resource) -> float:
            return self.metrics.value(MetricQuestion(name, day, now, resource.id)) or 0

        def line(resource: Resource) -> ResourceGlance:
            own = [rule for rule in rules if rule.resource_id == resource.id]
            return ResourceGlance(
                resource,
                count("TotalCalls", resource),
                count("TotalErrors", resource),
                sum(request.state in _WAITING for request in self.access.requests(resource.id)),
                sum(rule.firing for rule in own),
                sum(rule.id in undelivered for rule in own),
                stale.get(resource.id, 0),
                faces.get(resource.id, 0),
            )

        general = [rule for rule in rules if rule.resource_id is None]
        folder = self.data_dir
        disk = shutil.disk_usage(folder) if folder is not None and folder.exists() else None
        return Glance(
            tuple(sorted((line(one) for one in self.accounts.resources() if sees(one.id)), key=_urgency)),
            sum(rule.firing for rule in general),
            sum(rule.id in undelivered for rule in general),
            disk.free if disk else None,
            disk.total if disk else None,
            version("mien"),
            self.models,
        )


def _urgency(one: ResourceGlance) -> tuple[int, float, str]:
    return -(one.undelivered + one.firing + one.waiting + one.stale), -one.errors, one.resource.name
