"""Routes for accounts and their keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from pydantic import BeforeValidator

from mien.accounts import Resource
from mien.accounts.validation import checked_location
from mien.management.arm import shapes
from mien.management.arm.bodies import AccountBody
from mien.management.arm.filing import ArmLocation
from mien.management.arm.routing import (
    ACCOUNT,
    IN_GROUP,
    IN_SUBSCRIPTION,
    AccountName,
    Answer,
    Arm,
    Group,
    Subscription,
    arm_router,
)
from mien.management.errors import ManagementError, conflict
from mien.management.login import Actor
from mien.management.routing import READERS, AnyReader, KeyKeeper, Manager, Strict


class KeyWanted(Strict):
    """The key to regenerate."""

    key_name: Annotated[Literal["key1", "key2"], BeforeValidator(lambda name: str(name).lower())]


def routes(arm: Arm) -> APIRouter:
    """Return the routes."""
    router = arm_router("accounts")

    @router.get(IN_SUBSCRIPTION + "/accounts")
    def list_accounts(subscription: Subscription, actor: AnyReader) -> Answer:
        """List the accounts of a subscription."""
        return _list(arm, actor, subscription, None)

    @router.get(IN_GROUP + "/accounts")
    def list_accounts_of_group(subscription: Subscription, group: Group, actor: AnyReader) -> Answer:
        """List the accounts of a resource group."""
        return _list(arm, actor, subscription, group)

    @router.get(ACCOUNT, dependencies=READERS)
    def get_account(subscription: Subscription, group: Group, account: AccountName) -> Answer:
        """Return an account."""
        resource, place = arm.find(subscription, group, account)
        return shapes.account(resource, place, arm.addresses)

    @router.put(ACCOUNT, responses={201: {"description": "Created or restored."}})
    def create_account(
        subscription: Subscription, group: Group, account: AccountName, body: AccountBody, actor: Manager
    ) -> JSONResponse:
        """Create an account, change the one that is there, or restore a deleted one (`properties.restore`)."""
        body.check()
        location = checked_location(body.required("location"))
        for name in ("kind", "sku"):
            body.required(name)
        found = arm.filing.find(subscription, group, account)
        if found is not None:
            if found[0].location != location:
                raise _elsewhere(found[0], group, location)
            if body.properties.restore:
                raise _nothing_to_restore()
            return JSONResponse(_change(arm, found[0], found[1], body, actor, whole=True))
        deleted = arm.filing.find(subscription, group, account, deleted=True)
        if deleted is not None and body.properties.restore:
            resource = arm.accounts.restore(deleted[0].id, actor=actor.name)
            return JSONResponse(shapes.account(resource, deleted[1], arm.addresses), 201)
        if deleted is not None:
            raise _is_deleted(shapes.account_id(deleted[1], deleted[0].name))
        if body.properties.restore:
            raise _nothing_to_restore()
        place = ArmLocation(subscription, group, actor.name, actor.name, arm.clock.now(), body.echo())
        return JSONResponse(_create(arm, place, account, body), 201)

    @router.patch(ACCOUNT)
    def update_account(
        subscription: Subscription, group: Group, account: AccountName, body: AccountBody, actor: Manager
    ) -> Answer:
        """Change what the body names of an account."""
        body.check()
        resource, place = arm.find(subscription, group, account)
        return _change(arm, resource, place, body, actor, whole=False)

    @router.delete(ACCOUNT, status_code=200, responses={204: {"description": "There is no such account."}})
    def delete_account(subscription: Subscription, group: Group, account: AccountName, actor: Manager) -> Response:
        """Delete an account, so that it can be restored for a while."""
        found = arm.filing.find(subscription, group, account)
        if found is None:
            return Response(status_code=204)
        arm.accounts.delete(found[0].id, actor=actor.name)
        return Response(status_code=200)

    @router.post(ACCOUNT + "/listKeys")
    def list_keys(subscription: Subscription, group: Group, account: AccountName, actor: KeyKeeper) -> Answer:
        """Return both keys; the audit log has who asked."""
        return _keys(arm, arm.find(subscription, group, account)[0], actor)

    @router.post(ACCOUNT + "/regenerateKey")
    def regenerate_key(
        subscription: Subscription, group: Group, account: AccountName, body: KeyWanted, actor: KeyKeeper
    ) -> Answer:
        """Replace one key, and return both; the old one is refused at once, the other goes on."""
        resource = arm.find(subscription, group, account)[0]
        arm.accounts.regenerate_key(resource.id, 1 if body.key_name == "key1" else 2, actor=actor.name)
        return _keys(arm, resource, actor)

    return router


def _list(arm: Arm, actor: Actor, subscription: str, group: str | None) -> Answer:
    filed = arm.living(actor, subscription, group)
    return {"value": [shapes.account(resource, place, arm.addresses) for resource, place in filed]}


def _keys(arm: Arm, resource: Resource, actor: Actor) -> Answer:
    keys = arm.accounts.keys(resource.id, actor=actor.name)
    return {"key1": keys.key1, "key2": keys.key2}


def _create(arm: Arm, place: ArmLocation, name: str, body: AccountBody) -> Answer:
    wanted = body.change(whole=True)
    assert wanted.sku is not None
    resource = arm.accounts.create(
        name,
        terms=arm.terms.acknowledgement(place.subscription),
        location=body.required("location"),
        sku=wanted.sku,
        custom_subdomain=wanted.custom_subdomain,
        tags=wanted.tags,
        public_network_access=wanted.public_network_access is not False,
        default_action=wanted.default_action or "Allow",
        ip_rules=wanted.ip_rules or (),
        local_auth=wanted.local_auth is not False,
        actor=place.created_by,
    )
    arm.filing.put(resource.id, place)
    return shapes.account(resource, place, arm.addresses)


def _change(
    arm: Arm, resource: Resource, place: ArmLocation, body: AccountBody, actor: Actor, *, whole: bool
) -> Answer:
    changed = arm.accounts.update(resource.id, body.change(whole=whole), actor=actor.name)
    echo = body.echo() if whole else {**place.echo, **body.echo()}
    filed = replace(place, changed_by=actor.name, changed_at=arm.clock.now(), echo=echo)
    arm.filing.put(resource.id, filed)
    return shapes.account(changed, filed, arm.addresses)


def _elsewhere(resource: Resource, group: str, location: str) -> ManagementError:
    return conflict(
        f"The resource '{resource.name}' already exists in location '{resource.location}' in resource group '{group}'. "
        f"A resource with the same name cannot be created in location '{location}'. Please select a new resource name.",
        "InvalidResourceLocation",
    )


def _is_deleted(account_id: str) -> ManagementError:
    return conflict(
        f"An existing resource with ID '{account_id}' has been soft-deleted. To restore the resource, you must specify "
        "'restore' to be 'true' in the property. If you don't want to restore existing resource, please purge it "
        "first.",
        "FlagMustBeSetForRestore",
    )


def _nothing_to_restore() -> ManagementError:
    return ManagementError(400, "CanNotRestoreANonExistingResource", "Could not locate a resource to restore.")
