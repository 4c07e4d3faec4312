"""What an open page says when something has changed since: in another tab, by the API, or by another person."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import httpx
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select
from tests.conftest import Server
from tests.portal.conftest import OpenPerson, Person
from tests.portal.test_doors import state
from tests.portal.test_pages import OVERFLOW
from tests.shared import azure_photo

from mien.accounts import Acknowledgement, Resource, ResourceChange
from mien.contract.flashes import WithoutFlashes
from mien.doors.kiosks import KioskSpec
from mien.storage import EVERY_RESOURCE
from mien.storage.tables import CollectionRow

pytestmark = pytest.mark.timeout(600)

GROUPS = "/face/v1.2/largepersongroups"
GROUP = f"{GROUPS}/beside"
PAGE = "/people/largePersonGroup/beside"
PHOTOS = "Drop photos to enrol"


@pytest.fixture
def client(portal: Server) -> Iterator[httpx.Client]:
    """Calls the service; a group is there at first."""
    with portal.client() as client:
        client.put(GROUP, json={"name": "Beside", "recognitionModel": "recognition_04"}).raise_for_status()
        yield client
        if client.get(GROUP).is_success:  # else the test has deleted it
            client.delete(GROUP).raise_for_status()


@pytest.fixture(autouse=True)
def _nothing_is_a_fault(portal: Server) -> Iterator[None]:
    """What happens here is nobody's fault: the log has no traceback of it."""
    before = portal.log.stat().st_size
    yield
    assert b"Traceback" not in portal.log.read_bytes()[before:]


def anna(client: httpx.Client) -> str:
    return str(client.post(f"{GROUP}/persons", json={"name": "Anna"}).raise_for_status().json()["personId"])


def drop(page: Page, label: str, *photos: tuple[str, bytes]) -> None:
    files = [{"name": name, "mimeType": "image/jpeg", "buffer": data} for name, data in photos]
    page.get_by_label(label, exact=True).set_input_files(files)  # type: ignore[arg-type]  # as Playwright wants them


@contextmanager
def training_held(portal: Server, client: httpx.Client) -> Iterator[None]:
    """Request a training of the group that no server can carry out for a while."""
    with state(portal) as (services, _, _owner):
        with services.database.read(EVERY_RESOURCE) as session:
            uid = session.scalars(select(CollectionRow.uid).where(CollectionRow.collection_id == "beside")).one()
        with services.claims.hold(f"training/{uid}") as held:
            assert held is not None
            client.post(f"{GROUP}/train").raise_for_status()
            yield


def sign_out(someone: Person) -> None:
    """Sign out as in another tab: the page stays open."""
    answer = someone.page.context.request.post(
        someone.address + "/sign-out", headers={"Origin": someone.address}, max_redirects=0
    )
    assert answer.status == 303


def test_addresses_that_lead_nowhere(person: OpenPerson) -> None:
    someone = person()
    for path, said in {
        "/people?resource=gone": "There is no resource gone",
        "/evaluations/result?name=%00gone": "There is no evaluation 'gone'.",  # databases cannot store a zero byte
        "/audit?until=9999-12-31": "Newest first.",
        "/audit?before=%C2%B2": "Newest first.",
        "/failed-calls?before=%C2%B2&status=%C2%B2": "Newest first;",
    }.items():
        page = someone.go(path)
        page.get_by_text(said).first.wait_for()
    page = someone.go("/people?resource=gone")
    expect(page.get_by_role("button", name="Create")).to_have_count(0)  # it would be in another resource
    page.locator(".banner").get_by_role("link", name="All resources").click()
    page.get_by_role("heading", name="All resources").wait_for()
    page = person(locale="de-DE").go("/papers/dossier?id=b1f7cf5c-1d94-4b0e-9f43-000000000000")
    page.get_by_text("Es gibt kein Dossier b1f7cf5c-1d94-4b0e-9f43-000000000000.").wait_for()


def test_a_group_that_is_deleted_beside_its_pages(person: OpenPerson, client: httpx.Client) -> None:
    someone = person(locale="de-DE")
    whose = someone.go(f"{PAGE}/{anna(client)}")
    group = someone.page.context.new_page()
    group.goto(f"{someone.address}{PAGE}")
    group.get_by_role("link", name="Anna").wait_for()
    client.delete(GROUP).raise_for_status()
    drop(whose, "Fotos zum Erfassen hier ablegen", ("photo.jpg", b"no photo"))
    whose.locator(".banner.bad, .q-notification").filter(has_text="Es gibt kein largePersonGroup").first.wait_for()
    whose.get_by_text("Das Foto wurde nicht erfasst").wait_for()
    group.get_by_label("Nach Name oder ID suchen").fill("Anna")
    group.locator(".q-notification").filter(has_text="Es gibt kein largePersonGroup").wait_for()


def test_a_session_that_ends_beside_its_page(person: OpenPerson, client: httpx.Client) -> None:
    someone = person()
    page = someone.go(f"{PAGE}/{anna(client)}")
    group = someone.page.context.new_page()
    group.goto(f"{someone.address}{PAGE}")
    group.get_by_role("link", name="Anna").wait_for()
    sign_out(someone)
    drop(page, PHOTOS, ("photo.jpg", b"no photo"))
    page.locator(".banner.bad").filter(has_text="Your session has ended: sign in again.").wait_for()
    bulk = "Drop photos, folders or a CSV file"
    drop(group, bulk, ("Anna 1.jpg", b"no photo"), ("Anna 2.jpg", b"no photo"))
    expect(group.get_by_role("region", name="Report").get_by_role("row")).to_have_count(3)
    group.get_by_text("2 not enrolled").wait_for()
    group.get_by_role("button", name="Download the report").wait_for()
    group.get_by_label("Find by name or id").fill("nobody")
    group.locator(".q-notification").filter(has_text="Your session has ended").wait_for()
    expect(group.get_by_text("Nobody was found")).to_have_count(0)  # names are not looked up any more


def test_a_resource_that_is_deleted_beside_its_page(person: OpenPerson, portal: Server) -> None:
    with state(portal) as (services, _, _owner):
        terms = Acknowledgement("Anna", True, True)
        away = services.accounts.create("away", terms=terms, actor="test")
        someone = person()
        page = someone.go("/networking?resource=away")
        services.accounts.delete(away.id, actor="test")
        page.get_by_label("Origins, one a line").fill("https://shop.example")
        page.get_by_role("button", name="Set origins").click()
        someone.told("The resource away has been deleted.")
        page.reload()
        page.get_by_text("There is no resource away").wait_for()
        services.accounts.restore(away.id, actor="test")
        page = someone.go("/people?resource=away")
        page.get_by_text("No groups or lists yet").wait_for()
        services.accounts.delete(away.id, actor="test")


def test_photos_that_are_too_large_are_in_the_report(person: OpenPerson, client: httpx.Client) -> None:
    page = person(width=390).go(PAGE)
    drop(page, "Drop photos, folders or a CSV file", ("Anna 1.jpg", b"x" * 7_000_000), ("Ben 1.jpg", b"no photo"))
    report = page.get_by_role("region", name="Report")
    expect(report.get_by_role("row").filter(has_text="Anna 1.jpg")).to_contain_text("larger files were left out")
    expect(report.get_by_role("row").filter(has_text="Ben 1.jpg")).to_contain_text("not enrolled")
    page.get_by_role("button", name="Download the report").wait_for()
    # The report is not in the label of the drop area, where a click would choose files.
    expect(page.locator("label").get_by_role("region", name="Report")).to_have_count(0)
    assert page.evaluate(OVERFLOW) <= 0
    drop(page, "Drop photos, folders or a CSV file", ("Cleo 1.jpg", b"no photo"))
    expect(report.get_by_role("row").filter(has_text="Cleo 1.jpg")).to_contain_text("not enrolled")
    expect(report.get_by_role("row").filter(has_text="Anna 1.jpg")).to_have_count(0)  # it was of the drop before


def test_a_page_that_is_left_while_it_sends_a_photo(person: OpenPerson, portal: Server, client: httpx.Client) -> None:
    someone = person()
    page = someone.go(f"{PAGE}/{anna(client)}")
    urls = "Object.values(mounted_app.elements).map((one) => String(one.props?.url))"
    path = page.wait_for_function(f"{urls}.find((url) => url.includes('/upload/'))").json_value()
    cookies = "; ".join(f"{one.get('name')}={one.get('value')}" for one in page.context.cookies())
    host = portal.management.partition("//")[2]
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {portal.management}\r\nCookie: {cookies}\r\n"
    head += "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 100000\r\n\r\n--x\r\n"
    with socket.create_connection((host.partition(":")[0], int(host.partition(":")[2]))) as line:
        line.sendall(head.encode())
        page.wait_for_timeout(500)  # until the server reads the body
    page.reload()  # the log is looked at in the end: see above
    page.get_by_role("heading", name="Anna").wait_for()


@pytest.mark.shared
def test_a_second_drop_while_the_first_is_enrolled(person: OpenPerson, portal: Server, client: httpx.Client) -> None:
    page = person().go(f"{PAGE}/{anna(client)}")
    with training_held(portal, client):  # photos wait
        drop(page, PHOTOS, ("one.jpg", azure_photo("Family1-Dad1").read_bytes()))
        page.get_by_text("Analysing one.jpg").wait_for()
        drop(page, PHOTOS, ("two.jpg", b"no photo"))
    expect(
        page.get_by_text("The photo was not enrolled").or_(page.get_by_text("two.jpg was not enrolled"))
    ).to_have_count(1)
    expect(page.locator(".banner.good")).to_have_count(1)
    page.get_by_text("1 enrolled").wait_for()


def test_a_double_click_and_a_held_key_count_once(person: OpenPerson, client: httpx.Client) -> None:
    someone = person()
    for press in ("click", "key"):
        page = someone.go(PAGE)
        page.get_by_label("Name of a new person").fill(press)
        if press == "click":
            page.get_by_role("button", name="Add the person").dblclick()
        else:
            page.keyboard.down("Enter")
            page.keyboard.down("Enter")
            page.keyboard.up("Enter")
        page.get_by_role("heading", name=press, exact=True).wait_for()
    assert sorted(one["name"] for one in client.get(f"{GROUP}/persons").json()) == ["click", "key"]


@pytest.mark.shared
def test_a_button_is_disabled_while_its_action_runs(person: OpenPerson, portal: Server, client: httpx.Client) -> None:
    page = person().go(f"{PAGE}/{anna(client)}")
    with training_held(portal, client):  # edits wait for the end of the training
        page.get_by_text("Rename or change user data").click()
        page.get_by_label("Name", exact=True).fill("Anne")
        save = page.get_by_role("button", name="Save")
        save.click()
        expect(save).to_be_disabled()  # the library itself ignores clicks without saying so
    page.get_by_role("heading", name="Anne").wait_for()


def test_two_people_edit_the_same(person: OpenPerson, portal: Server, client: httpx.Client) -> None:
    changed = "Somebody has changed this since the page was opened."
    someone = person()
    with state(portal) as (services, _, owner):

        def now() -> Resource:
            resource = services.accounts.get(owner)
            assert resource is not None
            return resource

        services.accounts.update(owner, ResourceChange(cors_origins=[], without_flashes="server"), actor="test")
        page = someone.go("/networking?resource=dev")
        services.accounts.update(owner, ResourceChange(cors_origins=["https://shop.example"]), actor="test")
        page.get_by_label("Origins, one a line").fill("https://other.example")
        page.get_by_role("button", name="Set origins").click()
        someone.told(changed)
        assert list(now().cors_origins) == ["https://shop.example"]
        page = someone.go("/networking?resource=dev")
        for origins in ([], ["https://one.example"], []):  # what oneself has saved is no change of somebody else
            page.get_by_label("Origins, one a line").fill("\n".join(origins))
            page.get_by_role("button", name="Set origins").click()
            someone.told("Saved")  # until then the button ignores clicks
            assert list(now().cors_origins) == origins

        page = someone.go("/liveness?resource=dev")
        services.accounts.update(owner, ResourceChange(without_flashes="off"), actor="test")
        page.get_by_role("radio", name="Yes, and it may end as realface").click()
        page.get_by_role("button", name="Save").click()
        someone.told(changed)
        assert now().without_flashes is WithoutFlashes.OFF
        page = someone.go("/liveness?resource=dev")
        for choice, saved in (("Yes, but never as realface", "uncertain"), ("As the server is set", None)):
            page.get_by_role("radio", name=choice).click()
            page.get_by_role("button", name="Save").click()
            someone.told("Saved")
            assert now().without_flashes == saved

    who = anna(client)
    page = someone.go(f"{PAGE}/{who}")
    client.patch(f"{GROUP}/persons/{who}", json={"name": "Anna Weiss", "userData": "P-7"}).raise_for_status()
    page.get_by_text("Rename or change user data").click()
    page.get_by_label("Name", exact=True).fill("Anne")
    page.get_by_role("button", name="Save").click()
    someone.told(changed)
    assert client.get(f"{GROUP}/persons/{who}").json()["userData"] == "P-7"


def test_a_kiosk_is_switched_off_with_the_notice_that_somebody_else_has_changed(
    person: OpenPerson, portal: Server, client: httpx.Client
) -> None:
    someone = person()
    with state(portal) as (_, doors, owner):
        spec = KioskSpec(group="largePersonGroup/beside", notice="We compare faces.")
        kiosk, _key = doors.kiosks.create(owner, "Desk", spec, actor="test")
        page = someone.go(f"/kiosks/{kiosk.kiosk_id}?resource=dev")
        new = replace(spec, notice="We compare faces and keep nothing.")
        doors.kiosks.change(owner, kiosk.kiosk_id, actor="test", spec=new)
        page.get_by_role("button", name="Save").click()
        someone.told("Somebody has changed this since the page was opened.")
        page.get_by_role("button", name="Switch off").click()
        page.get_by_role("button", name="Switch on").wait_for()
        (now,) = (one for one in doors.kiosks.of(owner) if one.kiosk_id == kiosk.kiosk_id)
        assert now.spec == replace(new, enabled=False)
        doors.kiosks.delete(owner, kiosk.kiosk_id, actor="test")
