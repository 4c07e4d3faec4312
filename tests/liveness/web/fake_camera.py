"""A clip as Chromium's fake camera, and how an attempt in the browser is made to begin when the clip's answer does.

A person sees the colours and then turns the head. A clip cannot wait: it runs from the moment the camera is on. So it
begins with a face that keeps still for a while, and the page is made to take the server's challenge only when the
still part ends. A mark in the picture's corner tells when that is: it turns from white to black a second before.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from mien.vision.types import Pixels

FPS = 15
STILL_SECONDS = 5
"""Long enough for the page to have the face placed, shorter than the server's patience with a challenge."""

_MARK = 32
_NOTICE_MS = 1000
_AHEAD_MS = 20
"""From the challenge's arrival to its first colour on the screen, about."""

HOLD_CHALLENGE = f"""(() => {{
    let tell;
    const beginning = new Promise((resolve) => {{ tell = resolve; }});
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => {{
        const stream = await open(wanted);
        const video = Object.assign(document.createElement("video"), {{ muted: true, srcObject: stream }});
        const paint = new OffscreenCanvas(1, 1).getContext("2d", {{ willReadFrequently: true }});
        let white = false;
        const look = (now, {{ captureTime }}) => {{
            paint.drawImage(video, {_MARK // 4}, {_MARK // 4}, {_MARK // 2}, {_MARK // 2}, 0, 0, 1, 1);
            const is = paint.getImageData(0, 0, 1, 1).data[0] > 128;
            if (white && !is) tell((captureTime ?? now) + {_NOTICE_MS - _AHEAD_MS});
            white = is;
            video.requestVideoFrameCallback(look);
        }};
        video.requestVideoFrameCallback(look);
        await video.play();
        return stream;
    }};
    const listen = WebSocket.prototype.addEventListener;
    WebSocket.prototype.addEventListener = function (type, heard, ...rest) {{
        if (type !== "message") return listen.call(this, type, heard, ...rest);
        return listen.call(this, type, async (event) => {{
            if (JSON.parse(event.data).type === "challenge") {{
                const time = await beginning;
                await new Promise((resolve) => setTimeout(resolve, time - performance.now()));
            }}
            heard(event);
        }}, ...rest);
    }};
}})()"""


def write_clip(path: Path, answer: Sequence[Pixels]) -> None:
    """Write a clip for `--use-file-for-fake-video-capture`.

    Args:
        path: a file that ends in .y4m.
        answer: what the camera sees from the challenge's first colour on, at `FPS`; BGR uint8 (h, w, 3), even sizes.
    """
    height, width = answer[0].shape[:2]
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F{FPS}:1 Ip A1:1 C420jpeg\n".encode())

        def write(pixels: Pixels, mark: int) -> None:
            marked = pixels.copy()
            marked[:_MARK, :_MARK] = mark
            file.write(b"FRAME\n" + np.asarray(cv2.cvtColor(marked, cv2.COLOR_BGR2YUV_I420)).tobytes())

        still = STILL_SECONDS * FPS
        for index in range(still):
            write(answer[0], 255 if index < still - _NOTICE_MS * FPS // 1000 else 0)
        for pixels in answer:
            write(pixels, 0)
        for _ in range(3 * FPS):  # a slow machine's last pictures are not those of the beginning
            write(answer[-1], 0)


def camera(path: Path) -> tuple[str, ...]:
    """Chromium's arguments for a camera that shows a clip, with permission to use it."""
    return (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={path}",
    )
