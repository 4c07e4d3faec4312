"""A label is bound to other weights: the portal says so, and moves what is enrolled to them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.browser import PATIENCE
from tests.conftest import StartServer, stop
from tests.portal.conftest import Person
from tests.shared import azure_photo
from typer.testing import CliRunner

from mien.cli._main import build

pytestmark = [pytest.mark.timeout(600), pytest.mark.shared]

FAMILY = {"dad": ("Family1-Dad1", "Family1-Dad2"), "mum": ("Family1-Mom1",)}
STAFF, BARE, LOST, DIRECTORY = "largePersonGroup/staff", "faceList/bare", "faceList/lost", "directory/recognition_01"
MISMATCH = "Fingerprints do not match"
RAW = {"Content-Type": "application/octet-stream"}
WATCH = """() => new MutationObserver(() => {
    for (const bar of document.querySelectorAll('[role=progressbar][aria-label]'))
        heard(bar.getAttribute('aria-label') + ': ' + bar.parentElement.innerText);
}).observe(document.body, { childList: true, subtree: true })"""


def enrol(start_server: StartServer, folder: Path) -> None:
    """Enrol with SFace in floats: a group, a list with and one without crops of some face, and a person."""
    policy = ["gallery", "policy", "dev", "--data-dir", str(folder)]
    server = start_server(data_dir=folder, recognition_01="sface")
    query = {"detectionModel": "detection_03"}
    with server.client() as client:

        def put(path: str) -> None:
            body = {"name": path.rpartition("/")[2], "recognitionModel": "recognition_01"}
            client.put(f"/face/v1.2/{path}", json=body).raise_for_status()

        def add(path: str, photo: str) -> None:
            content = azure_photo(photo).read_bytes()
            client.post(f"/face/v1.2{path}", params=query, content=content, headers=RAW).raise_for_status()

        for name in ("bare", "lost"):
            put(f"facelists/{name}")
        add("/facelists/bare/persistedfaces", "Family1-Mom1")
        add("/facelists/lost/persistedfaces", "Family1-Mom1")
        assert CliRunner().invoke(build(["gallery"]), [*policy, "--keep-crops"]).exit_code == 0
        add("/facelists/bare/persistedfaces", "Family1-Dad1")
        put("largepersongroups/staff")
        for who, photos in FAMILY.items():
            made = client.post("/face/v1.2/largepersongroups/staff/persons", json={"name": who}).raise_for_status()
            for photo in photos:
                add(f"/largepersongroups/staff/persons/{made.json()['personId']}/persistedfaces", photo)
        client.post("/face/v1.2/largepersongroups/staff/train").raise_for_status()
        made = client.post("/face/v1.2-preview.1/persons", json={"name": "dad of all"}).raise_for_status()
        models = f"/persons/{made.json()['personId']}/recognitionModels/recognition_01/persistedfaces"
        add(f"-preview.1{models}", "Family1-Dad1")
    assert stop(server.process) == 0


def test_what_is_enrolled_moves_to_other_weights(start_server: StartServer, browser: Browser, tmp_path: Path) -> None:
    enrol(start_server, tmp_path)
    server = start_server(data_dir=tmp_path, recognition_01="sface-int8")
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    someone = Person(context.new_page(), server.management)
    someone.watch()
    someone.sign_in(server.admin_token)
    page = someone.go("/")
    banner = page.get_by_role("note").filter(has_text=MISMATCH)
    banner.get_by_role("link", name="Migrate").click()
    banner.wait_for()

    # What nothing refuses, from the group's own page, where enrolling says what to do first.
    person = someone.go(f"/people/{STAFF}").get_by_role("link", name="mum")
    banner.wait_for()
    person.click()
    page.get_by_label("Drop photos to enrol", exact=True).set_input_files(azure_photo("Family1-Mom2"))
    page.get_by_text("was bound to another recogniser").wait_for()
    page.get_by_role("link", name="Back to the group").click()
    heard: list[str] = []

    def hear(text: str) -> None:
        heard.append(text)

    page.expose_function("heard", hear)
    page.wait_for_function("window.socket?.connected && window.did_handshake")
    page.evaluate(WATCH)
    page.get_by_role("button", name="Migrate").click()
    banner.wait_for(state="detached")
    assert any(re.match(f"Migration of {STAFF}: .* of 3 templates are created", one) for one in heard)
    page.get_by_role("status").get_by_text("trained", exact=True).wait_for()

    page = someone.go("/people")
    found = page.get_by_role("list", name="Collections to migrate").get_by_role("listitem")
    rows = {name: found.filter(has_text=name) for name in (BARE, LOST, DIRECTORY)}
    expect(rows[BARE]).to_contain_text("2 faces: 1 can be migrated, 1 cannot")
    expect(found.filter(has_text=STAFF)).to_have_count(0)
    expect(rows[LOST].get_by_role("button", name="Migrate")).to_have_count(0)
    expect(rows[LOST]).to_contain_text("None can be migrated")
    rows[BARE].get_by_role("button", name="Migrate").click()
    question = page.get_by_role("dialog", name="Migrate without them?")
    expect(question).to_contain_text("1 of 2 faces have no crop")
    question.get_by_role("button", name="Cancel").click()
    question.wait_for(state="detached")
    rows[BARE].wait_for()
    rows[BARE].get_by_role("button", name="Migrate").click()
    question.get_by_role("button", name="Migrate").click()
    rows[BARE].wait_for(state="detached")
    page = someone.go("/directory")
    banner.wait_for()
    rows[DIRECTORY].get_by_role("button", name="Migrate").click()
    banner.wait_for(state="detached")

    page = someone.go("/people/faceList/lost")
    page.get_by_text("None can be migrated").wait_for()
    page.get_by_role("button", name=re.compile("^Remove")).last.click()
    page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
    page.get_by_text("No face is enrolled yet").wait_for()
    page = someone.go("/")
    expect(banner).to_have_count(0)

    page = someone.go("/try/identify")
    for where, who in (("staff", "dad"), ("Whole directory", "dad of all")):
        page.get_by_role("combobox", name="Search in").click()
        page.get_by_role("option", name=where).click()
        page.get_by_label("Drop a photo").set_input_files(azure_photo("Family1-Dad3"))
        page.get_by_role("region", name=f"Candidates: {where}").get_by_role("cell", name=who, exact=True).wait_for()
    log = someone.go("/audit?action=gallery.migrate").locator("table").inner_text()
    assert "Left out: 1" in log
    for name in (STAFF, BARE, DIRECTORY):
        assert name in log
    assert someone.troubles == []
    context.close()
    stop(server.process)
