"""The ASGI application of the management port: the guard, the routes, and optionally the portal."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID

import anyio.to_thread
from fastapi import APIRouter, FastAPI
from fastapi import Request as HttpRequest
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from mien.accounts import AccessRequests, Accounts
from mien.accounts.role_assignments import RoleAssignments
from mien.clock import Clock
from mien.doors.reviews import Enrol
from mien.doors.service import DoorServices
from mien.dossier import Dossiers
from mien.events import AlertRules, AuditLog, Exposition, MetricStore
from mien.events.failed_calls import FailedCalls
from mien.gallery.drift import Drift
from mien.gallery.measuring import Measuring
from mien.gallery.negatives.service import Negatives
from mien.gallery.reviews import Reviews
from mien.gateway.exchange import Request
from mien.gateway.origin import OriginFinder
from mien.management.arm import accounts, catalogue, deleted, resource_groups, sign_in, tenancy
from mien.management.arm import metrics as arm_metrics
from mien.management.arm.filing import Filing, SubscriptionTerms
from mien.management.arm.groups import ResourceGroups
from mien.management.arm.routing import Arm
from mien.management.arm.shapes import Addresses
from mien.management.arm.sign_in import SignInPlace
from mien.management.errors import internal_error, storage_error
from mien.management.explain import KNOWN, explain
from mien.management.glance import Glances
from mien.management.guard import Api, Guard, Message, Receive, Scope, Send
from mien.management.login import Actor, Login
from mien.management.roles import Role
from mien.management.routing import Journal, check_routes
from mien.management.tokens import AdminTokens
from mien.management.v1 import (
    access,
    alerts,
    audit,
    door_events,
    doors,
    dossiers,
    drift,
    evaluations,
    failed_calls,
    health,
    kiosks,
    metrics,
    negatives,
    resources,
    retention,
    reviews,
    role_assignments,
    status,
    subjects,
    terms,
    tokens,
)
from mien.management.v1.alerts import TryOut
from mien.storage import Database
from mien.subjects import Subjects

OPENAPI: Final = "/mien/v1/openapi.json"
OPEN_PATHS: Final = frozenset({"/health", OPENAPI, sign_in.METADATA})
"""Paths that need no authentication."""

_FIRST_PARTS: Final = frozenset({"subscriptions", "providers", "mien", "health", "metrics", "metadata", "tenants"})
_OF_PROXIES: Final = frozenset({b"authorization", b"forwarded", b"via", b"x-forwarded-for", b"x-real-ip"})
_THREADS: Final = 8  # handlers block on the database, whose connections the data plane needs too


@dataclass(frozen=True, slots=True)
class ControlPlaneParts:
    """The components of the control plane.

    Attributes:
        accounts: the resources.
        access: requests for limited access.
        assignments: the roles of the issuer's tokens.
        tokens: the admin tokens.
        login: authenticates callers.
        audit: the audit log.
        metrics: answers metric queries.
        alerts: the alert rules.
        try_out: sends a test message of an alert rule.
        database: checked by the health probe.
        clock: the clock.
        endpoint: local URL of the data plane, with the scheme and port of resources' endpoints.
        domain: domain of the resources' host names.
        exposition: this process's metrics for Prometheus; None without a data plane.
        failed_calls: the latest failed calls; None without their routes.
        glances: computes the status of all resources; None without a data plane.
        subjects: the data-subject tools; None without a data plane.
        evaluations: measures error rates on enrolled people; None without a data plane.
        reviews: matches that people must confirm; None without a data plane.
        negatives: faces marked as not being a person; None without a data plane.
        dossiers: the operator's compliance documents; None without their routes.
        drift: drift of scores and quality; None without its routes.
        open_metrics: whether programs on this machine may scrape without a token.
        free_calls: calls per month of the free tier; 0 for unlimited.
        origin: determines callers' addresses.
        body_limit: maximum size of a body, in bytes.
        body_seconds: time limit for a body.
        place: endpoints where clients get tokens; None without an issuer.
        doors: cameras and doors; None for a port without them.
        enrol: adds the picture of an event to a person; None without a data plane.
    """

    accounts: Accounts
    access: AccessRequests
    assignments: RoleAssignments
    tokens: AdminTokens
    login: Login
    audit: AuditLog
    metrics: MetricStore
    alerts: AlertRules
    try_out: TryOut
    database: Database
    clock: Clock
    endpoint: str
    domain: str
    exposition: Exposition | None = None
    failed_calls: FailedCalls | None = None
    glances: Glances | None = None
    subjects: Subjects | None = None
    evaluations: Measuring | None = None
    reviews: Reviews | None = None
    negatives: Negatives | None = None
    dossiers: Dossiers | None = None
    drift: Drift | None = None
    open_metrics: bool = True
    free_calls: int = 30_000
    origin: OriginFinder = field(default_factory=OriginFinder)
    body_limit: int = 1024 * 1024
    body_seconds: float = 60.0
    place: SignInPlace | None = None
    doors: DoorServices | None = None
    enrol: Enrol | None = None


class ControlPlane:
    """The ASGI application of the management port.

    Args:
        parts: the dependencies.
        portal: serves all other requests: pages, scripts, WebSockets; None for the API alone.
    """

    def __init__(self, parts: ControlPlaneParts, portal: Api | None = None) -> None:
        self.api = build_api(parts)
        self.portal = portal
        self._first_parts = _FIRST_PARTS | {parts.place.tenants[0] if parts.place else "mien"}
        self._guard = Guard(
            self.api,
            parts.login.identify,
            address=lambda scope: str(parts.origin.client(Request(scope, _no_body)) or ""),
            open_paths=OPEN_PATHS | frozenset(parts.place.open_paths if parts.place else ()),
            neighbour=_scraper if parts.open_metrics else _no_neighbour,
            templates=lambda: self.api.state.paths,
            body_limit=parts.body_limit,
            body_seconds=parts.body_seconds,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
            await (self.portal or self.api)(scope, receive, send)
        elif self.portal is not None and (scope["type"] == "websocket" or not self._is_api(scope["path"])):
            await self.portal(scope, receive, send)
        elif scope["type"] == "http":
            await self._guard(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    def _is_api(self, path: str) -> bool:
        return path.lstrip("/").partition("/")[0].lower() in self._first_parts


async def _no_body() -> Message:
    raise RuntimeError("only the head of the request was to be read")


def _no_neighbour(_path: str, _scope: Scope, _headers: Mapping[bytes, bytes]) -> None:
    """Refuse callers without a token."""


def _scraper(path: str, scope: Scope, headers: Mapping[bytes, bytes]) -> Actor | None:
    """Allow programs on this machine to scrape, but not a reverse proxy, which is recognised by its headers."""
    if path != "/metrics" or headers.keys() & _OF_PROXIES or not scope.get("client"):
        return None
    try:
        address = ipaddress.ip_address(scope["client"][0])
    except ValueError:
        return None
    address = getattr(address, "ipv4_mapped", None) or address  # Python does this from 3.13 on
    return Actor.of("scraper", Role.AUDITOR) if address.is_loopback else None


def build_api(parts: ControlPlaneParts) -> FastAPI:
    """Return the routes, which rely on the guard."""
    api = FastAPI(
        title="Mien control plane",
        version=version("mien"),
        docs_url=None,  # its page would load scripts from another server
        redoc_url=None,
        openapi_url=OPENAPI,
        redirect_slashes=False,
    )
    open_paths = OPEN_PATHS | frozenset(parts.place.open_paths if parts.place else ())
    api.state.routes = []
    api.state.paths = {}  # not from the OpenAPI document, which would delay the first request by a second
    for router in _routers(parts):
        api.state.paths |= dict.fromkeys(route.path_format for route in router.routes if isinstance(route, APIRoute))
        api.state.routes += check_routes(router.routes, open_paths)
        api.include_router(router)
    api.state.resource_of = lambda name: _resource_of(parts.accounts, name)
    for kind in KNOWN:
        api.add_exception_handler(kind, _answer)
    api.add_exception_handler(Exception, _unexpected)  # Starlette raises the exception again, and the guard logs it
    api.openapi = lambda: _openapi(api)  # type: ignore[method-assign]  # FastAPI's documented way to change it
    return api


def _resource_of(accounts: Accounts, name: str) -> UUID | None:
    """Return the id of a resource, also of a deleted one, by its name or id; None if there is none."""
    found = accounts.named(name) or accounts.named(name, deleted=True)
    if found is None:
        try:
            found = accounts.get(UUID(name))
        except ValueError:
            return None
    return None if found is None else found.id


def _routers(parts: ControlPlaneParts) -> Iterable[APIRouter]:
    journal = Journal(parts.audit)
    started = parts.clock.now()
    yield health.routes(parts.database, lambda: _uptime(started, parts.clock))
    yield tokens.routes(parts.tokens, journal, parts.accounts)
    yield role_assignments.routes(parts.assignments, parts.accounts)
    subscriptions = SubscriptionTerms(parts.database, parts.clock)
    addresses = Addresses(parts.endpoint, parts.domain)
    filing = Filing(parts.database, parts.accounts)
    yield resources.routes(parts.accounts, filing, addresses)
    yield terms.routes(subscriptions, journal)
    yield access.routes(parts.access, parts.accounts, parts.audit)
    yield alerts.routes(parts.alerts, parts.accounts, journal, parts.try_out)
    yield audit.routes(parts.audit, parts.accounts)
    yield metrics.routes(parts.metrics, parts.accounts, parts.clock)
    if parts.failed_calls is not None:
        yield failed_calls.routes(parts.failed_calls, parts.accounts)
    if parts.glances is not None:
        yield status.routes(parts.glances)
    yield metrics.prometheus(parts.exposition)
    if parts.subjects is not None:
        yield subjects.routes(parts.subjects, parts.accounts)
        yield subjects.receipt_routes(parts.subjects)
        yield retention.routes(parts.subjects, parts.accounts)
    if parts.evaluations is not None:
        yield evaluations.routes(parts.evaluations, parts.accounts)
    if parts.doors is not None:
        yield doors.routes(parts.doors, parts.accounts)
        yield doors.rule_routes(parts.doors, parts.accounts)
        yield doors.people_routes(parts.doors, parts.accounts, parts.clock)
        yield door_events.routes(parts.doors, parts.accounts, parts.enrol)
        yield kiosks.routes(parts.doors, parts.accounts)
    if parts.drift is not None:
        yield drift.routes(parts.drift, parts.accounts)
    if parts.reviews is not None:
        yield reviews.routes(parts.reviews, parts.accounts)
    if parts.negatives is not None:
        yield negatives.routes(parts.negatives, parts.accounts)
    if parts.dossiers is not None:
        yield dossiers.routes(parts.dossiers, parts.accounts)
    arm = Arm(parts.accounts, filing, subscriptions, addresses, parts.clock)
    yield accounts.routes(arm)
    yield deleted.routes(arm)
    yield catalogue.routes(arm)
    groups = ResourceGroups(parts.database, filing, parts.clock)
    yield resource_groups.routes(arm, groups)
    yield tenancy.routes(arm, groups, parts.place.names.tenant if parts.place else NAMESPACE_URL)
    yield sign_in.routes(parts.place, lambda request: parts.origin(Request(request.scope, _no_body)))
    yield arm_metrics.routes(arm, parts.metrics, parts.free_calls)


def _uptime(started: datetime, clock: Clock) -> float:
    return round((clock.now() - started).total_seconds(), 3)


async def _answer(_request: HttpRequest, error: Exception) -> JSONResponse:
    problem = explain(error)
    return JSONResponse(problem.body(), problem.status, headers=problem.headers)


async def _unexpected(_request: HttpRequest, error: Exception) -> JSONResponse:
    problem = storage_error(error) or internal_error()
    return JSONResponse(problem.body(), problem.status, headers=problem.headers)


def _openapi(api: FastAPI) -> dict[str, Any]:
    """Return FastAPI's OpenAPI document with our error responses and the bearer token."""
    if api.openapi_schema is None:
        schema = get_openapi(title=api.title, version=api.version, routes=api.routes, description=_ABOUT)
        parts = schema.setdefault("components", {})
        schemas = parts.setdefault("schemas", {})
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        schemas["Error"] = _ERROR
        parts["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        refusal = {
            "description": "An error.",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }
        for path, methods in schema["paths"].items():
            for operation in methods.values():
                operation["responses"].pop("422", None)
                operation["responses"]["default"] = refusal
                if path not in OPEN_PATHS:
                    operation["security"] = [{"bearer": []}]
        api.openapi_schema = schema
    return api.openapi_schema


_ABOUT: Final = (
    "Azure's resource manager for Microsoft.CognitiveServices/accounts of kind Face, and plain JSON routes under "
    "/mien/v1 for what Azure does in its portal."
)
_ERROR: Final = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "target": {"type": "string"},
            },
        }
    },
}
