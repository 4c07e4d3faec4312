import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.logs import REDACTED, redact

KEY = "0f08bc2e25715a18daa3101b188a34a6"


@given(
    st.binary(min_size=16, max_size=16), st.sampled_from(["{}", "key={}", "/detect?x=1&subscription-key={}", '"{}"'])
)
def test_a_key_never_stays_in_a_message(secret: bytes, message: str) -> None:
    assert secret.hex() not in redact(message.format(secret.hex()))


@pytest.mark.parametrize(
    "harmless",
    [
        "c5c24a82-6845-4031-9d5d-978df9175426",  # face ids
        "f" * 64,  # fingerprints
        "took 12.5 ms",
    ],
)
def test_ids_and_hashes_stay(harmless: str) -> None:
    assert redact(harmless) == harmless


def test_tokens_are_redacted() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln"
    assert redact(f"Bearer {token} end") == f"Bearer {REDACTED} end"
    assert token not in redact(f"token is {token}")


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_log_shows_a_key_whatever_way_it_came_in(form: str) -> None:
    code = f"""
import logging, structlog
from mien.logs import configure_logs
configure_logs("info", {form!r})
key = {KEY!r}
log = structlog.get_logger("a")
log.info("got " + key, key="short", authorization="Bearer abc", headers={{"Ocp-Apim-Subscription-Key": "odd key"}})
log.info("listed", items=[key, (key,)], raw=key.encode())
logging.getLogger("b").warning("from %s", key, extra={{"key1": "other"}})
logging.getLogger("b").debug("too fine")
try:
    raise ValueError(key)
except ValueError:
    log.exception("failed")
    logging.getLogger("c").exception("failed too")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    for secret in (KEY, "short", "Bearer abc", "odd key", "other"):
        assert secret not in done.stderr
    assert "ValueError" in done.stderr
    assert "too fine" not in done.stderr
    if form == "json":
        events = [json.loads(line) for line in done.stderr.splitlines()]
        assert [event["level"] for event in events] == ["info", "info", "warning", "error", "error"]
        assert all({"event", "timestamp", "logger"} <= set(event) for event in events)


def test_mistakes_of_clients_are_not_a_line_each() -> None:
    code = (
        "import logging; from mien.logs import configure_logs; configure_logs('info', 'json'); "
        "log = logging.getLogger('uvicorn.error'); log.warning('Invalid HTTP request received.'); "
        "log.error('ASGI callable returned without completing handshake.'); log.error('a mistake of ours')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [json.loads(line)["event"] for line in done.stderr.splitlines()] == ["a mistake of ours"]
