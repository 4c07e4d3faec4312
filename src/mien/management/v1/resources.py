"""Routes for resources by name: properties that ARM lacks, the request log, CORS origins."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import Field

from mien.accounts import Accounts, Feature, Resource, ResourceChange, Sku
from mien.accounts.validation import MAX_ORIGINS
from mien.contract.flashes import AS_SERVER
from mien.management.arm.filing import Filing
from mien.management.arm.shapes import Addresses, account_id
from mien.management.roles import Permission
from mien.management.routing import READERS, AnyReader, Manager, Shown, Strict
from mien.management.v1.fields import Sorted, find


class TermsSeen(Shown):
    """The acknowledgement of the terms."""

    accepted_by: str
    accepted_at: datetime
    development: bool


class ResourceSeen(Shown):
    """A resource, with what ARM has no words for."""

    id: UUID
    name: str
    arm_id: str
    endpoint: str
    location: str
    sku: Sku
    created_at: datetime
    features: Annotated[list[Feature], Sorted]
    access_state: dict[Feature, str]
    request_log: bool
    cors_origins: list[str]
    liveness_without_flashes: str
    terms: TermsSeen | None


class ResourceList(Shown):
    """Resources, oldest first."""

    value: list[ResourceSeen]


class Switch(Strict):
    """On or off."""

    enabled: bool


class WithoutFlashesWanted(Strict):
    """Whether people may ask for liveness detection without flashing colours; `server` to follow the server."""

    policy: Literal["server", "off", "uncertain", "realface"]


class OriginsWanted(Strict):
    """Origins of web pages."""

    origins: Annotated[list[str], Field(max_length=MAX_ORIGINS)]


def routes(accounts: Accounts, filing: Filing, addresses: Addresses) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/mien/v1/resources", tags=["resources"])

    def seen(resource: Resource) -> ResourceSeen:
        return ResourceSeen(
            id=resource.id,
            name=resource.name,
            arm_id=account_id(filing.place(resource), resource.name),
            endpoint=addresses.of(resource),
            location=resource.location,
            sku=resource.sku,
            created_at=resource.created_at,
            features=sorted(resource.features),
            access_state=dict(resource.access_state),
            request_log=resource.request_log,
            cors_origins=list(resource.cors_origins),
            liveness_without_flashes=resource.without_flashes or AS_SERVER,
            terms=None if resource.terms is None else TermsSeen.model_validate(resource.terms),
        )

    @router.get("")
    def list_resources(actor: AnyReader) -> ResourceList:
        """List the resources that the caller sees: all, unless their roles are limited to some."""
        return ResourceList(value=[seen(one) for one in accounts.resources() if actor.may(Permission.SEE, one.id)])

    @router.get("/{resource}", dependencies=READERS)
    def get_resource(resource: Annotated[str, Path(max_length=64)]) -> ResourceSeen:
        """Return a resource by its name or id."""
        return seen(find(accounts, resource))

    @router.put("/{resource}/request-log")
    def switch_request_log(resource: Annotated[str, Path(max_length=64)], body: Switch, actor: Manager) -> ResourceSeen:
        """Switch the log of a resource's calls on or off, while the servers run; it never has bodies of requests."""
        change = ResourceChange(request_log=body.enabled)
        return seen(accounts.update(find(accounts, resource).id, change, actor=actor.name))

    @router.put("/{resource}/cors-origins")
    def set_cors_origins(
        resource: Annotated[str, Path(max_length=64)], body: OriginsWanted, actor: Manager
    ) -> ResourceSeen:
        """Set which web pages may call the resource: their origins, or `*` for all; an empty list for none."""
        change = ResourceChange(cors_origins=body.origins)
        return seen(accounts.update(find(accounts, resource).id, change, actor=actor.name))

    @router.put("/{resource}/liveness-without-flashes")
    def set_without_flashes(
        resource: Annotated[str, Path(max_length=64)], body: WithoutFlashesWanted, actor: Manager
    ) -> ResourceSeen:
        """Say whether people may ask for turns of the head in place of flashing colours, and what that may conclude."""
        change = ResourceChange(without_flashes=body.policy)
        return seen(accounts.update(find(accounts, resource).id, change, actor=actor.name))

    return router
