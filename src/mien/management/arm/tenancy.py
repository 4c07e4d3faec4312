"""Routes for Azure Resource Manager's tenants, subscriptions, locations and resource providers.

The Azure CLI and Terraform's provider request these first. There is one tenant, any subscription id is accepted, and
the resource provider is always registered.
"""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Path

from mien.accounts.validation import REGIONS
from mien.management.arm.bodies import KIND
from mien.management.arm.groups import ResourceGroups
from mien.management.arm.routing import NEWEST, Answer, Arm, Subscription, arm_router
from mien.management.arm.shapes import PROVIDER
from mien.management.errors import ManagementError
from mien.management.routing import ANY_READERS, AnyReader

SUBSCRIPTION: Final = "/subscriptions/{subscription}"
PROVIDERS: Final = SUBSCRIPTION + "/providers"

_TYPES: Final = ("accounts", "deletedAccounts", "locations", "operations")
_NAMESPACES: Final = (PROVIDER, "Microsoft.Insights", "Microsoft.Resources")

Namespace = Annotated[str, Path(pattern=r"^[A-Za-z0-9.]{1,100}$")]


def routes(arm: Arm, groups: ResourceGroups, tenant: UUID) -> APIRouter:
    """Return the routes.

    Args:
        arm: finds accounts.
        groups: the resource groups.
        tenant: id of the one tenant.
    """
    router = arm_router("subscriptions")

    @router.get("/tenants", dependencies=ANY_READERS)
    def list_tenants() -> Answer:
        """List tenants, of which there is one."""
        told = {"id": f"/tenants/{tenant}", "tenantId": str(tenant), "displayName": "Mien", "tenantCategory": "Home"}
        return {"value": [told]}

    @router.get("/subscriptions")
    def list_subscriptions(actor: AnyReader) -> Answer:
        """List the subscriptions that are in use; every other id is as good."""
        used = groups.subscriptions()
        return {"value": [_subscription(one, tenant) for one in used if actor.everywhere or arm.living(actor, one)]}

    @router.get(SUBSCRIPTION, dependencies=ANY_READERS)
    def get_subscription(subscription: Subscription) -> Answer:
        """Return a subscription."""
        return _subscription(subscription, tenant)

    @router.get(SUBSCRIPTION + "/locations")
    def list_locations(subscription: Subscription, actor: AnyReader) -> Answer:
        """List the locations that accounts may name: Azure's, and those of one's own that are in use."""
        own = {resource.location for resource, _ in arm.living(actor, subscription)}
        return {"value": [_location(subscription, name) for name in sorted(REGIONS | own | {"local"})]}

    @router.get(PROVIDERS, dependencies=ANY_READERS)
    def list_providers(subscription: Subscription) -> Answer:
        """List the resource providers that this server stands for."""
        return {"value": [_provider(subscription, name) for name in _NAMESPACES]}

    @router.get(PROVIDERS + "/{namespace}", dependencies=ANY_READERS)
    def get_provider(subscription: Subscription, namespace: Namespace) -> Answer:
        """Return a resource provider; one that this server lacks is not registered."""
        return _provider(subscription, namespace)

    @router.post(PROVIDERS + "/{namespace}/register", dependencies=ANY_READERS)
    def register_provider(subscription: Subscription, namespace: Namespace) -> Answer:
        """Register a resource provider, which ours always is; of others there is nothing to register."""
        if _known(namespace) is None:
            text = f"The resource namespace '{namespace}' is invalid: this server has {', '.join(_NAMESPACES)}."
            raise ManagementError(404, "InvalidResourceNamespace", text)
        return _provider(subscription, namespace)

    return router


def _subscription(name: str, tenant: UUID) -> Answer:
    return {
        "id": f"/subscriptions/{name}",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": name,
        "tenantId": str(tenant),
        "displayName": "Mien" if not name.strip("0-") else f"Mien {name}",
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    }


def _location(subscription: str, name: str) -> Answer:
    return {
        "id": f"/subscriptions/{subscription}/locations/{name}",
        "name": name,
        "type": "Region",
        "displayName": name,
        "regionalDisplayName": name,
        "metadata": {"regionType": "Physical", "regionCategory": "Recommended"},
    }


def _known(namespace: str) -> str | None:
    return next((name for name in _NAMESPACES if name.lower() == namespace.lower()), None)


def _provider(subscription: str, namespace: str) -> Answer:
    name = _known(namespace)
    types = _TYPES if name == PROVIDER else ()
    return {
        "id": f"/subscriptions/{subscription}/providers/{name or namespace}",
        "namespace": name or namespace,
        "registrationPolicy": "RegistrationRequired",
        "registrationState": "Registered" if name else "NotRegistered",
        "resourceTypes": [
            {
                "resourceType": one,
                "locations": sorted(REGIONS | {"local"}),
                "apiVersions": [NEWEST],
                "defaultApiVersion": NEWEST,
                "capabilities": f"SupportsTags, SupportsLocation, Kind{KIND}" if one == "accounts" else "None",
            }
            for one in types
        ],
    }
