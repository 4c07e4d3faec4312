"""The frame that shows the face best: for the session's image and for comparing with the reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np

from mien.liveness.challenge import Challenge
from mien.liveness.turns import Neutral
from mien.liveness.types import TimedFrame
from mien.vision.presentation.track import Sighting, Track, sharpness
from mien.vision.types import Pixels

_LOOKED_AT: Final = 8
"""Candidates whose sharpness is measured."""
_LATENCY_MS: Final = 90.0
"""Usual time from a change of the screen until a frame shows it."""
_QUALITY: Final = 92


def candidates(track: Track, challenge: Challenge, ahead: Neutral) -> list[Sighting]:
    """The most frontal frames with open eyes, best first; at least one if there are sightings."""
    frontal = [s for s in track.sightings if s.time_ms <= challenge.frontal_ms] or list(track.sightings)
    eyes = np.array([sighting.eyes for sighting in frontal])
    usual = max(float(np.median(eyes)), 1e-6)
    light = challenge.light([sighting.time_ms - _LATENCY_MS for sighting in frontal])
    coloured = light.max(axis=1) - light.min(axis=1)
    away = np.array([np.hypot(s.pose.yaw - ahead.yaw, s.pose.pitch - ahead.pitch) for s in frontal])
    cost = away / 10 + 2 * np.clip(0.9 - eyes / usual, 0, 1) + 0.3 * coloured
    return [frontal[index] for index in np.argsort(cost, kind="stable")[:_LOOKED_AT]]


def rank(found: list[Sighting], challenge: Challenge, pixels_of: Callable[[Sighting], Pixels]) -> list[Sighting]:
    """Order candidates by sharpness, of those under coloured light only if they are much sharper."""
    light = challenge.light([sighting.time_ms - _LATENCY_MS for sighting in found])
    plain = 1 - 0.2 * (light.max(axis=1) - light.min(axis=1))
    values = [sharpness(pixels_of(sighting), sighting) * share for sighting, share in zip(found, plain, strict=True)]
    return [found[index] for index in np.argsort(-np.array(values), kind="stable")]


def jpeg_of(frame: TimedFrame) -> bytes:
    """The frame as the client sent it, or as a JPEG where it is pixels."""
    if isinstance(frame.image, bytes):
        return frame.image
    return cv2.imencode(".jpg", frame.image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
