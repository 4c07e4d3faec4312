"""The examination against a gateway that answers as the contract recorded Azure's, and against what stands between."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.doctor.fake_azure import DENIED, GATED, KEY, Asked, Azure, Reply, Rule, answer, error, gated, running
from tests.local_server import free_port
from tests.manual_clock import ManualClock

from mien.doctor import Finding, Options, Report, Severity, examine
from mien.doctor.address import examine_url
from mien.doctor.network import Proxy, Resolved, check_private_endpoint
from mien.tls import ensure_certificate

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def azure() -> Iterator[Azure]:
    with running(Azure()) as gateway:
        yield gateway


def look(azure: Azure, key: str | None = KEY, **options: Any) -> Report:
    given: dict[str, Any] = {
        "samples": 2,
        "seconds": 60.0,
        "patience": 0.0,
        "interval": 0.0,
        "key_source": "the variable FACE_KEY",
    } | options
    report = examine(
        Options(given.pop("url", azure.url), key=key, **given), None, given.pop("resolver", None) or lookup
    )
    if key:
        assert key.strip() not in json.dumps(report.as_json()), "a key was printed"
    return report


def lookup(host: str, _port: int, _seconds: float) -> Resolved:
    """A name server that knows nothing but a few names of its own."""
    known = {
        "public.cognitiveservices.azure.com": Resolved(
            ("20.61.99.1",), "public.privatelink.cognitiveservices.azure.com"
        ),
        "private.cognitiveservices.azure.com": Resolved(("10.1.2.3",)),
        "gov.cognitiveservices.azure.us": Resolved(("52.127.1.1",)),
        "mien.example": Resolved(("20.61.99.2",)),
        "localhost": Resolved(("127.0.0.1",)),
    }
    return known.get(host, Resolved(problem="Name or service not known"))


def of(report: Report, check: str, words: str = "") -> Finding:
    """The finding of a check whose text has these words; the worst one when several do."""
    found = [one for one in report.findings if one.check == check and words in f"{one.found} {one.means}"]
    assert found, [(one.check, one.found) for one in report.findings]
    return max(found, key=lambda one: one.severity)


def always(reply: Reply, *, when: Callable[[Asked], bool] = lambda asked: asked.path != "/status") -> Rule:
    return lambda asked: reply if when(asked) else None


def test_a_sound_endpoint(azure: Azure) -> None:
    report = look(azure)
    assert report.stopped is None
    assert report.severity <= Severity.NOTE, [one for one in report.findings if one.severity > Severity.NOTE]
    assert report.exit_status == 0
    for check in ("key", "versions", "detect", "features", "attributes", "latency", "collections", "rate-limit"):
        assert of(report, check).severity <= Severity.NOTE
    assert "v1.0, v1.1-preview.1, v1.2-preview.1, v1.2" in of(report, "versions").found
    assert "7 ms" in of(report, "latency").found
    assert report.calls == len(azure.asked)


def test_nothing_is_made_and_nothing_is_changed(azure: Azure) -> None:
    look(azure)
    assert {asked.method for asked in azure.asked} == {"GET", "POST"}
    posted = {asked.path.rpartition("/")[2] for asked in azure.asked if asked.method == "POST"}
    assert posted == {"detect", "identify", "verify", "detectLiveness-sessions"}
    detects = [asked.query for asked in azure.asked if asked.path.endswith("/detect")]
    assert detects[0]["returnFaceId"] == "false"
    # Face ids are asked for on one picture, and that one has no face.
    (asking,) = [asked for asked in azure.asked if asked.query.get("returnFaceId") == "true"]
    assert not asking.body.startswith(b"\xff\xd8")
    (session,) = [asked for asked in azure.asked if asked.path.endswith("-sessions")]
    assert session.body == b"{}"  # no session can be made of that
    assert "ocp-apim-subscription-key" not in azure.asked[0].headers


def test_a_wrong_key(azure: Azure) -> None:
    report = look(azure, "f" * 32)
    found = of(report, "key")
    assert (found.severity, report.exit_status) == (Severity.ERROR, 3)
    assert DENIED in found.found
    assert "Keys and Endpoint" in found.next_step == report.next_step
    assert report.stopped == "the key is not accepted"
    assert not any(asked.path.endswith("/detect") for asked in azure.asked)


def test_a_key_with_a_line_break_is_mended_and_still_an_error(azure: Azure) -> None:
    report = look(azure, f"{KEY}\n")
    assert of(report, "key-form").severity is Severity.ERROR
    assert of(report, "key").found == "Mended like that, the key is accepted."
    assert "Copy the key again" in report.next_step


def test_no_key(azure: Azure) -> None:
    report = look(azure, None)
    assert "FACE_KEY is not set" in of(report, "key-form").found
    assert report.stopped == "there is no key to go on with"


@pytest.mark.parametrize(
    ("reply", "words", "step"),
    [
        (
            error(401, "PermissionDenied", "Principal does not have access to API/Operation."),
            "PermissionDenied",
            "role",
        ),
        (
            error(403, "AuthenticationTypeDisabled", "Key based authentication is disabled for this resource."),
            "tokens only",
            "DefaultAzureCredential",
        ),
        (error(403, "403", "Access denied due to Virtual Network/Firewall rules."), "network rules", "Networking"),
        (
            error(403, "403", "Out of call volume quota. Quota will be replenished in 12.50 days."),
            "of this month are used up",
            "F0 to S0",
        ),
        (error(404, "404", "Resource not found"), "no operation with this method", "Compare method"),
        (error(429, "429", "Rate limit is exceeded.", Retry_After="30"), "others with its keys", "--patience 30"),
        (error(500, "InternalServerError", "Internal server error."), "", "Repeat"),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Reply) else "",
)
def test_what_the_gateway_refuses(azure: Azure, reply: Reply, words: str, step: str) -> None:
    azure.rules.append(always(reply))
    report = look(azure)
    (found,) = [one for one in report.findings if one.severity is Severity.ERROR]
    assert words in f"{found.found} {found.means}"
    assert step in found.next_step
    assert report.stopped is not None


SIGN_IN = b"<!DOCTYPE html><html><head><title>Please sign in</title></head><body>Zscaler</body></html>"
MIEN = Reply(
    200, json.dumps({"service": "mien", "version": "1", "models": "sface is missing"}).encode(), platform=False
)


def test_a_header_that_never_reaches_mien(azure: Azure) -> None:
    """Mien says so, so that nobody has to guess and no key is sent in a URL."""
    inner = {"code": "401", "message": "m", "details": {"hint": "No key was sent: add the header."}}
    azure.rules += [
        always(MIEN, when=lambda asked: asked.path == "/status"),
        always(error(401, "401", DENIED, inner, Via="1.1 corporate-gateway")),  # type: ignore[arg-type]  # Mien's is deeper
    ]
    report = look(azure, key_in_query=True)
    assert "models: sface is missing" in of(report, "service", "The server says").found
    assert "did not arrive" in of(report, "key").found
    assert "corporate-gateway" in of(report, "key").means
    assert "pass the header" in report.next_step
    assert not any("subscription-key" in asked.query for asked in azure.asked)


@pytest.mark.parametrize(
    ("reply", "stopped"),
    [
        (answer({"hello": "world"}), "the responses are not from the Face service"),
        (Reply(200, SIGN_IN, {"Content-Type": "text/html"}), "the responses are not from the Face service"),
    ],
)
def test_another_service_answers(azure: Azure, reply: Reply, stopped: str) -> None:
    azure.rules.append(always(reply))
    report = look(azure)
    assert (of(report, "key").severity, report.stopped) == (Severity.ERROR, stopped)


def test_public_access_is_off(azure: Azure) -> None:
    azure.rules.append(always(error(403, "403", "Public access is disabled. Please configure private endpoint.")))
    found = of(look(azure), "private-endpoint")
    assert "by the public address" in found.means
    assert "--private-endpoint looks at" in found.means


def test_features_that_are_not_approved(azure: Azure) -> None:
    azure.approved = set()
    report = look(azure)
    assert (report.severity, report.exit_status) == (Severity.WARNING, 1)
    for feature in ("Identification", "Verification", "Liveness"):
        assert "aka.ms/facerecognition" in of(report, "features", f"{feature} is not approved").next_step
    assert "neither Identification nor Verification" in of(report, "features", "no face ids").found
    assert "age, smile, facialHair, hair, makeup" in of(report, "attributes", "Not approved").found


def test_only_verification_is_approved(azure: Azure) -> None:
    azure.approved = {"Verification"}
    report = look(azure)
    assert of(report, "features", "Identification").severity is Severity.WARNING
    assert of(report, "features", "Verification is approved").severity is Severity.OK
    assert of(report, "features", "takes returnFaceId=true").severity is Severity.OK


def test_an_attribute_that_is_refused_is_named(azure: Azure) -> None:
    def no_mask(asked: Asked) -> Reply | None:
        refuse = "mask" in asked.query.get("returnFaceAttributes", "").split(",")
        return error(400, "BadArgument", "Invalid argument returnFaceAttributes.") if refuse else None

    azure.rules.append(no_mask)
    report = look(azure)
    assert "mask (detection_03) is not returned" in of(report, "attributes", "mask (").found
    assert "headPose, blur, qualityForRecognition, glasses" in of(report, "attributes", "given here").found


def test_versions(azure: Azure) -> None:
    azure.versions = ("v1.0",)
    report = look(azure, url=f"{azure.url}/face/v1.2/detect")
    assert of(report, "versions", "answer: v1.0.").severity is Severity.OK
    assert of(report, "versions", "names v1.2").severity is Severity.ERROR
    sdk = of(report, "sdk", "azure-ai-vision-face")
    assert (sdk.severity, "api_version='v1.0'" in sdk.next_step) == (Severity.ERROR, True)
    assert "no API version that answers has it" in of(report, "features", "Liveness").found


def test_listings_that_take_an_approval_do_not_hide_the_rest(azure: Azure) -> None:
    azure.approved, azure.gated_listings = {"Liveness"}, True
    report = look(azure)
    assert report.stopped is None
    assert of(report, "key").severity is Severity.OK
    assert "v1.0, v1.1-preview.1" in of(report, "versions").found
    assert of(report, "detect").severity is Severity.OK
    assert of(report, "collections").severity is Severity.NOTE
    assert "aka.ms/facerecognition" in report.next_step


def test_no_face_in_the_photo(azure: Azure) -> None:
    azure.rules.append(always(answer([]), when=lambda asked: asked.path.endswith("/detect")))
    assert "no face in the built-in photo" in of(look(azure), "detect").found


def test_the_rate_limit_is_waited_for(azure: Azure) -> None:
    left = [2]

    def busy(asked: Asked) -> Reply | None:
        if asked.path.endswith("/detect") and left[0]:
            left[0] -= 1
            return error(429, "429", "Rate limit is exceeded. Try again in 26 seconds.", Retry_After="0")
        return None

    azure.rules.append(busy)
    report = look(azure)
    assert of(report, "detect").severity is Severity.OK
    found = of(report, "rate-limit")
    assert (found.severity, found.details["limited"]) == (Severity.WARNING, 2)


def test_collections(azure: Azure) -> None:
    azure.collections = {
        "persongroups": [
            {"personGroupId": "never", "recognitionModel": "recognition_04"},
            {"personGroupId": "stale", "recognitionModel": "recognition_04"},
            {"personGroupId": "failed", "recognitionModel": "recognition_04"},
            {"personGroupId": "slow", "recognitionModel": "recognition_04"},
            {"personGroupId": "fresh", "recognitionModel": "recognition_04"},
        ],
        "facelists": [{"faceListId": "old", "recognitionModel": "recognition_01"}],
    }
    early, late = "2026-03-05T11:07:58.3710000+00:00", "2026-03-06T11:07:58.371Z"
    done = {"status": "succeeded", "createdDateTime": early, "lastSuccessfulTrainingDateTime": early}
    azure.training = {
        "persongroups/stale": done | {"lastActionDateTime": late},
        "persongroups/failed": {"status": "failed", "message": "No face in the group."},
        "persongroups/slow": done | {"status": "running"},
        "persongroups/fresh": done | {"lastActionDateTime": early},
    }
    report = look(azure, recognition_model="recognition_04")
    assert of(report, "training", "'never' was never trained").severity is Severity.WARNING
    assert "2026-03-06 11:07" in of(report, "training", "'stale' was changed").found
    assert of(report, "training", "failed: No face in the group.").severity is Severity.ERROR
    assert of(report, "training", "'fresh' is trained").severity is Severity.OK
    assert "face list 'old' (recognition_01)" in of(report, "recognition-model").found
    assert "recognitionModel=recognition_01" in of(report, "recognition-model").next_step
    assert of(look(azure), "recognition-model", "different recognition models").severity is Severity.WARNING
    assert "more than an hour" in of(report, "training", "'slow' is being trained").means
    assert "4 more collections" in of(look(azure, most_groups=1), "training", "more").found


def test_face_ids(azure: Azure) -> None:
    face_id = "c5c24a82-6845-4031-9d5d-978df9175426"
    report = look(azure, face_ids=(face_id, "abc"))
    assert of(report, "face-id", f"{face_id} is not known").severity is Severity.ERROR
    assert "not a face id" in of(report, "face-id", "'abc'").found
    azure.rules.append(
        always(answer([{"faceId": face_id, "confidence": 1.0}]), when=lambda asked: asked.path.endswith("findsimilars"))
    )
    detected = datetime.now(UTC) - timedelta(minutes=55)
    soon = of(look(azure, face_ids=(face_id,), detected_at=detected, face_id_seconds=3600), "face-id")
    assert (soon.severity, "it expires at" in soon.found) == (Severity.WARNING, True)
    assert of(look(azure, face_ids=(face_id,), detected_at=detected), "face-id").severity is Severity.OK


@pytest.mark.parametrize(("skew", "severity"), [(0, Severity.OK), (-90, Severity.WARNING), (4000, Severity.ERROR)])
def test_clocks(azure: Azure, skew: float, severity: Severity) -> None:
    azure.skew = skew
    found = of(look(azure), "clock")
    assert found.severity is severity
    if skew:
        assert ("behind" if skew > 0 else "ahead of") in found.found


def test_a_proxy_with_a_page_of_its_own(azure: Azure) -> None:
    page = Reply(200, SIGN_IN, {"Content-Type": "text/html"}, platform=False)
    azure.rules.append(always(page, when=lambda _asked: True))
    report = look(azure)
    found = of(report, "service")
    assert "Please sign in" in found.found
    assert "Zscaler" in found.means
    assert report.stopped == "another server responds"
    assert not any(KEY in asked.headers.values() for asked in azure.asked)


@pytest.mark.parametrize(("status", "words"), [(502, "behind it"), (413, "too large"), (403, "not the Face service")])
def test_pages_of_proxies_later_on(azure: Azure, status: int, words: str) -> None:
    page = Reply(status, b"<html><title>nope</title></html>", {"Content-Type": "text/html"}, platform=False)
    azure.rules.append(always(page, when=lambda asked: asked.path.endswith("/detect")))
    assert words in of(look(azure), "detect").means


def test_a_redirect_is_not_followed(azure: Azure) -> None:
    moved = Reply(302, b"", {"Location": "https://login.example/"}, platform=False)
    azure.rules.append(always(moved, when=lambda _asked: True))
    found = of(look(azure), "service")
    assert "never redirects" in found.means
    assert len(azure.asked) == 1


def test_a_proxy_strips_the_key(azure: Azure) -> None:
    def strip(asked: Asked) -> Reply | None:
        if asked.path == "/status" or asked.query.get("subscription-key") == KEY:
            return answer([]) if asked.path != "/status" else None
        return error(401, "401", DENIED, Via="1.1 corporate-gateway")

    azure.rules.append(strip)
    unsure = look(azure)
    assert "--key-in-query finds out" in of(unsure, "key").means
    assert "corporate-gateway" in of(unsure, "key").means
    assert not any("subscription-key" in asked.query for asked in azure.asked)
    sure = look(azure, key_in_query=True)
    assert "does not arrive: in the query it is accepted" in of(sure, "key").found
    assert "regenerate the key" in sure.next_step


def test_a_service_that_does_not_answer_in_time(azure: Azure) -> None:
    azure.delay = 1.0
    report = look(azure, seconds=0.2)
    assert "does not answer within 0.2 s" in of(report, "connection").found
    assert report.stopped == "the endpoint does not respond"


def test_a_connection_that_is_cut(azure: Azure) -> None:
    azure.rules.append(always(Reply(0), when=lambda _asked: True))
    assert "was cut" in of(look(azure), "connection").found


def test_a_service_that_goes_away_on_the_way(azure: Azure) -> None:
    azure.rules.append(always(Reply(0), when=lambda asked: asked.path.endswith("/identify")))
    report = look(azure)
    assert report.stopped is not None
    assert "stopped answering" in report.stopped
    assert of(report, "sdk").found  # what needs no answer is told all the same


def test_nothing_listens() -> None:
    assert "refuses connections" in of(look(Azure(url=f"http://127.0.0.1:{free_port()}")), "connection").found


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://nobody.cognitiveservices.azure.com", "no resource with this custom subdomain"),
        ("https://westeuropa.api.cognitive.microsoft.com", "no such region"),
        ("https://mien.nowhere.example", "misspelt"),
    ],
)
def test_a_name_that_leads_nowhere(url: str, words: str) -> None:
    report = look(Azure(), url=url)
    assert words in of(report, "dns").means
    assert (report.stopped, report.calls) == ("the host name cannot be resolved", 0)


@pytest.mark.parametrize(
    ("url", "words", "step"),
    [
        ("https://public.cognitiveservices.azure.com", "is the public address 20.61.99.1", "private DNS zone"),
        ("https://10.1.2.3", "address instead of the resource's name", "let DNS lead it"),
        ("https://westeurope.api.cognitive.microsoft.com", "never leads to a private endpoint", "custom subdomain"),
        ("https://private.cognitiveservices.azure.com", "leads to the private address 10.1.2.3", ""),
        ("https://20.61.99.1", "has the public address", "resource's name"),
        ("https://gov.cognitiveservices.azure.us", "is the public address", "privatelink.cognitiveservices.azure.us"),
        ("https://mien.example", "is the public address 20.61.99.2", "MIEN_PRIVATE_NETWORKS"),
    ],
)
def test_private_endpoints(url: str, words: str, step: str) -> None:
    target = examine_url(url).target
    assert target is not None
    resolved = Resolved(("20.1.1.1",)) if target.regional else lookup(target.host, 443, 0)
    resolved = Resolved() if target.address is not None else resolved
    (found,) = check_private_endpoint(target, resolved, Proxy(), expected=True)
    assert words in found.found
    assert step in found.next_step
    told = [*check_private_endpoint(target, resolved, Proxy(), expected=False)]
    assert [one.severity for one in told] == ([Severity.NOTE] if "//private" in url else [])


def test_a_proxy_does_not_know_the_private_endpoint() -> None:
    target = examine_url("https://private.cognitiveservices.azure.com").target
    assert target is not None
    proxy = Proxy("http://proxy.example:3128")
    (found,) = check_private_endpoint(target, lookup(target.host, 443, 0), proxy, expected=True)
    assert found.next_step == "Add private.cognitiveservices.azure.com to NO_PROXY."


def certificate(folder: Path, hosts: list[str], *, years: int = 0) -> tuple[Path, Path]:
    """A certificate for these hosts, made that many years from now, and its authority."""
    made = ensure_certificate(folder, hosts, ManualClock(datetime.now(UTC) + timedelta(days=365 * years)))
    return made.chain, made.ca


def test_tls_that_is_sound(tmp_path: Path) -> None:
    chain, ca = certificate(tmp_path, ["127.0.0.1"])
    with running(Azure(), chain) as azure:
        assert "valid until" in of(look(azure, authority=ca), "tls").found


@pytest.mark.parametrize(
    ("hosts", "years", "trusted", "words", "step"),
    [
        (["127.0.0.1"], 0, False, "This machine does not trust", "--cacert"),
        (["other.example"], 0, True, "is for other.example, not for 127.0.0.1", "by a name in its certificate"),
        (["127.0.0.1"], -3, True, "expired on", "Renew"),
        (["127.0.0.1"], 3, True, "not valid before", "clock"),
    ],
    ids=["unknown authority", "wrong host", "expired", "not yet"],
)
def test_tls_that_is_not(tmp_path: Path, hosts: list[str], years: int, trusted: bool, words: str, step: str) -> None:
    chain, ca = certificate(tmp_path, hosts, years=years)
    with running(Azure(), chain) as azure:
        report = look(azure, authority=ca if trusted else None)
        found = of(report, "tls")
        assert words in found.found, found
        assert step in found.next_step
        assert not any(KEY in asked.headers.values() for asked in azure.asked)


def test_plain_http_where_tls_is_expected(azure: Azure) -> None:
    report = look(azure, url=azure.url.replace("http:", "https:"))
    assert "plain HTTP" in of(report, "tls").means


def test_tls_where_plain_http_is_expected(tmp_path: Path) -> None:
    chain, _ca = certificate(tmp_path, ["127.0.0.1"])
    with running(Azure(), chain) as azure:
        report = look(azure, url=azure.url.replace("https:", "http:"))
        assert "https://" in of(report, "connection").next_step


def test_a_proxy_is_named_without_its_password(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway plays the proxy: it gets the call for another host, and refuses it."""
    azure.rules.append(always(Reply(407, b"", {}, platform=False), when=lambda _asked: True))
    monkeypatch.setenv("http_proxy", azure.url.replace("//", "//user:geheim@"))
    monkeypatch.setenv("HTTP_PROXY", "http://elsewhere:3128")
    report = look(azure, url="http://mien.nowhere.example")
    assert azure.url in of(report, "proxy", "go through the proxy").found
    assert of(report, "proxy", "name different proxies").severity is Severity.WARNING
    assert "wants a user name" in of(report, "service").means
    assert "geheim" not in json.dumps(report.as_json())


def test_a_proxy_for_an_address_of_ones_own(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert "Add 127.0.0.1 to NO_PROXY" in of(look(azure), "proxy", "go through").next_step
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert look(azure).exit_status == 0


@pytest.mark.parametrize("password", ["geh/eim", "geh#eim", "geh?eim", "geh@eim", "geh:eim", "geh%2Feim", "geh eim"])
def test_no_part_of_a_password_is_shown(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    monkeypatch.setenv("http_proxy", f"http://user:{password}@127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", f"user:{password}@127.0.0.1:9")
    for url in ("http://mien.nowhere.example", f"https://user:{password}@mien.nowhere.example"):
        told = json.dumps(look(Azure(), url=url).as_json())
        assert "geh" not in told
        assert "eim" not in told


@pytest.mark.parametrize("proxy", ["ftp://proxy.example", "socks5://proxy.example:1080"])
def test_a_proxy_that_cannot_be_used(azure: Azure, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    report = look(azure)
    assert "cannot be used" in of(report, "proxy").found
    assert (report.stopped, report.calls) == ("the proxy's address cannot be used", 0)


def test_an_answer_that_never_ends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as dripping:

        def drip() -> None:
            caller = dripping.accept()[0]
            caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            with contextlib.suppress(OSError):
                for _ in range(100):
                    caller.sendall(b"x")
                    time.sleep(0.02)
            caller.close()

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        report = look(Azure(url=f"http://127.0.0.1:{dripping.getsockname()[1]}"), seconds=0.1)
        thread.join(5)
    assert "does not answer" in of(report, "connection").found


def test_a_server_that_never_speaks() -> None:
    """A port that takes connections and stays silent, as a firewall's tarpit does."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        kept: list[socket.socket] = []
        thread = threading.Thread(target=lambda: kept.append(silent.accept()[0]), daemon=True)
        thread.start()
        report = look(Azure(url=f"http://127.0.0.1:{silent.getsockname()[1]}"), seconds=0.3)
        thread.join(5)
        for one in kept:
            one.close()
    assert "does not answer" in of(report, "connection").found


def test_gated_text_of_the_reference_page(azure: Azure) -> None:
    """The documentation lists the refusal with another outer code than was recorded."""
    text = GATED.format("Identification, Verification").partition(" Please")[0]
    reply = error(403, "UnsupportedFeature", text)
    azure.rules.append(always(reply, when=lambda asked: asked.query.get("returnFaceId") == "true"))
    azure.rules.append(always(gated("Verification"), when=lambda asked: asked.path.endswith("/verify")))
    report = look(azure)
    assert "aka.ms/facerecognition" in of(report, "features", "no face ids").next_step
    assert of(report, "features", "Verification is not approved").severity is Severity.WARNING
