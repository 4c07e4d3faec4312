"""`mien open`: the portal of a running server, in a browser."""

from __future__ import annotations

import os
import sys
import webbrowser
from typing import Annotated

import typer

from mien.cli._control_plane import CaFile, Management, client_of
from mien.cli._face_service import trouble


def command(
    management: Management = None,
    page: Annotated[str, typer.Argument(help="Page to open, such as people or failed-calls.")] = "",
    cacert: CaFile = None,
    browser: Annotated[bool, typer.Option(help="Whether to start a browser, or only to print the address.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Open the portal in a browser, or print its address if there is no browser.

    Without --management and FACE_MANAGEMENT, the portal of `mien serve` on this machine is used. Exits with 2 if no
    portal responds.
    """
    import httpx

    from mien.cli._administration import print_json

    address = (management or os.environ.get("FACE_MANAGEMENT") or _here()).rstrip("/")
    try:
        with client_of(address, cacert) as client:
            answer = client.get("/sign-in")
    except httpx.HTTPError as error:
        trouble(f"no portal answers at {address} ({error}); start one with `mien serve`, or name it with --management")
    if answer.status_code != httpx.codes.OK or "html" not in answer.headers.get("content-type", ""):
        trouble(f"{address} has no portal: it is the control plane's address, and MIEN_PORTAL must not be off")
    place = f"{address}/{page.lstrip('/')}"
    opened = browser and _open(place)
    if as_json:
        print_json({"address": place, "opened": opened})
    else:
        typer.echo(place)


def _here() -> str:
    """Return the address at which a server of these settings has its portal."""
    from mien.settings import Settings

    settings = Settings()
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.management_host, settings.management_host)  # noqa: S104  nothing is bound
    port = settings.management_port or settings.port + 1
    return f"{'https' if settings.tls or settings.tls_cert else 'http'}://{host}:{port}"


def _open(address: str) -> bool:
    """Start a browser; False if there is none with a window: a text browser would take the terminal over."""
    windows = sys.platform in {"darwin", "win32"} or any(
        os.environ.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    )
    return windows and webbrowser.open(address)
