"""Endpoints for clients that are not signed in: the cloud's metadata, and the tenant's token endpoint.

Clients of Entra ID (MSAL, azure-identity, the Azure CLI, Terraform) build URLs from an authority and a tenant. For an
issuer of another kind, this server serves these URLs: it returns the issuer's discovery document, and redirects token
requests to the issuer's token endpoint. The body of a token request, which contains the client's secret, is not read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from mien.gateway.discovery import Discovery, DiscoveryError
from mien.issuers import IssuerNames
from mien.management.errors import ManagementError

METADATA: Final = "/metadata/endpoints"
NICKNAME: Final = "mien"
"""Accepted in place of the tenant's id."""

_CLOUD: Final = "Mien"
_OBJECT_SINCE: Final = "2022"
"""From this year on, the metadata is one object; earlier versions return a list of clouds."""


@dataclass(frozen=True, slots=True)
class SignInPlace:
    """The token endpoints for clients of the control plane.

    Attributes:
        names: name of the issuer.
        audiences: accepted audiences of tokens for the control plane.
        discovery: the issuer's discovery document; None for Entra ID, which clients call directly.
    """

    names: IssuerNames
    audiences: Sequence[str]
    discovery: Discovery | None

    @property
    def tenants(self) -> tuple[str, str]:
        """Accepted tenant names."""
        return (str(self.names.tenant), NICKNAME)

    @property
    def open_paths(self) -> tuple[str, ...]:
        """The paths that need no token."""
        return tuple(path for tenant in self.tenants for path in (_document(tenant), _token(tenant)))


def routes(place: SignInPlace | None, base: Callable[[Request], str]) -> APIRouter:
    """Return the routes.

    Args:
        place: endpoints where clients get tokens; None for a server without an issuer.
        base: returns the server's URL as the caller sees it, `scheme://host[:port]`.
    """
    router = APIRouter(tags=["sign-in"])

    @router.get(METADATA)
    def get_endpoints(
        request: Request, version: Annotated[str, Query(alias="api-version", max_length=40)] = "2022-09-01"
    ) -> JSONResponse:
        """Return the endpoints of this cloud, for `az cloud register` and Terraform's `metadata_host`."""
        told = _endpoints(place, base(request))
        return JSONResponse(told if version[: len(_OBJECT_SINCE)] >= _OBJECT_SINCE else [told])

    if place is None or place.discovery is None:
        return router
    discovery = place.discovery

    async def get_document(request: Request) -> JSONResponse:
        """Return the issuer's discovery document; the Azure CLI reads the tenant's id from the issuer that it names."""
        return JSONResponse(await _read(discovery) | {"issuer": f"{base(request)}/{place.tenants[0]}/v2.0"})

    async def redirect_to_token_endpoint() -> Response:
        """Redirect a client to the issuer's token endpoint, with its method and body."""
        return RedirectResponse(str((await _read(discovery))["token_endpoint"]), 307)

    for tenant in place.tenants:
        router.add_api_route(_document(tenant), get_document, methods=["GET"])
        router.add_api_route(_token(tenant), redirect_to_token_endpoint, methods=["POST"], status_code=307)
    return router


def _document(tenant: str) -> str:
    return f"/{tenant}/v2.0/.well-known/openid-configuration"


def _token(tenant: str) -> str:
    return f"/{tenant}/oauth2/v2.0/token"


async def _read(discovery: Discovery) -> dict[str, Any]:
    try:
        return await discovery.document()
    except DiscoveryError as error:
        text = f"The issuer's discovery document cannot be read: {error}"
        raise ManagementError(503, "ServiceUnavailable", text, headers={"Retry-After": "10"}) from error


def _endpoints(place: SignInPlace | None, base: str) -> dict[str, Any]:
    """Return the cloud metadata for Azure's clients. Services that this server lacks are empty."""
    audiences = [*place.audiences] if place else ["https://management.azure.com"]
    login = place.names.login if place else None
    return {
        "name": _CLOUD,
        "portal": base,
        "authentication": {
            "loginEndpoint": login or base,
            "audiences": audiences,
            "tenant": "common",  # Terraform treats any other value as Azure Stack
            "identityProvider": "AAD",
        },
        "resourceManager": base,
        # Clients read their own ids from a token for this audience, and call the graph only if the token lacks them.
        "microsoftGraphResourceId": audiences[0],
        "graph": base,
        "graphAudience": audiences[0],
        "gallery": "",
        "batch": "",
        "media": "",
        "sqlManagement": "",
        "vmImageAliasDoc": "",
        "activeDirectoryDataLake": "",
        "suffixes": {},
    }
