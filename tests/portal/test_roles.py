"""Resources, limited access and its review, each by the role that may."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import expect
from tests.conftest import Server
from tests.portal.conftest import OpenPerson

pytestmark = pytest.mark.timeout(600)

USE_CASE = (
    "Employees of our office enter the building through a gate that compares their face with the photo on their badge, "
    "so that nobody enters with a stolen one."
)


def token(portal: Server, role: str) -> str:
    answer = httpx.post(
        portal.management + "/mien/v1/admin-tokens",
        json={"name": role, "role": role},
        headers={"Authorization": f"Bearer {portal.admin_token}"},
        trust_env=False,
    )
    assert answer.status_code == 201
    return str(answer.json()["token"])


def test_from_a_new_resource_to_its_approval(person: OpenPerson, portal: Server) -> None:
    admin = person()
    page = admin.go("/resources/new")
    page.get_by_label("Name", exact=True).fill("front-desk")
    page.get_by_role("button", name="Create").click()
    page.locator(".q-notification.bg-negative").wait_for()  # nobody acknowledged the terms
    page.get_by_role("checkbox", name="I acknowledge").click()
    page.get_by_role("checkbox", name="police").click()
    page.get_by_role("button", name="Create").click()
    page.get_by_text("Liveness is not approved").wait_for()
    expect(page.get_by_role("combobox", name="Resource")).to_have_value("front-desk")

    admin.go("/try/verify?resource=front-desk")
    page.get_by_text("front-desk is not approved for Verification").wait_for()

    admin.go("/directory?resource=front-desk")
    page.get_by_text("front-desk is not approved for Identification / Verification").wait_for()
    expect(page.get_by_role("button", name="Add the person")).to_be_disabled()
    admin.go("/people?resource=front-desk")
    page.get_by_text("front-desk is not approved for Identification / Verification").wait_for()
    expect(page.get_by_role("button", name="Create")).to_be_disabled()

    approver = person(token(portal, "approver"))
    operator = person(token(portal, "operator"))
    asks = operator.go("/access?resource=front-desk")
    asks.get_by_role("checkbox", name=re.compile("^Verification")).click()
    asks.get_by_label("Organisation").fill("Example Ltd")
    asks.get_by_label("Contact").fill("anna@example.com")
    asks.get_by_label("Use case").fill("We want to use the Face API")
    asks.get_by_label("Consent").focus()
    asks.get_by_text("The reviewer will see that this does not say").wait_for()
    asks.get_by_label("Use case").fill(USE_CASE)
    asks.get_by_role("button", name="Submit").click()
    operator.told("Fill in: Consent, Retention.")
    asks.get_by_label("Consent").fill("They consent in writing, and can use a card instead.")
    asks.get_by_label("Retention").fill("We delete the photos after 30 days.")
    asks.get_by_text("The reviewer will see that this does not say").wait_for(state="detached")
    asks.get_by_role("button", name="Submit").click()
    operator.told("Confirm that this is true")
    asks.get_by_role("checkbox", name="true and complete").click()
    asks.get_by_role("button", name="Submit").click()
    asks.locator("article").filter(has_text="submitted").wait_for()

    queue = approver.go("/review")
    request = queue.locator("article").filter(has_text="front-desk")
    request.get_by_role("button", name="Take into review").click()
    request.get_by_role("button", name="Reject").wait_for()
    request.get_by_role("button", name="Reject").click()
    approver.told("Give a reason")
    request.get_by_label("Reason or note").fill("Badge gates are fine.")
    request.get_by_role("button", name="Approve").click()
    queue.locator("article").filter(has_text="front-desk").filter(has_text="approved").wait_for()

    admin.go("/people?resource=front-desk")
    page.get_by_role("textbox", name="Name").fill("Gate")
    page.get_by_role("textbox", name="Id").fill("gate")
    page.get_by_role("button", name="Create").click()
    page.get_by_label("Name of a new person").fill("Anna")
    page.get_by_role("button", name="Add the person").click()
    page.get_by_label("Drop photos to enrol", exact=True).wait_for(state="attached")

    shown = admin.go("/access?resource=front-desk").locator("article").inner_text()
    assert "Badge gates are fine." in shown
    overview = admin.go("/?resource=front-desk")
    overview.locator("dd").get_by_text("Verification", exact=True).wait_for()

    group = admin.go("/people/largePersonGroup/gate?resource=front-desk")
    queue = approver.go("/review")
    request = queue.locator("article").filter(has_text="front-desk")
    request.get_by_label("Reason or note").fill("The gate was taken down.")
    request.get_by_role("button", name="Revoke").click()
    request.filter(has_text="revoked").wait_for()
    group.get_by_role("button", name="Train", exact=True).click()
    admin.told("The resource is not approved for this use.")  # looked at anew: the page was drawn before
    page.reload()
    page.get_by_text("front-desk is not approved for Identification / Verification").wait_for()
    for name in ("Train", "Add the person"):
        expect(page.get_by_role("button", name=name, exact=True), name).to_be_disabled()
    page.get_by_role("link", name="Anna").click()
    page.get_by_role("button", name="Erase the person").wait_for()
    expect(page.get_by_label("Drop photos to enrol", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Erase the person").click()
    page.get_by_role("dialog").get_by_role("button", name="Erase").click()
    page.get_by_text("This group has no persons yet").wait_for()

    admin.go("/resources")
    row = page.get_by_role("row").filter(has_text="front-desk")
    row.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete front-desk").click()
    row.get_by_role("button", name="Restore").click()  # tests before this one may have left deleted resources
    row.get_by_role("button", name="Delete").wait_for()


def test_a_reader_changes_nothing(person: OpenPerson, portal: Server) -> None:
    reader = person(token(portal, "reader"))
    for path, buttons in {
        "/keys": ["Show the keys"],
        "/networking": ["Save"],
        "/liveness": ["Save"],
        "/access": ["Submit", "Withdraw"],
        "/review": ["Renew", "Revoke"],
        "/people": ["Create"],
        "/directory": ["Add the person"],
        "/directory/groups": ["Create group"],
        "/metrics-and-alerts": ["Create rule"],
    }.items():
        page = reader.go(path)
        for name in buttons:
            expect(page.get_by_role("button", name=name).first, str((path, name))).to_be_disabled()


def test_a_role_sees_its_pages_and_a_reason_at_the_others(person: OpenPerson, portal: Server) -> None:
    headers = {"Authorization": f"Bearer {portal.admin_token}"}
    body = {"name": "enrols", "role": "enroller", "resource": "dev"}
    url = portal.management + "/mien/v1/admin-tokens"
    made = httpx.post(url, json=body, headers=headers, trust_env=False).json()["token"]
    enroller = person(made)
    page = enroller.go("/people")
    expect(page.get_by_role("button", name="Create").first).to_be_enabled()
    shown = page.get_by_role("navigation", name="Pages").inner_text()
    assert "People" in shown
    assert not {"Audit log", "Roles and tokens", "Metrics and alerts"} & set(shown.splitlines())
    for path in ("/audit", "/roles", "/metrics-and-alerts", "/resources/new"):
        answer = page.goto(portal.management + path)
        assert answer is not None
        assert answer.status == 403, path
        page.get_by_text("Your role does not include the page").wait_for()
        page.locator(".page .bullets").get_by_role("link", name="People", exact=True).wait_for()
    enroller.go("/keys")
    expect(page.get_by_role("button", name="Show the keys")).to_be_disabled()

    owner = person()
    page = owner.go("/roles")
    page.get_by_label("Token name").fill("a door")
    page.get_by_role("checkbox", name="never expires").click()
    page.get_by_role("button", name="Create token").click()
    page.get_by_text("It is shown only once: mien_admin_").wait_for()
    row = owner.go("/roles").get_by_role("row").filter(has_text="a door")
    expect(row).to_contain_text("no expiry")
    row.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    page.get_by_role("row").filter(has_text="a door").filter(has_text="revoked").wait_for()


def test_a_revoked_token_ends_what_its_page_can_do(person: OpenPerson, portal: Server) -> None:
    someone = person(token(portal, "admin"))
    page = someone.go("/keys")
    bearer = {"Authorization": f"Bearer {portal.admin_token}"}
    url = portal.management + "/mien/v1/admin-tokens"
    listed = httpx.get(url, headers=bearer, trust_env=False).json()["value"]
    (mine,) = (one["id"] for one in listed if one["name"] == "admin")
    assert httpx.delete(f"{url}/{mine}", headers=bearer, trust_env=False).status_code == 200
    page.get_by_role("button", name="Show the keys").click()
    someone.told("Your session has ended")
    page.reload()
    page.get_by_role("heading", name="Sign in").wait_for()


def test_signing_in_leads_to_the_first_page_that_a_role_can_open(person: OpenPerson, portal: Server) -> None:
    auditor = person(token(portal, "auditor"), by_form=True)  # may not see the overview
    page = auditor.page
    expect(page.locator(".page:not(.waiting)")).not_to_contain_text("Your role does not include")
    first = page.get_by_role("navigation", name="Pages").get_by_role("link").first
    assert page.locator("h1").inner_text() == first.inner_text().splitlines()[-1]
    expect(person(token(portal, "reader"), by_form=True).page.locator("h1")).to_have_text(
        "Overview", use_inner_text=True
    )
