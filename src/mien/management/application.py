"""The ASGI application of the management port: the guard, the routes behind it, and room for the portal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any, Final

import anyio.to_thread
from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi

from mien.accounts import AccessRequests, Accounts
from mien.clock import Clock
from mien.events import AuditLog
from mien.management.arm import accounts, catalogue, deleted
from mien.management.arm.filing import Filing, SubscriptionTerms
from mien.management.arm.routing import Arm
from mien.management.arm.shapes import Addresses
from mien.management.errors import unforeseen
from mien.management.explain import KNOWN, explain
from mien.management.guard import Api, Guard, Receive, Scope, Send
from mien.management.login import Login
from mien.management.routing import Journal, Json
from mien.management.tokens import AdminTokens
from mien.management.v1 import health, terms, tokens
from mien.storage import Database

OPENAPI: Final = "/mien/v1/openapi.json"
OPEN_PATHS: Final = frozenset({"/health", OPENAPI})
"""What anybody may ask for."""

_FIRST_PARTS: Final = frozenset({"subscriptions", "providers", "mien", "health", "metrics"})
_THREADS: Final = 8  # handlers are plain functions; they ask the database, whose pool the data plane needs too


@dataclass(frozen=True, slots=True)
class Parts:
    """What the control plane is put together from.

    Attributes:
        accounts: the resources.
        access: requests for limited access.
        tokens: the admin tokens.
        login: recognises who calls.
        audit: who did what.
        database: asked by the health check.
        clock: tells the time.
        endpoint: URL at which the data plane answers on this machine; scheme and port of resources' endpoints.
        domain: of the resources' host names.
        body_limit: longest body, in bytes.
        body_seconds: how long a client may take to send one.
    """

    accounts: Accounts
    access: AccessRequests
    tokens: AdminTokens
    login: Login
    audit: AuditLog
    database: Database
    clock: Clock
    endpoint: str
    domain: str
    body_limit: int = 1024 * 1024
    body_seconds: float = 60.0


class ControlPlane:
    """The ASGI application of the management port.

    Args:
        parts: what it stands on.
        portal: answers what is not of the API: pages, their scripts, websockets. None for a port with the API alone.
    """

    def __init__(self, parts: Parts, portal: Api | None = None) -> None:
        self.api = build_api(parts)
        self.portal = portal
        self._guard = Guard(
            self.api,
            parts.login.identify,
            open_paths=OPEN_PATHS,
            templates=lambda: self.api.openapi()["paths"],
            body_limit=parts.body_limit,
            body_seconds=parts.body_seconds,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
            await (self.portal or self.api)(scope, receive, send)
        elif self.portal is not None and (scope["type"] == "websocket" or not _is_api(scope["path"])):
            await self.portal(scope, receive, send)
        elif scope["type"] == "http":
            await self._guard(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})


def _is_api(path: str) -> bool:
    return path.lstrip("/").partition("/")[0].lower() in _FIRST_PARTS


def build_api(parts: Parts) -> FastAPI:
    """Return the routes; they expect the guard before them."""
    api = FastAPI(
        title="Mien control plane",
        version=version("mien"),
        default_response_class=Json,
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        openapi_url=OPENAPI,
        redirect_slashes=False,
    )
    for router in _routers(parts):
        api.include_router(router)
    for kind in KNOWN:
        api.add_exception_handler(kind, _answer)
    api.add_exception_handler(Exception, _mistake)  # Starlette raises it on, and the guard logs it
    api.openapi = lambda: _openapi(api)  # type: ignore[method-assign]  # FastAPI's documented way to change it
    return api


def _routers(parts: Parts) -> Iterable[APIRouter]:
    journal = Journal(parts.audit)
    started = parts.clock.now()
    yield health.routes(parts.database, lambda: _uptime(started, parts.clock))
    yield tokens.routes(parts.tokens, journal)
    subscriptions = SubscriptionTerms(parts.database, parts.clock)
    yield terms.routes(subscriptions, journal)
    arm = Arm(
        accounts=parts.accounts,
        filing=Filing(parts.database, parts.accounts),
        terms=subscriptions,
        addresses=Addresses(parts.endpoint, parts.domain),
        clock=parts.clock,
    )
    yield accounts.routes(arm)
    yield deleted.routes(arm)
    yield catalogue.routes(arm)


def _uptime(started: datetime, clock: Clock) -> float:
    return round((clock.now() - started).total_seconds(), 3)


async def _answer(_request: Request, error: Exception) -> Json:
    problem = explain(error)
    return Json(problem.body(), problem.status, headers=problem.headers)


async def _mistake(_request: Request, _error: Exception) -> Json:
    return Json(unforeseen().body(), 500)


def _openapi(api: FastAPI) -> dict[str, Any]:
    """Return FastAPI's description with our errors in place of its own, and the bearer token."""
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
