"""Small clips without people, drawn here, and a web server that sends Motion JPEG."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.stream import VideoStream
from tests.local_server import serving

from mien.vision.types import Pixels

SIZE = (320, 240)


def picture(index: int, size: tuple[int, int] = SIZE) -> Pixels:
    """A grey picture with a bright square that moves to the right."""
    width, height = size
    pixels = np.full((height, width, 3), 90, np.uint8)
    left = (index * 9) % (width - 60)
    pixels[60:120, left : left + 60] = (230, 240, 250)
    return pixels


def write_clip(
    path: Path, frames: int = 30, rate: int = 15, draw: Callable[[int], Pixels] = picture, codec: str = "libx264"
) -> Path:
    """Write a clip."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, VideoStream)
        first = draw(0)
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for index in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(draw(index), format="bgr24")))
        container.mux(stream.encode(None))
    return path


class MjpegServer:
    """What the server of `mjpeg_server` does.

    Attributes:
        port: where it listens.
        sending: cleared to stall all streams.
        hang_up: set to end all streams.
        calls: how many streams were asked for.
    """

    def __init__(self) -> None:
        self.port = 0
        self.sending = threading.Event()
        self.sending.set()
        self.hang_up = threading.Event()
        self.over = threading.Event()
        self.calls = 0

    @property
    def url(self) -> str:
        """Address of the stream."""
        return f"http://127.0.0.1:{self.port}/stream.mjpg"


@contextmanager
def mjpeg_server(credentials: str | None = None, draw: Callable[[int], Pixels] = picture) -> Iterator[MjpegServer]:
    """Run a web server that sends Motion JPEG as cameras do.

    Args:
        credentials: user:password that it asks for; none when None.
        draw: gives the pictures by their number.
    """
    state = MjpegServer()
    expected = "Basic " + base64.b64encode(credentials.encode()).decode() if credentials else None

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002

        def do_GET(self) -> None:
            if expected and self.headers.get("Authorization") != expected:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if self.path != "/stream.mjpg":
                self.send_error(404)
                return
            state.calls += 1
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            with suppress(OSError):  # the other side hung up
                self._stream()

        def _stream(self) -> None:
            index = 0
            while not (state.hang_up.is_set() or state.over.is_set()):
                if not state.sending.wait(0.05):
                    continue
                jpeg = cv2.imencode(".jpg", draw(index))[1].tobytes()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                self.wfile.write(head.encode() + jpeg + b"\r\n")
                self.wfile.flush()
                index += 1
                state.over.wait(0.05)

    with serving(Handler) as port:
        state.port = port
        try:
            yield state
        finally:
            state.over.set()


def photo_walks_up(path: Path, photo: Path, frames: int = 40, rate: int = 10) -> Path:
    """Write a clip in which the face of a photo comes nearer: the photo grows before a grey wall."""
    return write_clip(path, frames, rate, walking_photo(photo, frames))


def walking_photo(photo: Path, frames: int = 40) -> Callable[[int], Pixels]:
    """Return what draws a photo that grows before a grey wall, again and again."""
    shown = np.asarray(cv2.imread(str(photo)), np.uint8)

    def draw(index: int) -> Pixels:
        wall = np.full((480, 640, 3), 120, np.uint8)
        height = round(200 + 240 * (index % frames) / frames) // 2 * 2
        width = min(640, round(height * shown.shape[1] / shown.shape[0]))
        left, top = (640 - width) // 2, (480 - height) // 2
        wall[top : top + height, left : left + width] = cv2.resize(shown, (width, height), interpolation=cv2.INTER_AREA)
        return wall

    return draw
