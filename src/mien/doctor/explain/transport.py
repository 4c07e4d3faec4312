"""Explains client messages without a response: curl's exit codes, texts of Python and browsers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mien.doctor.explain.observed import Observed
from mien.doctor.findings import Finding, Severity

_I: Final = re.IGNORECASE
_CURL: Final = re.compile(r"curl: \((\d+)\)")

_DNS: Final = (
    "dns",
    "The host's name was not found.",
    "Compare the name with the resource's endpoint; try another network.",
)
_REFUSED: Final = (
    "connection",
    "The connection was refused: nothing listens there, or a firewall turned it away.",
    "Start the server or compare the port; have the firewall let the host through.",
)
_TIMEOUT: Final = (
    "connection",
    "No answer came in time: a firewall drops the calls, or the server is overloaded or far away.",
    "Try from another network; have the firewall let the host through; allow more time for large images.",
)
_CUT: Final = (
    "connection",
    "The connection was cut without an answer: TLS and plain HTTP mixed up, or something between refuses the call.",
    "Compare http and https with what the server speaks; look for a firewall that inspects TLS.",
)
_CERTIFICATE: Final = (
    "tls",
    "The certificate is not trusted: signed by an authority that this client does not know.",
    "For Mien's own authority pass tls/ca.pem (--cacert, REQUESTS_CA_BUNDLE, NODE_EXTRA_CA_CERTS); for Azure's "
    "service a proxy opens TLS: pass the company's root certificate.",
)
_EXPIRED: Final = ("tls", "The certificate has expired, or the client's clock is wrong.", "Renew it; check the clock.")
_HOST: Final = (
    "tls",
    "The certificate is for another name than the one that was called.",
    "Call the service by a name in its certificate.",
)
_HANDSHAKE: Final = (
    "tls",
    "TLS could not be set up: the server speaks plain HTTP on that port, or the two allow no common version.",
    "Use http:// for a server without a certificate, or give it one (`mien serve --tls`).",
)
_PROXY: Final = (
    "proxy",
    "The proxy could not be used, or did not let the call through.",
    "Check HTTPS_PROXY (with user and password where it wants them), or leave the host out with NO_PROXY.",
)
_CORS: Final = (
    "browser",
    "The browser did not let the page make the call or see the answer (CORS), or it never left.",
    "Call the service from your server, not from a page: keys do not belong in browsers.",
)
_URL: Final = ("url", "The URL cannot be read.", "Write it as https://NAME.cognitiveservices.azure.com, in quotes.")

_BY_EXIT: Final = {
    1: _URL, 3: _URL, 5: _PROXY, 6: _DNS, 7: _REFUSED, 28: _TIMEOUT, 35: _HANDSHAKE, 52: _CUT, 55: _CUT, 56: _CUT,
    51: _HOST, 60: _CERTIFICATE, 77: _CERTIFICATE, 97: _PROXY,
}  # fmt: skip
_BY_WORDS: Final = (
    (re.compile(r"certificate has expired|CERTIFICATE_EXPIRED|CERT_DATE_INVALID|not yet valid", _I), _EXPIRED),
    (re.compile(r"no alternative certificate subject|hostname mismatch|doesn't match|does not match target host|"
                r"ERR_CERT_COMMON_NAME|ERR_TLS_CERT_ALTNAME|IP address mismatch", _I), _HOST),
    (re.compile(r"self.signed|unable to get local issuer|UNABLE_TO_VERIFY|CERTIFICATE_VERIFY_FAILED|"
                r"AUTHORITY_INVALID|PartialChain|UntrustedRoot", _I), _CERTIFICATE),
    (re.compile(r"wrong version number|packet length too long|HTTP_REQUEST|RECORD_OVERFLOW|handshake failure|EPROTO|"
                r"SSL_PROTOCOL_ERROR", _I), _HANDSHAKE),
    (re.compile(r"could not resolve proxy|ProxyError|ERR_PROXY|ERR_TUNNEL|CONNECT tunnel failed", _I), _PROXY),
    (re.compile(r"could not resolve host|Name or service not known|getaddrinfo|ENOTFOUND|NameResolutionError|"
                r"ERR_NAME_NOT_RESOLVED|No such host|EAI_AGAIN", _I), _DNS),
    (re.compile(r"connection refused|ECONNREFUSED|ERR_CONNECTION_REFUSED|actively refused", _I), _REFUSED),
    (re.compile(r"timed? ?out|ETIMEDOUT|ERR_TIMED_OUT|ServiceRequestTimeout|ReadTimeout", _I), _TIMEOUT),
    (re.compile(r"connection reset|ECONNRESET|ERR_CONNECTION_RESET|empty reply|RemoteDisconnected|socket hang up|"
                r"Connection aborted|ERR_EMPTY_RESPONSE", _I), _CUT),
    (re.compile(r"blocked by CORS|not allowed to see it|ERR_BLOCKED|Failed to fetch|NetworkError when", _I), _CORS),
    (re.compile(r"Bearer token authentication is not permitted for non-TLS|allowInsecureConnection is false", _I),
     ("url", "The SDK refuses to send a credential without TLS.",
      "Use an https:// endpoint (`mien serve --tls`); Python's SDK takes a key over http://, not a token.")),
    (re.compile(r"Illegal header value|Invalid header value|Invalid return character|InvalidHeader", _I),
     ("key-form", "The HTTP library refuses the key: it has a line break or another character that no header may have.",
      "Strip the key where the application reads it; a file or a secret often ends in a line break.")),
    (re.compile(r"Expecting value: line 1 column 1|JSONDecodeError|Unexpected token '?<|content.type.*text/html", _I),
     ("answer", "The response was not JSON: something in between, such as a proxy, responded instead of the service.",
      "Repeat the call with `curl -v` to see who answers.")),
)  # fmt: skip


def explain_notes(call: Observed) -> Iterator[Finding]:
    """Explain the client's message, unless there was a response, which is more informative."""
    if call.status is not None:
        return
    text = "\n".join(call.notes)
    if not text:
        return
    words = next((told for pattern, told in _BY_WORDS if pattern.search(text)), None)
    code = _CURL.search(text)
    told = words or (_BY_EXIT.get(int(code[1])) if code else None)
    if told is None:
        return
    line = next((note for note in call.notes if _CURL.search(note)), "")
    check, means, step = told
    if told is _CUT and re.search(r"\bhttp://", call.url or text, _I):
        means = "The connection was cut without an answer: most likely the server speaks TLS on that port."
        step = "Write https:// in the URL; if the port is right, look for a firewall that inspects calls."
    shown = line or next(
        (one.strip() for one in text.splitlines() if any(pattern.search(one) for pattern, _ in _BY_WORDS)), text[:200]
    )
    yield Finding(check, Severity.ERROR, f"No answer came: {shown[:300]}", means, step)
