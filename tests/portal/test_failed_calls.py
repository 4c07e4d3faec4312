"""Why a call failed is said in at most three clicks; the status of all resources; alerts that reach nobody."""

from __future__ import annotations

import csv
from datetime import UTC, datetime

import httpx
import pytest
from playwright.sync_api import expect
from tests.conftest import Server
from tests.portal.conftest import OpenPerson

from mien.contract.catalogue import row
from mien.events.failed_calls import FailedCall
from mien.portal.failed_calls import advice

pytestmark = pytest.mark.timeout(600)


def test_it_is_said_why_a_call_failed(person: OpenPerson, portal: Server) -> None:
    with portal.client() as client:
        asked = {"faceIds": ["00000000-0000-0000-0000-000000000001"], "personGroupId": "nowhere"}
        refused = client.post("/face/v1.2/identify", json=asked)
        assert refused.status_code >= 400
        request_id = refused.headers["apim-request-id"]
        wrong = {"Ocp-Apim-Subscription-Key": "0" * 32}
        stranger = httpx.post(f"{portal.endpoint}/face/v1.2/identify", headers=wrong, json=asked)
        assert stranger.status_code == 401
    someone = person()
    someone.go("/")
    page = someone.page
    page.get_by_role("link", name="Failed calls").click()  # the first click shows the call, and what to do
    row = page.get_by_role("region", name="Failed calls").get_by_role("row").filter(has_text=request_id[:8])
    row.wait_for()
    told = row.inner_text()
    assert refused.json()["error"]["code"] in told
    assert str(refused.status_code) in told
    row.get_by_text("Answer in full").click()
    row.get_by_text(refused.json()["error"]["message"]).wait_for()
    assert portal.key1 not in page.content()

    page.get_by_label("Calls of").select_option("unknown")
    page.get_by_role("button", name="Search").click()
    page.get_by_text("The key or token was not accepted").first.wait_for()
    page.get_by_label("Status").select_option("5")
    page.get_by_role("button", name="Search").click()
    page.get_by_text("Calls that are answered with an error are listed here").wait_for()
    someone.go("/failed-calls")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Export as CSV").click()
    with saved.value.path().open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert request_id in {one["request id"] for one in rows}


def test_all_resources_at_a_glance(person: OpenPerson) -> None:
    page = person().go("/status")
    table = page.get_by_role("region", name="Overview of resources")
    expect(table.get_by_role("link", name="dev", exact=True)).to_have_attribute("href", "/?resource=dev")
    expect(page.locator(".tiles")).to_contain_text("disk free")


def test_a_webhook_that_would_be_refused_is_not_saved(person: OpenPerson) -> None:
    someone = person()
    page = someone.go("/metrics-and-alerts")
    page.get_by_label("Name").fill("Unheard")
    page.get_by_label("Webhook").fill("http://10.0.0.7/hook?secret=hush")
    page.get_by_role("button", name="Create rule").click()
    someone.told(
        "Nobody would be told: the webhook's host 10.0.0.7 is private (MIEN_WEBHOOK_ALLOW_PRIVATE=true allows it)"
    )
    expect(page.get_by_role("region", name="Alert rules").filter(has_text="Unheard")).to_have_count(0)


def test_mistakes_that_share_a_code_get_their_own_advice() -> None:
    ids = ("common.image_unreadable", "common.no_face", "common.several_faces", "mien.low_quality")
    rows = [row(one) for one in ids]
    assert {one.code for one in rows} == {"InvalidImage"}
    told = [advice(failed(one.code, one.message)).text for one in rows]
    assert len(set(told)) == len(rows)
    assert "several faces" in told[2]
    assert advice(failed("InvalidImage", "another message")).text == told[0]


def failed(code: str, message: str) -> FailedCall:
    return FailedCall(1, datetime(2026, 1, 1, tzinfo=UTC), "Face - Detect", "POST", 400, code, message, "", "", "", 1)
