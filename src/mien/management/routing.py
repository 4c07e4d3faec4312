"""Building blocks of routes: bodies, required permissions, audit entries."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Final
from uuid import UUID

import anyio.to_thread
from fastapi import Depends, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from starlette.routing import BaseRoute

from mien.events import AuditLog
from mien.events.audit import MAX_TEXT
from mien.management.errors import ManagementError, missing_account, not_found
from mien.management.guard import ACTOR, IDENTIFY
from mien.management.login import Actor
from mien.management.roles import Permission

Detail = str | int | float | bool | None


class Strict(BaseModel):
    """Base of the bodies of `/mien/v1`: a name that nobody knows is a mistake, not something to pass over."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", str_strip_whitespace=True, validate_by_name=False
    )


class Shown(BaseModel):
    """Base of the answers of `/mien/v1`: filled from our dataclasses, in JSON's spelling of names.

    `tests/management/v1/test_published_fields.py` lists which class an answer publishes and which fields it leaves out.
    """

    model_config = ConfigDict(alias_generator=to_camel, from_attributes=True, validate_by_name=True)


class Allow:
    """A dependency that requires a permission, and passes the actor to the handler.

    Every route has exactly one, which `check_routes` enforces at start-up. A route with `{resource}` or `{account}` in
    its path needs the permission on that resource; for a caller without a role there, the resource does not exist. Any
    other route needs it on the whole server, unless `anywhere` is set.

    Args:
        permission: the required permission.
        anywhere: whether a role on any resource is enough, because the handler itself limits its results to the
            caller's resources, or they belong to no resource.
    """

    def __init__(self, permission: Permission, *, anywhere: bool = False) -> None:
        self.permission = permission
        self.anywhere = anywhere

    async def __call__(self, request: Request) -> Actor:
        """Return the caller.

        Raises:
            ManagementError: 403 without the permission, 404 for a resource on which the caller has no role.
        """
        actor: Actor = request.scope[ACTOR]
        what = f"{request.method} {request.url.path}"
        named = request.path_params.get("resource") or request.path_params.get("account")
        if named is not None and not actor.everywhere:
            found = await anyio.to_thread.run_sync(request.app.state.resource_of, str(named))
            if found is None or not actor.sees(found):
                raise _not_there(request, str(named))
            actor.require(self.permission, what, found)
        elif named is not None and not actor.may(self.permission):
            found = await anyio.to_thread.run_sync(request.app.state.resource_of, str(named))
            actor.require(self.permission, what, found)
        elif named is None and not (self.anywhere and actor.reach(self.permission) != frozenset()):
            actor.require(self.permission, what)
        return actor

    async def again(self, request: Request) -> None:
        """Require the permission again, of an answer that lasts: tokens and roles may end before it does.

        Raises:
            ManagementError: see `__call__`; 401 for a token that is no longer valid.
        """
        request.scope[ACTOR] = await request.scope[IDENTIFY]()
        await self(request)


def _not_there(request: Request, name: str) -> ManagementError:
    group = request.path_params.get("group")
    return not_found(f"The resource {name!r}") if group is None else missing_account(name, str(group))


def check_routes(routes: Iterable[BaseRoute], open_paths: Collection[str]) -> list[APIRoute]:
    """Return the routes that need authentication, after checking that each requires exactly one permission.

    Raises:
        RuntimeError: a route does not; the server must not start with a route that is open to everyone.
    """
    closed = []
    for route in routes:
        if isinstance(route, APIRoute) and route.path in open_paths:
            continue
        if not isinstance(route, APIRoute) or permission_of(route) is None:
            raise RuntimeError(f"the route {getattr(route, 'path', route)} names no permission, or several")
        closed.append(route)
    return closed


def permission_of(route: APIRoute) -> Allow | None:
    """Return the permission that a route requires; None if it has none or several."""
    found = [one.call for one in route.dependant.dependencies if isinstance(one.call, Allow)]
    return found[0] if len(found) == 1 else None


Looker = Annotated[Actor, Depends(Allow(Permission.LOOK_UP))]
Requester = Annotated[Actor, Depends(Allow(Permission.REQUEST))]
Confirmer = Annotated[Actor, Depends(Allow(Permission.CONFIRM))]
AnyReader = Annotated[Actor, Depends(Allow(Permission.SEE, anywhere=True))]
AnyRequester = Annotated[Actor, Depends(Allow(Permission.REQUEST, anywhere=True))]
AnyApprover = Annotated[Actor, Depends(Allow(Permission.APPROVE, anywhere=True))]
AnyManager = Annotated[Actor, Depends(Allow(Permission.MANAGE, anywhere=True))]
AnyAuditor = Annotated[Actor, Depends(Allow(Permission.AUDIT, anywhere=True))]
AnyMeter = Annotated[Actor, Depends(Allow(Permission.METRICS, anywhere=True))]
Manager = Annotated[Actor, Depends(Allow(Permission.MANAGE))]
KeyKeeper = Annotated[Actor, Depends(Allow(Permission.KEYS))]
Enroller = Annotated[Actor, Depends(Allow(Permission.PEOPLE))]
TokenKeeper = Annotated[Actor, Depends(Allow(Permission.TOKENS))]

READERS: Final = [Depends(Allow(Permission.SEE))]
"""Dependencies of a route that any reader may call."""
ANY_READERS: Final = [Depends(Allow(Permission.SEE, anywhere=True))]
"""Dependencies of a route without data of resources."""
MANAGERS: Final = [Depends(Allow(Permission.MANAGE))]
ENROLLERS: Final = [Depends(Allow(Permission.PEOPLE))]
METERS: Final = [Depends(Allow(Permission.METRICS))]
ANY_METERS: Final = [Depends(Allow(Permission.METRICS, anywhere=True))]
AUDITORS: Final = [Depends(Allow(Permission.AUDIT))]


def resource_filter(actor: Actor, permission: Permission, wanted: UUID | None, name: str | None) -> UUID | None:
    """Return the resource to which a query is limited; None for the whole server.

    Args:
        actor: the actor.
        permission: the required permission.
        wanted: id of the resource in the query, if any.
        name: its name in the query, for the error.

    Raises:
        ManagementError: 404, if the resource does not exist for the actor; 403, if the actor's role there lacks the
            permission; 400, if the actor's roles are limited to several resources and the query names none.
    """
    if wanted is not None:
        if not actor.sees(wanted):
            raise not_found(f"The resource {name!r}")
        actor.require(permission, "this", wanted)
        return wanted
    reach = actor.reach(permission)
    if reach is None or len(reach) == 1:
        return None if reach is None else next(iter(reach))
    text = "Your roles are limited to several resources: name one of them with 'resource'."
    raise ManagementError(400, "InvalidParameter", text, target="resource")


class Journal:
    """Records administrators' actions in the audit log.

    Args:
        audit: the audit log.
    """

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit

    def did(self, actor: Actor, action: str, resource_id: UUID | None = None, **details: Detail) -> None:
        """Record an action; texts that are too long for the log are truncated."""
        self.record(actor, action, resource_id, details)

    def record(self, actor: Actor, action: str, resource_id: UUID | None, details: Mapping[str, Detail]) -> None:
        """Record an action with its details in a mapping; see `did`."""
        cut = {name: _cut(value) if isinstance(value, str) else value for name, value in details.items()}
        self._audit.record(actor=actor.name, action=action, resource_id=resource_id, details=cut)


def _cut(text: str) -> str:
    """Truncate a text for the audit log, and any long word in it, which could be a template."""
    words = (word if len(word) < 100 else word[:60] + "…" for word in text.split())
    joined = " ".join(words)
    return joined if len(joined) <= MAX_TEXT else joined[: MAX_TEXT - 1] + "…"
