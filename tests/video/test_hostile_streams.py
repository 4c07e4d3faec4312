"""Servers that are no cameras, or broken ones: a clear problem, bounded memory, and connections that become rarer."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from av.video.stream import VideoStream
from structlog.testing import capture_logs
from tests.video.clips import mjpeg_server, picture

from mien.video import reader
from mien.video.errors import SourceError
from mien.video.health import Health
from mien.video.mjpeg import MAX_PART
from mien.video.sources import LiveSource, open_source

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"
PART = b"--frame\r\nContent-Type: image/jpeg\r\n"
Answer = Callable[[socket.socket], None]


@contextmanager
def answering(answer: Answer) -> Iterator[int]:
    """Run a server that answers each connection with a function; gives its port."""
    over = threading.Event()

    def talk(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            answer(connection)
            connection.shutdown(socket.SHUT_WR)

    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with suppress(OSError):
                while not over.is_set():
                    threading.Thread(target=talk, args=(server.accept()[0],), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def problem(address: str, seconds: float = 120.0) -> Health:
    """Open an address; returns its first problem."""
    source = open_source(address, stall_s=1.0)
    assert isinstance(source, LiveSource)
    begun = time.monotonic()
    try:
        for _ in source.frames():
            health = source.health()
            if health.problem not in {None, "no frame has come yet"}:
                return health
            assert time.monotonic() - begun < seconds, health
    finally:
        source.close()
    raise AssertionError


def forever(chunk: bytes) -> Answer:
    def answer(connection: socket.socket) -> None:
        while True:
            connection.sendall(chunk)

    return answer


@pytest.mark.parametrize("length", [b"Content-Length: 1000000000\r\n", b""])
def test_a_picture_without_end_is_refused_before_it_fills_the_memory(length: bytes) -> None:
    sent = 0

    def answer(connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(HEAD + PART + length + b"\r\n\xff\xd8")
        while True:
            connection.sendall(b"a" * 65536)
            sent += 65536

    with answering(answer) as port:
        assert problem(f"http://127.0.0.1:{port}/").problem == "the picture is too large"
    assert sent < 2 * MAX_PART


def test_a_description_of_a_gigabyte_is_refused_before_it_is_read() -> None:
    told = threading.Event()

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: DESCRIBE\r\n\r\n")
        connection.recv(65536)
        connection.sendall(b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: 1000000000\r\n\r\n")
        told.wait(120)  # one that tried to read it would get nothing, and report that

    with answering(answer) as port:
        assert problem(f"rtsp://127.0.0.1:{port}/x").problem == "the data is not a video that can be decoded"
        told.set()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + b"<p>no camera</p>" * 3000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        HEAD,
    ],
)
def test_an_answer_that_is_no_motion_jpeg_is_told(answer: bytes) -> None:
    with answering(lambda connection: connection.sendall(answer)) as port:
        assert problem(f"http://127.0.0.1:{port}/").problem == reader.NOT_MJPEG


def test_parts_that_are_no_pictures_end_the_connection_in_time(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reader, "_OPEN_S", 1.0)

    def answer(connection: socket.socket) -> None:
        connection.sendall(HEAD)
        while True:
            connection.sendall(PART + b"Content-Length: 500\r\n\r\n" + b"no picture" * 50 + b"\r\n")
            time.sleep(0.05)

    with answering(answer) as port:
        assert problem(f"http://127.0.0.1:{port}/").problem == "no picture for 1 s"
    assert "Traceback" not in capfd.readouterr().err


def test_a_camera_that_speaks_http_at_its_rtsp_port_is_told() -> None:
    with answering(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        assert problem(f"rtsp://127.0.0.1:{port}/x").problem == "the data is not a video that can be decoded"


def test_a_server_that_says_nothing_is_asked_ever_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time spent on waiting for an answer is no sign that the stream runs."""
    monkeypatch.setattr(reader, "_OPEN_S", 0.3)
    monkeypatch.setattr(reader, "_SETTLED_S", 0.1)
    with capture_logs() as logs, answering(lambda _: time.sleep(5.0)) as port:
        source = open_source(f"http://127.0.0.1:{port}/")
        begun = time.monotonic()
        for _ in source.frames():
            if len(logs) >= 3:
                break
            assert time.monotonic() - begun < 120.0, logs
        source.close()
    assert [entry["again_in_s"] for entry in logs[:3]] == [0.5, 1.0, 2.0]


def test_another_camera_is_not_affected() -> None:
    with answering(forever(HEAD + PART + b"X: " + b"a" * 65536)) as port, mjpeg_server() as server:
        bad, good = open_source(f"http://127.0.0.1:{port}/"), open_source(server.url)
        frames = bad.frames()
        next(frames)
        seen = [frame for frame, _ in zip(good.frames(), range(40), strict=False) if frame is not None]
        bad.close()
        good.close()
    assert len(seen) > 20


def test_a_file_of_text_is_no_video(tmp_path: Path) -> None:
    """FFmpeg would draw it as on a terminal, and nobody would be recognised."""
    (tmp_path / "notes.txt").write_text("Hello,\nworld\n" * 200)
    with pytest.raises(SourceError, match="has no video"):
        list(open_source(tmp_path / "notes.txt").frames())


def test_the_cover_of_a_sound_file_is_no_video(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "song.m4a"), "w", format="mp4") as container:
        sound, cover = container.add_stream("aac", rate=44100), container.add_stream("mjpeg", rate=1)
        assert isinstance(cover, VideoStream)
        cover.width, cover.height, cover.pix_fmt = 320, 240, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        for stream, content in ((cover, av.VideoFrame.from_ndarray(picture(0), format="bgr24")), (sound, frame)):
            container.mux(stream.encode(content))  # type: ignore[arg-type]  # of its own kind
            container.mux(stream.encode(None))
    with pytest.raises(SourceError, match="has no video"):
        list(open_source(tmp_path / "song.m4a").frames())
