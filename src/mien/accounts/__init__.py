"""Resources, their keys and network rules, and approvals for limited access.

Main types: `Accounts` and `AccessRequests` (the services), `Resource`, `KeyPair`, `Sku`, `Feature`, `AccessRequest`;
`access_hint` tells a caller what to do about a missing approval.

Example:
    ```
    terms = Acknowledgement("Anna Admin", responsible_ai=True, not_for_police=True)
    resource = accounts.create("front-desk", terms=terms, location="westeurope")
    accounts.find_by_key(accounts.keys(resource.id).key1) == resource
    request = access.submit(resource.id, {Feature.VERIFICATION}, organisation=…, contact=…, use_case=…, actor="anna")
    access.review(request.id, actor="ben")
    access.approve(request.id, actor="ben")      # from now on `resource.features` of a look-up has it
    ```
"""

from typing import TYPE_CHECKING

from mien.accounts.errors import AccountError
from mien.accounts.hints import access_hint
from mien.accounts.requests import AccessRequest, RequestState
from mien.accounts.types import (
    DEVELOPMENT_TERMS,
    AccountRules,
    Acknowledgement,
    KeyPair,
    KeySlot,
    ProvisioningState,
    Resource,
    ResourceChange,
    Sku,
    Terms,
)
from mien.contract.features import ALL_FEATURES, Feature
from mien.lazy import lazily

if TYPE_CHECKING:
    from mien.accounts.access import AccessRequests
    from mien.accounts.resources import Accounts

__all__ = [
    "ALL_FEATURES",
    "DEVELOPMENT_TERMS",
    "AccessRequest",
    "AccessRequests",
    "AccountError",
    "AccountRules",
    "Accounts",
    "Acknowledgement",
    "Feature",
    "KeyPair",
    "KeySlot",
    "ProvisioningState",
    "RequestState",
    "Resource",
    "ResourceChange",
    "Sku",
    "Terms",
    "access_hint",
]

__getattr__ = lazily(__name__, AccessRequests="access", Accounts="resources")
