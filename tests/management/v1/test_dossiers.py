"""Dossiers over the control plane, by role."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conftest import MASTER_KEY
from tests.management.conftest import World

from mien.accounts import DEVELOPMENT_TERMS
from mien.dossier import Dossiers
from mien.dossier.gathering import Gatherer
from mien.management import Role
from mien.settings import Settings
from mien.storage import MasterKey, Vault

PATH = "/mien/v1/resources/front/dossiers"


@pytest.fixture
def office(quick: World, tmp_path: Path) -> World:
    parts = quick.parts
    vault = Vault(parts.database, MasterKey.from_hex(MASTER_KEY), parts.clock)
    state = (parts.database, vault, parts.clock)
    gatherer = Gatherer(
        Settings(data_dir=tmp_path), *state, audit=parts.audit, access=parts.access, alerts=parts.alerts
    )
    changed = replace(parts, dossiers=Dossiers(gatherer, *state, parts.audit))
    parts.accounts.create("front", terms=DEVELOPMENT_TERMS)
    parts.accounts.create("back", terms=DEVELOPMENT_TERMS)
    return replace(quick, parts=changed)


async def test_papers_are_created_read_compared_and_deleted(office: World) -> None:
    dossiers = office.parts.dossiers
    assert dossiers is not None
    async with office.client(office.token(Role.OPERATOR)) as operator:
        first = await operator.post(PATH, json={"answers": {"controller": "Example Ltd"}})
        assert first.status_code == 201
        document = first.json()["document"]
        assert dossiers.verify(json.dumps(document))["resource"]["name"] == "front"
        second = (await operator.post(PATH, json={"language": "de"})).json()
        assert second["document"]["dossier"]["answers"] == {"controller": "Example Ltd"}
        one, other = first.json()["id"], second["id"]
        changes = (await operator.get(f"{PATH}/{one}/compare/{other}")).json()["value"]
        assert {"dpia", "audit"} == {changes[0]["paper"], changes[0]["key"]}
        assert changes[0]["facts"]["audit_entries"][0] < changes[0]["facts"]["audit_entries"][1]
        page = await operator.get(f"{PATH}/{other}/papers/notice.html")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["content-security-policy"] == "sandbox"
        assert "Information der betroffenen Personen" in page.text
        sheet = await operator.get(f"{PATH}/{other}/papers/dpia.pdf")
        assert sheet.content.startswith(b"%PDF-")
        dossiers.verify_file(json.dumps(second["document"]), "dpia.pdf", sheet.content)
        assert (await operator.get(f"{PATH}/{other}/papers/another.html")).status_code in {400, 404}
        assert (await operator.get(f"/mien/v1/resources/back/dossiers/{one}")).status_code == 404
        assert (await operator.delete(f"{PATH}/{one}")).status_code == 204
        assert [each["id"] for each in (await operator.get(PATH)).json()["value"]] == [other]
        for body in ({"language": "fr"}, {"answers": {"colour": "blue"}}, {"answers": {"controller": ""}}):
            assert (await operator.post(PATH, json=body)).status_code == 400, body
    actions = [entry.action for entry in office.parts.audit.search(action="dossier.*")]
    assert actions == ["dossier.delete", "dossier.create", "dossier.create"]


@pytest.mark.parametrize(
    ("role", "reads", "creates"),
    [(Role.AUDITOR, 200, 403), (Role.READER, 200, 403), (Role.ENROLLER, 403, 403), (Role.OWNER, 200, 201)],
)
async def test_roles(office: World, role: Role, reads: int, creates: int) -> None:
    async with office.client(office.token(role)) as someone:
        assert (await someone.get(PATH)).status_code == reads
        assert (await someone.post(PATH)).status_code == creates
