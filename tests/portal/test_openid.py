"""Signing in at an OpenID Connect issuer: in a browser, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page
from tests.browser import PATIENCE
from tests.conftest import Server, StartServer
from tests.issuer import CLIENT, SECRET, Issuer, sign_in_issuer

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with sign_in_issuer() as running:
        yield running


@pytest.fixture(autouse=True)
def _well_again(issuer: Issuer) -> Iterator[None]:
    yield
    issuer.more, issuer.broken = {}, False


@pytest.fixture(scope="module")
def served(start_server: StartServer, issuer: Issuer) -> Server:
    return start_server(
        oidc_issuer=issuer.url, portal_client_id=CLIENT, portal_client_secret=SECRET, trusted_proxies="127.0.0.1"
    )


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


def go_to_issuer(page: Page, served: Server, path: str) -> None:
    page.goto(served.management + path)
    page.get_by_role("link", name="Sign in with your organisation").click()
    page.get_by_role("heading", name="Who are you?").wait_for()


@pytest.mark.parametrize(
    ("claimed", "role"),
    [
        ("Mien.Reader", "reader"),
        pytest.param("Mien.Approver", "approver", marks=pytest.mark.heavy),
        ("Mien.Admin", "admin"),
    ],
)
def test_in_and_out_again(page: Page, served: Server, issuer: Issuer, claimed: str, role: str) -> None:
    go_to_issuer(page, served, "/review?resource=dev")
    page.get_by_label("Name").fill("ben@example.com")
    page.get_by_label("Role").fill(claimed)
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("heading", name="Review").wait_for()
    assert page.url == served.management + "/review?resource=dev"
    assert page.locator(".who").inner_text().split() == ["ben@example.com", role]
    names = {cookie["name"] for cookie in page.context.cookies() if "mien" in cookie.get("name", "")}
    assert names == {"mien_session", "mien_zone"}  # the second says in which zone to show times
    page.goto(served.management + "/audit?scope=all&action=portal.sign_in")
    page.get_by_role("cell", name="oidc:ben@example.com").first.wait_for()

    left = issuer.left
    kept = {str(cookie.get("name")): str(cookie.get("value")) for cookie in page.context.cookies()}
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    with httpx.Client(base_url=served.management, cookies=kept, trust_env=False, timeout=30) as thief:
        assert thief.get("/keys").status_code == 303  # a copy of the cookie opens nothing any more
    assert issuer.left == left + 1
    page.goto(served.management + "/keys")
    page.get_by_role("heading", name="Sign in").wait_for()


def test_who_turns_back_or_has_no_role(page: Page, served: Server, axe: str) -> None:
    go_to_issuer(page, served, "/")
    page.get_by_role("button", name="Turn back").click()
    page.get_by_role("alert").filter(has_text="refused the sign-in").wait_for()
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    assert [rule["id"] for rule in found] == []
    page.get_by_role("link", name="Sign in with your organisation").click()
    page.get_by_label("Name").fill("eve@example.com")
    page.get_by_label("Role").fill("Other.Role")
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("alert").filter(has_text="eve@example.com' has no role here").wait_for()
    assert not any(cookie["name"] == "mien_session" for cookie in page.context.cookies())


def test_a_token_still_opens(page: Page, served: Server) -> None:
    page.goto(served.management + "/sign-in")
    page.get_by_label("Token").fill(served.admin_token)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Overview").wait_for()


_ADDRESSES = count(1)


@pytest.fixture
def client(served: Server, issuer: Issuer) -> Iterator[httpx.Client]:
    """A caller without a page, from an address of its own: failures of other tests do not slow it down."""
    address = {"X-Forwarded-For": f"192.0.2.{next(_ADDRESSES)}"}
    with httpx.Client(base_url=served.management, timeout=30, trust_env=False, headers=address) as opened:
        asked = ask(opened)
        assert come_back(opened, code=issuer.give(asked, "anna", "Mien.Reader"), state=asked["state"]).is_success
        opened.cookies.clear()
        yield opened


def ask(client: httpx.Client) -> dict[str, str]:
    """Begin to sign in, and return what the issuer is asked."""
    sent = client.get("/sign-in/start", params={"next": "/keys"})
    assert sent.status_code == 303
    return dict(parse_qsl(urlsplit(sent.headers["location"]).query))


def test_what_the_issuer_is_asked(client: httpx.Client, served: Server) -> None:
    first, second = ask(client), ask(client)
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]
        assert len(first[name]) >= 32
    assert first["redirect_uri"] == served.management + "/sign-in/callback"
    cookie = client.get("/sign-in/start").headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/sign-in" in cookie


def come_back(client: httpx.Client, **answer: str) -> httpx.Response:
    return client.get("/sign-in/callback", params=answer)


def test_only_the_browser_that_began_can_end(client: httpx.Client, served: Server, issuer: Issuer) -> None:
    asked = ask(client)
    code = issuer.give(asked, "anna", "Mien.Admin")
    with httpx.Client(base_url=served.management, trust_env=False) as other:
        stolen = come_back(other, code=code, state=asked["state"])
        assert (stolen.status_code, "set-cookie" in stolen.headers) == (400, True)
        assert "mien_session" not in stolen.headers["set-cookie"]
        ask(other)  # begun, but another sign-in
        assert come_back(other, code=code, state=asked["state"]).status_code == 400
    done = come_back(client, code=code, state=asked["state"])
    assert done.status_code == 200
    assert 'content="0; url=/keys"' in done.text
    assert client.get("/keys").status_code == 200
    again = come_back(client, code=code, state=asked["state"])  # nothing is begun any more
    assert again.status_code == 400


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"nonce": "another"}, 400),
        ({"nonce": None}, 400),
        ({"aud": "another client"}, 502),
        ({"aud": [CLIENT, "another client"], "azp": "another client"}, 502),
        ({"exp": 1}, 502),
        ({"iss": "https://elsewhere.example"}, 502),
    ],
)
def test_id_tokens_that_are_not_taken(
    client: httpx.Client, issuer: Issuer, claims: dict[str, object], status: int
) -> None:
    issuer.more = claims
    asked = ask(client)
    answer = come_back(client, code=issuer.give(asked, "anna", "Mien.Admin"), state=asked["state"])
    assert answer.status_code == status
    assert 'role="alert"' in answer.text
    assert "mien_session" not in answer.headers["set-cookie"]


def test_codes_that_are_not_taken(client: httpx.Client, issuer: Issuer) -> None:
    asked = ask(client)
    assert come_back(client, code="made up", state=asked["state"]).status_code == 502
    asked = ask(client)
    assert come_back(client, state=asked["state"]).status_code == 400
    asked = ask(client)
    wrong = come_back(client, code=issuer.give(asked, "anna", "Mien.Admin"), state=asked["state"], iss="https://x.test")
    assert wrong.status_code == 400
    asked = ask(client)
    said = come_back(client, error="<script>alert", error_description="<b>no</b>", state=asked["state"])
    assert said.status_code == 403
    assert "<script>alert" not in said.text
    assert "<b>no" not in said.text


def test_the_issuer_is_away(client: httpx.Client, issuer: Issuer, served: Server) -> None:
    asked = ask(client)
    code = issuer.give(asked, "anna", "Mien.Admin")
    issuer.broken = True
    assert come_back(client, code=code, state=asked["state"]).status_code in {502, 503}
    assert client.get("/sign-in").status_code == 200
    log = served.log.read_text()
    assert code not in log
    assert SECRET not in log


def test_guessing_is_slowed_down(client: httpx.Client, issuer: Issuer) -> None:
    answers = [come_back(client, code="a", state="b").status_code for _ in range(7)]
    assert answers == [400] * 6 + [429]
