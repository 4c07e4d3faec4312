"""The form of an endpoint's URL: mistakes that can be found without a call."""

from __future__ import annotations

import difflib
import ipaddress
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, urlsplit

import httpx

from mien.contract.headers import KEY_HEADER, KEY_QUERY
from mien.contract.liveness_versions import LIVENESS_VERSIONS
from mien.contract.versions import BY_NAME, STABLE
from mien.doctor.azure import AZURE_SUFFIXES
from mien.doctor.findings import Finding, Severity

_SCHEME: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?:(?P<slashes>/+)|(?!\d))")
_PLACEHOLDER: Final = re.compile(r"[<>{}\[\]$]|your[-_ ]|resource-?name|my-?endpoint", re.IGNORECASE)
_OTHERS: Final = {
    "portal.azure.com": "the Azure portal",
    "management.azure.com": "Azure's resource manager",
    "openai.azure.com": "Azure OpenAI",
    "search.windows.net": "Azure AI Search",
    "services.ai.azure.com": "an Azure AI Foundry project",
    "vision.azure.com": "Vision Studio",
    "microsoftonline.com": "the sign-in of Microsoft Entra",
    "aka.ms": "a short link",
}
_WHERE: Final = (
    "Use the endpoint that is shown beside the resource's keys, such as https://NAME.cognitiveservices.azure.com"
)


@dataclass(frozen=True, slots=True)
class ServiceAddress:
    """The parsed URL of the service.

    Attributes:
        scheme: "http" or "https".
        host: host name or IP address, in lower case, without brackets.
        port: TCP port.
        version: API version in the URL's path, or None.
        regional: whether it is a regional endpoint (`REGION.api…`).
        azure: whether the host is in one of Azure's domains.
    """

    scheme: str
    host: str
    port: int
    version: str | None = None
    regional: bool = False
    azure: bool = False

    @property
    def endpoint(self) -> str:
        """The URL, without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"http": 80, "https": 443}[self.scheme]
        return f"{self.scheme}://{host}" + ("" if self.port == usual else f":{self.port}")

    @property
    def address(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        """The host as an IP address; None if it is a name."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None

    @property
    def loopback(self) -> bool:
        """Whether the host is this machine."""
        address = self.address
        return self.host == "localhost" or self.host.endswith(".localhost") or bool(address and address.is_loopback)


@dataclass(frozen=True, slots=True)
class UrlForm:
    """The result of `examine_url`.

    Attributes:
        target: the parsed and, if possible, corrected URL; None if it cannot be used.
        findings: problems of the URL; empty if there are none.
    """

    target: ServiceAddress | None
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class _Notes:
    findings: list[Finding] = field(default_factory=list)

    def add(self, severity: Severity, found: str, means: str = "", next_step: str = "") -> None:
        self.findings.append(Finding("url", severity, found, means, next_step))


def examine_url(given: str) -> UrlForm:
    """Examine the URL of an endpoint without a call."""
    notes = _Notes()
    text = given.strip().strip("\"'`“”‘’<>").strip()
    if text != given:
        notes.add(
            Severity.WARNING,
            "The URL has blanks, quotes or a line break around it.",
            "SDKs take them for part of it.",
            "Take them away wherever the application reads the endpoint from.",
        )
    if not text:
        notes.add(Severity.ERROR, "There is no URL.", "", _WHERE)
        return UrlForm(None, tuple(notes.findings))
    if re.fullmatch(r"[0-9a-fA-F]{32}|[0-9A-Za-z]{84}", text):
        notes.add(
            Severity.ERROR,
            "This is a key, not a URL.",
            "Anything in a command stays in the shell's history.",
            "Put the key into a variable (--key-env), the endpoint here, and regenerate the key.",
        )
        return UrlForm(None, tuple(notes.findings))
    if _PLACEHOLDER.search(text.partition("?")[0]) and not re.match(r"[a-z]+://\[[0-9a-fA-F:.]+\]", text):
        notes.add(Severity.ERROR, "The URL still has the placeholder of an example in it.", "", _WHERE)
        return UrlForm(None, tuple(notes.findings))
    target = _read(text, notes)
    return UrlForm(target, tuple(notes.findings))


def _read(text: str, notes: _Notes) -> ServiceAddress | None:
    parsed = _split(text, notes)
    if parsed is None:
        return None
    split, scheme, port = parsed
    host = (split.hostname or "").rstrip(".").lower()
    if not _check_host(host, notes):
        return None
    if host.startswith("privatelink.") or ".privatelink." in host:
        host = host.replace("privatelink.", "", 1)
        notes.add(
            Severity.ERROR,
            "The URL names the privatelink zone.",
            "That zone is for DNS only; the certificate does not cover it, so TLS fails.",
            f"Use https://{host}: the network's DNS leads it to the private endpoint.",
        )
    azure = any(host.endswith(f".{suffix}") for suffix in AZURE_SUFFIXES)
    scheme, port = _check_scheme(scheme, port, host, notes, azure=azure)
    regional = azure and ".api." in host
    if regional:
        notes.add(
            Severity.NOTE,
            "This is a regional endpoint, the older form.",
            "It takes keys only: no Entra tokens, no private endpoint, no network rules by name.",
            "Give the resource a custom subdomain and use https://NAME.cognitiveservices.azure.com",
        )
    version = _check_path(split, notes)
    target = ServiceAddress(scheme, host, port, version, regional, azure)
    try:
        httpx.URL(target.endpoint)
    except httpx.InvalidURL:
        notes.add(Severity.ERROR, f"{host[:80]!r} is not a valid host name.", "", _WHERE)
        return None
    return target


def _split(text: str, notes: _Notes) -> tuple[SplitResult, str, int] | None:
    """Split the URL into scheme, host and port, and correct obvious typing mistakes."""
    text, scheme = _mend_scheme(text, notes)
    if scheme not in {"http", "https"}:
        notes.add(
            Severity.ERROR,
            f"The scheme {scheme!r} is not one that the service answers to.",
            "",
            f"Write https:// in its place. {_WHERE}",
        )
        return None
    try:
        split = urlsplit(f"{scheme}://{text}")
        port = split.port or {"http": 80, "https": 443}[scheme]
    except ValueError:
        notes.add(Severity.ERROR, "The URL cannot be read: host or port have a wrong form.", "", _WHERE)
        return None
    return split, scheme, port


def _mend_scheme(text: str, notes: _Notes) -> tuple[str, str]:
    """Return the URL without its scheme, and the intended scheme."""
    slip = re.match(r"(https?)(?:;//|//|:\\\\)", text, re.IGNORECASE)
    found = _SCHEME.match(text)
    if slip:
        rest, scheme = text[slip.end() :], slip[1].lower()
    elif found and (found["slashes"] or found["scheme"].lower() in {"http", "https"}):
        rest, scheme = text[found.end() :], found["scheme"].lower()
        if found["slashes"] == "//" and not rest.startswith("/"):
            return rest, _near_scheme(scheme, notes)
        rest = rest.lstrip("/")
    else:
        host = text.split("/", 1)[0]
        local = host.startswith(("localhost", "127.", "[::1]"))
        scheme = "http" if local else "https"
        notes.add(
            Severity.WARNING,
            f"The URL has no scheme; {scheme}:// is assumed.",
            "SDKs refuse an endpoint without one.",
            f"Write {scheme}://{host}",
        )
        return text.lstrip("/"), scheme
    notes.add(
        Severity.ERROR,
        f"After the scheme comes something other than ://, as in {text[:9]!r}.",
        "SDKs cannot read such a URL, or take the host for a path.",
        f"Write {scheme}://{rest.split('/', 1)[0]}",
    )
    return rest, _near_scheme(scheme, notes)


def _near_scheme(scheme: str, notes: _Notes) -> str:
    if scheme not in {"http", "https"} and difflib.get_close_matches(scheme, ["http", "https"], n=1, cutoff=0.75):
        notes.add(
            Severity.ERROR, f"The scheme is written {scheme!r}; https is meant.", "", "Write https:// in its place."
        )
        return "https"
    return scheme


def _check_host(host: str, notes: _Notes) -> bool:
    """Return whether the host can belong to a Face service; add a finding if not."""
    if not host or any(letter.isspace() for letter in host):
        notes.add(Severity.ERROR, "The URL has no host.", "", _WHERE)
        return False
    for suffix, what in _OTHERS.items():
        if host == suffix or host.endswith(f".{suffix}"):
            notes.add(Severity.ERROR, f"{host} is {what}, not a Face endpoint.", "", _WHERE)
            return False
    if host.endswith("projectoxford.ai"):
        notes.add(Severity.ERROR, f"{host} was the host before 2018.", "It no longer responds.", _WHERE)
        return False
    if host in {*AZURE_SUFFIXES, "cognitive.microsoft.com", "azure.com", "microsoft.com"}:
        notes.add(
            Severity.ERROR,
            f"{host} lacks the name of the resource or of its region.",
            "It is the domain of all endpoints, not one of them.",
            _WHERE,
        )
        return False
    return True


def _check_scheme(scheme: str, port: int, host: str, notes: _Notes, *, azure: bool) -> tuple[str, int]:
    if scheme == "http" and azure:
        notes.add(
            Severity.ERROR,
            "The URL begins with http://, but Azure's endpoints answer on https:// only.",
            "A key sent without TLS can be read by everybody on the way.",
            f"Write https://{host}",
        )
        return "https", 443 if port == 80 else port
    local = ServiceAddress(scheme, host, port).loopback
    if scheme == "http" and not local:
        notes.add(
            Severity.WARNING,
            "The URL begins with http://.",
            "Everybody on the way can read keys and photos; SDKs refuse tokens, and those for JavaScript keys too.",
            "Give the server a certificate (docs/start.md, HTTPS) and write https://",
        )
    elif scheme == "http":
        notes.add(
            Severity.NOTE,
            "The URL begins with http://, which is fine on this machine.",
            "SDKs refuse tokens on it, and those for JavaScript refuse keys too.",
            "",
        )
    if (scheme, port) in {("https", 80), ("http", 443)}:
        notes.add(Severity.WARNING, f"{scheme}:// and port {port} do not go together.", "", "Leave the port out.")
    return scheme, port


def _check_path(split: SplitResult, notes: _Notes) -> str | None:
    """Check the path, and return the API version in it."""
    if split.username or split.password:
        notes.add(
            Severity.WARNING,
            "The URL has a user name or password in it.",
            "The service takes none, and URLs end up in logs.",
            f"Remove the part before the @; the key belongs in the header {KEY_HEADER}.",
        )
    if KEY_QUERY in split.query.lower():
        notes.add(
            Severity.WARNING,
            "The URL has the key in its query.",
            "URLs end up in logs of proxies and servers.",
            f"Send it in the header {KEY_HEADER} and regenerate the key.",
        )
    parts = [part for part in split.path.split("/") if part]
    if "//" in split.path:
        notes.add(
            Severity.WARNING,
            "The URL has a doubled slash in its path.",
            "The endpoint ends in a slash and the path begins with one; some gateways answer that with 404.",
            "Write the endpoint without a slash at its end.",
        )
    if not parts:
        return None
    version = _version_of(parts)
    notes.add(
        Severity.WARNING,
        f"The URL has a path, {split.path[:60]!r}; an endpoint ends with the host.",
        "SDKs add /face and the version themselves, so the path would be there twice, which is 404.",
        "Keep only the part before the path.",
    )
    if version is not None and version.lower() not in (*BY_NAME, *LIVENESS_VERSIONS):
        near = difflib.get_close_matches(version.lower(), BY_NAME, n=1, cutoff=0.5)
        notes.add(
            Severity.ERROR,
            f"{version[:30]!r} is not an API version.",
            "Paths with it are answered 404.",
            f"Use {near[0] if near else STABLE.name}.",
        )
        return None
    return version


def _version_of(parts: list[str]) -> str | None:
    if parts[0].lower() == "face" and len(parts) > 1:
        return parts[1]
    return parts[0] if re.fullmatch(r"v\d[\w.-]*", parts[0], re.IGNORECASE) else None
