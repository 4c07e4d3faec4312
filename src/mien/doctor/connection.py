"""Checks of the connection: response, TLS, clock, and the responding service."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import httpx
from cryptography import x509

from mien.contract.headers import REQUEST_ID
from mien.doctor.case import Case, Findings, Stop, finding, refused
from mien.doctor.client import HttpAnswer, Trouble
from mien.doctor.findings import Finding, Severity
from mien.doctor.network import Proxy
from mien.doctor.refusals import is_management, management_port

_SKEW_WARNING: Final = 60.0
_SKEW_ERROR: Final = 300.0
"""Clock difference that Entra and most token issuers tolerate, in seconds."""

_SOON_DAYS: Final = 14

_EXPIRED, _NOT_YET, _SELF_SIGNED, _SELF_SIGNED_CHAIN, _NO_ISSUER, _NO_LEAF_ISSUER = 10, 9, 18, 19, 20, 21
_WRONG_HOST, _WRONG_ADDRESS = 62, 64


def check_connection(case: Case, proxy: Proxy) -> Findings:
    """Make a first call without the key, and check the response.

    Raises:
        Stop: there was no response, or not from the service.
    """
    try:
        answer = case.client.call("GET", "/status", with_key=False)
    except Trouble as trouble:
        yield _unreachable(case, trouble, proxy)
        raise Stop("the endpoint does not respond") from trouble
    yield from _check_tls(answer)
    yield from check_clock(case, answer)
    yield from _check_who(case, answer)


def _unreachable(case: Case, trouble: Trouble, proxy: Proxy) -> Finding:
    where = f"{case.target.host}:{case.target.port}"
    if trouble.certificate:
        return _certificate_refused(case, trouble, proxy)
    if trouble.kind == "tls":
        plain = "wrong version" in trouble.reason.lower().replace("_", " ") or "http request" in trouble.reason.lower()
        return finding(
            "tls",
            Severity.ERROR,
            f"TLS with {where} failed: {trouble.reason}.",
            "The server speaks plain HTTP on that port."
            if plain
            else "The two could not agree, or one cut the handshake.",
            f"Use http://{where} or give the server a certificate (`mien serve --tls`)."
            if plain
            else "Look at whether a firewall inspects TLS, and at the versions that both ends allow (1.2 or newer).",
        )
    told: Mapping[str, tuple[str, str, str]] = {
        "dns": (f"{where} was not found.", "It has no address.", "Compare the name with the resource's endpoint."),
        "refused": (
            f"{where} refuses connections.",
            "The machine is there, but nothing listens on that port, or a firewall turns the call away.",
            "Start the server, or compare the port with what it printed when it started."
            if not case.target.azure
            else "Have the firewall of this network let port 443 through to this host.",
        ),
        "timeout": (
            f"{where} does not answer within {case.client.seconds:g} s.",
            "A firewall drops the calls, or the address is not reachable from this network.",
            "Try from another network; have the firewall let the host through; --timeout waits longer.",
        ),
        "reset": (
            f"The connection to {where} was cut: {trouble.reason.rstrip('.')}.",
            "Something between refuses it: a firewall that inspects calls, often.",
            "Have the host let through, or try another network.",
        ),
        "proxy": (
            f"The proxy {proxy.url or ''} refused the connection: {trouble.reason}.".replace("  ", " "),
            "The call never left the network.",
            "Put user and password into the proxy's URL."
            if "407" in trouble.reason
            else "Have the proxy let this host through, or leave the host out with NO_PROXY.",
        ),
    }
    if proxy.url and trouble.kind in {"refused", "dns", "timeout"}:
        found = f"No answer through the proxy {proxy.url}: {trouble.reason}."
        means = "The proxy itself may not be reachable."
        return finding(
            "proxy", Severity.ERROR, found, means, "Check the proxy's address in HTTPS_PROXY and HTTP_PROXY."
        )
    if trouble.kind == "reset" and not proxy.url and case.target.scheme == "http" and _speaks_tls(case):
        found, means = f"{where} speaks TLS, but the URL begins with http://.", "Such a server cuts plain calls off."
        return finding("connection", Severity.ERROR, found, means, f"Use https://{where}", kind="tls")
    found, means, step = told.get(
        trouble.kind,
        (f"The call to {where} failed: {trouble.reason}.", "", "Look at the server's log, and at proxies in between."),
    )
    return finding("connection", Severity.ERROR, found, means, step, kind=trouble.kind)


def _speaks_tls(case: Case) -> bool:
    """Return whether the port accepts a TLS handshake."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((case.target.host, case.target.port), case.client.seconds) as plain,
            context.wrap_socket(plain, server_hostname=case.target.host),
        ):
            return True
    except (OSError, ValueError):
        return False


def _certificate_refused(case: Case, trouble: Trouble, proxy: Proxy) -> Finding:
    certificate = _look_unverified(case)
    about = _about(certificate)
    between = f" The proxy {proxy.url} may have put it there." if proxy.url else ""
    issuer = about.get("issuer", "somebody unknown")
    if trouble.certificate in {_EXPIRED, _NOT_YET}:
        late = trouble.certificate == _EXPIRED
        bound = about.get("notAfter" if late else "notBefore", "an unknown date")
        states = "expired on" if late else "is not valid before"
        found = f"The certificate {states} {bound}; here it is {_now():%Y-%m-%d %H:%M} UTC."
        means = "Clients refuse it. If that date is wrong, this machine's clock is."
        step = "Renew the server's certificate." if late else "Set this machine's clock, or wait."
    elif trouble.certificate in {_WRONG_HOST, _WRONG_ADDRESS}:
        names = ", ".join(about.get("names", [])[:6]) or "no names"
        found = f"The certificate is for {names}, not for {case.target.host}."
        means = f"Another server answers here, or it is called by another name.{between}"
        step = "Call the service by a name in its certificate, or give it a certificate with this name."
    else:
        found = f"This machine does not trust the certificate ({trouble.reason}); its issuer is {issuer}."
        if case.target.azure:
            means = (
                f"Azure's certificates are trusted everywhere: something between opens TLS and shows its own.{between}"
            )
            step = "Get the company's root certificate and pass it with --cacert, and to SDKs with REQUESTS_CA_BUNDLE."
        else:
            means = "The server has a certificate of its own authority, which clients must be told to trust."
            step = (
                "Pass the authority's file with --cacert (Mien's is tls/ca.pem in its data folder), and to SDKs with "
            )
            step += "REQUESTS_CA_BUNDLE or NODE_EXTRA_CA_CERTS."
    return finding("tls", Severity.ERROR, found, means, step, reason=trouble.reason, certificate=dict(about))


def _look_unverified(case: Case) -> bytes | None:
    """Return the server's certificate from an unverified connection, over which no data is sent."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            httpx.Client(verify=context, timeout=case.client.seconds) as client,
            client.stream("GET", f"{case.target.endpoint}/status") as response,
        ):
            secured = response.extensions["network_stream"].get_extra_info("ssl_object")
            shown = None if secured is None else secured.getpeercert(True)
            return shown if isinstance(shown, bytes) else None
    except httpx.HTTPError:
        return None


def _about(certificate: bytes | None) -> Mapping[str, Any]:
    if certificate is None:
        return {}
    try:
        read = x509.load_der_x509_certificate(certificate)
        names: list[str] = []
        try:
            alternatives = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            names = [*alternatives.get_values_for_type(x509.DNSName)]
            names += [str(one) for one in alternatives.get_values_for_type(x509.IPAddress)]
        except x509.ExtensionNotFound:
            pass
        return {
            "issuer": read.issuer.rfc4514_string(),
            "names": names,
            "notBefore": f"{read.not_valid_before_utc:%Y-%m-%d %H:%M} UTC",
            "notAfter": f"{read.not_valid_after_utc:%Y-%m-%d %H:%M} UTC",
        }
    except ValueError:
        return {}


def _check_tls(answer: HttpAnswer) -> Findings:
    if not answer.tls:
        return
    certificate = answer.tls["certificate"]
    version = answer.tls["version"]
    until = certificate.get("notAfter")
    if until is None:
        yield finding("tls", Severity.OK, f"{version}; the certificate is trusted.")
        return
    end = datetime.fromtimestamp(ssl.cert_time_to_seconds(until), UTC)
    days = (end - _now()).days
    severity = Severity.OK if days > _SOON_DAYS else Severity.WARNING
    yield finding(
        "tls",
        severity,
        f"{version}; the certificate is trusted and valid until {end:%Y-%m-%d} ({days} days).",
        "" if severity is Severity.OK else "After that day clients refuse it.",
        "" if severity is Severity.OK else "Renew it.",
        version=version,
        notAfter=end.isoformat(),
    )


def check_clock(case: Case, answer: HttpAnswer) -> Findings:
    """Compare this machine's clock with the date of a response."""
    skew = answer.skew
    if skew is None:
        yield finding("clock", Severity.NOTE, "The answer has no date, so clocks cannot be compared.")
        return
    case.skew = skew
    away = abs(skew)
    way = "ahead of" if skew > 0 else "behind"
    if away <= max(2.0, answer.seconds):
        yield finding("clock", Severity.OK, "This machine's clock agrees with the server's.", skew=round(skew, 1))
        return
    severity = Severity.ERROR if away >= _SKEW_ERROR else Severity.WARNING if away >= _SKEW_WARNING else Severity.NOTE
    means = "Tokens are refused as expired or not yet valid, and the life of face ids is misjudged; keys do not care."
    yield finding(
        "clock",
        severity,
        f"This machine's clock is {_span(away)} {way} the server's.",
        means if severity > Severity.NOTE else "That is within what tokens allow.",
        "Switch time synchronisation on (timedatectl set-ntp true)." if severity > Severity.NOTE else "",
        skew=round(skew, 1),
    )


def _check_who(case: Case, answer: HttpAnswer) -> Findings:
    told = answer.json()
    if isinstance(told, dict) and told.get("service") == "mien":
        case.service = "mien"
        yield finding("service", Severity.OK, f"Mien {told.get('version', '')} answers.".replace("  ", " "))
        worries = [f"{name}: {text}" for name, text in told.items() if name not in {"status", "service", "version"}]
        if worries:
            yield finding(
                "service", Severity.WARNING, f"The server says: {'; '.join(worries)}.", "", "Tell its operator."
            )
        return
    if is_management(answer.headers):
        yield management_port(answer.status, case.target.port)
        raise Stop("this is not the port of the Face service")
    platform = REQUEST_ID in answer.headers
    if platform and answer.hint:  # Mien refused the page, such as for a host that it does not know
        case.service = "mien"
        yield refused("service", Severity.ERROR, case, answer)
        raise Stop("the server does not know this host")
    if case.target.azure or platform:
        case.service = "azure"
    if answer.html or answer.status in {301, 302, 303, 307, 308, 407}:
        yield refused("service", Severity.ERROR, case, answer)
        raise Stop("another server responds")
    if platform:
        yield finding("service", Severity.OK, "Azure's gateway answers.", requestId=answer.headers[REQUEST_ID])
        return
    if answer.error or answer.status in {401, 403, 404}:
        note = (
            "The answer lacks Azure's request id" if case.target.azure else "It is neither known as Mien nor as Azure"
        )
        yield finding("service", Severity.NOTE, f"A service answers ({answer.status}). {note}.")
        return
    yield refused("service", Severity.WARNING, case, answer)


def _now() -> datetime:
    return datetime.now(UTC)


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
