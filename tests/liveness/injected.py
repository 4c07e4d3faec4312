"""Injections that are made of a recording: tinted to the flashes, and with another face on it."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from tests.liveness.heads import Head
from tests.liveness.videos import Footage

from mien.liveness.challenge import Challenge
from mien.liveness.types import TimedFrame
from mien.vision.types import Float32, Pixels

_RATE_MS: Final = 66
_DECODED: Final = ((np.arange(256) / 255) ** 2.2).astype(np.float32)


def tinted(shown: Footage, challenge: Challenge, seed: int, face_of: Head | None = None) -> list[TimedFrame]:
    """A recording of a person who does what is asked, tinted to the flashes by a program.

    Args:
        shown: the recording.
        challenge: what the attempt is asked for.
        seed: everything random comes from it.
        face_of: whose face is put onto the recording; None for nobody's.
    """
    rng = np.random.default_rng(seed)
    late, latency, strength = rng.uniform(250, 500), rng.uniform(0, 80), rng.uniform(0.06, 0.25)
    frames = []
    for number, time in enumerate(range(20, challenge.duration_ms + 100, _RATE_MS)):
        index = shown.number(challenge, float(time), float(late))
        pixels = shown.frames[index]
        if face_of is not None and index in shown.meshes:
            pixels = with_face(pixels, shown.meshes[index].points[:, :2], face_of)
        light = challenge.light([time - latency])[0][::-1].astype(np.float32)
        lit = _DECODED[pixels] * 0.8 * (1 + np.float32(strength) * light)
        grain = rng.normal(0, 1.0, pixels.shape[:2]).astype(np.float32)[..., None]
        image = np.clip(np.clip(lit, 0, 1) ** (1 / 2.2) * 255 + grain, 0, 255).astype(np.uint8)
        jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()
        frames.append(TimedFrame(jpeg, time, number))
    return frames


def with_face(pixels: Pixels, points: Float32, head: Head) -> Pixels:
    """Put a head's face onto another: warped triangle by triangle between the meshes, in the colours of the target."""
    height, width = pixels.shape[:2]
    hull = cv2.convexHull(points.round().astype(np.int32))
    mask = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(mask, hull, 255)
    x0, y0, across, down = cv2.boundingRect(hull)
    left, top = max(x0, 0), max(y0, 0)  # a turned head may reach beyond the picture
    across, down = min(x0 + across, width) - left, min(y0 + down, height) - top
    if min(across, down) < 8:
        return pixels
    # Where each target pixel comes from: the displacement of the nearest vertices, smoothed.
    step = 4
    y, x = np.mgrid[top : top + down : step, left : left + across : step].astype(np.float32)
    near = ((x[..., None] - points[:, 0]) ** 2 + (y[..., None] - points[:, 1]) ** 2) + 4.0
    weights = 1 / near**2
    source = (weights @ head.points[:, :2].astype(np.float32)) / weights.sum(axis=2, keepdims=True)
    source = cv2.resize(source.astype(np.float32), (across, down), interpolation=cv2.INTER_LINEAR)
    face = cv2.remap(head.pixels, source[..., 0], source[..., 1], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
    there = pixels[top : top + down, left : left + across]
    inside = mask[top : top + down, left : left + across] > 0
    wanted, given = there[inside].astype(np.float32), face[inside].astype(np.float32)
    matched = (face - given.mean(axis=0)) / (given.std(axis=0) + 1e-3) * wanted.std(axis=0) + wanted.mean(axis=0)
    soft = cv2.GaussianBlur(cv2.erode(mask, np.ones((9, 9))), (0, 0), 5)[top : top + down, left : left + across]
    share = soft[..., None].astype(np.float32) / 255
    out = pixels.copy()
    out[top : top + down, left : left + across] = np.clip(matched * share + there * (1 - share), 0, 255)
    return out
