import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from tests.manual_clock import ManualClock
from tests.shared import REPOSITORY

from mien.events import (
    METRICS,
    Aggregation,
    Exposition,
    Level,
    MetricError,
    MetricQuestion,
    MetricStore,
    Recorder,
    purge_metrics,
)
from mien.events.families import _COUNTERS
from mien.events.metrics import BOUNDS, NOBODY
from mien.events.query import percentile
from mien.events.recorder import BUCKETS, COLUMNS, Counts
from mien.storage import Database
from mien.storage.tables import CallRow

START = datetime(2026, 1, 1, tzinfo=UTC)
ONE, TWO = UUID(int=1), UUID(int=2)


@pytest.fixture
def recorder(database: Database, clock: ManualClock) -> Recorder:
    return Recorder(database, clock)


@pytest.fixture
def ask(database: Database, clock: ManualClock) -> Callable[..., Any]:
    """Asks for the ten minutes from the start: `{label: values}` with a split, else the values, or the one value."""

    def run(name: str, *, minutes: int = 10, **options: Any) -> Any:
        question = MetricQuestion(name, START, START + timedelta(minutes=minutes), **options)
        found = {
            series.label: [point.value for point in series.points] for series in MetricStore(database).ask(question)
        }
        if question.split:
            return found if question.interval else {label: values[0] for label, values in found.items()}
        return found[""] if question.interval else found[""][0]

    return run


def call(
    recorder: Recorder, resource_id: UUID = ONE, operation: str = "Face - Detect", status: int = 200, **options: Any
) -> None:
    told: dict[str, Any] = {"seconds": 0.01, "data_in": 100, "data_out": 10, "transactions": 1, "blocked": False}
    recorder.call(resource_id, operation, status, options.pop("code", ""), **(told | options))


def test_every_metric_counts_what_it_says(recorder: Recorder, ask: Callable[..., Any]) -> None:
    call(recorder)
    call(recorder, seconds=0.03)
    call(recorder, status=400, code="InvalidImage", transactions=0)
    call(recorder, status=429, code="429", transactions=0, blocked=True, data_in=0, data_out=0)
    call(recorder, status=503, code="ServerBusy", transactions=0, seconds=0.1)
    recorder.trained(ONE, 250)
    recorder.flush()
    names = [name for name in METRICS if name not in {"Latency", "FacesStored"}]
    assert [ask(name) for name in names] == [5, 2, 3, 2, 1, 1, 400, 40, 2, 250]
    assert ask("Latency") == pytest.approx(32)
    assert ask("Latency", aggregation=Aggregation.MAXIMUM) == pytest.approx(100)
    assert ask("Latency", aggregation=Aggregation.COUNT) == 5
    assert ask("DataIn", aggregation=Aggregation.AVERAGE) == 80
    assert ask("FaceTransactions", aggregation=Aggregation.COUNT) == 2
    assert ask("FaceImagesTrained", aggregation=Aggregation.AVERAGE) == 250


def test_series_are_split_and_restricted(recorder: Recorder, ask: Callable[..., Any]) -> None:
    call(recorder)
    call(recorder, operation="Face - Verify")
    call(recorder, TWO, status=400, code="InvalidImage")
    call(recorder, TWO, status=404, code="NotFound")
    recorder.trained(ONE, 5)
    recorder.flush()
    assert ask("TotalCalls", split="resource") == {str(ONE): 2, str(TWO): 2}
    assert ask("TotalCalls", split="operation") == {"Face - Detect": 3, "Face - Verify": 1}
    assert ask("TotalCalls", split="status") == {"200": 2, "400": 1, "404": 1}
    assert ask("ClientErrors", split="code") == {"InvalidImage": 1, "NotFound": 1}
    assert ask("TotalCalls", resource_id=TWO) == 2
    assert ask("TotalCalls", resource_id=ONE, operation="Face - Verify") == 1
    assert ask("TotalCalls", resource_id=uuid4()) == 0
    assert ask("Latency", resource_id=uuid4()) is None


def test_intervals(recorder: Recorder, clock: ManualClock, ask: Callable[..., Any]) -> None:
    for minute, calls in enumerate((2, 1, 0, 4)):
        for _ in range(calls):
            call(recorder, seconds=0.001 * (minute + 1))
        clock.advance(timedelta(minutes=1))
    recorder.flush()
    two = timedelta(minutes=2)
    assert ask("TotalCalls", minutes=6, interval=two) == [3, 4, 0]
    assert ask("TotalCalls", minutes=6, interval=two, aggregation=Aggregation.MAXIMUM) == [2, 4, None]
    assert ask("Latency", minutes=6, interval=two) == pytest.approx([4 / 3, 4, None])
    assert ask("TotalCalls", minutes=3, interval=two, split="resource") == {str(ONE): [3, 0]}


def test_a_question_in_the_first_second_of_a_minute_includes_it(recorder: Recorder, database: Database) -> None:
    call(recorder)
    recorder.flush()
    asked = START + timedelta(milliseconds=400)
    assert MetricStore(database).value(MetricQuestion("TotalCalls", START - timedelta(hours=1), asked)) == 1


def test_percentiles_follow_the_calls(recorder: Recorder, ask: Callable[..., Any]) -> None:
    for milliseconds in range(1, 101):
        call(recorder, seconds=milliseconds / 1000)
    recorder.flush()
    for wanted in (50, 90, 95, 99, 100):
        found = ask("Latency", aggregation=Aggregation.PERCENTILE, percentile=wanted)
        assert found == pytest.approx(wanted, abs=2)


@given(st.lists(st.integers(0, 50), min_size=len(BOUNDS) + 1, max_size=len(BOUNDS) + 1), st.floats(0.1, 100))
def test_a_percentile_lies_in_a_bucket_that_has_calls(counts: list[int], wanted: float) -> None:
    longest = 9_000.0
    found = percentile(counts, wanted, longest)
    if not any(counts):
        assert found is None
        return
    assert found is not None
    edges = [0, *BOUNDS, longest]
    assert any(count and edges[n] <= found <= edges[n + 1] for n, count in enumerate(counts))


def test_faces_stored_are_read_as_a_level(database: Database, clock: ManualClock, ask: Callable[..., Any]) -> None:
    levels = {ONE: 10, TWO: 5}
    recorder = Recorder(database, clock, gauges={"FacesStored": lambda: levels})
    recorder.read_gauges()
    recorder.read_gauges()
    clock.advance(timedelta(minutes=5))
    levels[ONE] = 30
    recorder.read_gauges()
    assert ask("FacesStored") == 25
    assert ask("FacesStored", aggregation=Aggregation.MAXIMUM) == 35
    assert ask("FacesStored", split="resource") == {str(ONE): 20, str(TWO): 5}
    assert ask("FacesStored", resource_id=ONE, interval=timedelta(minutes=5)) == [10, 30]


def test_a_question_that_makes_no_sense_is_refused(ask: Callable[..., Any]) -> None:
    for name, options in (
        ("ProcessedImages", {}),
        ("TotalCalls", {"aggregation": Aggregation.PERCENTILE}),
        ("FacesStored", {"split": "code"}),
        ("FacesStored", {"operation": "Face - Detect"}),
        ("TotalCalls", {"split": "colour"}),
        ("TotalCalls", {"interval": timedelta(seconds=90)}),
        ("TotalCalls", {"minutes": 0}),
        ("Latency", {"aggregation": Aggregation.PERCENTILE, "percentile": 101.0}),
    ):
        with pytest.raises(MetricError):
            ask(name, **options)


def test_threads_and_processes_add_up(
    database: Database, database_url: str, clock: ManualClock, ask: Callable[..., Any]
) -> None:
    code = (
        "from uuid import UUID; from tests.manual_clock import ManualClock; from mien.events import Recorder\n"
        "from mien.storage import Database\n"
        f"recorder = Recorder(Database({database_url!r}), ManualClock(), flush_seconds=0.01)\n"
        "recorder.start()\n"
        "for n in range(3000): recorder.call(UUID(int=1), f'op {n % 7}', 200, '', seconds=.001, data_in=1, data_out=1,"
        " transactions=1, blocked=False)\n"
        "recorder.stop()"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY) for _ in range(2)]
    recorder = Recorder(database, clock, flush_seconds=0.01)
    recorder.start()

    def work() -> None:
        for _ in range(2000):
            call(recorder)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.stop()
    assert [process.wait() for process in processes] == [0, 0]
    assert ask("TotalCalls") == 12_000
    assert ask("Latency", aggregation=Aggregation.COUNT) == 12_000


def test_what_cannot_be_written_now_is_written_later(
    recorder: Recorder, database: Database, ask: Callable[..., Any]
) -> None:
    call(recorder)
    with database.writing_connection() as connection:
        connection.execute(text("ALTER TABLE metric_calls RENAME TO elsewhere"))
    with pytest.raises(SQLAlchemyError):
        recorder.flush()
    call(recorder)
    with database.writing_connection() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO metric_calls"))
    recorder.flush()
    assert ask("TotalCalls") == 2
    assert recorder.totals()[ONE, "Face - Detect", 200, ""].calls == 2


def test_old_minutes_are_deleted(
    recorder: Recorder, database: Database, clock: ManualClock, ask: Callable[..., Any]
) -> None:
    call(recorder)
    recorder.flush()
    clock.advance(timedelta(days=30))
    call(recorder)
    recorder.flush()
    assert purge_metrics(database, clock, 30) == 0
    assert purge_metrics(database, clock, 29) == 1
    assert ask("TotalCalls", minutes=60 * 24 * 31) == 1


def test_prometheus_reads_the_page(recorder: Recorder) -> None:
    call(recorder, seconds=0.004)
    call(recorder, seconds=0.5, data_in=50)
    call(recorder, NOBODY, "Unknown", 404, code="NotFound", transactions=0)
    call(recorder, TWO, status=429, code="429", blocked=True)
    recorder.trained(ONE, 12)
    exposition = Exposition(
        recorder,
        lambda: {ONE: 'front "desk"'},
        [Level("mien_queue_length", "Calls that wait.", lambda: 3.0), Level("mien_work_total", "Work.", lambda: 7)],
        {"mien_faces_stored": lambda: {ONE: 5}},
    )
    page, media_type = exposition.render()
    assert media_type.startswith("text/plain")
    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }
    desk = 'front "desk"'
    detect = "Face - Detect"
    assert found["mien_calls_total", *sorted(["", "200", detect, desk])] == 2
    assert found["mien_calls_total", *sorted(["", "404", "NotFound", "Unknown"])] == 1
    assert found["mien_calls_total", *sorted([str(TWO), "429", "429", detect])] == 1
    assert found["mien_blocked_calls_total", *sorted([str(TWO), detect])] == 1
    assert found["mien_received_bytes_total", *sorted([desk, detect])] == 150
    assert found["mien_face_images_trained_total", *sorted([desk, "Training"])] == 12
    assert found["mien_call_duration_seconds_count", *sorted([desk, detect])] == 2
    assert found["mien_call_duration_seconds_sum", *sorted([desk, detect])] == pytest.approx(0.504)
    assert found["mien_call_duration_seconds_bucket", *sorted([desk, detect, "0.005"])] == 1
    assert found["mien_call_duration_seconds_bucket", *sorted([desk, detect, "+Inf"])] == 2
    assert (found["mien_queue_length",], found["mien_work_total",], found["mien_faces_stored", desk]) == (3, 7, 5)
    assert exposition.render("application/openmetrics-text; version=1.0.0")[0].endswith(b"# EOF\n")


def test_every_counter_has_the_column_of_its_name() -> None:
    counted = {column.name for column in CallRow.__table__.columns if not column.primary_key}
    assert set(COLUMNS) == counted
    shown = {column for column, _, _ in _COUNTERS}
    assert shown == set(COLUMNS) - {"calls", "latency_sum", "latency_max", *BUCKETS}, "a counter is not exposed"
    assert Counts(calls=1, trained=2).columns()["trained"] == 2
