"""Evaluations over the control plane, by role and by resource."""

from __future__ import annotations

import httpx
from tests.management.conftest import World

from mien.accounts import DEVELOPMENT_TERMS, Resource
from mien.management import Role

PATH = "/mien/v1/resources/front"


async def test_a_group_is_measured_compared_applied_and_taken_back(
    measured: World, front_admin: httpx.AsyncClient
) -> None:
    body = {"name": "may", "collection": "largePersonGroup/staff", "fmr": 0.01, "note": "door"}
    made = await front_admin.post(f"{PATH}/evaluations", json=body)
    assert made.status_code == 201
    assert made.json()["result"]["people"] == 30
    assert made.json()["source"] == "largePersonGroup/staff"
    assert (await front_admin.post(f"{PATH}/evaluations", json=body)).status_code == 409
    assert [one["name"] for one in (await front_admin.get(f"{PATH}/evaluations")).json()["value"]] == ["may"]
    assert (await front_admin.get(f"{PATH}/evaluations/may/compare/may")).json()["value"][0]["differs"] is False
    applied = (
        await front_admin.post(f"{PATH}/evaluations/may/apply", json={"collection": "largePersonGroup/staff"})
    ).json()
    assert (applied["version"], applied["collection"], applied["fmr"]) == (1, "largePersonGroup/staff", 0.01)
    undone = await front_admin.post(f"{PATH}/calibrations/undo", json={"collection": "largePersonGroup/staff"})
    assert (undone.status_code, undone.json()["threshold"], undone.json()["undoes"]) == (200, None, 1)
    again = await front_admin.post(f"{PATH}/calibrations/undo", json={"collection": "largePersonGroup/staff"})
    assert again.status_code == 409
    assert len((await front_admin.get(f"{PATH}/calibrations")).json()["value"]) == 2
    assert (await front_admin.delete(f"{PATH}/evaluations/may")).status_code == 204
    assert (await front_admin.get(f"{PATH}/evaluations/may")).status_code == 404
    actions = [entry.action for entry in measured.parts.audit.search(action="calibration.*")]
    assert actions == ["calibration.undo", "calibration.apply"]


async def test_what_is_refused(measured: World, front_admin: httpx.AsyncClient) -> None:
    other: Resource = measured.parts.accounts.create("other", terms=DEVELOPMENT_TERMS)
    wanted = {"name": "may", "collection": "largePersonGroup/staff"}
    assert (await front_admin.post(f"/mien/v1/resources/{other.name}/evaluations", json=wanted)).status_code == 404
    for body, status in (
        ({**wanted, "collection": "staff"}, 400),
        ({**wanted, "collection": "largeFaceList/x"}, 400),
        ({**wanted, "name": "<b>"}, 400),
        ({**wanted, "fmr": 2}, 400),
        ({**wanted, "fmr": "nan"}, 400),
    ):
        assert (await front_admin.post(f"{PATH}/evaluations", json=body)).status_code == status, body
    few = await front_admin.post(f"{PATH}/evaluations", json=wanted)
    assert few.json()["result"]["missing"] == 216
    refused = await front_admin.post(f"{PATH}/evaluations/may/apply")
    assert refused.status_code == 409
    assert "216 more people" in refused.json()["error"]["message"]
    async with measured.client(measured.token(Role.READER)) as reader:
        assert (await reader.get(f"{PATH}/evaluations")).status_code == 200
        assert (await reader.post(f"{PATH}/evaluations", json=wanted)).status_code == 403
        assert (await reader.post(f"{PATH}/calibrations/undo")).status_code == 403
