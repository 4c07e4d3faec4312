"""Nobody gets in without a token, and no other page on somebody's behalf."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from tests.conftest import Server
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from mien.portal.sign_in import own_path


@pytest.fixture
def client(portal: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=portal.management, timeout=30, trust_env=False) as opened:
        yield opened


def enter(client: httpx.Client, portal: Server, **fields: str) -> httpx.Response:
    form = {"token": portal.admin_token, **fields}
    return client.post("/sign-in", data=form, headers={"Origin": portal.management})


PAGES = ["/", "/keys", "/networking", "/nothing-of-the-kind", "/keys?resource=dev"]


@pytest.mark.parametrize("path", PAGES)
def test_a_stranger_is_sent_to_the_sign_in(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")
    assert answer.headers["cache-control"] == "no-store"


def test_a_stranger_gets_no_script_and_no_socket(client: httpx.Client, portal: Server) -> None:
    assert client.get("/_nicegui/3/static/nicegui.js").status_code == 401
    assert client.get("/_nicegui_ws/socket.io/?EIO=4&transport=polling").status_code == 401
    with pytest.raises(InvalidStatus), connect(socket_of(portal)):
        pass


def socket_of(portal: Server) -> str:
    return portal.management.replace("http", "ws") + "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"


def test_health_and_sign_in_are_open(client: httpx.Client) -> None:
    assert client.get("/health").status_code == 200
    page = client.get("/sign-in")
    assert page.status_code == 200
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


def test_signing_in_and_out(client: httpx.Client, portal: Server) -> None:
    answer = enter(client, portal, next="/keys?resource=dev")
    assert (answer.status_code, answer.headers["location"]) == (303, "/keys?resource=dev")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert portal.admin_token not in cookie
    page = client.get("/keys")
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    assert portal.key1 not in page.text
    left = client.post("/sign-out", headers={"Origin": portal.management})
    assert left.status_code == 303
    assert client.get("/keys").status_code == 303


def test_there_is_no_such_page(client: httpx.Client, portal: Server) -> None:
    enter(client, portal)
    answer = client.get("/nothing-of-the-kind")
    assert answer.status_code == 404
    assert 'href="/"' in answer.text
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("token", ["", "wrong", "mien_admin_wrong", "é", "x" * 20_000])
def test_a_wrong_token(client: httpx.Client, portal: Server, token: str) -> None:
    answer = enter(client, portal, token=token)
    assert answer.status_code in {400, 401, 413, 429}
    assert "set-cookie" not in answer.headers
    assert 'role="alert"' in answer.text
    enter(client, portal)  # forgets the failures of this address


def test_a_forged_cookie(client: httpx.Client, portal: Server) -> None:
    cookie = enter(client, portal).cookies["mien_session"]
    payload, _, signature = cookie.partition(".")
    for forged in (payload, payload + ".", payload + "." + "0" * 64, "e30." + signature, "é." + signature, "."):
        sent = {b"Cookie": f"mien_session={forged}".encode()}
        assert httpx.get(portal.management + "/keys", headers=sent, trust_env=False).status_code == 303
    sent = {b"Cookie": f"mien_session={cookie}".encode()}
    assert httpx.get(portal.management + "/keys", headers=sent, trust_env=False).status_code == 200


def test_other_pages_cannot_act(client: httpx.Client, portal: Server) -> None:
    enter(client, portal)
    evil = {"Origin": "https://evil.example"}
    assert client.post("/sign-in", data={"token": portal.admin_token}, headers=evil).status_code == 403
    assert client.post("/sign-out", headers=evil).status_code == 403
    assert client.post("/sign-out").status_code == 403  # no browser leaves the origin out
    assert client.post("/_nicegui_ws/socket.io/?EIO=4&transport=polling", headers=evil).status_code == 403
    cookie = f"mien_session={client.cookies['mien_session']}"
    with pytest.raises(InvalidStatus), connect(socket_of(portal), additional_headers={"Cookie": cookie, **evil}):
        pass
    own = {"Cookie": cookie, "Origin": portal.management}
    with connect(socket_of(portal), additional_headers=own) as socket:
        assert str(socket.recv(timeout=20)).startswith("0{")


@pytest.mark.parametrize(
    ("wanted", "to"),
    [
        ("/", "/"),
        ("/people?resource=dev", "/people?resource=dev"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
        ("/sign-out", "/"),
    ],
)
def test_the_sign_in_leads_only_inside(wanted: str, to: str) -> None:
    assert own_path(wanted) == to


def test_the_next_page_is_text(client: httpx.Client) -> None:
    page = client.get("/sign-in", params={"next": '/"><script>alert(1)</script>'})
    assert "<script>alert" not in page.text
