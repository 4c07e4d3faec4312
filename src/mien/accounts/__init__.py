"""Who may call: resources and their keys.

Main types: `Accounts`, `Resource`, `KeyPair`, `Sku`, `Feature`.

Example:
    ```
    resource = accounts.create("front-desk", location="westeurope")
    accounts.find_by_key(accounts.keys(resource.id).key1) == resource
    ```
"""

from mien.accounts.features import ALL_FEATURES, Feature
from mien.accounts.resources import AccountError, Accounts
from mien.accounts.types import KeyPair, KeySlot, ProvisioningState, Resource, Sku, Terms

__all__ = [
    "ALL_FEATURES",
    "AccountError",
    "Accounts",
    "Feature",
    "KeyPair",
    "KeySlot",
    "ProvisioningState",
    "Resource",
    "Sku",
    "Terms",
]
