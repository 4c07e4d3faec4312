"""The names of issuers of tokens: the one of our liveness sessions, and the two that Entra ID has for a tenant.

Tokens of its version 1 (which applications get for `https://cognitiveservices.azure.com` and for Azure's resource
manager) come from `https://sts.windows.net/TENANT/`, tokens of version 2 from
`https://login.microsoftonline.com/TENANT/v2.0`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

SESSIONS: Final = "mien-liveness"
"""Issuer and audience of the tokens of liveness sessions."""


@dataclass(frozen=True, slots=True)
class _Cloud:
    login: str
    tokens: str


_CLOUDS: Final = (
    _Cloud("https://login.microsoftonline.com", "https://sts.windows.net"),
    _Cloud("https://login.microsoftonline.us", "https://sts.windows.net"),
    _Cloud("https://login.partner.microsoftonline.cn", "https://sts.chinacloudapi.cn"),
)
_ADDRESS: Final = re.compile(r"(https://[^/]+)/([^/]+)(?:/v2\.0)?/?")


@dataclass(frozen=True, slots=True)
class IssuerNames:
    """How an issuer calls itself.

    Attributes:
        name: the issuer to sign in at: of version 2 for Entra ID.
        others: further allowed values of `iss`.
        login: the address before the tenant, for clients of Entra ID; None for an issuer of another kind.
        tenant: the tenant's id; one made from the name for an issuer of another kind.
    """

    name: str
    others: tuple[str, ...]
    login: str | None
    tenant: UUID

    @property
    def all(self) -> tuple[str, ...]:
        """Every name that `iss` may be."""
        return (self.name, *self.others)


def names_of(issuer: str) -> IssuerNames:
    """Return the names of an issuer.

    Args:
        issuer: its URL; for Entra ID either name of the tenant, with or without the slash at the end.

    Raises:
        ValueError: it is Entra ID's address for many tenants, or names the tenant by a domain; `iss` contains the id.
    """
    parts = _ADDRESS.fullmatch(issuer)
    cloud = next((one for one in _CLOUDS if parts and parts[1].lower() in {one.login, one.tokens}), None)
    if parts is None or cloud is None:
        return IssuerNames(issuer, (), None, uuid5(NAMESPACE_URL, issuer.rstrip("/")))
    try:
        tenant = UUID(parts[2])
    except ValueError:
        raise ValueError(
            f"names a tenant of Entra ID by its id, not as {parts[2]!r}: the directory (tenant) id of the overview page"
        ) from None
    return IssuerNames(f"{cloud.login}/{tenant}/v2.0", (f"{cloud.tokens}/{tenant}/",), cloud.login, tenant)
