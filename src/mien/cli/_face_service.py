"""The backend of the commands on photos: a running server, or a data folder that is served while the command runs."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from mien.contract.headers import KEY_HEADER

if TYPE_CHECKING:
    from mien.accounts import Resource
    from mien.cli._face_calls import FaceCalls
    from mien.services import Services

TROUBLE: Final = 2
"""Exit code of the commands on photos when they could not answer; 1 is the answer no."""

ENDPOINT_VARIABLE: Final = "FACE_ENDPOINT"
KEY_VARIABLES: Final = ("FACE_KEY", "FACE_APIKEY")
"""Variables that say which server the commands call; the samples of Azure's SDKs use the same ones."""

Endpoint = Annotated[str | None, typer.Option(help=f"URL of the resource on a running server. [{ENDPOINT_VARIABLE}]")]
Key = Annotated[
    str | None,
    typer.Option(
        help=f"Key of the resource; use a variable to keep it out of process lists. [{', '.join(KEY_VARIABLES)}]"
    ),
]
CaFile = Annotated[
    Path | None, typer.Option("--cacert", help="A certificate authority to trust, as for curl.", exists=True)
]
OfResource = Annotated[
    str | None, typer.Option("--resource", help="With --data-dir: name of the resource. (default: the only one)")
]
DataDir = Annotated[
    Path | None,
    typer.Option(help="Work on this data folder, without a server; a server may run on it. [MIEN_DATA_DIR]"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True, slots=True)
class Where:
    """The backend of a command, as given by its options.

    Attributes:
        endpoint: URL of a resource.
        key: its key.
        cacert: an authority to trust.
        resource: name of a local resource.
        data_dir: a local data folder.
    """

    endpoint: str | None
    key: str | None
    cacert: Path | None
    resource: str | None
    data_dir: Path | None


def trouble(message: str) -> NoReturn:
    """Print the reason for a missing response, and exit with code 2."""
    typer.echo(f"mien: {message}", err=True)
    raise typer.Exit(TROUBLE) from None


@contextmanager
def connected(where: Where) -> Iterator[FaceCalls]:
    """Give calls of a resource; an expected error becomes one sentence and exit code 2.

    An endpoint that is given, or set by FACE_ENDPOINT, is called. Without one, a local data folder is served on a free
    port of this machine while the command runs: approvals, policies and the audit log hold as for any other caller.
    """
    from mien.cli._face_calls import CallError

    if where.endpoint is not None and where.data_dir is not None:
        raise typer.BadParameter("give either --endpoint or --data-dir")
    endpoint = where.endpoint or (None if where.data_dir else os.environ.get(ENDPOINT_VARIABLE))
    with ExitStack() as opened:
        try:
            if endpoint:
                yield opened.enter_context(_calls(endpoint, _key(where.key), where.cacert))
            else:
                address, key = opened.enter_context(_served(where.data_dir, where.resource))
                yield opened.enter_context(_calls(address, key, None, local=True))
        except CallError as error:
            trouble(str(error))
        except typer.Exit as left:
            raise typer.Exit(TROUBLE if left.exit_code else 0) from None


def _key(given: str | None) -> str:
    if given:
        return given
    found = {name: value for name in KEY_VARIABLES if (value := os.environ.get(name))}
    if not found:
        trouble(f"the resource's key is missing: set {' or '.join(KEY_VARIABLES)}, or give --key")
    if len(set(found.values())) > 1:
        typer.echo(f"mien: {' and '.join(found)} differ; {next(iter(found))} is used", err=True)
    return next(iter(found.values()))


@contextmanager
def _calls(endpoint: str, key: str, cacert: Path | None, *, local: bool = False) -> Iterator[FaceCalls]:
    import ssl

    import httpx

    from mien.cli._face_calls import FaceCalls

    if not endpoint.startswith(("http://", "https://")):
        trouble(f"{endpoint!r} is not an endpoint: it begins with https:// or http://")
    try:
        trust: ssl.SSLContext | bool = ssl.create_default_context(cafile=cacert) if cacert else True
        client = httpx.Client(
            base_url=endpoint.rstrip("/"),
            headers={KEY_HEADER: key},
            verify=trust,
            timeout=120,
            trust_env=not local,  # a proxy cannot reach a server on this machine
        )
    except (httpx.InvalidURL, ssl.SSLError, ValueError) as error:
        trouble(str(error))
    with client:
        yield FaceCalls(client, lambda: typer.echo("mien: the group is being trained; waiting for its end", err=True))


@contextmanager
def _served(data_dir: Path | None, name: str | None) -> Iterator[tuple[str, str]]:
    """Serve a data folder to this process; gives the address and a key of the resource."""
    import uvicorn

    from mien.app import create_app
    from mien.cli._administration import actor, opened_by_settings
    from mien.cli._control import BackgroundServer
    from mien.cli._images import image_rules
    from mien.cli._pull import pull
    from mien.models import ModelError, ModelStore
    from mien.models.bindings import read_bindings
    from mien.vision.engine import FaceEngine

    if data_dir is None and not _has_data():
        trouble(
            "say where the people are: --endpoint (or FACE_ENDPOINT) with a key for a running server, or --data-dir "
            "(or MIEN_DATA_DIR) for a data folder on this machine"
        )
    with opened_by_settings(data_dir, ModelError) as (given, services):
        resource = _resource(services, name)
        key = services.accounts.keys(resource.id, actor=actor(None)).key1
        # The caller has the data anyway: rates are for others. Cameras belong to servers that stay.
        settings = given.model_copy(update={"cameras": False, "management": False, "rate_limits": "off"})
        store = ModelStore(settings.model_dir)
        pull(store, [*dict.fromkeys(read_bindings(store, settings.data_dir, settings.bindings()).packs())])
        plane = create_app(settings, services, FaceEngine(store, rules=image_rules(settings)))
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            config = uvicorn.Config(
                plane.application, lifespan="on", log_config=None, access_log=False, server_header=False
            )
            with BackgroundServer(config, listener):
                yield f"http://127.0.0.1:{listener.getsockname()[1]}", key


def _has_data() -> bool:
    from mien.settings import Settings

    settings = Settings()
    return settings.database_url is not None or (settings.data_dir / "mien.db").exists()


def _resource(services: Services, name: str | None) -> Resource:
    from mien.cli._administration import resource_named

    if name is not None:
        return resource_named(services, name)
    every = services.accounts.resources()
    if len(every) != 1:
        known = ", ".join(one.name for one in every) or "none"
        trouble(f"name a resource with --resource; there are: {known}")
    return every[0]
