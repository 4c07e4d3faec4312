"""Two people confirm a match in the portal; the score is not shown before they have answered."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import expect
from tests.conftest import Server
from tests.portal.conftest import OpenPerson, Person
from tests.portal.test_pages import OVERFLOW, VIOLATIONS
from tests.portal.test_policy import opened
from tests.portal.test_roles import token
from tests.shared import azure_photo
from tests.waiting import until

pytestmark = [pytest.mark.timeout(600), pytest.mark.shared]

RAW = {"Content-Type": "application/octet-stream"}
GROUP = "/face/v1.2/largepersongroups/reviewed"


@pytest.fixture(scope="module")
def client(portal: Server) -> Iterator[httpx.Client]:
    """Calls the service; a trained group is there, which keeps crops."""
    with portal.client() as client:
        client.put(GROUP, json={"name": "Reviewed", "recognitionModel": "recognition_04"}).raise_for_status()
        for name, photo in (("Dad", "Family1-Dad1"), ("Mom", "Family1-Mom1")):
            made = client.post(f"{GROUP}/persons", json={"name": name}).raise_for_status().json()["personId"]
            url = f"{GROUP}/persons/{made}/persistedfaces?detectionModel=detection_03"
            client.post(url, content=azure_photo(photo).read_bytes(), headers=RAW).raise_for_status()
        client.post(f"{GROUP}/train").raise_for_status()
        yield client
        client.delete(GROUP).raise_for_status()


def identify(client: httpx.Client) -> str:
    """Identify the father by another photo; returns the faceId."""
    url = "/face/v1.2/detect?recognitionModel=recognition_04&detectionModel=detection_03&returnFaceId=true"
    found = client.post(url, content=azure_photo("Family1-Dad2").read_bytes(), headers=RAW).raise_for_status().json()
    body = {"largePersonGroupId": "reviewed", "faceIds": [found[0]["faceId"]], "confidenceThreshold": 0.0}
    until(lambda: client.get(f"{GROUP}/training").raise_for_status().json()["status"] == "succeeded")
    answer = client.post("/face/v1.2/identify", json=body).raise_for_status()
    assert answer.json()[0]["candidates"]
    return str(found[0]["faceId"])


def approver(portal: Server, name: str) -> str:
    """A token of somebody who may answer."""
    made = httpx.post(
        portal.management + "/mien/v1/admin-tokens",
        json={"name": name, "role": "approver"},
        headers={"Authorization": f"Bearer {portal.admin_token}"},
        trust_env=False,
    )
    return str(made.raise_for_status().json()["token"])


def answer(someone: Person, choice: str) -> None:
    page = someone.go("/matches")
    page.get_by_role("region", name="Cases to answer").get_by_role("link").first.click()
    page.get_by_role("heading", name="Your answer").wait_for()
    expect(page.locator(".page").last).not_to_contain_text("Confidence 0.")
    page.get_by_text(choice, exact=True).last.click()
    page.get_by_label("Reason").fill("the chin")
    page.get_by_role("button", name="Answer").click()
    page.get_by_role("heading", name="Answers", exact=True).wait_for()
    expect(page.locator(".page").last).to_contain_text("Confidence 0.")


def keep_negatives(someone: Person, said: str) -> None:
    """Switch the resource's policy of negatives on, or off again."""
    page = opened(someone.go("/people"))
    page.get_by_role("checkbox", name="Store faces marked as not this person").click()
    page.get_by_role("button", name="Save").click()
    page.locator("dd").get_by_text(said).wait_for()


def test_two_people_confirm_a_match(person: OpenPerson, portal: Server, client: httpx.Client, axe: str) -> None:
    admin = person()
    page = admin.go("/matches")
    page.evaluate(axe)
    assert page.evaluate(VIOLATIONS)["violations"] == []
    page.get_by_role("button", name="Set policy").click()
    page.get_by_role("region", name="Policies").wait_for()
    keep_negatives(admin, "Negatives are kept")
    face = identify(client)
    ann = person(approver(portal, "ann"))
    answer(ann, "None of them")
    ben = person(approver(portal, "ben"))
    answer(ben, "None of them")
    expect(ben.page.locator(".page").last).to_contain_text("rejected")
    ben.page.evaluate(axe)
    assert ben.page.evaluate(VIOLATIONS)["violations"] == []
    assert ben.page.evaluate(OVERFLOW) <= 0
    headers = {"Authorization": f"Bearer {portal.admin_token}"}
    url = f"{portal.management}/mien/v1/resources/dev/reviews?faceId={face}"
    (case,) = httpx.get(url, headers=headers).raise_for_status().json()["value"]
    assert (case["state"], case["counts"], len(case["answers"])) == ("rejected", False, 2)
    narrow = person(token(portal, "reader"), width=390)
    narrow.go(f"/matches/case?id={case['id']}")
    assert narrow.page.evaluate(OVERFLOW) <= 0
    page = admin.go("/matches")
    page.get_by_role("region", name="Negatives").wait_for()
    page.evaluate(axe)
    assert page.evaluate(VIOLATIONS)["violations"] == []
    assert page.evaluate(OVERFLOW) <= 0
    removes = page.get_by_role("button", name="Remove the negative of")
    label = removes.first.get_attribute("aria-label")
    assert label is not None
    removes.first.click()
    page.get_by_role("button", name=label).wait_for(state="detached")
    keep_negatives(admin, "No negatives")
    admin.go("/matches").get_by_role("region", name="Policies").last.get_by_role("button", name="Remove").click()
    admin.page.get_by_text("No identification has to be confirmed").wait_for()
    assert [*admin.troubles, *ann.troubles, *ben.troubles] == []
