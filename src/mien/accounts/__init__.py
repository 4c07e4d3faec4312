"""Who may call: resources and their keys.

Main types: `Accounts`, `Resource`, `KeyPair`, `Sku`.

Example:
    ```
    resource = accounts.create("front-desk", location="westeurope")
    accounts.find_by_key(accounts.keys(resource.id).key1) == resource
    ```
"""

from mien.accounts.resources import AccountError, Accounts, KeyPair, KeySlot, Resource, Sku

__all__ = ["AccountError", "Accounts", "KeyPair", "KeySlot", "Resource", "Sku"]
