"""What `mien serve` does: models, certificate, socket, application, server; and telling how to reach it."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import json
import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import structlog
import uvicorn
from rich.console import Console
from sqlalchemy.exc import OperationalError

from mien.accounts import KeyPair, Resource
from mien.app import create_app
from mien.cli._pull import pull
from mien.models import ModelError, ModelStore
from mien.models.bindings import read_bindings
from mien.services import Services, open_services
from mien.settings import Settings
from mien.storage.crypto import MasterKeyError
from mien.storage.migrations import MigrationError
from mien.vision.engine import FaceEngine
from mien.wire.protocol import HttpProtocol

DEV_RESOURCE = "dev"

_log = structlog.get_logger(__name__)


class StartError(Exception):
    """The service cannot start; the message says why and what mends it."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A bound socket and how clients reach it.

    Attributes:
        socket: bound, not yet listening.
        endpoint: the URL to give to a client.
    """

    socket: socket.socket
    endpoint: str


def run(settings: Settings, *, dev: bool, ready_file: Path | None) -> None:
    """Serve until a signal comes.

    Args:
        settings: how.
        dev: make a resource when there is none, and print its keys.
        ready_file: written once the service answers.

    Raises:
        StartError: a port is taken, a model cannot be had, a file cannot be read, the database is not ours.
    """
    # Uvicorn finishes what runs and then raises the signal again, for whoever was there before: that ends the process.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    if ready_file:
        ready_file.unlink(missing_ok=True)  # of a server that was killed
    console = Console(highlight=False, soft_wrap=True)
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise StartError("a certificate needs its key: give both --tls-cert and --tls-key")
    listener = listen(settings)
    try:
        loaded = _load(settings)
    except StartError:
        listener.socket.close()
        raise
    services = loaded.services
    try:
        ca, chain, key = _certificates(settings, services)
        resource, keys = _resource(services, dev)
        demo = resource.id if dev and resource else None
        app = create_app(
            settings, services, loaded.engine, demo_key=(lambda: services.accounts.keys(demo).key1) if demo else None
        )
        config = uvicorn.Config(
            app,
            loop="uvloop" if os.name == "posix" else "asyncio",
            http=HttpProtocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,  # its lines hold queries, and queries may hold keys
            server_header=False,
            timeout_keep_alive=75,  # longer than clients' pools keep idle connections, so that they close first
            proxy_headers=False,  # uvicorn would believe them from this machine; `trusted_proxies` says whom to believe
            timeout_graceful_shutdown=round(settings.shutdown_seconds) or 1,
            backlog=2048,
            ssl_certfile=chain,
            ssl_keyfile=key,
        )

        def ready() -> None:
            if dev and resource and keys:
                _greet(console, settings, listener.endpoint, keys, ca)
            if ready_file:
                write_ready_file(ready_file, listener.endpoint, keys)
            threading.Thread(target=_load_rest, args=(loaded,), name="mien-models", daemon=True).start()
            _log.info("serving", endpoint=listener.endpoint, data=str(settings.data_dir), pid=os.getpid())

        Server(config, ready).run(sockets=[listener.socket])
    except (ModelError, OSError) as error:
        raise StartError(str(error)) from error
    finally:
        listener.socket.close()
        services.close()
        if ready_file:
            ready_file.unlink(missing_ok=True)


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


class Server(uvicorn.Server):
    """A server that calls back when it has begun to accept connections."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        if self.started:
            await asyncio.to_thread(self._ready)


def listen(settings: Settings) -> Listener:
    """Bind the address and port of the settings.

    Raises:
        StartError: the port is taken, or the address is not one of this machine.
    """
    where = f"{settings.host}:{settings.port}"
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        bound = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise StartError(f"{settings.host!r} is not an address to listen on: {error}") from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(2048)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise StartError(
                f"port {settings.port} of {settings.host} is in use by another program: "
                "stop it, or choose another port with --port (0 takes a free one)"
            ) from error
        if error.errno == errno.EACCES:
            raise StartError(f"not allowed to listen on {where}: ports below 1024 need privileges") from error
        raise StartError(f"cannot listen on {where}: {error.strerror}") from error
    scheme = "https" if settings.tls or settings.tls_cert else "http"
    return Listener(bound, f"{scheme}://{_reachable(settings.host, family)}:{bound.getsockname()[1]}")


def _reachable(host: str, family: int) -> str:
    """The host by which this machine reaches a listener on `host`."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return "127.0.0.1" if family == socket.AF_INET else "[::1]"
    return f"[{address}]" if address.version == 6 else str(address)


def write_ready_file(path: Path, endpoint: str, keys: KeyPair | None) -> None:
    """Write the ready file in one step, readable by its owner only: it holds keys."""
    content = {
        "endpoint": endpoint,
        "key1": keys.key1 if keys else None,
        "key2": keys.key2 if keys else None,
        "management": None,
        "admin_token": None,
        "pid": os.getpid(),
    }
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        json.dump(content, out, indent=2)
        out.write("\n")
    draft.replace(path)


def _certificates(settings: Settings, services: Services) -> tuple[Path | None, Path | None, Path | None]:
    """Return the authority to trust when it is ours, the certificate chain and its key; Nones without TLS."""
    if settings.tls_cert and settings.tls_key:
        return None, settings.tls_cert, settings.tls_key
    if not settings.tls:
        return None, None, None
    from mien.tls import ensure_certificate

    hosts = {"localhost", "127.0.0.1", "::1", socket.gethostname()}
    hosts |= {settings.domain, f"*.{settings.domain}", f"*.api.{settings.domain}"}
    hosts |= {settings.host} - {"0.0.0.0", "::"}  # noqa: S104  nothing is bound here
    files = ensure_certificate(settings.data_dir / "tls", hosts, services.clock)
    return files.ca, files.chain, files.chain


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What is ready, and the packs that are still to be loaded."""

    services: Services
    engine: FaceEngine
    rest: tuple[str, ...]


def _load(settings: Settings) -> _Loaded:
    """Fetch missing models; load those that most requests need while the database opens."""
    try:
        store = ModelStore(settings.model_dir)
        bound = read_bindings(store, settings.data_dir, settings.bindings()).packs()
        first = list(dict.fromkeys([*bound, "mesh"]))
        rest = tuple(name for name in store.default_names() if name not in first)
        pull(store, [*first, *rest])
        engine = FaceEngine(store)
        with ThreadPoolExecutor(1) as pool:
            loading = pool.submit(engine.prepare, first)
            services = open_services(settings)
        try:
            loading.result()
        except BaseException:
            services.close()
            raise
    except OperationalError as error:
        raise StartError(f"the database does not answer: {error.orig}") from error
    except (ModelError, MasterKeyError, MigrationError, OSError) as error:
        raise StartError(str(error)) from error
    return _Loaded(services, engine, rest)


def _load_rest(loaded: _Loaded) -> None:
    """Load what only some attributes need after the service began to answer; a failure shows in the requests."""
    try:
        loaded.engine.prepare(loaded.rest)
    except ModelError as error:
        _log.error("a model cannot be loaded", reason=str(error))


def _resource(services: Services, dev: bool) -> tuple[Resource | None, KeyPair | None]:
    """Return the first resource and its keys; make one when there is none and `dev` says so."""
    resources = services.accounts.resources()
    if not resources and not dev:
        _log.warning("there is no resource yet, so nobody can call: start once with --dev to make one")
        return None, None
    if not dev:
        return resources[0], None
    resource = resources[0] if resources else services.accounts.create(DEV_RESOURCE, custom_subdomain=DEV_RESOURCE)
    return resource, services.accounts.keys(resource.id)


def _greet(console: Console, settings: Settings, endpoint: str, keys: KeyPair, ca: Path | None) -> None:
    """Print how to call the service. On the terminal only: the log never sees the keys."""
    trust = f" --cacert {ca}" if ca else ""
    console.print(f"\n[bold]Mien answers at {endpoint}[/bold]\n")
    console.print(f"  endpoint  {endpoint}")
    console.print(f"  key1      {keys.key1}")
    console.print(f"  key2      {keys.key2}")
    console.print(f"  data      {settings.data_dir}")
    console.print(f"  models    {settings.model_dir}")
    if ca:
        console.print(f"\nClients must trust the local authority [bold]{ca}[/bold]:")
        console.print(f"  Python    export REQUESTS_CA_BUNDLE={ca} SSL_CERT_FILE={ca}")
        console.print(f"  Node.js   export NODE_EXTRA_CA_CERTS={ca}")
        console.print(f"  Debian    cp {ca} /usr/local/share/ca-certificates/mien.crt && update-ca-certificates")
    console.print("\nTry it with a photo of a face:\n")
    console.print(
        f'  curl{trust} "{endpoint}/face/v1.2/detect?detectionModel=detection_03&recognitionModel=recognition_04'
        '&returnFaceLandmarks=true" \\\n'
        f'    -H "Ocp-Apim-Subscription-Key: {keys.key1}" -H "Content-Type: application/octet-stream" \\\n'
        "    --data-binary @photo.jpg\n",
        markup=False,
    )
