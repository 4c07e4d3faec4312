"""The route for the status of the server and its resources."""

from __future__ import annotations

from fastapi import APIRouter

from mien.management.glance import Glances
from mien.management.roles import Permission
from mien.management.routing import AnyReader, Shown


class ResourceStatus(Shown):
    """The state of a resource; calls and errors are of today (UTC)."""

    name: str
    blocked: str | None
    calls: int
    errors: int
    error_rate: float
    approvals_waiting: int
    alerts_firing: int
    alerts_undelivered: int
    stale_groups: int
    faces: int
    attention: bool


class Status(Shown):
    """The state of a server. Alerts are those of rules for all resources; disk sizes are in bytes."""

    version: str
    models: dict[str, str]
    disk_free: int | None
    disk_total: int | None
    alerts_firing: int
    alerts_undelivered: int
    attention: bool
    resources: list[ResourceStatus]


def status_of(glances: Glances, caller: AnyReader | None = None) -> Status:
    """Return the status as a caller may see it; all of it without a caller."""
    everywhere = caller is None or caller.may(Permission.SEE)
    found = glances.look((lambda _: True) if caller is None else lambda one: caller.may(Permission.SEE, one))
    resources = [
        ResourceStatus(
            name=one.resource.name,
            blocked=one.resource.blocked,
            calls=round(one.calls),
            errors=round(one.errors),
            error_rate=one.error_rate,
            approvals_waiting=one.waiting,
            alerts_firing=one.firing,
            alerts_undelivered=one.undelivered,
            stale_groups=one.stale,
            faces=one.faces,
            attention=one.attention,
        )
        for one in found.resources
    ]
    return Status(
        version=found.version,
        models=dict(found.models),
        disk_free=found.disk_free if everywhere else None,
        disk_total=found.disk_total if everywhere else None,
        alerts_firing=found.firing if everywhere else 0,
        alerts_undelivered=found.undelivered if everywhere else 0,
        attention=found.attention if everywhere else any(one.attention for one in resources),
        resources=resources,
    )


def routes(glances: Glances) -> APIRouter:
    """Return the route."""
    router = APIRouter(prefix="/mien/v1/status", tags=["status"])

    @router.get("")
    def show(caller: AnyReader) -> Status:
        """List failures, pending approvals, alerts and outdated items in all resources that the caller may see."""
        return status_of(glances, caller)

    return router
