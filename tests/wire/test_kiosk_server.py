"""The kiosk's page and calls on a real server with the real recogniser: keys, approvals, acceptance, answers, rates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import Server, StartServer
from tests.second_resource import file_resource
from tests.shared import azure_photo

pytestmark = [pytest.mark.shared, pytest.mark.timeout(240)]
NOTICE = "We compare your face with those of our staff and keep nothing of it."


@dataclass
class Desk:
    """A server with a trained group, its control plane, and kiosks by their keys."""

    server: Server
    management: httpx.Client

    def add(self, name: str, resource: str = "dev", **options: Any) -> dict[str, Any]:
        body = {"name": name, "group": "largePersonGroup/staff", "notice": NOTICE} | options
        made = self.management.post(f"/mien/v1/resources/{resource}/kiosks", json=body)
        assert made.status_code == 201, made.text
        found: dict[str, Any] = made.json()
        return found

    def call(self, key: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Mien-Kiosk-Key": key}
        with httpx.Client(base_url=self.server.endpoint, timeout=60, trust_env=False) as client:
            return client.post(f"/kiosk/{path}", headers=headers, **options)

    def accept(self, kiosk: dict[str, Any]) -> str:
        version = self.call(kiosk["key"], "notice", json={}).json()["version"]
        made = self.call(kiosk["key"], "acceptances", json={"version": version, "language": "en"})
        assert made.status_code == 200, made.text
        return str(made.json()["acceptance"])


@pytest.fixture(scope="module")
def desk(start_server: StartServer) -> Any:
    server = start_server(rate_limits="off")
    with server.client() as client:
        group = "/face/v1.2/largepersongroups/staff"
        client.put(group, json={"name": "Staff", "recognitionModel": "recognition_04"}).raise_for_status()
        person = client.post(f"{group}/persons", json={"name": "Ada"}).raise_for_status().json()["personId"]
        photo = azure_photo("Family1-Dad1").read_bytes()
        octets = {"Content-Type": "application/octet-stream"}
        faces = f"{group}/persons/{person}/persistedfaces?detectionModel=detection_03"
        client.post(faces, content=photo, headers=octets).raise_for_status()
        client.post(f"{group}/train").raise_for_status()
        while client.get(f"{group}/training").json()["status"] in {"notstarted", "running"}:
            pass
    headers = {"Authorization": f"Bearer {server.admin_token}"}
    with httpx.Client(base_url=server.management, headers=headers, timeout=60, trust_env=False) as management:
        yield Desk(server, management)


def photographed(desk: Desk, kiosk: dict[str, Any], acceptance: str, photo: Path) -> httpx.Response:
    with httpx.Client(base_url=desk.server.endpoint, timeout=60, trust_env=False) as client:
        headers = {"Mien-Kiosk-Key": kiosk["key"], "Content-Type": "image/jpeg"}
        path = f"/kiosk/photos?acceptance={acceptance}"
        return client.post(path, content=photo.read_bytes(), headers=headers)


def test_a_person_is_greeted_by_name_and_a_stranger_sees_reception(desk: Desk) -> None:
    kiosk = desk.add("Photos", liveness=False)
    assert kiosk["path"] == f"/kiosk#{kiosk['key']}"
    acceptance = desk.accept(kiosk)
    known = photographed(desk, kiosk, acceptance, azure_photo("Family1-Dad2"))
    assert known.json() == {"outcome": "welcome", "name": "Ada"}
    stranger = photographed(desk, kiosk, acceptance, azure_photo("Family2-Man1"))
    assert stranger.json() == {"outcome": "reception", "name": ""}
    broken = desk.call(kiosk["key"], f"photos?acceptance={acceptance}", content=b"no image")
    assert broken.json() == {"outcome": "reception", "name": ""}
    events = desk.management.get("/mien/v1/resources/dev/door-events", params={"kind": "check_in"}).json()["value"]
    assert [one["code"] for one in events] == ["stranger", "stranger", "checked_in"]
    listed = desk.management.get("/mien/v1/resources/dev/kiosks").json()["value"]
    (shown,) = [one for one in listed if one["name"] == "Photos"]
    assert shown["acceptances"] == 1
    assert "key" not in shown


def test_without_an_acceptance_nothing_is_looked_for(desk: Desk) -> None:
    kiosk, other = desk.add("A", liveness=False), desk.add("B", liveness=False)
    foreign = desk.accept(other)
    for acceptance in ("", "x", "00000000-0000-0000-0000-000000000000", foreign):
        answer = photographed(desk, kiosk, acceptance, azure_photo("Family1-Dad2"))
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "NotAccepted")
    live = desk.add("C")
    for path, more in (("sessions", {}), ("faces", {"session": "x"}), ("codes", {"code": "1"})):
        answer = desk.call(live["key"], path, json={"acceptance": foreign} | more)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "NotAccepted"), path
    stale = desk.call(live["key"], "acceptances", json={"version": "0" * 64, "language": "en"})
    assert stale.status_code == 409


def test_a_kiosk_is_changed_over_http_and_its_key_replaced(desk: Desk) -> None:
    kiosk = desk.add("Changed", liveness=False)
    path = f"/mien/v1/resources/dev/kiosks/{kiosk['id']}"
    done = desk.management.patch(path, json={"notice": "Another notice.", "acceptanceDays": 30}).json()
    assert (done["notice"], done["acceptanceDays"], done["group"]) == ("Another notice.", 30, kiosk["group"])
    assert desk.call(kiosk["key"], "notice", json={}).json()["notice"] == "Another notice."
    refused = desk.management.patch(path, json={"acceptanceDays": 0})
    assert (refused.status_code, "AcceptanceDays: 1 to 3650" in refused.text) == (400, True), refused.text
    renewed = desk.management.post(f"{path}/key").json()
    assert renewed["path"] == f"/kiosk#{renewed['key']}"
    assert desk.call(kiosk["key"], "notice", json={}).status_code == 404
    assert desk.call(renewed["key"], "notice", json={}).status_code == 200
    assert desk.management.patch(path, json={"enabled": False}).json()["enabled"] is False
    assert desk.call(renewed["key"], "notice", json={}).status_code == 404
    assert desk.management.patch(path, json={"door": None, "name": "Changed too"}).json()["name"] == "Changed too"


def test_a_kiosk_that_asks_for_liveness_takes_no_photo(desk: Desk) -> None:
    kiosk = desk.add("Live")
    acceptance = desk.accept(kiosk)
    assert photographed(desk, kiosk, acceptance, azure_photo("Family1-Dad2")).status_code == 409
    made = desk.call(kiosk["key"], "sessions", json={"acceptance": acceptance}).json()
    body = {"acceptance": acceptance, "session": made["session"]}
    elsewhere = desk.add("Live too")
    theirs = {"acceptance": desk.accept(elsewhere), "session": made["session"]}
    assert desk.call(elsewhere["key"], "faces", json=theirs).status_code == 409
    assert desk.call(kiosk["key"], "faces", json=body).json()["outcome"] == "reception"
    assert desk.call(kiosk["key"], "faces", json=body).status_code == 409


def test_what_is_not_approved_is_closed(desk: Desk) -> None:
    file_resource(desk.server, "elsewhere")  # approved for identification, but not in video
    kiosk = desk.add("Closed", "elsewhere", group="directory", liveness=False)
    answer = desk.call(kiosk["key"], "notice", json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "NotApproved")


def test_codes_are_few_and_bodies_are_checked(desk: Desk) -> None:
    kiosk = desk.add("Codes")
    acceptance = desk.accept(kiosk)
    for body in (b"", b"[]", b"{", b'{"code": 1}'):
        assert desk.call(kiosk["key"], "acceptances", content=body).status_code == 400
    assert desk.call(kiosk["key"], "acceptances", content=b"x" * 5000).status_code == 413
    answers = [
        desk.call(kiosk["key"], "codes", json={"acceptance": acceptance, "code": str(number)}) for number in range(8)
    ]
    assert [one.status_code for one in answers[:6]] == [200] * 6
    assert {one.status_code for one in answers[6:]} <= {200, 429}
    assert {one.json()["outcome"] for one in answers[:6]} == {"reception"}


def test_the_page_tells_nothing_and_a_wrong_key_opens_nothing(desk: Desk) -> None:
    """The last test of the module: wrong keys of an address are few, for a minute."""
    kiosk = desk.add("Deleted")
    with httpx.Client(base_url=desk.server.endpoint, timeout=60, trust_env=False) as client:
        page = client.get("/kiosk")
        assert page.status_code == 200
        assert "'unsafe" not in page.headers["content-security-policy"]
        assert page.headers["referrer-policy"] == "no-referrer"
        for name in ("kiosk.js", "texts.js", "kiosk.css"):
            assert client.get(f"/kiosk/{name}").status_code == 200
    assert desk.call(kiosk["key"], "notice", json={}).json()["notice"] == NOTICE
    path = f"/mien/v1/resources/dev/kiosks/{kiosk['id']}"
    assert desk.management.delete(path).status_code == 204
    assert desk.call(kiosk["key"], "notice", json={}).status_code == 404
    states = [desk.call(f"wrong-{number}", "notice", json={}).status_code for number in range(11)]
    assert states[:5] == [404] * 5, "the module's other tests have sent at most five wrong keys"
    assert set(states[5:]) <= {404, 429}
    assert kiosk["key"] not in desk.server.log.read_text() + desk.server.output.read_text()
