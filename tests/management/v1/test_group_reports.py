"""Reports by groups over the control plane: downloads, refusals as sentences, and labels that leave no trace."""

from __future__ import annotations

import csv
import json
from io import StringIO
from typing import Final

import httpx
import pytest
from sqlalchemy import select
from tests.management.conftest import World

from mien.accounts import DEVELOPMENT_TERMS
from mien.management import Role
from mien.storage import EVERY_RESOURCE
from mien.storage.base import Base

PATH = "/mien/v1/resources/front/group-reports"
LABELS = "person,faith\n" + "".join(f"{number},{'Zorgon' if number < 23 else 'Quux'}\n" for number in range(46))
WANTED = {"collection": "largePersonGroup/site", "labels": LABELS}


async def test_a_report_is_downloaded_in_four_forms(measured: World, front_admin: httpx.AsyncClient) -> None:
    found = await front_admin.post(PATH, json=WANTED)
    assert found.status_code == 200
    (one,) = found.json()["attributes"]
    assert [(group["name"], group["people"], group["photos"]) for group in one["groups"]] == [
        ("Quux", 23, 69),
        ("Zorgon", 23, 69),
    ]
    assert all(group["fmr"][0] == 0 and group["fte"][0] == 0 and group["poor"] is None for group in one["groups"])
    assert any("No difference between the groups" in said for said in found.json()["plain"])
    for form, kind, start in (
        ("html", "text/html", b"<!"),
        ("pdf", "application/pdf", b"%PDF"),
        ("csv", "text/csv", b"attribute,"),
    ):
        if form == "pdf":
            pytest.importorskip("fpdf")
        answer = await front_admin.post(PATH, json=WANTED, params={"format": form})
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith(kind)
        assert answer.headers["content-disposition"] == f'attachment; filename="groups.{form}"'
        assert answer.headers["cache-control"] == "no-store"
        assert answer.content.startswith(start)
    numbers = (await front_admin.post(PATH, json=WANTED, params={"format": "csv"})).text
    rows = list(csv.DictReader(StringIO(numbers)))
    assert {(row["kind"], row["group"]) for row in rows if row["measure"] == "FNMR"} >= {("group", "Zorgon")}
    assert (await front_admin.post(PATH, json=WANTED, params={"format": "docx"})).status_code == 400


async def test_a_group_that_is_recognised_worse_is_found(front_admin: httpx.AsyncClient) -> None:
    """At a rate of 1 in 20 the threshold lies where genuine comparisons, too, are split by chance alone."""
    semicolons = LABELS.replace(",", ";").replace("\n", "\r\n")
    body = {**WANTED, "labels": "\ufeff" + semicolons, "fmr": 0.05}
    (one,) = (await front_admin.post(PATH, json=body)).json()["attributes"]
    for group in one["groups"]:
        value, low, high = group["fmr"]
        assert low < 0.05 < high
        assert 0.02 < value < 0.1
    assert one["target"] == 0.05


async def test_labels_leave_no_trace(measured: World, front_admin: httpx.AsyncClient) -> None:
    assert (await front_admin.post(PATH, json=WANTED)).status_code == 200
    (entry,) = measured.parts.audit.search(action="group-report.*")
    assert entry.action == "group-report.create"
    assert entry.details == {"collection": "largePersonGroup/site", "people": 46}
    evaluations = "/mien/v1/resources/front/evaluations"
    assert (await front_admin.get(evaluations)).json()["value"] == []
    with measured.parts.database.read(EVERY_RESOURCE) as session:
        for table in Base.metadata.sorted_tables:
            for row in session.execute(select(table)):
                assert "Zorgon" not in str(tuple(row)), table.name

    kept = {**WANTED, "keep": "by shift"}
    assert (await front_admin.post(PATH, json=kept)).status_code == 200
    (stored,) = (await front_admin.get(evaluations)).json()["value"]
    assert (stored["kind"], stored["source"]) == ("groups", "largePersonGroup/site")
    assert stored["result"]["attributes"][0]["groups"][1]["name"] == "Zorgon"
    entries = measured.parts.audit.search()
    assert {"evaluation.groups", "group-report.create"} <= {one.action for one in entries}
    assert "Zorgon" not in json.dumps([dict(one.details) for one in entries])
    assert "faith" not in json.dumps([dict(one.details) for one in entries])
    assert (await front_admin.post(PATH, json=kept)).status_code == 409


REFUSED: Final[list[tuple[dict[str, object], str]]] = [
    ({"labels": LABELS + "ann,Quux\nben,Quux\n"}, "2 of 48 labelled people are not enrolled here: 'ann', 'ben'."),
    ({"labels": "person,faith\nann,Quux\n"}, "No line of the labels names an enrolled person"),
    ({"labels": LABELS.replace("Quux", "")}, "Two groups with 20 people each are needed; there are: Zorgon (23)"),
    ({"labels": LABELS + "3,Quux\n"}, "'3' has two labels of 'faith'"),
    ({"labels": "name,faith\n3,Quux\n"}, "needs a column 'person'"),
    ({"labels": "person\n3\n"}, "no column of labels"),
    ({"labels": "person,faith\n3,Quux,more\n"}, "more values than it has columns"),
    ({"labels": "person,faith\n"}, "a line for each person"),
    ({"attributes": ["sex"]}, "has no column 'sex'; it has person, faith"),
    ({"fmr": 1e-7}, "9315 impostor pairs cannot show a false match rate of 1e-07"),
    ({"collection": "largePersonGroup/none"}, "There is no largePersonGroup of that id"),
    ({"collection": "faceList/none"}, "belong to nobody"),
    ({"collection": "directory/persons"}, "directory"),
    ({"keep": "<b>"}, "name"),
    ({"labels": 5}, "string"),
]


async def test_refusals_are_sentences(front_admin: httpx.AsyncClient) -> None:
    for changed, said in REFUSED:
        answer = await front_admin.post(PATH, json={**WANTED, **changed})
        assert answer.status_code in {400, 404}, said
        message = answer.json()["error"]["message"]
        assert said.lower() in message.lower()
        assert message.endswith(".")
        assert (await front_admin.get("/mien/v1/resources/front/evaluations")).json()["value"] == [], said


async def test_labels_of_strangers_can_be_left_out(front_admin: httpx.AsyncClient) -> None:
    body = {**WANTED, "labels": LABELS + "ann,Quux\n", "skipUnknown": True}
    (one,) = (await front_admin.post(PATH, json=body)).json()["attributes"]
    assert [group["people"] for group in one["groups"]] == [23, 23]


async def test_roles_and_resources(measured: World, front_admin: httpx.AsyncClient) -> None:
    measured.parts.accounts.create("other", terms=DEVELOPMENT_TERMS)
    assert (await front_admin.post(PATH.replace("front", "other"), json=WANTED)).status_code == 404
    for role, status in ((Role.READER, 403), (Role.REVIEWER, 403), (Role.APPROVER, 403), (Role.ENROLLER, 403),
                         (Role.AUDITOR, 403), (Role.OPERATOR, 200)):  # fmt: skip
        async with measured.client(measured.token(role)) as client:
            assert (await client.post(PATH, json=WANTED)).status_code == status, role
