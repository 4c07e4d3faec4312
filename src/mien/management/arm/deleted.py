"""Routes for deleted accounts: get, list, purge."""

from __future__ import annotations

from fastapi import APIRouter, Response

from mien.accounts import Resource
from mien.management.arm import shapes
from mien.management.arm.filing import ArmLocation
from mien.management.arm.routing import (
    IN_SUBSCRIPTION,
    AccountName,
    Answer,
    Arm,
    Group,
    Location,
    Subscription,
    arm_router,
)
from mien.management.errors import ManagementError
from mien.management.routing import READERS, AnyReader, Manager

_DELETED = IN_SUBSCRIPTION + "/locations/{location}/resourceGroups/{group}/deletedAccounts/{account}"


def routes(arm: Arm) -> APIRouter:
    """Return the routes."""
    router = arm_router("deleted accounts")

    @router.get(IN_SUBSCRIPTION + "/deletedAccounts")
    def list_deleted(subscription: Subscription, actor: AnyReader) -> Answer:
        """List the deleted accounts of a subscription that can still be restored."""
        return {"value": [_shape(arm, *filed) for filed in arm.filing.deleted(subscription) if actor.sees(filed[0].id)]}

    @router.get(_DELETED, dependencies=READERS)
    def get_deleted(subscription: Subscription, location: Location, group: Group, account: AccountName) -> Answer:
        """Return a deleted account."""
        found = _find(arm, subscription, location, group, account)
        if found is None:
            text = f"The deleted account '{account}' was not found in location '{location}'."
            raise ManagementError(404, "ResourceNotFound", text)
        return _shape(arm, *found)

    @router.delete(_DELETED, responses={204: {"description": "There is no such deleted account."}})
    def purge(
        subscription: Subscription, location: Location, group: Group, account: AccountName, actor: Manager
    ) -> Response:
        """Delete a deleted account permanently, with everything in it."""
        found = _find(arm, subscription, location, group, account)
        if found is None:
            return Response(status_code=204)
        arm.accounts.purge(found[0].id, actor=actor.name)
        return Response(status_code=200)

    return router


def _shape(arm: Arm, resource: Resource, place: ArmLocation) -> Answer:
    return shapes.deleted_account(resource, place, arm.addresses, arm.accounts.purge_at(resource))


def _find(arm: Arm, subscription: str, location: str, group: str, name: str) -> tuple[Resource, ArmLocation] | None:
    found = arm.filing.find(subscription, group, name, deleted=True)
    if found is None or found[0].location != location.replace(" ", "").lower():
        return None
    return found
