"""What a real server counts, and still has after it was stopped."""

from datetime import UTC, datetime, timedelta
from io import BytesIO

import httpx
import pytest
from PIL import Image
from tests.conftest import Server, StartServer, stop

from mien.events import MetricQuestion, MetricStore
from mien.events.metrics import NOBODY
from mien.services import open_services
from mien.settings import Settings

DETECT = "/face/v1.2/detect?returnFaceId=false"


@pytest.fixture(scope="module")
def stopped(start_server: StartServer) -> Server:
    """A server that answered a few calls and was stopped before it could have written them."""
    server = start_server(metrics_seconds="300")
    photo = BytesIO()
    Image.effect_noise((64, 64), 20).save(photo, "PNG")
    with server.client() as client:
        for _ in range(3):
            answer = client.post(DETECT, content=photo.getvalue(), headers={"Content-Type": "application/octet-stream"})
            assert answer.json() == []
        refused = client.post(DETECT, content=b"too small", headers={"Content-Type": "application/octet-stream"})
        assert refused.status_code == 400
        group = "/face/v1.2/facelists/some"
        assert client.put(group, json={"name": "some", "recognitionModel": "recognition_04"}).status_code == 200
        assert client.get(f"{group}s").status_code == 404
    httpx.post(f"{server.endpoint}{DETECT}", content=photo.getvalue(), trust_env=False)
    assert stop(server.process) == 0
    return server


def test_nothing_is_lost_at_a_stop(stopped: Server) -> None:
    services = open_services(Settings(data_dir=stopped.data_dir))
    resource = services.accounts.resources()[0].id
    now = datetime.now(UTC)

    def ask(name: str, split: str | None = None, **options: object) -> dict[str, float | None]:
        question = MetricQuestion(
            name,
            now - timedelta(minutes=10),
            now + timedelta(minutes=1),
            split=split,  # type: ignore[arg-type]  # a literal, passed through
            **options,  # type: ignore[arg-type]  # likewise
        )
        return {series.label: series.points[0].value for series in MetricStore(services.database).ask(question)}

    assert ask("TotalCalls", "operation", resource_id=resource) == {
        "Face - Detect": 4,
        "FaceList - Create": 1,
        "FaceList - Get": 1,
    }
    assert ask("FaceTransactions", resource_id=resource)[""] == 4
    assert ask("TotalErrors", "code", resource_id=resource) == {"FaceListNotFound": 1, "InvalidImageSize": 1}
    assert ask("TotalErrors", "code", resource_id=NOBODY) == {"401": 1}
    assert (ask("DataIn", resource_id=resource)[""] or 0) > 300
    assert (ask("DataOut", resource_id=resource)[""] or 0) > 100
    assert (ask("Latency", resource_id=resource)[""] or 0) > 0
    services.close()
    assert "could not be written" not in stopped.log.read_text()
