"""The control plane over HTTP, on a separate port.

It has two families of routes: those of Azure Resource Manager for `Microsoft.CognitiveServices/accounts`, which the
official management SDKs and command-line tools use, and plain JSON routes under `/mien/v1` for functions of Azure's
portal, such as terms, approvals, alerts and the audit log. Callers send an admin token or a token of an OpenID Connect
issuer.

Main types: `ControlPlane` (the ASGI application) and its parts, `AdminTokens`, `Role`. Importing this package
is cheap; only `mien.management.application` imports FastAPI.

Example:
    ```
    made = AdminTokens(database, vault, clock).create("anna", Role.ADMIN, created_by="cli:root")
    print(made.secret)  # shown once: only a keyed hash is stored
    ```
"""

from typing import TYPE_CHECKING

from mien.lazy import lazily
from mien.management.roles import Permission, Role

if TYPE_CHECKING:
    from mien.management.tokens import AdminToken, AdminTokens, NewToken, TokenError

__all__ = ["AdminToken", "AdminTokens", "NewToken", "Permission", "Role", "TokenError"]

__getattr__ = lazily(__name__, AdminToken="tokens", AdminTokens="tokens", NewToken="tokens", TokenError="tokens")
