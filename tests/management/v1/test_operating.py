"""Audit, metrics, alerts, the request log's switch: what an operator asks of a running server."""

from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

import httpx
import pytest
from tests.management.conftest import World

from mien.accounts import Acknowledgement, Resource, Sku
from mien.contract.flashes import WithoutFlashes
from mien.events.audit_chain import AuditEntry, verify_entries
from mien.events.recorder import BUCKETS
from mien.management import Role
from mien.storage import EVERY_RESOURCE
from mien.storage.tables import CallRow

TERMS = Acknowledgement("Anna", responsible_ai=True, not_for_police=True)
VERSION = {"api-version": "2024-02-01"}


@pytest.fixture
def front(quick: World) -> Resource:
    return quick.parts.accounts.create("front", terms=TERMS, location="westeurope", sku=Sku.FREE)


def count(world: World, resource: Resource, operation: str, status: int, calls: int) -> datetime:
    """Put calls into the current minute, as the recorder does."""
    now = world.clock.now()
    with world.parts.database.write(EVERY_RESOURCE) as session:
        session.add(
            CallRow(
                resource_id=resource.id,
                minute=int(now.timestamp()) // 60,
                operation=operation,
                status=status,
                code="" if status < 400 else "BadArgument",
                calls=calls,
                blocked=0,
                latency_sum=calls * 7000,
                latency_max=9000,
                data_in=calls * 100,
                data_out=calls * 10,
                transactions=calls if status < 400 else 0,
                trained=0,
                **dict.fromkeys(BUCKETS, 0),
            )
        )
    return now


async def test_the_audit_log_is_searched_exported_and_verified(
    quick: World, front: Resource, admin: httpx.AsyncClient
) -> None:
    quick.parts.accounts.regenerate_key(front.id, 1, actor="cli:ben")
    found = (await admin.get("/mien/v1/audit", params={"resource": "front", "action": "key.*"})).json()["value"]
    assert [(one["actor"], one["resourceId"]) for one in found] == [("cli:ben", str(front.id))]
    assert (await admin.get("/mien/v1/audit", params={"limit": 1})).json()["value"] == found
    later = (quick.clock.now() + timedelta(seconds=1)).isoformat()
    assert (await admin.get("/mien/v1/audit", params={"since": later})).json()["value"] == []
    exported = await admin.get("/mien/v1/audit/export")
    assert exported.headers["content-type"].startswith("application/x-ndjson")
    entries = [AuditEntry.from_json(line) for line in exported.text.splitlines()]
    assert verify_entries(entries).broken is None
    whole = (await admin.get("/mien/v1/audit/verify")).json()
    assert (whole["sound"], whole["entries"]) == (True, len(entries))
    known = {"sequence": whole["entries"], "hash": whole["head"]}
    assert (await admin.get("/mien/v1/audit/verify", params=known)).json()["sound"]
    other = (await admin.get("/mien/v1/audit/verify", params=known | {"hash": "0" * 64})).json()
    assert (other["sound"], other["broken"]) == (False, whole["entries"])
    missing = (await admin.get("/mien/v1/audit/verify", params=known | {"sequence": 99})).json()
    assert missing["reason"] == "the last entries are missing"


UNANSWERABLE: Final[list[tuple[str, dict[str, str]]]] = [
    ("/mien/v1/audit", {"since": "0001-01-01T00:00:00+14:00"}),
    ("/mien/v1/audit", {"since": "yesterday"}),
    ("/mien/v1/audit", {"since": "2026-01-01T00:00:00"}),
    ("/mien/v1/audit", {"limit": "1001"}),
    ("/mien/v1/audit", {"before": str(2**70)}),
    ("/mien/v1/audit/verify", {"sequence": "1"}),
    ("/mien/v1/metrics", {"name": "Nothing"}),
    ("/mien/v1/metrics", {"name": "Latency", "aggregation": "Median"}),
    ("/mien/v1/metrics", {"name": "TotalCalls", "since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}),
    ("/mien/v1/metrics", {"name": "TotalCalls", "since": "2001-01-02T00:00:00Z", "minutes": "1"}),
    ("/mien/v1/metrics", {}),
]


async def test_questions_that_cannot_be_answered_are_explained(admin: httpx.AsyncClient) -> None:
    for path, parameters in UNANSWERABLE:
        answer = await admin.get(path, params=parameters)
        assert answer.status_code == 400, (path, parameters)
        assert set(answer.json()) == {"error"}, (path, parameters)
        assert "Input should" not in answer.text


async def test_metrics_answer_in_our_shape_and_in_azures(
    quick: World, front: Resource, admin: httpx.AsyncClient
) -> None:
    quick.clock.advance(timedelta(minutes=2))
    now = count(quick, front, "Face - Detect", 200, 3)
    count(quick, front, "Face - Verify", 400, 2)
    quick.clock.advance(timedelta(minutes=1))
    split = {"name": "TotalCalls", "split": "operation", "resource": "front"}
    told = (await admin.get("/mien/v1/metrics", params=split)).json()
    assert [(one["label"], one["points"][0]["value"]) for one in told["series"]] == [
        ("Face - Detect", 3),
        ("Face - Verify", 2),
    ]
    assert "Latency" in {one["name"] for one in (await admin.get("/mien/v1/metrics/definitions")).json()["value"]}

    resource = (await admin.get("/mien/v1/resources/front")).json()
    insights = f"{resource['armId']}/providers/Microsoft.Insights"
    span = f"{now:%Y-%m-%dT%H:%M:00Z}/{now + timedelta(minutes=1):%Y-%m-%dT%H:%M:00Z}"
    asked = VERSION | {"metricnames": "totalcalls,Latency", "timespan": span, "interval": "PT1M"}
    answer = (await admin.get(f"{insights}/metrics", params=asked)).json()
    assert (answer["namespace"], answer["resourceregion"]) == ("Microsoft.CognitiveServices/accounts", "westeurope")
    calls, latency = answer["value"]
    assert calls["id"].endswith("/providers/Microsoft.Insights/metrics/TotalCalls")
    assert (calls["unit"], calls["timeseries"][0]["data"]) == (
        "Count",
        [{"timeStamp": span.split("/", maxsplit=1)[0], "total": 5.0}],
    )
    assert latency["timeseries"][0]["data"][0]["average"] == 7.0
    by_operation = asked | {"$filter": "ApiName eq '*' and OperationName eq '*'", "aggregation": "Total,Average"}
    series = (await admin.get(f"{insights}/metrics", params=by_operation)).json()["value"][0]["timeseries"]
    assert [one["metadatavalues"][0]["value"] for one in series] == ["Face - Detect", "Face - Verify"]
    assert {"total", "average"} <= set(series[0]["data"][0])
    for wrong in (
        {"interval": "PT7M"},
        {"timespan": "now"},
        {"metricnames": "Nothing"},
        {"aggregation": "Median"},
        {"$filter": "OperationName = 'x'"},
        {"$filter": "Colour eq 'red'"},
    ):
        assert (await admin.get(f"{insights}/metrics", params=asked | wrong)).status_code == 400
    definitions = (await admin.get(f"{insights}/metricDefinitions", params=VERSION)).json()["value"]
    assert {"TotalCalls", "FacesStored"} <= {one["name"]["value"] for one in definitions}

    (usage,) = (await admin.get(f"{resource['armId']}/usages", params=VERSION)).json()["value"]
    assert (usage["currentValue"], usage["limit"], usage["status"]) == (3.0, 30_000.0, "Included")
    assert usage["nextResetTime"].endswith("-01T00:00:00Z")
    location = (
        resource["armId"].split("/resourceGroups")[0] + "/providers/Microsoft.CognitiveServices/locations/West Europe"
    )
    of_location = (await admin.get(f"{location}/usages", params=VERSION)).json()["value"]
    assert [(one["currentValue"], one["limit"]) for one in of_location] == [(1.0, 1.0), (0.0, 10.0)]


async def test_alert_rules_are_made_tried_and_deleted_and_never_show_their_address(
    quick: World, front: Resource, admin: httpx.AsyncClient
) -> None:
    rules = "/mien/v1/alert-rules"
    address = "https://hooks.example.com/a-secret-path"
    condition = {"metric": "TotalErrors", "threshold": 10, "minutes": 5}
    made = await admin.post(rules, json={"name": "errors", "resource": "front", "url": address, "condition": condition})
    assert made.status_code == 201
    rule = made.json()
    assert (rule["host"], rule["resourceId"], rule["firing"]) == ("https://hooks.example.com", str(front.id), False)
    assert len(rule["secret"]) == 64
    quick.clock.advance(timedelta(seconds=1))
    quotas = (await admin.post(rules, json={"name": "quotas"})).json()
    assert (quotas["condition"]["metric"], quotas["condition"]["threshold"]) == ("QuotaUse", 80)
    assert quotas["secret"] is None
    recall = (await admin.post(rules, json={"name": "r", "condition": {"metric": "IdentityRecall"}})).json()
    usual = {"threshold": 99.9, "below": True, "minutes": 1440}
    assert usual.items() <= recall["condition"].items()
    assert (await admin.delete(f"{rules}/{recall['id']}")).status_code == 204
    listed = await admin.get(rules)
    assert [one["name"] for one in listed.json()["value"]] == ["errors", "quotas"]
    assert "a-secret-path" not in listed.text
    assert rule["secret"] not in listed.text
    one = f"{rules}/{rule['id']}"
    assert (await admin.get(one)).json()["name"] == "errors"
    assert (await admin.get(f"{one}/deliveries")).json() == {"value": []}
    assert (await admin.post(f"{one}/test")).json() == {"delivered": False, "problem": "nobody listens"}
    assert (await admin.delete(one)).status_code == 204
    assert (await admin.delete(one)).status_code == 404
    assert (await admin.get(f"{rules}/{uuid4()}/deliveries")).status_code == 404
    for wrong in (
        {"url": "ftp://x"},
        {"url": "https://a:b@x"},
        {"condition": {"metric": "No"}},
        {"condition": {"metric": "TotalErrors"}},
        {"secret": "short", "url": address},
    ):
        assert (await admin.post(rules, json={"name": "x"} | wrong)).status_code == 400
    actions = [entry.action for entry in quick.parts.audit.search(action="alert.*")]
    made_and_deleted = ["alert.delete", "alert.create"]
    assert actions == ["alert.delete", "alert.test", *made_and_deleted, "alert.create", "alert.create"]
    assert not any("secret" in entry.to_json() for entry in quick.parts.audit.entries())


async def test_a_resource_allows_liveness_without_flashes(
    quick: World, front: Resource, admin: httpx.AsyncClient
) -> None:
    path = "/mien/v1/resources/front/liveness-without-flashes"
    for policy, resource in (("uncertain", WithoutFlashes.UNCERTAIN), ("server", None)):
        assert (await admin.put(path, json={"policy": policy})).json()["livenessWithoutFlashes"] == policy
        assert (found := quick.parts.accounts.get(front.id)) is not None
        assert found.without_flashes is resource
    assert (await admin.put(path, json={"policy": "spoofface"})).status_code == 400
    async with quick.client(quick.token(Role.READER)) as reader:
        assert (await reader.put(path, json={"policy": "realface"})).status_code == 403


async def test_the_request_log_is_switched_while_the_server_runs(
    quick: World, front: Resource, admin: httpx.AsyncClient
) -> None:
    switch = "/mien/v1/resources/front/request-log"
    assert (await admin.put(switch, json={"enabled": True})).json()["requestLog"] is True
    resource = quick.parts.accounts.get(front.id)
    assert resource is not None
    assert resource.request_log
    async with quick.client(quick.token(Role.READER)) as reader:
        assert (await reader.put(switch, json={"enabled": False})).status_code == 403
        seen = (await reader.get(f"/mien/v1/resources/{front.id}")).json()
        assert (seen["name"], seen["terms"]["acceptedBy"], seen["features"]) == ("front", "Anna", [])
        assert [one["id"] for one in (await reader.get("/mien/v1/resources")).json()["value"]] == [str(front.id)]
        assert (await reader.get("/mien/v1/resources/nobody")).status_code == 404


SCRAPERS: Final[list[tuple[str, dict[str, str], int]]] = [
    ("127.0.0.1", {}, 404),  # let in, but there is no data plane beside this control plane
    ("::1", {}, 404),
    ("::ffff:127.0.0.1", {}, 404),
    ("::ffff:192.0.2.1", {}, 401),
    ("192.0.2.1", {}, 401),
    ("127.0.0.1", {"X-Forwarded-For": "192.0.2.1"}, 401),
    ("127.0.0.1", {"Authorization": "Bearer wrong"}, 401),
]


async def test_prometheus_scrapes_from_this_machine_or_with_a_token(quick: World) -> None:
    token = {"Authorization": f"Bearer {quick.token(Role.READER)}"}
    for address, headers, status in SCRAPERS:
        transport = httpx.ASGITransport(app=quick.plane, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://management.test") as client:
            assert (await client.get("/metrics", headers=headers)).status_code == status, (address, headers)
            assert (await client.get("/metrics", headers=token)).status_code == 404, address
            assert (await client.get("/mien/v1/resources", headers=headers)).status_code == 401, (address, headers)
