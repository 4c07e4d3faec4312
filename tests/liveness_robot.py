"""A client of the liveness channel without a browser: shows a photo, and answers challenges by doing nothing.

What it shows is a flat photo that neither turns nor reflects, which is a presentation attack; or a clip that was made
for a challenge that the server was told to give.
"""

from __future__ import annotations

import base64
import json
import random
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import cv2
import httpx
import numpy as np
from numpy.typing import NDArray
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

PROTOCOL = "mien-liveness.1"
SIZE = (480, 640)
"""Width and height of its camera."""


_MORE = 256
"""How far the camera's noise is shifted at most: making new noise for twenty cameras takes more than both cores."""


@cache
def _noise(height: int, width: int) -> NDArray[np.int16]:
    return np.random.default_rng(0).integers(-3, 4, (height + _MORE, width + _MORE, 3), dtype=np.int16)


def claims_of(token: str) -> dict[str, Any]:
    """Return what a token says, unchecked, as a client reads it."""
    body = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims


def placed(photo: bytes, face: dict[str, int], share: float = 0.42) -> NDArray[np.uint8]:
    """Return a camera picture with the photo's face in the middle, `share` of the width wide."""
    pixels = cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    width, height = SIZE
    scale = share * width / face["width"]
    middle = (face["left"] + face["width"] / 2, face["top"] + face["height"] / 2)
    matrix = np.array(
        [[scale, 0, width / 2 - scale * middle[0]], [0, scale, height / 2 - scale * middle[1]]], np.float64
    )
    moved = cv2.warpAffine(pixels, matrix, SIZE, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


@dataclass
class Robot:
    """Runs attempts.

    Attributes:
        picture: what its camera sees, uint8 (h, w, 3) BGR.
        fps: of its camera.
        seed: of the camera's noise: no two runs are alike.
        clip: JPEGs with their times in ms, sent in place of the picture once the challenge has come.
        challenged: set when a challenge has come.
        waited: seconds from its last `end` to the last message.
    """

    picture: NDArray[np.uint8]
    fps: float = 10.0
    seed: int = 0
    clip: tuple[tuple[int, bytes], ...] = ()
    challenged: threading.Event = field(default_factory=threading.Event)
    waited: float = 0.0
    _ended: float = 0.0

    def jpeg(self, number: int) -> bytes:
        """Return a frame; the camera's noise differs each time."""
        dice = random.Random(f"{self.seed}/{number}")
        height, width = self.picture.shape[:2]
        top, left = dice.randrange(_MORE), dice.randrange(_MORE)
        noise = _noise(height, width)[top : top + height, left : left + width]
        noisy = cv2.add(self.picture, noise, dtype=cv2.CV_8U)
        return bytes(cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 85])[1])

    def run(self, token: str, **hello: str) -> dict[str, Any]:
        """Go through an attempt; returns the last message."""
        claims = claims_of(token)
        parts = urlsplit(claims["endpoint"])
        scheme = {"http": "ws", "https": "wss"}[parts.scheme]
        url = urlunsplit((scheme, parts.netloc, claims["route"], "", ""))
        with connect(url, subprotocols=[PROTOCOL], max_size=None, proxy=None) as socket:  # type: ignore[list-item]  # a NewType of str
            socket.send(json.dumps({"type": "hello", "token": token, **hello}))
            return self._talk(socket)

    def _talk(self, socket: ClientConnection) -> dict[str, Any]:
        shown = 0
        while True:
            said: dict[str, Any] = json.loads(socket.recv(timeout=120))
            if said["type"] in {"result", "failure"}:
                self.waited = time.monotonic() - self._ended
                return said
            if said["type"] in {"accepted", "feedback"}:
                head = struct.pack(">II", shown * 200, shown | 0x8000_0000)
                socket.send(head + self.jpeg(10_000 + shown))
                shown += 1
                time.sleep(0.02)
            elif said["type"] == "challenge":
                self.challenged.set()
                threading.Thread(target=self._answer, args=(socket, said["durationMs"]), daemon=True).start()

    def _answer(self, socket: ClientConnection, duration_ms: int) -> None:
        with suppress(ConnectionClosed):
            self._send(socket, duration_ms)

    def _send(self, socket: ClientConnection, duration_ms: int) -> None:
        start = time.monotonic()
        for number, (taken, jpeg) in enumerate(self.clip):
            time.sleep(max(0.0, start + taken / 1000 - time.monotonic()))
            socket.send(struct.pack(">II", taken, number) + jpeg)
        for number in range(0 if self.clip else int(duration_ms / 1000 * self.fps)):
            wait = start + number / self.fps - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            jpeg = self.jpeg(number)  # before its time is taken: a camera's picture is ready then
            socket.send(struct.pack(">II", round((time.monotonic() - start) * 1000), number) + jpeg)
        time.sleep(max(0.0, start + duration_ms / 1000 - time.monotonic()))
        self._ended = time.monotonic()
        socket.send(json.dumps({"type": "end"}))


def robot_for(client: httpx.Client, photo: bytes, seed: int = 0) -> Robot:
    """Return a robot whose camera sees the face of a photo."""
    found = client.post(
        "/face/v1.2/detect?returnFaceId=false", content=photo, headers={"Content-Type": "application/octet-stream"}
    )
    return Robot(placed(photo, found.json()[0]["faceRectangle"]), seed=seed)
