"""Routes for resource groups and their contents."""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, BeforeValidator, Field

from mien.accounts import Resource
from mien.accounts.validation import checked_location
from mien.management.arm import shapes
from mien.management.arm.bodies import without_nulls
from mien.management.arm.filing import ArmLocation
from mien.management.arm.groups import ResourceGroup, ResourceGroups
from mien.management.arm.routing import Answer, Arm, Group, Subscription, arm_router
from mien.management.errors import ManagementError, conflict
from mien.management.login import Actor
from mien.management.routing import AnyReader, Manager

SUBSCRIPTION: Final = "/subscriptions/{subscription}"
GROUPS: Final = SUBSCRIPTION + "/resourceGroups"
GROUP: Final = GROUPS + "/{group}"

_GROUP_FILTER: Final = re.compile(r"resourceGroup\s+eq\s+'([^']+)'", re.IGNORECASE)


class GroupBody(BaseModel):
    """A resource group, as PUT and PATCH send it."""

    location: Annotated[str | None, Field(max_length=64)] = None
    tags: Annotated[dict[str, str] | None, BeforeValidator(without_nulls)] = None


def routes(arm: Arm, groups: ResourceGroups) -> APIRouter:
    """Return the routes."""
    router = arm_router("resource groups")

    def shown(group: ResourceGroup, actor: Actor) -> bool:
        """Return whether a caller sees a group; with roles limited to resources, only groups with one of them."""
        return actor.everywhere or bool(arm.living(actor, group.subscription, group.name))

    def named(subscription: str, name: str, actor: Actor) -> ResourceGroup:
        found = _find(groups, subscription, name)
        if not shown(found, actor):
            raise _missing(name)
        return found

    @router.get(GROUPS)
    def list_groups(subscription: Subscription, actor: AnyReader) -> Answer:
        """List the resource groups of a subscription."""
        return {"value": [_group(one) for one in groups.list(subscription) if shown(one, actor)]}

    @router.get(GROUP)
    def get_group(subscription: Subscription, group: Group, actor: AnyReader) -> Answer:
        """Return a resource group."""
        return _group(named(subscription, group, actor))

    @router.head(GROUP, status_code=204)
    def check_group(subscription: Subscription, group: Group, actor: AnyReader) -> Response:
        """Return whether there is a resource group."""
        found = groups.find(subscription, group)
        return Response(status_code=204 if found and shown(found, actor) else 404)

    @router.put(GROUP, responses={201: {"description": "Created."}})
    def create_group(subscription: Subscription, group: Group, body: GroupBody, actor: Manager) -> JSONResponse:
        """Create a resource group, or change its tags."""
        if body.location is None:
            raise ManagementError(400, "LocationRequired", "The location property is required for this definition.")
        wanted = ResourceGroup(subscription, group, checked_location(body.location), body.tags or {})
        known = groups.find(subscription, group)
        if known is not None and known.location != wanted.location:
            raise conflict(
                f"Invalid resource group location '{wanted.location}'. The Resource group already exists in location "
                f"'{known.location}'.",
                "InvalidResourceGroupLocation",
            )
        new = groups.put(wanted, actor.name)
        return JSONResponse(_group(_find(groups, subscription, group)), 201 if new else 200)

    @router.patch(GROUP)
    def update_group(subscription: Subscription, group: Group, body: GroupBody, actor: Manager) -> Answer:
        """Change the tags of a resource group."""
        known = _find(groups, subscription, group)
        tags = known.tags if body.tags is None else body.tags
        groups.put(ResourceGroup(subscription, known.name, known.location, tags), actor.name)
        return _group(_find(groups, subscription, group))

    @router.delete(GROUP)
    def delete_group(subscription: Subscription, group: Group, _actor: Manager) -> Response:
        """Delete an empty resource group; one with accounts is refused, so that no account goes unnoticed."""
        known = _find(groups, subscription, group)
        names = [resource.name for resource, _ in arm.filing.living(subscription, group)]
        if names:
            raise conflict(
                f"The resource group '{known.name}' holds the accounts {', '.join(names)}. Delete them first.",
                "ResourceGroupDeletionBlocked",
            )
        groups.delete(known)
        return Response(status_code=200)

    @router.get(GROUP + "/resources")
    def list_resources_of_group(subscription: Subscription, group: Group, actor: AnyReader) -> Answer:
        """List what a resource group holds."""
        return {"value": [_resource(arm, *filed) for filed in arm.living(actor, subscription, group)]}

    @router.get(SUBSCRIPTION + "/resources")
    def list_resources(
        subscription: Subscription,
        actor: AnyReader,
        filter_: Annotated[str | None, Query(alias="$filter", max_length=1000)] = None,
    ) -> Answer:
        """List what a subscription holds, or one of its groups (`resourceGroup eq 'NAME'`)."""
        only = _GROUP_FILTER.search(filter_ or "")
        living = arm.living(actor, subscription, only[1] if only else None)
        return {"value": [_resource(arm, *filed) for filed in living]}

    return router


def _group(group: ResourceGroup) -> Answer:
    return {
        "id": f"/subscriptions/{group.subscription}/resourceGroups/{group.name}",
        "name": group.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
        "tags": dict(group.tags),
        "properties": {"provisioningState": "Succeeded"},
    }


def _find(groups: ResourceGroups, subscription: str, name: str) -> ResourceGroup:
    found = groups.find(subscription, name)
    if found is None:
        raise _missing(name)
    return found


def _missing(name: str) -> ManagementError:
    return ManagementError(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")


def _resource(arm: Arm, resource: Resource, place: ArmLocation) -> Answer:
    whole = shapes.account(resource, place, arm.addresses)
    return {name: whole[name] for name in ("id", "name", "type", "kind", "location", "sku", "tags")}
