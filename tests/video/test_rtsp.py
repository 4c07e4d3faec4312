"""RTSP from GStreamer's real server: over TCP and UDP, with a password, through a hang and a loss of power."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from structlog.testing import capture_logs
from tests.video.rtsp_server import RtspServer, rtsp_server
from tests.video.test_sources import opened, some, until

from mien.video.sources import Source, Transport

__all__ = ["opened"]


@pytest.fixture(scope="module")
def server() -> Iterator[RtspServer]:
    with rtsp_server() as running:
        yield running


@pytest.mark.parametrize("transport", list(Transport))
def test_frames_come_over_tcp_and_udp(server: RtspServer, opened: Callable[..., Source], transport: Transport) -> None:
    source = opened(server.url, transport=transport)
    frames = some(source, 6)
    assert (frames[0].width, frames[0].height) == (320, 240)
    assert frames[-1].at_s > frames[0].at_s
    assert frames[-1].pixels().max() > 200, "the ball of the test picture is white"
    assert source.health().connected


def test_a_stream_that_does_not_exist_is_told(server: RtspServer, opened: Callable[..., Source]) -> None:
    health = until(opened(server.url + "-not"), lambda one: one.problem != "no frame has come yet")
    assert health.problem == "the camera has no such stream (404)"


def test_a_password_is_sent_and_never_shown() -> None:
    """In a process of its own, so that what FFmpeg itself prints is seen too."""
    script = """
import sys, time
from mien.logs import configure_logs
from mien.video import open_source
configure_logs("debug", "json")
for address in sys.argv[1:]:
    source = open_source(address)
    deadline = time.monotonic() + 60
    for frame in source.frames():
        health = source.health()
        if frame is not None or health.problem != "no frame has come yet" or time.monotonic() > deadline:
            break
    print(source.name, source, health.problem, frame is not None)
    source.close()
"""
    with rtsp_server(0, "viewer", "Tr0ub4dor") as server:
        addresses = [server.url.replace("rtsp://", f"rtsp://viewer:{word}@") for word in ("Tr0ub4dor", "wr0ngpass")]
        done = subprocess.run(
            [sys.executable, "-c", script, *addresses], capture_output=True, text=True, timeout=200, check=True
        )
    right, wrong = done.stdout.splitlines()[0], done.stdout.splitlines()[-1]
    assert right.endswith("None True")
    assert "refused the user name or password (401)" in wrong
    told = done.stdout + done.stderr
    assert "Tr0ub4dor" not in told
    assert "wr0ngpass" not in told
    assert "viewer" not in told


def test_a_camera_that_hangs_is_noticed_and_taken_up_again(opened: Callable[..., Source]) -> None:
    with rtsp_server() as server, capture_logs() as logs:
        source = opened(server.url, stall_s=2.0)
        some(source, 3)
        server.freeze()
        hung = until(source, lambda one: not one.connected)
        assert hung.problem is not None
        server.thaw()
        assert until(source, lambda one: one.connected).reconnects >= 0
    assert all(entry["source"] == server.url for entry in logs)


def test_a_camera_that_loses_power_is_found_again_at_its_address(opened: Callable[..., Source]) -> None:
    with rtsp_server() as server:
        source = opened(server.url, stall_s=2.0)
        some(source, 3)
        server.kill()
        until(source, lambda one: not one.connected)
        with rtsp_server(server.port):
            again = until(source, lambda one: one.connected)
            assert again.reconnects >= 1
