"""The forms of URLs and keys, looked at without asking anybody."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.doctor.address import examine_url
from mien.doctor.findings import Severity
from mien.doctor.keyform import examine_key
from mien.doctor.sdks import Sdk, check_sdks, installed

AZURE = "https://desk.cognitiveservices.azure.com"
KEY = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize("url", [AZURE, f"{AZURE}/", "https://mien.example:8443", "https://[2001:db8::1]:8443"])
def test_a_sound_url_has_no_findings(url: str) -> None:
    form = examine_url(url)
    assert form.findings == ()
    assert form.target is not None
    assert form.target.endpoint == url.rstrip("/")


@pytest.mark.parametrize(
    ("given_url", "endpoint", "severity", "words"),
    [
        ("desk.cognitiveservices.azure.com", AZURE, Severity.WARNING, "no scheme"),
        ("localhost:8080", "http://localhost:8080", Severity.WARNING, "no scheme"),
        ("https:/desk.cognitiveservices.azure.com", AZURE, Severity.ERROR, "something other than ://"),
        ("https:desk.cognitiveservices.azure.com", AZURE, Severity.ERROR, "something other than ://"),
        ("https//desk.cognitiveservices.azure.com", AZURE, Severity.ERROR, "something other than ://"),
        ("https:///desk.cognitiveservices.azure.com", AZURE, Severity.ERROR, "something other than ://"),
        ("htps://desk.cognitiveservices.azure.com", AZURE, Severity.ERROR, "'htps'"),
        ("http://desk.cognitiveservices.azure.com", AZURE, Severity.ERROR, "https:// only"),
        (f"{AZURE}//face", AZURE, Severity.WARNING, "doubled slash"),
        (f"{AZURE}/face/v1.2/detect?returnFaceId=false", AZURE, Severity.WARNING, "has a path"),
        (f"{AZURE}/face/v1.3/detect", AZURE, Severity.ERROR, "not an API version"),
        (f' "{AZURE}"\n', AZURE, Severity.WARNING, "around it"),
        ("https://u:p@mien.example", "https://mien.example", Severity.WARNING, "user name"),
        (f"{AZURE}?subscription-key={KEY}", AZURE, Severity.WARNING, "key in its query"),
        ("http://mien.example", "http://mien.example", Severity.WARNING, "http://"),
        ("https://mien.example:80", "https://mien.example:80", Severity.WARNING, "do not go together"),
        ("https://westeurope.api.cognitive.microsoft.com", None, Severity.NOTE, "regional endpoint"),
        ("https://desk.privatelink.cognitiveservices.azure.com", AZURE, Severity.ERROR, "privatelink"),
    ],
)
def test_what_is_meant_is_mended_and_said(given_url: str, endpoint: str | None, severity: Severity, words: str) -> None:
    form = examine_url(given_url)
    assert form.target is not None
    assert form.target.endpoint == (endpoint or given_url)
    (found,) = [one for one in form.findings if words in one.found]
    assert found.severity is severity


@pytest.mark.parametrize(
    ("given_url", "words"),
    [
        ("", "no URL"),
        ("ftp://desk.cognitiveservices.azure.com", "'ftp'"),
        ("https://<your-resource>.cognitiveservices.azure.com", "placeholder"),
        ("https://YOUR_ENDPOINT", "placeholder"),
        ("https://portal.azure.com/#@x/resource", "the Azure portal"),
        ("https://desk.openai.azure.com", "Azure OpenAI"),
        ("https://cognitiveservices.azure.com", "lacks the name"),
        ("https://api.cognitive.microsoft.com", "lacks the name"),
        ("https://api.projectoxford.ai", "before 2018"),
        ("https://mien.example:80a", "cannot be read"),
        ("https://", "no host"),
        ("https://a..b\u00ad", "is not a valid host name"),
    ],
)
def test_what_cannot_be_meant_stops(given_url: str, words: str) -> None:
    form = examine_url(given_url)
    assert form.target is None
    assert words in form.findings[-1].found
    assert form.findings[-1].severity is Severity.ERROR


@given(st.text(max_size=80) | st.from_regex(r"(https?:/{0,3})?[\w.:@/\[\]-]{0,40}", fullmatch=True))
def test_any_text_is_read_without_failing(text: str) -> None:
    form = examine_url(text)
    assert form.target is not None or form.findings
    if form.target is not None:
        httpx.URL(form.target.endpoint)


def test_a_key_in_the_place_of_the_url_is_not_repeated() -> None:
    (found,) = examine_url(KEY).findings
    assert found.found == "This is a key, not a URL."
    assert "regenerate" in found.next_step


def test_sdks_of_an_environment_and_of_node_modules(tmp_path: Path) -> None:
    dist = tmp_path / "site-packages" / "azure_ai_vision_face-1.0.0b1.dist-info"
    dist.mkdir(parents=True)
    (dist / "METADATA").write_text("Metadata-Version: 2.1\nName: azure-ai-vision-face\nVersion: 1.0.0b1\n")
    for name, text in (("@azure-rest/ai-vision-face", '{"version": "9.9.9"}'), ("@azure/cognitiveservices-face", "{")):
        (tmp_path / "node_modules" / name).mkdir(parents=True)
        (tmp_path / "node_modules" / name / "package.json").write_text(text)
    found = {(one.name, one.version): one.api for one in installed([tmp_path / "site-packages"], tmp_path)}
    assert found["azure-ai-vision-face", "1.0.0b1"] == "v1.1-preview.1"
    assert found["@azure-rest/ai-vision-face", "9.9.9"] == ""
    assert not any(name == "@azure/cognitiveservices-face" for name, _version in found)
    sdks = [Sdk(name, version, api) for (name, version), api in found.items()]
    told = {(one.details["package"], one.details["version"]): one for one in check_sdks(sdks, ("v1.0", "v1.2"))}
    old = told["azure-ai-vision-face", "1.0.0b1"]
    assert (old.severity, "api_version='v1.2'" in old.next_step) == (Severity.ERROR, True)
    assert "is not known here" in told["@azure-rest/ai-vision-face", "9.9.9"].found
    newer = next(check_sdks([Sdk("azure-ai-vision-face", "1.0.0b1", "v1.1-preview.1")], ("v1.1-preview.1",)))
    assert (newer.severity, newer.next_step) == (Severity.NOTE, "Install 1.0.0b2.")
    assert "No Face SDK" in next(check_sdks([], ())).found


def jwt(**claims: object) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'ES256'})}.{part(claims)}.c2ln"


@pytest.mark.parametrize("key", [KEY, KEY.upper(), "Ab3" * 28])
def test_a_sound_key_has_no_findings(key: str) -> None:
    form = examine_key(key, "x")
    assert (form.usable, form.findings) == (key, ())


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (f"{KEY}\n", "line break"),
        (f"{KEY}\r\n", "line break"),
        (f" {KEY}", "blanks"),
        (f'"{KEY}"', "quotes"),
        (f"\u201c{KEY}\u201d", "quotes"),
        (f"\ufeff{KEY}", "invisible"),
        (f"Bearer {KEY}", "Bearer"),
        (f"KEY 1: {KEY}", "its own name"),
    ],
)
def test_what_is_around_a_key_is_taken_away(key: str, words: str) -> None:
    form = examine_key(key, "the variable K")
    assert form.usable == KEY
    assert [words in found.found for found in form.findings] == [True]
    assert form.findings[0].severity is Severity.ERROR


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (None, "not set"),
        ("", "empty"),
        (" \n", "empty"),
        ('""', "empty"),
        ("Bearer ", "only what may stand before one"),
        ("key1=", "only what may stand before one"),
        (jwt(iss="mien-liveness", sid="x"), "authToken of a liveness session"),
        (jwt(sessionId="x"), "authToken of a liveness session"),
        (jwt(iss="https://sts.windows.net/t/", aud="https://graph.microsoft.com"), "Microsoft Entra token"),
        (jwt(sub="x"), "a token (JWT)"),
        (AZURE, "an address"),
        ("6f7a1b9c-0d3e-4a52-9c1f-08d7e6b5a412", "an id"),
        ("<your-key>", "placeholder"),
        ("0123456789abcdef 0123456789abcdef", "inside it"),
    ],
)
def test_what_is_no_key_is_named(key: str | None, words: str) -> None:
    form = examine_key(key, "the variable K")
    assert form.usable is None
    assert words in form.findings[-1].found


@pytest.mark.parametrize(("key", "words"), [(KEY[:-1], "cut off"), (KEY * 2, "doubled"), ("z" * 32, "hexadecimal")])
def test_a_key_of_an_odd_form_is_tried_all_the_same(key: str, words: str) -> None:
    form = examine_key(key, "the variable K")
    assert form.usable == key
    assert words in form.findings[0].means


@given(st.text(max_size=120) | st.sampled_from(["eyJ", "eyJ..", "eyJhIjoxfQ.bm8.x"]))
def test_no_finding_repeats_a_key(key: str) -> None:
    for found in examine_key(key, "K").findings:
        if len(key.strip()) > 12:
            assert key.strip() not in found.found + found.means + found.next_step
