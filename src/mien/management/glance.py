"""All resources at a glance: failures, waiting approvals, alerts, stale groups; disk, version and models.

The portal's page *Status*, `/mien/v1/status` and `mien status` show the same figures.
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
"""Share of failed calls from which a resource needs attention."""
LITTLE_SPACE: Final = 0.1
"""Share of free disk space below which a server needs attention."""

_WAITING: Final = frozenset({RequestState.SUBMITTED, RequestState.IN_REVIEW})


@dataclass(frozen=True, slots=True)
class ResourceGlance:
    """The state of a resource.

    Attributes:
        resource: the resource.
        calls: today (UTC).
        errors: calls of today that failed.
        waiting: requests for limited access that wait for a decision.
        firing: alert rules that fire.
        undelivered: alert rules whose last message nobody received.
        stale: groups that changed since their last training.
        faces: how many are enrolled.
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
        """Failed calls among the calls of today, in [0, 1]; 0 without calls."""
        return self.errors / self.calls if self.calls else 0.0

    @property
    def attention(self) -> bool:
        """Whether somebody should look at it."""
        return bool(self.waiting or self.firing or self.undelivered or self.stale or self.error_rate >= MANY_ERRORS)


@dataclass(frozen=True, slots=True)
class Glance:
    """The state of a server.

    Attributes:
        resources: each resource, the most urgent first.
        firing: alert rules of all resources that fire.
        undelivered: alert rules of all resources whose last message nobody received.
        disk_free: free bytes where the data are; None if there is no folder.
        disk_total: bytes there in total.
        version: version of Mien.
        models: the recogniser's pack by recognition model.
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
        """Whether somebody should look at the server."""
        return bool(
            self.firing or self.undelivered or self.little_space or any(one.attention for one in self.resources)
        )


@dataclass(frozen=True, slots=True)
class Glances:
    """Computes the state of a server.

    Attributes:
        accounts: the resources.
        access: requests for limited access.
        alerts: the rules.
        metrics: the counts.
        stale: groups that changed since their training.
        faces_stored: gives how many faces are enrolled in each resource.
        clock: says which day it is.
        data_dir: the folder whose disk counts; None for none.
        models: the recogniser's pack by recognition model.
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
        """Return the state of the server.

        Args:
            sees: returns whether a resource may be shown.
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
