import hmac
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text
from tests.manual_clock import ManualClock
from tests.waiting import until

from mien.events import (
    AlertError,
    AlertMonitor,
    AlertRule,
    AlertRules,
    Condition,
    Deliveries,
    MetricStore,
    QuotaUse,
    Recorder,
)
from mien.events.alerts.deliveries import CLAIM, pause, signature
from mien.events.alerts.monitor import try_out
from mien.events.alerts.webhook import post
from mien.events.metrics import Aggregation
from mien.events.recall import RecallCounts
from mien.fetching.addresses import AddressPolicy
from mien.fetching.fetch import FetchPolicy
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.tables import AlertRuleRow, ResourceRow

ROUND = timedelta(seconds=15)
ERRORS = Condition("ServerErrors", 3, minutes=5)


class Receiver:
    """A webhook on loopback that keeps what it gets and answers as told."""

    def __init__(self) -> None:
        self.got: list[tuple[Mapping[str, str], bytes]] = []
        self.statuses: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((dict(self.headers), body))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?secret=hush"

    @property
    def events(self) -> list[str]:
        return [headers["Mien-Event"] for headers, _ in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    thread = threading.Thread(target=lambda: made.server.serve_forever(0.02))
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


class World:
    """Everything that alerts need, on one database, with a clock to move."""

    def __init__(self, database: Database, vault: Vault, clock: ManualClock) -> None:
        self.database = database
        self.vault = vault
        self.clock = clock
        self.recorder = Recorder(database, clock)
        self.rules = AlertRules(database, vault, clock)
        self.uses: list[QuotaUse] = []
        self.policy = FetchPolicy(AddressPolicy(allow_private=True), total_seconds=60)

    def deliveries(self) -> Deliveries:
        """What one server has; another call is another server."""
        return Deliveries(self.database, self.rules, self.post, self.clock)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        return post(url, body, headers, self.policy)

    def monitor(self) -> AlertMonitor:
        return AlertMonitor(
            self.database,
            self.rules,
            self.deliveries(),
            MetricStore(self.database),
            self.clock,
            uses=lambda: self.uses,
            names=lambda: {UUID(int=1): "desk"},
        )

    def round(self, monitor: AlertMonitor) -> None:
        self.clock.advance(ROUND)
        monitor.evaluate()
        monitor.send()

    def fail(self, calls: int) -> None:
        for _ in range(calls):
            self.recorder.call(
                UUID(int=1), "Face - Detect", 500, "", seconds=0.2, data_in=0, data_out=0, transactions=0, blocked=False
            )
        self.recorder.flush()


@pytest.fixture
def world(database: Database, vault: Vault, clock: ManualClock) -> World:
    with database.write(EVERY_RESOURCE) as session:
        session.add(ResourceRow(id=UUID(int=1), name="desk", location="local", sku="S0", created_at=clock.now()))
    return World(database, vault, clock)


def test_a_rule_fires_once_clears_once_and_fires_again(world: World, receiver: Receiver) -> None:
    rule, secret = world.rules.create("errors", ERRORS, resource_id=UUID(int=1), url=receiver.url)
    assert secret is not None
    monitor = world.monitor()
    world.round(monitor)
    assert receiver.events == []
    world.fail(4)
    for _ in range(3):
        world.round(monitor)
    assert receiver.events == ["fired"]
    assert world.rules.get(rule.id).firing
    headers, body = receiver.got[0]
    told = json.loads(body)
    assert (told["event"], told["value"], told["threshold"], told["metric"]) == ("fired", 4, 3, "ServerErrors")
    assert told["resource"] == {"id": str(UUID(int=1)), "name": "desk"}
    assert told["rule"] == {"id": str(rule.id), "name": "errors"}
    assert headers["Mien-Delivery"] == told["id"]
    stamp, mac = (part.partition("=")[2] for part in headers["Mien-Signature"].split(","))
    assert hmac.compare_digest(mac, hmac.digest(secret.encode(), f"{stamp}.".encode() + body, "sha256").hex())
    assert int(stamp) == int(world.clock.now().timestamp()) - 30
    world.clock.advance(timedelta(minutes=10))
    for _ in range(3):
        world.round(monitor)
    assert receiver.events == ["fired", "resolved"]
    world.fail(3)
    world.round(monitor)
    assert receiver.events == ["fired", "resolved", "fired"]
    assert [(one.event, one.state) for one in world.rules.deliveries(rule.id)] == [
        ("fired", "delivered"),
        ("resolved", "delivered"),
        ("fired", "delivered"),
    ]


def test_a_failed_delivery_is_sent_again_later_and_later_and_in_order(world: World, receiver: Receiver) -> None:
    rule, _ = world.rules.create("errors", ERRORS, url=receiver.url)
    monitor = world.monitor()
    receiver.statuses = [500, 302, 404]
    world.fail(3)
    world.round(monitor)
    monitor.send()
    assert len(receiver.got) == 1
    world.clock.advance(timedelta(seconds=5))
    monitor.send()
    assert len(receiver.got) == 2
    world.clock.advance(timedelta(seconds=5))
    monitor.send()
    assert len(receiver.got) == 2
    assert "status 302" in (world.rules.deliveries(rule.id)[0].outcome or "")
    world.clock.advance(timedelta(minutes=10) - timedelta(seconds=10))
    world.round(monitor)  # it has cleared meanwhile; the receiver fails a third time
    assert receiver.events == ["fired"] * 3
    world.clock.advance(timedelta(minutes=1))
    for _ in range(2):
        monitor.send()
    assert receiver.events == ["fired"] * 4 + ["resolved"]
    assert len({headers["Mien-Delivery"] for headers, _ in receiver.got}) == 2


def test_after_a_day_a_delivery_is_given_up(world: World, receiver: Receiver) -> None:
    rule, _ = world.rules.create("errors", ERRORS, url=receiver.url)
    monitor = world.monitor()
    receiver.statuses = [500] * 1000
    world.fail(3)
    world.round(monitor)
    for _ in range(60):
        world.clock.advance(timedelta(hours=1))
        monitor.send()
    assert [one.state for one in world.rules.deliveries(rule.id)] == ["failed"]
    assert 15 < len(receiver.got) < 35
    world.clock.advance(timedelta(days=40))
    assert world.deliveries().purge() == 1


def test_a_restart_neither_loses_nor_repeats(world: World, receiver: Receiver) -> None:
    world.rules.create("errors", ERRORS, url=receiver.url)
    world.fail(3)
    world.clock.advance(ROUND)
    world.monitor().evaluate()  # a server that ends before it has sent
    assert receiver.events == []
    world.round(world.monitor())
    assert receiver.events == ["fired"]
    for _ in range(3):
        world.round(world.monitor())
    assert receiver.events == ["fired"]


def test_a_claim_of_a_dead_server_runs_out(world: World, receiver: Receiver) -> None:
    world.rules.create("errors", ERRORS, url=receiver.url)
    world.fail(3)
    world.clock.advance(ROUND)
    world.monitor().evaluate()
    dead = Deliveries(world.database, world.rules, dying_post, world.clock)
    with pytest.raises(SystemExit):
        dead.send_due()
    assert world.deliveries().send_due() == 0
    world.clock.advance(CLAIM + timedelta(seconds=1))
    assert world.deliveries().send_due() == 1
    assert receiver.events == ["fired"]


def dying_post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    raise SystemExit


def test_many_servers_send_once(world: World, receiver: Receiver) -> None:
    rule, _ = world.rules.create("errors", ERRORS, url=receiver.url)
    monitors = [world.monitor() for _ in range(6)]
    for calls, expected in ((3, ["fired"]), (0, ["fired", "resolved"])):
        world.fail(calls)
        world.clock.advance(ROUND if calls else timedelta(minutes=10))
        barrier = threading.Barrier(len(monitors))

        def run(monitor: AlertMonitor, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            monitor.evaluate()
            monitor.send()

        with ThreadPoolExecutor(len(monitors)) as pool:
            list(pool.map(run, monitors))
        assert receiver.events == expected
    assert len(world.rules.deliveries(rule.id)) == 2


def test_threads_deliver_for_real(world: World, receiver: Receiver) -> None:
    world.rules.create("errors", ERRORS, url=receiver.url)
    world.fail(3)
    world.clock.advance(ROUND)
    monitor = AlertMonitor(
        world.database, world.rules, world.deliveries(), MetricStore(world.database), world.clock, seconds=0.02
    )
    monitor.start()
    until(lambda: receiver.got)
    monitor.stop()
    assert receiver.events == ["fired"]


def use(quota: str, used: float, resource: int = 1) -> QuotaUse:
    return QuotaUse(UUID(int=resource), quota, f"{quota} of something", used, 200)


def test_quota_use(world: World) -> None:
    with world.database.write(EVERY_RESOURCE) as session:
        row = ResourceRow(id=UUID(int=2), name="two", location="local", sku="S0", created_at=world.clock.now())
        session.add(row)
    world.uses = [use("storage", 150), use("volume", 160, 2), use("rate", 10)]
    rules = {}
    for quota, resource in (("storage", None), (None, 1), (None, None), ("volume", None), (None, 2)):
        owner = None if resource is None else UUID(int=resource)
        rule, secret = world.rules.create("quota", Condition("QuotaUse", 80, quota=quota), resource_id=owner)
        assert (rule.host, secret) == (None, None)
        rules[quota, resource] = rule.id
    world.round(world.monitor())
    states = {key: world.rules.get(rule_id) for key, rule_id in rules.items()}
    assert [rule.firing for rule in states.values()] == [False, False, True, True, True]
    assert {rule.value for rule in states.values() if rule.firing} == {80}


def test_a_search_engine_that_misses_people_on_any_server(world: World) -> None:
    servers = [RecallCounts(world.database, world.clock) for _ in range(2)]

    def checked(found: int, missed: int, server: int = 0, resource: int = 1) -> None:
        for number in range(found + missed):
            servers[server].note(UUID(int=resource), number < found)
        servers[server].flush()

    condition = Condition.of("IdentityRecall", minutes=60)
    assert (condition.threshold, condition.below) == (99.9, True)
    rules = [world.rules.create("recall", condition, resource_id=owner)[0].id for owner in (None, UUID(int=1))]
    monitor = world.monitor()

    def states() -> list[tuple[bool, float | None]]:
        world.round(monitor)
        found = map(world.rules.get, rules)
        return [(one.firing, None if one.value is None else round(one.value, 3)) for one in found]

    assert states() == [(False, None)] * 2  # nothing was checked
    checked(40, 1)
    assert states() == [(False, None)] * 2  # one miss is no rate
    checked(18, 1, server=1)
    assert states() == [(True, 96.667)] * 2
    checked(0, 1, resource=9)
    checked(2000, 0)
    assert states() == [(True, 96.667), (False, 99.903)]
    world.clock.advance(timedelta(hours=2))
    checked(1, 0)
    assert [firing for firing, _ in states()] == [False, False]


def test_percentiles_and_low_values(world: World) -> None:
    slow, _ = world.rules.create(
        "slow", Condition("Latency", 150, aggregation=Aggregation.PERCENTILE, percentile=99, operation="face - detect")
    )
    other, _ = world.rules.create("other", Condition("Latency", 150, operation="Face - Verify"))
    quiet, _ = world.rules.create("quiet", Condition("TotalCalls", 0, below=True, minutes=1))
    monitor = world.monitor()
    world.round(monitor)
    assert [world.rules.get(one.id).firing for one in (slow, other, quiet)] == [False, False, True]
    world.fail(1)
    world.round(monitor)
    assert [world.rules.get(one.id).firing for one in (slow, other, quiet)] == [True, False, False]


def test_a_rule_on_an_operation_that_there_is_not_is_refused(world: World) -> None:
    for wrong, words in (("Face - Detct", "there are Face - Detect, "), ("op", "there is Face - Detect")):
        with pytest.raises(AlertError, match=f"there is no operation '{wrong}'; {words}"):
            world.rules.create("wrong", Condition("Latency", 150, operation=wrong))
    assert world.rules.rules() == []


def test_a_test_message_arrives_or_says_why_not(world: World, receiver: Receiver) -> None:
    rule, _ = world.rules.create("errors", ERRORS, url=receiver.url)
    assert try_out(world.rules, world.deliveries(), world.clock, rule.id) is None
    assert receiver.events == ["test"]
    receiver.statuses = [410]
    assert "410" in (try_out(world.rules, world.deliveries(), world.clock, rule.id) or "")
    world.policy = FetchPolicy(AddressPolicy(allow_private=False, settings="MIEN_WEBHOOK"))
    assert "MIEN_WEBHOOK_ALLOW_PRIVATE" in (try_out(world.rules, world.deliveries(), world.clock, rule.id) or "")
    assert len(receiver.got) == 2


def test_cloud_metadata_stays_out_of_reach(world: World) -> None:
    for address in ("http://169.254.169.254/latest", "http://[fe80::1]/"):
        rule, _ = world.rules.create("errors", ERRORS, url=address)
        assert "link-local" in (try_out(world.rules, world.deliveries(), world.clock, rule.id) or "")


def test_addresses_and_secrets_are_sealed_and_not_shown(world: World) -> None:
    url, secret = "https://hooks.example.com/services/T0/verysecret", "also a very secret secret"
    rule, told = world.rules.create("errors", ERRORS, url=url, secret=secret)
    assert told == secret
    assert rule.host == "https://hooks.example.com"
    assert world.rules.address(rule.id) == (url, secret)
    assert "verysecret" not in repr(world.rules.rules())
    with world.database.read(EVERY_RESOURCE) as session:
        row = session.scalars(select(AlertRuleRow)).one()
    assert b"secret" not in (row.url or b"") + (row.secret or b"")


def test_rules_are_listed_deleted_and_go_with_their_resource(world: World, receiver: Receiver) -> None:
    one, _ = world.rules.create("one", ERRORS, resource_id=UUID(int=1), url=receiver.url)
    world.clock.advance(ROUND)
    two, _ = world.rules.create("two", ERRORS, url=receiver.url)
    world.fail(3)
    world.clock.advance(ROUND)
    world.monitor().evaluate()
    assert [rule.name for rule in world.rules.rules()] == ["one", "two"]
    assert [rule.name for rule in world.rules.rules(UUID(int=1))] == ["one"]
    world.rules.delete(two.id)
    with pytest.raises(AlertError, match="no such rule"):
        world.rules.delete(two.id)
    with world.database.writing_connection() as connection:
        connection.execute(text("DELETE FROM resources"))
    assert world.rules.rules() == []
    assert world.deliveries().send_due() == 0
    assert one.id != two.id


def test_delivery_pauses_grow_to_an_hour() -> None:
    assert [pause(n).total_seconds() for n in (0, 1, 2, 9, 10, 1000)] == [5, 10, 20, 2560, 3600, 3600]


def test_a_signature_is_what_the_documentation_says() -> None:
    # Computed with: printf '1700000000.{"a": 1}' | openssl dgst -sha256 -hmac 0123456789abcdef
    expected = "09f4bb04e8cba11aeb0d90ffdd73e38a83be1c59cd0408c683d80645ea8dd3d1"
    assert signature("0123456789abcdef", "1700000000", b'{"a": 1}') == expected


@pytest.mark.parametrize(
    "make",
    [
        lambda: Condition("Nothing", 1),
        lambda: Condition("TotalCalls", 1, aggregation=Aggregation.PERCENTILE),
        lambda: Condition("TotalCalls", 1, quota="rate"),
        lambda: Condition("QuotaUse", 80, quota="money"),
        lambda: Condition("QuotaUse", 80, operation="op"),
        lambda: Condition("IdentityRecall", 99.9, operation="op"),
        lambda: Condition.of("TotalCalls"),
        lambda: Condition.of("Nothing"),
        lambda: Condition("TotalCalls", 1, minutes=0),
        lambda: Condition("TotalCalls", float("nan")),
        lambda: Condition("Latency", 1, percentile=0),
    ],
)
def test_conditions_that_make_no_sense_are_refused(make: Callable[[], Any]) -> None:
    with pytest.raises(AlertError):
        make()


def test_rules_that_cannot_work_are_refused(world: World) -> None:
    for name, url, secret in (
        ("", None, None),
        ("x" * 101, None, None),
        ("x", "ftp://example.com", None),
        ("x", "https://user:password@example.com", None),
        ("x", "https://exa mple.com", None),
        ("x", "http://[::1", None),
        ("x", "https://example.com/" + "x" * 2000, None),
        ("x", "https://example.com", "short"),
    ):
        with pytest.raises(AlertError):
            world.rules.create(name, ERRORS, url=url, secret=secret)
    assert world.rules.rules() == []


def test_conditions_survive_the_database(world: World) -> None:
    condition = Condition("Latency", 12.5, True, 60, Aggregation.PERCENTILE, 99.9, "Face - Detect")
    rule: AlertRule = world.rules.create("all", condition)[0]
    assert world.rules.get(rule.id).condition == condition
    with pytest.raises(AlertError):
        world.rules.get(uuid4())
