"""A running server's control plane, for commands that look at it from anywhere."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.cli._face_service import trouble

if TYPE_CHECKING:
    import httpx

Management = Annotated[str | None, typer.Option(help="URL of the control plane of a running server. [FACE_MANAGEMENT]")]
Token = Annotated[
    str | None,
    typer.Option(help="Admin token; use the variable to keep it out of process lists. [FACE_ADMIN_TOKEN]"),
]
CaFile = Annotated[
    Path | None, typer.Option("--cacert", help="A certificate authority to trust, as for curl.", exists=True)
]


@dataclass(frozen=True, slots=True)
class ControlPlaneClient:
    """A client of a control plane.

    Attributes:
        http: client with its address and a token.
    """

    http: httpx.Client

    def get(self, path: str) -> dict[str, Any]:
        """Return an answer of `/mien/v1`; exits with 2 when there is none."""
        import httpx

        try:
            with self.http as client:
                answer = client.get(f"/mien/v1/{path}")
                told = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            trouble(f"{self.http.base_url} does not answer as a control plane ({error})")
        if answer.status_code == httpx.codes.NOT_FOUND:
            trouble(f"{self.http.base_url} is not a control plane: give the address that `mien serve` calls management")
        if not answer.is_success:
            trouble(f"{self.http.base_url}: {told.get('error', {}).get('message', answer.status_code)}")
        return dict(told)


def control_plane(address: str, token: str | None, cacert: Path | None) -> ControlPlaneClient:
    """Return what asks a control plane.

    Args:
        address: its URL.
        token: an admin token; without one, that of FACE_ADMIN_TOKEN.
        cacert: an authority to trust.
    """
    secret = token or os.environ.get("FACE_ADMIN_TOKEN")
    if not secret:
        trouble(
            "the admin token is missing: set FACE_ADMIN_TOKEN, or give --token; `mien admin token create` makes one"
        )
    client = client_of(address, cacert)
    client.headers["Authorization"] = f"Bearer {secret}"
    return ControlPlaneClient(client)


def client_of(address: str, cacert: Path | None) -> httpx.Client:
    """Return a client of an address; exits with 2 when it is not one, or the authority cannot be read."""
    import ssl

    import httpx

    if not address.startswith(("http://", "https://")):
        trouble(f"{address!r} is not an address: it begins with https:// or http://")
    try:
        trust: ssl.SSLContext | bool = ssl.create_default_context(cafile=cacert) if cacert else True
        return httpx.Client(base_url=address.rstrip("/"), verify=trust, timeout=60)
    except (httpx.InvalidURL, ssl.SSLError, ValueError) as error:
        trouble(str(error))
