"""What the pages say when something is the matter: warnings, nothing there yet, slow databases, servers gone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import httpx
import psycopg
import pytest
from playwright.sync_api import Page, expect
from tests.conftest import Server, StartServer, stop
from tests.portal.conftest import OpenPerson
from tests.portal.test_pages import STILL
from tests.postgresql import empty_postgresql
from tests.shared import azure_photo

from mien.accounts import Acknowledgement, Feature, Resource, ResourceChange, Sku
from mien.services import Services, open_services
from mien.settings import Settings

pytestmark = pytest.mark.timeout(600)

WHAT_FOR = {"organisation": "Bakery Brotlieb", "contact": "it@brotlieb.example", "use_case": "The warehouse's door."}


@pytest.fixture(scope="module")
def url(postgresql_url: str) -> Iterator[str]:
    with empty_postgresql(postgresql_url) as made:
        yield made


@pytest.fixture(scope="module")
def served(start_server: StartServer, url: str) -> Iterator[Server]:
    server = start_server(database_url=url, rate_limits="on", free_calls_per_month="5")
    yield server
    stop(server.process)


@pytest.fixture(scope="module")
def services(served: Server, url: str) -> Iterator[Services]:
    """The services of another process at the same database."""
    opened = open_services(Settings(data_dir=served.data_dir, database_url=url))
    yield opened
    opened.close()


def make(services: Services, name: str, sku: Sku = Sku.STANDARD) -> Resource:
    return services.accounts.create(name, terms=Acknowledgement("Anna", True, True), sku=sku, actor="test")


def banner(page: Page, title: str) -> str:
    """Wait for a warning on the overview, and return its tone."""
    found = page.locator(".banner").filter(has_text=title)
    found.wait_for()
    return (found.get_attribute("class") or "").replace("banner", "").strip()


def test_approvals(person: OpenPerson, served: Server, services: Services) -> None:
    resource, access = make(services, "badges"), services.access
    someone = person(at=served)
    page = someone.go("/?resource=badges")
    assert banner(page, "Liveness is not approved") == "info"
    assert banner(page, "Face ids need an approval") == "info"  # its first call would be a 403
    expect(page.locator(".banner")).to_have_count(2)
    expect(page.locator("pre").first).to_contain_text("returnFaceId=false")

    request = access.submit(resource.id, {Feature.VERIFICATION}, actor="anna", **WHAT_FOR)
    page = someone.go("/?resource=badges")
    assert banner(page, "Pending: Verification") == "info"
    page.get_by_text("waits for a reviewer").wait_for()
    access.review(request.id, actor="ben")
    access.approve(request.id, actor="ben", lasts=timedelta(days=10))
    page = someone.go("/?resource=badges")
    assert banner(page, "The approval of Verification expires soon") == "warn"
    access.renew(request.id, actor="ben", lasts=timedelta(days=200))
    page = someone.go("/?resource=badges")
    expect(page.locator(".banner").filter(has_text="Verification")).to_have_count(0)
    page.get_by_role("link", name="Request access").click()
    page.locator("article").filter(has_text="approved").wait_for()

    request = access.submit(resource.id, {Feature.LIVENESS}, actor="anna", **WHAT_FOR)
    access.review(request.id, actor="ben")
    access.approve(request.id, actor="ben", lasts=timedelta(microseconds=1))
    access.expire_due()
    page = someone.go("/?resource=badges")
    assert banner(page, "The approval of Liveness has expired") == "bad"


def test_quotas(person: OpenPerson, served: Server, services: Services) -> None:
    free = make(services, "free", Sku.FREE)
    key = {"Ocp-Apim-Subscription-Key": services.accounts.keys(free.id, actor="test").key1}
    page = person(at=served).go("/?resource=free")
    for calls, tone, share in ((4, "warn", 80), (1, "bad", 100)):
        for _ in range(calls):
            answer = httpx.get(f"{served.endpoint}/face/v1.2/facelists", headers=key, trust_env=False)
            assert answer.status_code == 200
        page.reload()
        assert banner(page, f"Calls this month: {share}% of the quota is used") == tone
    assert httpx.get(f"{served.endpoint}/face/v1.2/facelists", headers=key, trust_env=False).status_code in {403, 429}
    page.goto(served.management + "/metrics-and-alerts?resource=free")
    page.get_by_role("meter", name="Calls this month").wait_for()


def test_who_is_shut_out(person: OpenPerson, served: Server, services: Services) -> None:
    resource = make(services, "shut")
    services.accounts.update(resource.id, ResourceChange(default_action="Deny", ip_rules=[]), actor="test")
    page = person(at=served).go("/?resource=shut")
    assert banner(page, "All calls to this resource are refused") == "bad"
    page.get_by_text("Blocked", exact=True).wait_for()


def test_where_there_is_nothing_yet(person: OpenPerson, served: Server, services: Services, axe: str) -> None:
    make(services, "bare")
    someone = person(at=served, width=390)
    for path, said in {
        "/metrics-and-alerts?resource=bare": "No data in this period",
        "/access?resource=bare": "No requests yet",
        "/people?resource=bare": "No groups or lists yet",
        "/try/verify?resource=bare": "bare is not approved for Verification",
        "/try/liveness?resource=bare": "bare is not approved for Liveness",
        "/audit?action=no.such.action": "No entries found",
    }.items():
        page = someone.go(path)
        page.get_by_text(said).first.wait_for()
        page.wait_for_function(STILL)  # colours on their way to others have a contrast of their own
        page.evaluate(axe)
        found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
        assert [rule["id"] for rule in found] == [], path


def test_a_slow_page_says_that_it_is_loading(person: OpenPerson, served: Server, url: str) -> None:
    page = person(at=served).page
    with psycopg.connect(url.replace("+psycopg", "")) as other:
        other.execute("LOCK TABLE audit_log IN ACCESS EXCLUSIVE MODE")
        page.goto(served.management + "/audit?scope=all")
        page.get_by_role("status").filter(has_text="Loading").wait_for()
        expect(page.get_by_role("table")).to_have_count(0)
        other.rollback()
        page.get_by_role("row").filter(has_text="portal.sign_in").first.wait_for()
        expect(page.get_by_role("status").filter(has_text="Loading")).to_have_count(0)


@pytest.mark.shared
def test_weights_that_were_changed_and_a_server_that_is_gone(
    person: OpenPerson, served: Server, url: str, start_server: StartServer
) -> None:
    with served.client() as client:
        path = "/face/v1.2/facelists/staff"
        assert client.put(path, json={"name": "Staff", "recognitionModel": "recognition_04"}).status_code == 200
        photo = azure_photo("Family1-Dad1").read_bytes()
        kind = {"Content-Type": "application/octet-stream"}
        assert client.post(f"{path}/persistedfaces", content=photo, headers=kind).status_code == 200
    other = start_server(data_dir=served.data_dir, database_url=url, recognition_04="sface")
    someone = person(at=other)
    page = someone.go("/?resource=dev")
    assert banner(page, "Fingerprints do not match") == "bad"
    page.get_by_text("faceList/staff").wait_for()
    page.get_by_role("link", name="Migrate").click()
    page.get_by_role("heading", name="People", exact=True).wait_for()

    page = someone.go("/keys")
    stop(other.process)
    page.get_by_role("alert").filter(has_text="Connection lost").wait_for()
