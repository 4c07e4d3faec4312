"""`mien serve`: loads models and certificate, opens the sockets, runs the servers, and prints how to reach them."""

from __future__ import annotations

import errno
import ipaddress
import os
import signal
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any, Final

import structlog
import uvicorn
from rich.console import Console
from sqlalchemy.exc import OperationalError

from mien.accounts import AccountError, KeyPair, Resource
from mien.app import create_app
from mien.cli._control import BackgroundServer, Drain, Server, admin_token
from mien.cli._development import development_resource
from mien.cli._greeting import Reached, greet, write_ready_file
from mien.cli._images import image_rules
from mien.cli._memory import limit_arenas
from mien.cli._model_loading import ModelLoading
from mien.cli._pull import pull
from mien.console import create_management
from mien.gateway.origin import parse_networks
from mien.liveness.judge import Judge
from mien.liveness.recording import FrameLimits
from mien.liveness.types import Mode
from mien.liveness_setup import LIVENESS_LABEL
from mien.management.tokens import NewToken
from mien.models import ModelError, ModelStore
from mien.models.bindings import read_bindings
from mien.models.errors import PackFetchError
from mien.services import Services, open_services
from mien.settings import Settings
from mien.storage.crypto import MasterKeyError
from mien.storage.migrations import MigrationError
from mien.vision.engine import FaceEngine
from mien.vision.presentation.material import PACKS
from mien.wire.protocol import ConnectionLimits, HttpProtocol

_log = structlog.get_logger(__name__)

_DRAIN_SECONDS: Final = 5.0
_FEWEST_DESCRIPTORS: Final = 512
_MOST_DESCRIPTORS: Final = 65_536
_OTHER_DESCRIPTORS: Final = 200  # models, database, files, listeners, fetches

_START_SECONDS = 25.0
"""How long fetching a pack that the service can do without may hold up its start."""


class StartError(Exception):
    """The service cannot start; the message says why and how to fix it."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A bound socket and how clients reach it.

    Attributes:
        socket: bound, not yet listening.
        endpoint: the URL to give to a client.
    """

    socket: socket.socket
    endpoint: str

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def run(settings: Settings, *, dev: bool, ready_file: Path | None) -> None:
    """Serve until a signal comes.

    Args:
        settings: how.
        dev: create a resource if there is none, and print its keys.
        ready_file: written once the service answers.

    Raises:
        StartError: a port is taken, a model cannot be had, a file cannot be read, the database is not ours.
    """
    limit_arenas()
    # Uvicorn finishes what runs and then raises the signal again, for whoever was there before: that ends the process.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    if ready_file:
        ready_file.unlink(missing_ok=True)  # of a server that was killed
    _check(settings, dev=dev)
    with ExitStack() as opened:
        listener = opened.enter_context(listen(settings, settings.host, settings.port, "--port"))
        control = opened.enter_context(_listen_for_control(settings)) if settings.management else None
        loaded = _load(settings)
        opened.callback(loaded.services.close)
        if dev and settings.rate_limits == "auto":
            settings = settings.model_copy(update={"rate_limits": "off"})
        try:
            _serve(opened, settings, loaded, listener, control, dev=dev, ready_file=ready_file)
        except (ModelError, OSError) as error:
            raise StartError(str(error)) from error


def _serve(
    opened: ExitStack,
    settings: Settings,
    loaded: _Loaded,
    listener: Listener,
    control: Listener | None,
    *,
    dev: bool,
    ready_file: Path | None,
) -> None:
    """Build the applications and serve them until a signal comes; `opened` closes what is opened for that.

    Raises:
        StartError: the resource of development cannot be created.
        ModelError, OSError: a model cannot be loaded; a file cannot be read or written.
    """
    services = loaded.services
    ca, chain, key = _certificates(settings, services)
    resource, keys = _resource(services, dev)
    demo_key = _demo_key(services, resource, keys) if dev and resource and keys else None
    data_plane = create_app(settings, services, loaded.engine, demo_key=demo_key, judge=loaded.judge)
    configured = partial(_configure, settings, raise_descriptor_limit(), chain, key)
    beside: BackgroundServer | None = None
    admin: NewToken | None = None
    if control is not None:
        admin = opened.enter_context(admin_token(services, dev=dev))
        plane = create_management(
            settings, services, listener.endpoint, data_plane.exposition, data_plane.faces, subjects=data_plane.subjects
        )
        beside = opened.enter_context(BackgroundServer(configured(plane), control.socket))
    reached = Reached(listener.endpoint, control.endpoint if control else None, keys, admin, ca)

    def ready() -> None:
        data = str(settings.data_dir)
        _log.info("serving", endpoint=reached.endpoint, management=reached.management, data=data, pid=os.getpid())
        console = Console(highlight=False, soft_wrap=True)
        greet(console, settings, reached, dev=dev and resource is not None)  # after the log: seen last
        if ready_file:
            opened.callback(ready_file.unlink, missing_ok=True)
            write_ready_file(ready_file, reached)
        loaded.rest.start()
        opened.callback(loaded.rest.stop)

    pause = settings.drain_seconds if settings.drain_seconds is not None else 0.0 if dev else _DRAIN_SECONDS
    drain = Drain(data_plane.readiness, pause)
    Server(configured(data_plane.application), ready, beside, drain).run(sockets=[listener.socket])


def _check(settings: Settings, *, dev: bool) -> None:
    """Check settings that do not go together.

    Raises:
        StartError: a certificate has no key, or development's settings are those of a service for others.
    """
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise StartError("a certificate needs its key: give both --tls-cert and --tls-key")
    if settings.liveness_test_nonce is not None and not dev:
        raise StartError(
            "MIEN_LIVENESS_TEST_NONCE makes all liveness challenges equal, so that anybody can answer them ahead: "
            "the service starts with it only for development, with --dev"
        )


def _configure(
    settings: Settings, descriptors: int, chain: Path | None, key: Path | None, served: Any
) -> uvicorn.Config:
    """Return how an application is served: HTTP, WebSocket, limits, certificate."""
    limits = ConnectionLimits(
        overall=max(10, min(settings.max_connections, descriptors - _OTHER_DESCRIPTORS)),
        per_address=settings.max_connections_per_address,
        trusted=_trusted(settings),
        descriptors=descriptors,
    )
    return uvicorn.Config(
        served,
        loop="uvloop" if os.name == "posix" else "asyncio",
        http=HttpProtocol.with_limits(limits),
        ws="websockets-sansio",
        ws_max_size=FrameLimits().frame_bytes + 4096,  # refused before it is in memory
        ws_per_message_deflate=False,  # JPEGs do not get smaller
        lifespan="on",
        log_config=None,
        access_log=False,  # its lines hold queries, and queries may hold keys
        server_header=False,
        timeout_keep_alive=75,  # longer than clients' pools keep idle connections: they close first
        proxy_headers=False,  # uvicorn would believe this machine's; `trusted_proxies` says whom to believe
        timeout_graceful_shutdown=round(settings.shutdown_seconds) or 1,
        backlog=2048,
        ssl_certfile=chain,
        ssl_keyfile=key,
    )


def raise_descriptor_limit() -> int:
    """Raise the limit of open files to the system's maximum; return the new limit."""
    try:
        import resource  # not on Windows
    except ImportError:
        return _FEWEST_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (ValueError, OSError) as error:
            _log.warning("the limit on open files stays as it is", limit=soft, reason=str(error))
            return soft
        return wanted
    return wanted if soft == resource.RLIM_INFINITY else soft


def _trusted(settings: Settings) -> Callable[[str], bool]:
    """Return a function that tells whether an address is that of a trusted proxy."""
    networks = parse_networks(settings.trusted_proxies)

    def trusted(address: str) -> bool:
        try:
            return any(ipaddress.ip_address(address) in network for network in networks)
        except ValueError:
            return False

    return trusted


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def _listen_for_control(settings: Settings) -> Listener:
    port = settings.management_port
    if port is None:
        port = settings.port + 1 if settings.port else 0
    if port > 65535:
        raise StartError("there is no port after 65535: choose one with --management-port (0 takes a free one)")
    return listen(settings, settings.management_host, port, "--management-port")


def listen(settings: Settings, host: str, port: int, option: str) -> Listener:
    """Bind an address and port.

    Args:
        settings: say whether HTTPS is spoken there.
        host: address or name.
        port: 0 takes a free one.
        option: the option that selects another port, for the error.

    Raises:
        StartError: the port is taken, or the address is not one of this machine.
    """
    where = f"{host}:{port}"
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        bound = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise StartError(f"{host!r} is not an address to listen on: {error}") from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)  # it listens when the service can answer: until then connections are refused, not kept
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise StartError(
                f"port {port} of {host} is in use by another program: "
                f"stop it, or choose another port with {option} (0 takes a free one)"
            ) from error
        if error.errno == errno.EACCES:
            raise StartError(f"not allowed to listen on {where}: ports below 1024 need privileges") from error
        raise StartError(f"cannot listen on {where}: {error.strerror}") from error
    scheme = "https" if settings.tls or settings.tls_cert else "http"
    return Listener(bound, f"{scheme}://{_reachable(host, family)}:{bound.getsockname()[1]}")


def _reachable(host: str, family: int) -> str:
    """The host by which this machine reaches a listener on `host`."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return "127.0.0.1" if family == socket.AF_INET else "[::1]"
    return f"[{address}]" if address.version == 6 else str(address)


def _certificates(settings: Settings, services: Services) -> tuple[Path | None, Path | None, Path | None]:
    """Return the authority to trust when it is ours, the certificate chain and its key; Nones without TLS."""
    if settings.tls_cert and settings.tls_key:
        return None, settings.tls_cert, settings.tls_key
    if not settings.tls:
        return None, None, None
    from mien.tls import ensure_certificate

    hosts = {"localhost", "127.0.0.1", "::1", socket.gethostname()}
    hosts |= {settings.domain, f"*.{settings.domain}", f"*.api.{settings.domain}"}
    hosts |= {settings.host, settings.management_host} - {"0.0.0.0", "::"}  # noqa: S104  nothing is bound here
    files = ensure_certificate(settings.data_dir / "tls", hosts, services.clock)
    return files.ca, files.chain, files.chain


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The loaded packs, and what loads the rest once the service answers."""

    services: Services
    engine: FaceEngine
    judge: Judge
    rest: ModelLoading


def _load(settings: Settings) -> _Loaded:
    """Fetch missing models; load those that most requests need while the database opens."""
    try:
        store = ModelStore(settings.model_dir)
        bindings = read_bindings(store, settings.data_dir, settings.bindings())
        bound = bindings.packs()
        first = list(dict.fromkeys([*bound, "mesh"]))
        networks = tuple(name.strip() for name in settings.liveness_networks.split(",") if name.strip())
        others = [name for name in store.default_names() if name not in {*first, *PACKS}]
        rest = tuple(name for name in others if store.manifest(name).essential)
        pull(store, [*first, *rest])
        _pull_if_possible(store, [name for name in networks if store.manifest(name).default])
        engine = FaceEngine(store, rules=image_rules(settings))
        with ThreadPoolExecutor(1) as pool:
            loading = pool.submit(engine.prepare, first)
            services = open_services(settings)
            if settings.management:
                import_module("mien.management.application")  # brings FastAPI, while the models load
        try:
            loading.result()
            judge = Judge(engine, store, bindings.recognition[LIVENESS_LABEL], networks)
        except BaseException:
            services.close()
            raise
    except OperationalError as error:
        raise StartError(f"the database does not answer: {error.orig}") from error
    except (ModelError, MasterKeyError, MigrationError, OSError) as error:
        raise StartError(str(error)) from error
    if (lacking := judge.lacks(Mode.PASSIVE)) is not None:
        _log.warning("passive liveness sessions are refused", hint=lacking)
    later = ModelLoading(
        engine,
        judge,
        store,
        rest=rest,
        recognisers=tuple(bindings.recognition.values()),
        optional=tuple(name for name in networks if not store.installed(name)),
    )
    return _Loaded(services, engine, judge, later)


def _pull_if_possible(store: ModelStore, names: Sequence[str]) -> None:
    """Fetch packs without which the service can start; says in the log what could not be had."""
    try:
        pull(store, names, patience=_START_SECONDS)
    except PackFetchError as error:
        _log.warning("a model could not be fetched; the service starts without it", packs=names, reason=str(error))


def _demo_key(services: Services, resource: Resource, keys: KeyPair) -> Callable[[], str]:
    """Return what gives the liveness demo its key: listed again, which is audited, only when it was changed."""
    known = keys.key1

    def current() -> str:
        nonlocal known
        if services.accounts.find_by_key(known) is None:
            known = services.accounts.keys(resource.id).key1
        return known

    return current


def _resource(services: Services, dev: bool) -> tuple[Resource | None, KeyPair | None]:
    """Return the first resource and its keys; create one if there is none and `dev` is set."""
    resources = services.accounts.resources()
    if not resources and not dev:
        _log.warning("there is no resource yet, so all calls are refused: create one with `mien resource create`")
        return None, None
    if not dev:
        return resources[0], None
    try:
        return development_resource(services)
    except AccountError as error:
        raise StartError(str(error)) from error
