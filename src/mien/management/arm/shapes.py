"""Accounts as ARM's JSON."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from mien.accounts import Resource, Sku, subscriptions
from mien.management.arm.bodies import KIND
from mien.management.arm.filing import ArmLocation

PROVIDER: Final = subscriptions.PROVIDER
TYPE: Final = subscriptions.ACCOUNT_TYPE

TIERS: Final = {Sku.FREE: "Free", Sku.STANDARD: "Standard", Sku.ENTERPRISE: "Enterprise"}


@dataclass(frozen=True, slots=True)
class Addresses:
    """The endpoints of resources.

    Attributes:
        endpoint: URL of the data plane, of which scheme, port and base path are used.
        domain: domain of custom subdomains and regional endpoints.
    """

    endpoint: str
    domain: str

    def of(self, resource: Resource) -> str:
        """Return the endpoint of a resource, which as on Azure ends in a slash."""
        url = urlsplit(self.endpoint)
        first = resource.custom_subdomain or f"{resource.location}.api"
        usual = {"https": 443, "http": 80}.get(url.scheme)
        port = f":{url.port}" if url.port and url.port != usual else ""
        return f"{url.scheme}://{first}.{self.domain}{port}{url.path.rstrip('/')}/"


def account_id(place: ArmLocation, name: str) -> str:
    """Return the ARM id of a resource."""
    return subscriptions.arm_id(place.subscription, place.group, name)


def moment(at: datetime) -> str:
    """Return a time in ARM's format."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def account(resource: Resource, place: ArmLocation, addresses: Addresses) -> dict[str, Any]:
    """Return an account as JSON."""
    endpoint = addresses.of(resource)
    properties: dict[str, Any] = {
        "provisioningState": resource.state.value,
        "endpoint": endpoint,
        "endpoints": {"Face": endpoint},
        "internalId": resource.id.hex,
        "dateCreated": moment(resource.created_at),
        "isMigrated": False,
        "capabilities": [{"name": f"LimitedAccess.{one.value}"} for one in sorted(resource.features)],
        "privateEndpointConnections": [],
        "publicNetworkAccess": "Enabled" if resource.public_network_access else "Disabled",
        "networkAcls": {
            "defaultAction": resource.default_action,
            "bypass": place.echo.get("bypass", "None"),
            "ipRules": [{"value": rule} for rule in resource.ip_rules],
            "virtualNetworkRules": [],
        },
        "disableLocalAuth": not resource.local_auth,
        "restrictOutboundNetworkAccess": False,
    }
    if resource.custom_subdomain is not None:
        properties["customSubDomainName"] = resource.custom_subdomain
    properties |= {name: place.echo[name] for name in ("dynamicThrottlingEnabled", "encryption") if name in place.echo}
    told: dict[str, Any] = {
        "id": account_id(place, resource.name),
        "name": resource.name,
        "type": TYPE,
        "kind": KIND,
        "location": resource.location,
        "sku": {"name": resource.sku.value, "tier": TIERS[resource.sku]},
        "tags": dict(resource.tags),
        "properties": properties,
        "systemData": {
            "createdBy": place.created_by,
            "createdByType": "Application",
            "createdAt": moment(resource.created_at),
            "lastModifiedBy": place.changed_by,
            "lastModifiedByType": "Application",
            "lastModifiedAt": moment(place.changed_at),
        },
    }
    if "identity" in place.echo:
        told["identity"] = place.echo["identity"]
    told["etag"] = _etag(told)
    return told


def deleted_account(
    resource: Resource, place: ArmLocation, addresses: Addresses, purge_at: datetime | None
) -> dict[str, Any]:
    """Return a deleted account as JSON."""
    told = account(resource, place, addresses)
    told["id"] = (
        f"/subscriptions/{place.subscription}/providers/{PROVIDER}/locations/{resource.location}"
        f"/resourceGroups/{place.group}/deletedAccounts/{resource.name}"
    )
    told["type"] = f"{PROVIDER}/locations/resourceGroups/deletedAccounts"
    if resource.deleted_at is not None:
        told["properties"]["deletionDate"] = moment(resource.deleted_at)
    if purge_at is not None:
        told["properties"]["scheduledPurgeDate"] = moment(purge_at)
    return told


def _etag(told: dict[str, Any]) -> str:
    """Return an etag, which changes with the account."""
    return f'"{hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]}"'
