"""Pasted logs, archives and exceptions are read whatever they look like, and no key in them comes out again."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mien.cli._findings import print_finding, print_verdict
from mien.doctor.explain import ClipboardError, explain, read, read_clipboard
from mien.doctor.findings import Finding, Report, Severity
from mien.doctor.redaction import MARK, Redactor

KEY = "0123456789abcdef0123456789abcdef"
JWT = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJtaWVuLWxpdmVuZXNzIn0.c2lnbmF0dXJl"
DENIED = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
    "active subscription and use a correct regional API endpoint for your resource."
)
BODY = json.dumps({"error": {"code": "401", "message": DENIED}})
GATED = {
    "error": {
        "code": "InvalidRequest",
        "message": "Invalid request has been sent.",
        "innererror": {
            "code": "UnsupportedFeature",
            "message": "Feature is not supported, missing approval for one or more of the following features: "
            "Identification,Verification. Please apply for access at https://aka.ms/facerecognition",
        },
    }
}

CURL = f"""\
* Host desk.cognitiveservices.azure.com:443 was resolved.
*   Trying 20.61.99.1:443...
* Connected to desk.cognitiveservices.azure.com (20.61.99.1) port 443
* SSL connection using TLSv1.3 / TLS_AES_256_GCM_SHA384 / X25519 / RSASSA-PSS
> POST //face/v1.2/detect?returnFaceId=true HTTP/1.1
> Host: desk.cognitiveservices.azure.com
> User-Agent: curl/8.5.0
> Ocp-Apim-Subscription-Key: "{KEY}"
> Content-Type: application/json
> Content-Length: 30
>
}} [30 bytes data]
  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current
< HTTP/1.1 401 PermissionDenied
< Content-Length: 224
< Content-Type: application/json
< apim-request-id: 3b6c3a4c-8d2e-4b7e-9a51-0d9a6f1f2c11
< Date: Thu, 05 Mar 2026 11:07:58 GMT
<
{{ [224 bytes data]
{BODY}* Connection #0 to host desk.cognitiveservices.azure.com left intact
"""


def told(report: Report, check: str) -> Finding:
    found = [one for one in report.findings if one.check == check]
    assert found, [(one.check, one.found) for one in report.findings]
    return max(found, key=lambda one: one.severity)


def explained(text: str | bytes) -> Report:
    report = explain(text if isinstance(text, bytes) else text.encode(), "paste")
    assert KEY not in json.dumps(report.as_json())
    return report


def test_a_log_of_curl() -> None:
    report = explained(CURL)
    answer = told(report, "answer")
    assert answer.found == f"401: {DENIED}"
    assert "Keys and Endpoint" in answer.next_step  # it is Azure's host
    assert answer.details["requestId"] == "3b6c3a4c-8d2e-4b7e-9a51-0d9a6f1f2c11"
    assert "wrapped in quotes" in told(report, "key-form").found
    assert "doubled slash" in told(report, "request").found


def test_a_log_of_http2_with_a_tunnel_and_an_interim_answer() -> None:
    log = f"""\
* CONNECT tunnel: HTTP/1.1 negotiated
> CONNECT desk.cognitiveservices.azure.com:443 HTTP/1.1
> Host: desk.cognitiveservices.azure.com:443
> Proxy-Authorization: Basic dXNlcjpnZWhlaW0=
>
< HTTP/1.1 200 Connection established
<
* ALPN: server accepted h2
* [HTTP/2] [1] [ocp-apim-subscription-key: {KEY}]
> POST /face/v1.2/verify HTTP/2
> Host: desk.cognitiveservices.azure.com
> ocp-apim-subscription-key: {KEY}
>
< HTTP/2 100
<
< HTTP/2 403
< content-type: application/json
<
{json.dumps(GATED)}
"""
    (call,) = read(log.encode())
    assert (call.method, call.status) == ("POST", 403)
    assert call.url == "https://desk.cognitiveservices.azure.com/face/v1.2/verify"
    report = explained(log)
    assert "Missing approval: Identification, Verification." in told(report, "answer").found
    assert "aka.ms/facerecognition" in report.next_step
    assert "dXNlcjpnZWhlaW0=" not in json.dumps(report.as_json())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("401\n", "missing, wrong, replaced"),
        ("HTTP/1.1 403 Forbidden", "a feature without its approval"),
        ("HTTP/1.1 400 Bad Request", "found something wrong"),
        ("HTTP/2 404", "404 stands for the path"),
        ("< HTTP/1.1 409 Conflict\n< \n", "changes or trains the same thing"),
        ("status code: 429", "in a short time"),
        ("HTTP/1.1 418 I'm a teapot", "no such error"),
    ],
)
def test_a_status_without_its_body(text: str, words: str) -> None:
    assert words in told(explained(text), "answer").means
    assert explained(text).next_step


def test_a_log_of_calls_to_miens_management_port() -> None:
    log = (
        "> GET /face/v1.2/x HTTP/1.1\n> Host: h:8081\n> \n< HTTP/1.1 303 See Other\n< location: /sign-in?next=%2F\n< \n"
    )
    assert "(by default the port before this one, 8080)" in told(explained(log), "service").next_step
    other = log.replace("/sign-in?next=%2F", "https://login.example/")
    assert told(explained(other), "answer").found == "303: a redirect to https://login.example/"


def test_a_key_that_was_sent_is_not_called_missing() -> None:
    log = (
        f"> GET /face/v1.2/x HTTP/1.1\n> Host: h\n> Ocp-Apim-Subscription-Key: {KEY}\n> \n< HTTP/1.1 401 X\n< \n{BODY}"
    )
    assert told(explained(log), "answer").means.startswith("The key that was sent does not belong")


@pytest.mark.parametrize(
    ("hint", "step"),
    [
        ("Nobody has requested Liveness for the resource 'desk': …", "`mien access request desk --feature Liveness`."),
        ("The request for Liveness of the resource 'desk' waits for a reviewer.", "Wait for the reviewer"),
        ("The request for Liveness of the resource 'desk' has expired: …", "mien access renew"),
        ("The request for Liveness of the resource 'desk' was rejected: …", "after reading why"),
        ("The request for Liveness of the resource 'desk' is approved: repeat the call.", "Repeat the call."),
    ],
)
def test_what_mien_says_of_a_request_decides_what_to_do(hint: str, step: str) -> None:
    message = str(GATED["error"]["innererror"]["message"]).replace("Identification,Verification", "Liveness")  # type: ignore[index]  # the body above
    inner = {"code": "UnsupportedFeature", "message": message, "details": {"hint": hint}}
    body = {"error": {"code": "InvalidRequest", "message": "Invalid request has been sent.", "innererror": inner}}
    assert step in explained(json.dumps(body)).next_step


@pytest.mark.parametrize(
    ("line", "check", "words"),
    [
        ("curl: (6) Could not resolve host: desk.cognitiveservices.azure.com", "dns", "not found"),
        ("curl: (7) Failed to connect to 127.0.0.1 port 8080: Connection refused", "connection", "refused"),
        ("curl: (28) Operation timed out after 10000 milliseconds", "connection", "in time"),
        ("curl: (35) error:0A00010B:SSL routines::wrong version number", "tls", "plain HTTP"),
        ("curl: (52) Empty reply from server", "connection", "cut"),
        ("curl: (56) CONNECT tunnel failed, response 407", "proxy", "proxy"),
        ("curl: (60) SSL certificate problem: unable to get local issuer certificate", "tls", "not trusted"),
        ("curl: (60) SSL certificate problem: certificate has expired", "tls", "expired"),
        ("curl: (60) SSL: no alternative certificate subject name matches target host name 'x'", "tls", "another name"),
        ("curl: (3) URL rejected: Malformed input to a URL function", "url", "cannot be read"),
        ("requests.exceptions.ConnectTimeout: HTTPSConnectionPool(host='x'): timed out.", "connection", "in time"),
        ("Error: getaddrinfo ENOTFOUND desk.cognitiveservices.azure.com", "dns", "not found"),
        (
            "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate",
            "tls",
            "not trusted",
        ),
        ("Bearer token authentication is not permitted for non-TLS protected (non-https) URLs.", "url", "without TLS"),
        ("httpcore.LocalProtocolError: Illegal header value b'...\\n'", "key-form", "line break"),
        ("json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)", "answer", "not JSON"),
    ],
)
def test_what_clients_say_when_no_answer_came(line: str, check: str, words: str) -> None:
    report = explained(f"* Trying…\n{line}\n")
    assert words in told(report, check).means
    assert report.exit_status == 3


def har(*entries: dict[str, Any]) -> str:
    return json.dumps({"log": {"version": "1.2", "creator": {"name": "WebInspector"}, "entries": list(entries)}})


def entry(url: str, status: int, body: str = "", *, at: datetime | None = None, **headers: str) -> dict[str, Any]:
    def listed(named: dict[str, str]) -> list[dict[str, str]]:
        return [{"name": name.replace("_", "-"), "value": value} for name, value in named.items()]

    moment = at or datetime(2026, 3, 5, 11, 7, 58, tzinfo=UTC)
    return {
        "startedDateTime": moment.isoformat(),
        "request": {"method": "POST", "url": url, "headers": listed({"Ocp_Apim_Subscription_Key": KEY})},
        "response": {
            "status": status,
            "headers": listed({"Date": format_datetime(moment.astimezone(UTC), usegmt=True)} | headers),
            "content": {"text": base64.b64encode(body.encode()).decode(), "encoding": "base64"},
        },
    }


def test_an_archive_of_a_browser() -> None:
    azure = "https://desk.cognitiveservices.azure.com/face/v1.2"
    text = har(
        entry("https://page.example/logo.png", 404),
        entry(f"{azure}/identify", 400, '{"error":{"code":"FaceNotFound","message":"Face is not found."}}'),
        entry(f"{azure}/detect", 0),
    )
    report = explained(text)
    assert [one.found.startswith(("Call 1 (POST /face/v1.2/identify 400)", "Call 2")) for one in report.findings]
    assert told(report, "answer").details["family"] == "identify"
    assert "Anyone who opens the page" in told(report, "request").means
    assert "CORS" in told(report, "browser").means
    assert "logo.png" not in json.dumps(report.as_json())


def test_face_ids_of_an_archive_and_when_they_end() -> None:
    url = "http://localhost/face/v1.2/detect?faceIdTimeToLive="
    faces = json.dumps([{"faceId": "c5c24a82-6845-4031-9d5d-978df9175426", "faceRectangle": {}}])
    now = datetime.now(UTC)
    for seconds, made, severity, words in (
        (600, now - timedelta(hours=1), Severity.WARNING, "it expired at"),
        (600, now, Severity.WARNING, "it expires at"),
        (86400, now, Severity.OK, "it expires at"),
    ):
        found = told(explained(har(entry(f"{url}{seconds}", 200, faces, at=made))), "face-id")
        assert (found.severity, words in found.found) == (severity, True)


def test_clocks_of_an_archive() -> None:
    one = entry("http://localhost/face/v1.2/detect", 200, "[]")
    one["response"]["headers"][0]["value"] = "Thu, 05 Mar 2026 11:17:58 GMT"
    assert "600 s behind" in told(explained(har(one)), "clock").found


@pytest.mark.parametrize(
    "text",
    [
        "azure.core.exceptions.HttpResponseError: (InvalidRequest) Invalid request has been sent.\n"
        "Code: InvalidRequest\nMessage: Invalid request has been sent.\nInner error: {\n"
        f'    "code": "UnsupportedFeature",\n    "message": "{GATED["error"]["innererror"]["message"]}"\n}}',  # type: ignore[index]  # it is nested
        f"HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n\r\n{json.dumps(GATED)}",
        f"Status: 403 (Forbidden)\nErrorCode: InvalidRequest\n\nContent:\n{json.dumps(GATED)}\n\nHeaders:\nDate: x\n",
        json.dumps(GATED, indent=2),
        json.dumps(GATED).encode("utf-16"),
        f"some words before {json.dumps(GATED)} and after",
    ],
    ids=["python", "http", "dotnet", "body", "utf-16", "inside"],
)
def test_the_same_refusal_in_every_shape(text: str | bytes) -> None:
    found = told(explained(text), "answer")
    assert "Identification" in found.found
    assert "has not been approved" in found.means


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"statusCode": 401, "message": "Access denied due to missing subscription key."}', "401"),
        ("HTTP/1.1 429 Too Many Requests\nRetry-After: 7\n", "Retry-After says 7 s."),
        ("HTTP/1.1 407 Proxy Authentication Required\n", "user name and password"),
        (
            "HTTP/1.1 502 Bad Gateway\nContent-Type: text/html\n\n<html><title>502</title><center>nginx</center>",
            "nginx",
        ),
        ("Face is not found.", "faceId"),
        ("it printed: 'recognitionModel' is incompatible.", "different recognition models"),
    ],
)
def test_other_shapes(text: str, words: str) -> None:
    found = told(explained(text), "answer")
    assert words.lower() in f"{found.found} {found.means} {found.next_step}".lower(), found


def test_a_hint_of_mien_is_passed_on() -> None:
    inner = {"code": "404", "message": "m", "details": {"hint": "Did you mean POST /face/v1.2/detect?"}}
    body = json.dumps({"error": {"code": "404", "message": "Resource not found", "innererror": inner}})
    assert "Did you mean POST" in told(explained(body), "answer").means


def test_nothing_known_says_so() -> None:
    report = explained("hello")
    assert (report.exit_status, told(report, "paste").severity) == (1, Severity.WARNING)


def test_a_clipboard_without_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ClipboardError, match="xclip"):
        read_clipboard()


def test_the_clipboard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "xclip"
    program.write_text("#!/bin/sh\nprintf '%s' \"$1 $2 $3\"\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_clipboard() == b"-selection clipboard -o"
    program.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(ClipboardError, match="with xclip"):
        read_clipboard()


def test_what_a_server_says_does_not_steer_the_terminal() -> None:
    body = json.dumps({"error": {"code": "x", "message": "a\x1b]0;owned\x07b \x9b2J c"}}).encode()
    console = Console(file=StringIO(), force_terminal=True, width=100)
    report = explain(body, "paste")
    for found in report.findings:
        print_finding(console, found)
    print_verdict(console, report)
    printed = console.file.getvalue()  # type: ignore[attr-defined]  # it is a StringIO
    assert "owned" in printed
    assert not any(mark in printed for mark in ("\x1b]", "\x07", "\x9b"))


PIECES = st.sampled_from(
    [
        "> POST /face/v1.2/detect HTTP/1.1\n", "< HTTP/1.1 ", "401", "HTTP/2 500\n", "< ", "> ", "* ", "\n", "\r\n",
        ":", "{", "}", "[", '"error"', '{"error":{"code":"x","message":"y"}}', "curl: (", "60)", "Host: h\n",
        '{"log":{"entries":[', '{"request":1,"response":{"status":0}}', "]}}", "<html>", "http://[", "//", "\x00", "é",
        "Code: A\n", "Date: nonsense\n", "faceId", "eyJ.a.b", "HTTP/1.1 999 x\n", "null", "1e999", '{"log":{}}',
        "Message: m\n",
    ]
)  # fmt: skip


@given(st.lists(PIECES | st.text(max_size=8), max_size=40).map("".join))
def test_any_text_is_read_without_failing(text: str) -> None:
    report = explain(text.encode("utf-8", "surrogatepass"), "x")
    assert report.findings


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_failing(raw: bytes) -> None:
    assert explain(raw, "x").findings


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["error", "code", "message", "innererror", "details", "hint", "statusCode"]),
                      inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(VALUES)
def test_any_body_is_read_without_failing(value: Any) -> None:
    assert explain(json.dumps(value).encode(), "x").findings


HAR_VALUES = st.recursive(
    st.none() | st.integers(-5, 700) | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["entries", "request", "response", "headers", "name", "value", "url", "status",
                                       "content", "text", "encoding", "startedDateTime", "_error"]), inner, max_size=5),
    max_leaves=20,
)  # fmt: skip


@given(st.lists(st.fixed_dictionaries({"request": HAR_VALUES, "response": HAR_VALUES, "startedDateTime": HAR_VALUES})))
def test_any_archive_is_read_without_failing(entries: list[Any]) -> None:
    assert explain(json.dumps({"log": {"entries": entries}}).encode(), "x").findings


SECRETS = st.sampled_from([KEY, KEY.upper(), "aB3" * 28, JWT, "geheim-und-lang", "Zz9-_plain"])
HOLDERS = st.sampled_from(
    [
        "> Ocp-Apim-Subscription-Key: {}\n",
        "> ocp-apim-subscription-key:{}\n",
        "> Authorization: Bearer {}\n",
        "> POST /face/v1.2/detect?subscription-key={}&top=1 HTTP/1.1\n",
        'curl -H "Ocp-Apim-Subscription-Key: {}" https://x/face/v1.2/detect\n',
        '{{"name": "Ocp-Apim-Subscription-Key", "value": "{}"}}\n',
        '{{"error":{{"code":"401","message":"key1={}"}}}}\n',
        '{{"authToken":"{}"}}\n',
        "api-key: {}\n",
        "Set-Cookie: {}; Path=/\n",
        "* [HTTP/2] [1] [ocp-apim-subscription-key: {}]\n",
        "https://user:{}@proxy.example:3128/\n",
    ]
)


@given(
    SECRETS, st.lists(HOLDERS, min_size=1, max_size=4), st.sampled_from(["", CURL.replace(KEY, "x"), "curl: (7) no\n"])
)
def test_no_secret_of_a_paste_comes_out_again(secret: str, holders: list[str], rest: str) -> None:
    text = "".join(holder.format(secret) for holder in holders) + rest
    assert secret not in json.dumps(explain(text.encode(), "paste").as_json())
    assert secret not in Redactor().text(text)


def test_what_is_no_secret_stays() -> None:
    kept = (
        'faceId c5c24a82-6845-4031-9d5d-978df9175426 at "/face/v1.2/detect?returnFaceId=true", 401: The key is wrong.'
    )
    assert Redactor().text(kept) == kept
    assert Redactor(["geheim"]).text("a geheim b") == f"a {MARK} b"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/face/v1.2/face/v1.2-preview.1/detect", "Configure the endpoint https://faces.test:8443 without that path"),
        ("/face/v1.0/face/v1.0/detect", "Configure the endpoint https://faces.test:8443 without that path"),
        ("/face/v1.0detect", "https://faces.test:8443/face/v1.0/ with the slash"),
        ("/face/v1.2/detectLiveness/singleModal/sessions", "Call /face/v1.2/detectLiveness-sessions."),
        (
            "/face/v1.2-preview.1/detectLiveness-sessions",
            "Call /face/v1.2-preview.1/detectLiveness/singleModal/sess",
        ),
    ],
)
def test_a_404_of_a_wrong_path_names_what_to_configure(path: str, says: str) -> None:
    body = '{"error":{"code":"404","message":"Resource not found"}}'
    log = f"""\
> POST {path} HTTP/1.1
> Host: faces.test:8443
> Ocp-Apim-Subscription-Key: {KEY}
>
* SSL connection using TLSv1.3
< HTTP/1.1 404 Not Found
< Content-Type: application/json
<
{body}"""
    found = told(explained(log), "request")
    assert says in f"{found.means} {found.next_step}"


@pytest.mark.parametrize("host", ["faces.test", "desk.cognitiveservices.azure.com"])
def test_retired_attributes_are_named_whatever_the_answer_says(host: str) -> None:
    log = f"""\
> POST /face/v1.0/detect?returnFaceAttributes=age,emotion,gender HTTP/1.1
> Host: {host}
>
< HTTP/1.1 400 Bad Request
<
{{"error": {{"code": "BadArgument", "message": "Invalid argument returnFaceAttributes."}}}}"""
    assert "Remove emotion and gender from returnFaceAttributes." in told(explained(log), "request").next_step


def test_what_an_old_sdk_prints_of_retired_attributes() -> None:
    printed = (
        "azure.cognitiveservices.vision.face.models._models_py3.APIErrorException: (BadArgument) Invalid argument "
        "returnFaceAttributes: remove emotion, which no version returns any more."
    )
    answer = told(explained(printed), "answer")
    assert "emotion" in answer.found
    assert "Remove them from returnFaceAttributes" in answer.next_step


@pytest.mark.parametrize("pasted", ["my app broke", "", "it does not work!!", "Traceback (most recent call last):"])
def test_a_text_that_shows_nothing_is_not_called_working(pasted: str) -> None:
    report = explain(pasted.encode(), "a paste")
    out = StringIO()
    print_verdict(Console(file=out, width=100), report, explained=True)
    said = out.getvalue()
    assert "works" not in said
    assert "does not say why a call failed" in said
    assert "curl -v" in said
    assert report.exit_status == 1
