"""Routes for read-only catalogues: tiers, names, models, operations."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from mien.accounts import AccountError, Sku
from mien.accounts.validation import checked_location
from mien.management.arm.bodies import KIND
from mien.management.arm.routing import (
    ACCOUNT,
    IN_SUBSCRIPTION,
    AccountName,
    Answer,
    Arm,
    Group,
    Location,
    Subscription,
    arm_router,
)
from mien.management.arm.shapes import PROVIDER, TIERS, TYPE, account_id
from mien.management.routing import ANY_READERS, READERS, AnyReader

Name = Annotated[str, Field(max_length=100)]

_TAKEN: Final = (
    "Please pick a different name. The subdomain name '{}' is not available as it's already used by a resource."
)
_VERBS: Final = (
    ("read", "Read an account"),
    ("write", "Make or change an account"),
    ("delete", "Delete an account"),
    ("listKeys/action", "List the keys of an account"),
    ("regenerateKey/action", "Replace a key of an account"),
)


class DomainWanted(BaseModel):
    """A custom subdomain that somebody would like."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore")

    subdomain_name: Name
    type: Name
    kind: Name | None = None


class SkusWanted(BaseModel):
    """Tiers that somebody would like."""

    skus: Annotated[list[Name], Field(max_length=50)]
    kind: Name
    type: Name


def routes(arm: Arm) -> APIRouter:
    """Return the routes."""
    router = arm_router("catalogue")

    @router.get(IN_SUBSCRIPTION + "/skus")
    def list_skus(subscription: Subscription, actor: AnyReader) -> Answer:
        """List the tiers, with the locations that are in use; any other location is as good."""
        places = sorted({resource.location.upper() for resource, _ in arm.living(actor, subscription)}) or ["LOCAL"]
        return {
            "value": [
                {
                    "resourceType": "accounts",
                    "name": sku.value,
                    "tier": TIERS[sku],
                    "kind": KIND,
                    "locations": places,
                    "restrictions": [],
                }
                for sku in Sku
            ]
        }

    @router.get(ACCOUNT + "/skus", dependencies=READERS)
    def list_skus_of_account(subscription: Subscription, group: Group, account: AccountName) -> Answer:
        """List the tiers that an account may have."""
        arm.find(subscription, group, account)
        return {"value": [{"resourceType": TYPE, "sku": {"name": sku.value, "tier": TIERS[sku]}} for sku in Sku]}

    @router.post(IN_SUBSCRIPTION + "/checkDomainAvailability", dependencies=READERS)
    def check_domain(subscription: Subscription, body: DomainWanted) -> Answer:  # noqa: ARG001  part of the path
        """Return whether a custom subdomain is available."""
        reason = None
        try:
            free = arm.accounts.is_free(body.subdomain_name)
            if not free:
                reason = _TAKEN.format(body.subdomain_name)
        except AccountError as error:
            free, reason = False, str(error)
        told: Answer = {"isSubdomainAvailable": free, "subdomainName": body.subdomain_name, "type": body.type}
        if reason is not None:
            told["reason"] = reason
        return told | ({} if body.kind is None else {"kind": body.kind})

    @router.post(IN_SUBSCRIPTION + "/locations/{location}/checkSkuAvailability", dependencies=ANY_READERS)
    def check_skus(subscription: Subscription, location: Location, body: SkusWanted) -> Answer:  # noqa: ARG001  as above
        """List the available tiers."""
        checked_location(location)
        face = body.kind.lower() == KIND.lower()
        return {"value": [_availability(body, name, face and name.upper() in set(Sku)) for name in body.skus]}

    @router.get(IN_SUBSCRIPTION + "/locations/{location}/models", dependencies=ANY_READERS)
    def list_models(subscription: Subscription, location: Location) -> Answer:  # noqa: ARG001  part of the path
        """List deployable models, of which the kind Face has none."""
        checked_location(location)
        return {"value": []}

    @router.get(ACCOUNT + "/models", dependencies=READERS)
    def list_models_of_account(subscription: Subscription, group: Group, account: AccountName) -> Answer:
        """List deployable models of an account, of which the kind Face has none."""
        arm.find(subscription, group, account)
        return {"value": []}

    @router.get(ACCOUNT + "/deployments", dependencies=READERS)
    def list_deployments(subscription: Subscription, group: Group, account: AccountName) -> Answer:
        """List deployments of models, of which the kind Face has none."""
        arm.find(subscription, group, account)
        return {"value": []}

    @router.get(ACCOUNT + "/commitmentPlans", dependencies=READERS)
    def list_commitment_plans(subscription: Subscription, group: Group, account: AccountName) -> Answer:
        """List commitment plans, of which there are none: nothing is billed."""
        arm.find(subscription, group, account)
        return {"value": []}

    @router.get(ACCOUNT + "/privateLinkResources", dependencies=READERS)
    def list_private_links(subscription: Subscription, group: Group, account: AccountName) -> Answer:
        """List what a private endpoint could lead to; this server makes none."""
        resource, place = arm.find(subscription, group, account)
        properties = {"groupId": "account", "displayName": resource.name, "requiredMembers": ["default"]}
        where = f"{account_id(place, resource.name)}/privateLinkResources/account"
        return {
            "value": [
                {"id": where, "name": "account", "type": f"{TYPE}/privateLinkResources", "properties": properties}
            ]
        }

    @router.get(ACCOUNT + "/privateEndpointConnections", dependencies=READERS)
    def list_private_endpoints(subscription: Subscription, group: Group, account: AccountName) -> Answer:
        """List private endpoints, of which there are none."""
        arm.find(subscription, group, account)
        return {"value": []}

    @router.get(f"/providers/{PROVIDER}/operations", dependencies=ANY_READERS)
    def list_operations() -> Answer:
        """List the actions that ARM knows here."""
        display = {"provider": "Mien", "resource": "Face account"}
        return {
            "value": [
                {"name": f"{TYPE}/{verb}", "isDataAction": False, "display": {**display, "operation": said}}
                for verb, said in _VERBS
            ]
        }

    return router


def _availability(body: SkusWanted, name: str, there: bool) -> Answer:
    told: Answer = {"kind": body.kind, "type": body.type, "skuName": name, "skuAvailable": there}
    if not there:
        told |= {"reason": "NotAvailableForSubscription", "message": f"There is no tier '{name}' of kind '{KIND}'."}
    return told
