"""Shared parts of the ARM routes: paths, the check of the API version, dependencies."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request

from mien.accounts import Accounts
from mien.clock import Clock
from mien.management.arm.filing import FiledResource, Filing, SubscriptionTerms
from mien.management.arm.shapes import PROVIDER, Addresses
from mien.management.errors import ManagementError, missing_account
from mien.management.login import Actor

IN_SUBSCRIPTION: Final = "/subscriptions/{subscription}/providers/" + PROVIDER
IN_GROUP: Final = "/subscriptions/{subscription}/resourceGroups/{group}/providers/" + PROVIDER
ACCOUNT: Final = IN_GROUP + "/accounts/{account}"

Subscription = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.-]{1,100}$")]
Group = Annotated[str, Path(pattern=r"^[\w().-]{0,89}[\w()-]$")]
AccountName = Annotated[str, Path(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$")]
Location = Annotated[str, Path(pattern=r"^[A-Za-z0-9 -]{1,64}$")]
Answer = dict[str, Any]

_VERSION: Final = re.compile(r"20\d\d-\d\d-\d\d(-preview|-privatepreview)?", re.IGNORECASE)
NEWEST: Final = "2025-09-01"


async def _check_version(
    request: Request,
    _version: Annotated[str | None, Query(alias="api-version", description=f"Such as {NEWEST}.")] = None,
) -> None:
    """Refuse calls without a valid version; responses are the same in all versions.

    Raises:
        ManagementError: 400.
    """
    given = next((value for name, value in request.query_params.multi_items() if name.lower() == "api-version"), "")
    if not given:
        text = "The api-version query parameter (?api-version=) is required for all requests."
        raise ManagementError(400, "MissingApiVersionParameter", text)
    if not _VERSION.fullmatch(given):
        text = f"The api-version '{given[:50]}' is invalid. The supported versions are dates such as '{NEWEST}'."
        raise ManagementError(400, "InvalidApiVersionParameter", text)


def arm_router(tag: str) -> APIRouter:
    """Return a router whose routes require `api-version`."""
    return APIRouter(tags=[tag], dependencies=[Depends(_check_version)])


@dataclass(frozen=True, slots=True)
class Arm:
    """Dependencies of the routes.

    Attributes:
        accounts: the resources.
        filing: finds resources by subscription, resource group and name.
        terms: acceptances of the terms by subscription.
        addresses: endpoints of resources.
        clock: the clock.
    """

    accounts: Accounts
    filing: Filing
    terms: SubscriptionTerms
    addresses: Addresses
    clock: Clock

    def living(self, actor: Actor, subscription: str, group: str | None = None) -> list[FiledResource]:
        """Return the accounts of a subscription or of one of its groups that a caller may see."""
        return [filed for filed in self.filing.living(subscription, group) if actor.sees(filed[0].id)]

    def find(self, subscription: str, group: str, name: str) -> FiledResource:
        """Return an account.

        Raises:
            ManagementError: 404, if there is none.
        """
        found = self.filing.find(subscription, group, name)
        if found is None:
            raise missing_account(name, group)
        return found
