"""A table of labels is dropped, the first page of the report is read, and its files are downloaded."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect
from tests.conftest import Server
from tests.portal.conftest import OpenPerson
from tests.portal.test_pages import OVERFLOW, VIOLATIONS
from tests.portal.test_roles import token
from tests.shared import REPOSITORY, shared_path

pytestmark = [pytest.mark.timeout(600), pytest.mark.shared]

PEOPLE = 44
GROUP = "/face/v1.2/largepersongroups/staff"
RAW = {"Content-Type": "application/octet-stream"}
PAGE = "/evaluations/groups"


@pytest.fixture(scope="module")
def labels(portal: Server) -> Iterator[str]:
    """Enrols people with two photos each; their labels by name, half in the early shift and half in the late one."""
    people = [one for one in sorted(shared_path("faces", "lfw").iterdir()) if len(list(one.iterdir())) > 1]
    lines: list[str] = []
    with portal.client() as client:
        client.delete(GROUP)  # of another module on the same server
        client.put(GROUP, json={"name": "Staff", "recognitionModel": "recognition_04"}).raise_for_status()
        for person in people:
            made = client.post(f"{GROUP}/persons", json={"name": person.name}).raise_for_status().json()["personId"]
            url = f"{GROUP}/persons/{made}/persistedfaces?detectionModel=detection_03"
            photos = [photo.read_bytes() for photo in sorted(person.iterdir())[:2]]
            if all(client.post(url, content=photo, headers=RAW).is_success for photo in photos):
                lines.append(f"{person.name},{'late' if len(lines) % 2 else 'early'}")
            else:  # another face is in the picture
                client.delete(f"{GROUP}/persons/{made}").raise_for_status()
            if len(lines) == PEOPLE:
                break
        yield "person,shift\n" + "\n".join(lines) + "\n"
        client.delete(GROUP).raise_for_status()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), pytest.param(390, "dark", marks=pytest.mark.heavy)])
def test_a_report_is_made_and_downloaded(
    person: OpenPerson, labels: str, axe: str, tmp_path: Path, width: int, scheme: str
) -> None:
    someone = person(width=width, scheme=scheme)
    page = someone.go("/evaluations")
    address = page.get_by_role("link", name="Report by groups").get_attribute("href")
    assert address is not None
    page = someone.go(address)
    page.get_by_role("heading", name="People and labels").wait_for()
    page.get_by_role("combobox", name="Group").click()
    page.get_by_role("option", name="largePersonGroup/staff").click()  # the server is shared
    page.get_by_role("button", name="Create report").click()
    someone.told("Drop a table of labels first.")

    def drop(text: str) -> None:
        lines = text.count("\n") - 1
        page.get_by_label("Drop a table of labels").set_input_files(
            {"name": "labels.csv", "mimeType": "text/csv", "buffer": text.encode()}
        )
        page.get_by_text(f"labels.csv: {lines} line").wait_for()
        page.get_by_role("button", name="Create report").click()

    drop("person,shift\n" + "".join(labels.splitlines(keepends=True)[1:6]))
    page.get_by_text("Shift: two groups with 20 people each are needed; there are: early (3), late (2).").wait_for()
    drop(labels + "Nobody at all,late\n")
    page.get_by_text("1 of 45 labelled people are not enrolled here: 'Nobody at all'.").wait_for()
    page.locator(".q-loading-bar[role=progressbar]").wait_for(state="detached")  # of the upload
    page.evaluate(axe)
    found = page.evaluate(VIOLATIONS)["violations"]
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []

    page.get_by_text("Leave out labels of people who are not enrolled").click()
    page.get_by_role("button", name="Create report").click()
    page.get_by_role("heading", name="By shift").wait_for()
    words = page.locator(".page:not(.waiting)").inner_text()
    assert "There is no report" not in words
    assert "No difference between the groups is larger than chance would explain." in words
    assert "are taken for one person" in words
    page.locator(".q-loading-bar[role=progressbar]").wait_for(state="detached")  # of the upload
    page.evaluate(axe)
    found = page.evaluate(VIOLATIONS)["violations"]
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []
    assert page.evaluate(OVERFLOW) <= 0

    forms = {"HTML": b"<!", "CSV": b"attribute,", "JSON": b'{"plain"', "PDF": b"%PDF"}
    try:
        import fpdf  # noqa: F401, PLC0415
    except ImportError:
        forms.pop("PDF")
    for form, start in forms.items():
        with page.expect_download() as waiting:
            page.get_by_role("button", name=f"Report as {form}").click()
        assert waiting.value.suggested_filename == f"groups.{form.lower()}"
        path = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(path)
        assert path.read_bytes().startswith(start)
    with (tmp_path / "groups.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "group" and row["measure"] == "FNMR"]
    assert [(row["group"], row["people"]) for row in rows] == [("early", "22"), ("late", "22")]

    if folder := os.environ.get("MIEN_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"group-report-{width}.png", full_page=True)
    page.get_by_label("Name of the result").fill(f"shifts {width}")
    page.get_by_role("button", name="Keep", exact=True).click()
    page.get_by_role("heading", name=f"shifts {width}").wait_for()
    page.get_by_role("heading", name="By shift").wait_for()
    assert someone.troubles == []


def test_readers_create_none(person: OpenPerson, portal: Server, labels: str) -> None:
    page = person(token(portal, "reader")).go(PAGE)
    expect(page.get_by_role("button", name="Create report")).to_be_disabled()
    expect(page.get_by_label("Drop a table of labels")).to_have_count(0)


def test_the_page_in_german(person: OpenPerson, labels: str) -> None:
    page = person(locale="de-DE").go(PAGE)
    page.get_by_label("Tabelle mit Bezeichnungen ablegen").set_input_files(
        {"name": "labels.csv", "mimeType": "text/csv", "buffer": labels.encode()}
    )
    page.get_by_text("labels.csv: 44 Zeilen mit Bezeichnungen").wait_for()
    page.get_by_role("button", name="Bericht erstellen").click()
    page.get_by_role("heading", name="Nach shift").wait_for()
    words = page.locator(".page:not(.waiting)").inner_text()
    assert re.search(r"Kein Unterschied zwischen den Gruppen ist größer|Die Wahrscheinlichkeit dafür", words)
    assert "taken for one" not in words


def test_the_call_of_the_documentation(portal: Server, labels: str, tmp_path: Path) -> None:
    """The call of docs/fair-to-my-people.md writes a report for print."""
    text = (REPOSITORY / "docs" / "fair-to-my-people.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- not run: tests/portal/test_group_reports\.py [^>]*-->\n```bash\n(.*?)^```$", text,
                      re.MULTILINE | re.DOTALL)  # fmt: skip
    assert found is not None
    (tmp_path / "labels.csv").write_text(labels, encoding="utf-8")
    environment = os.environ | {"FACE_MANAGEMENT": portal.management, "FACE_ADMIN_TOKEN": portal.admin_token}
    subprocess.run(["bash", "-euo", "pipefail", "-c", found[1]], cwd=tmp_path, env=environment, check=True, timeout=120)
    assert b"By shift" in (tmp_path / "report.html").read_bytes()
    command = [sys.executable, "-m", "mien", "calibrate", "groups", "dev", "largePersonGroup/staff", "labels.csv"]
    done = subprocess.run(
        [*command, "--out", "report"], cwd=tmp_path, env=environment | {"MIEN_DATA_DIR": str(portal.data_dir)},
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "are taken for one person" in done.stdout
    assert b"By shift" in (tmp_path / "report" / "groups.html").read_bytes()
    header = {"Authorization": f"Bearer {portal.admin_token}"}
    with httpx.Client(base_url=portal.management, headers=header) as client:
        log = client.get("/mien/v1/audit", params={"action": "group-report.*"}).raise_for_status().text
    assert "largePersonGroup/staff" in log
    assert "early" not in log
