"""The frame that shows the face best: for the session's image and for comparing with the reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np

from mien.liveness.challenge import Challenge
from mien.liveness.turns import Neutral
from mien.liveness.types import TimedFrame
from mien.vision.presentation.track import FaceTrack, Observation, sharpness
from mien.vision.types import Pixels

_LOOKED_AT: Final = 8
"""Number of candidates whose sharpness is measured."""
_LATENCY_MS: Final = 90.0
"""Usual time from a change of the screen until a frame shows it."""
_QUALITY: Final = 92


def candidates(track: FaceTrack, challenge: Challenge, ahead: Neutral) -> list[Observation]:
    """The most frontal frames with open eyes, best first; at least one if there are observations."""
    frontal = [s for s in track.observations if s.time_ms <= challenge.frontal_ms] or list(track.observations)
    eyes = np.array([observation.eyes for observation in frontal])
    usual = max(float(np.median(eyes)), 1e-6)
    light = challenge.light([observation.time_ms - _LATENCY_MS for observation in frontal])
    coloured = light.max(axis=1) - light.min(axis=1)
    away = np.array([np.hypot(s.pose.yaw - ahead.yaw, s.pose.pitch - ahead.pitch) for s in frontal])
    cost = away / 10 + 2 * np.clip(0.9 - eyes / usual, 0, 1) + 0.3 * coloured
    return [frontal[index] for index in np.argsort(cost, kind="stable")[:_LOOKED_AT]]


def rank(
    found: list[Observation], challenge: Challenge, pixels_of: Callable[[Observation], Pixels]
) -> list[Observation]:
    """Order candidates by sharpness, of those under coloured light only if they are much sharper."""
    light = challenge.light([observation.time_ms - _LATENCY_MS for observation in found])
    plain = 1 - 0.2 * (light.max(axis=1) - light.min(axis=1))
    values = [
        sharpness(pixels_of(observation), observation) * share for observation, share in zip(found, plain, strict=True)
    ]
    return [found[index] for index in np.argsort(-np.array(values), kind="stable")]


def jpeg_of(frame: TimedFrame) -> bytes:
    """The frame as the client sent it, or encoded as a JPEG if it is pixels."""
    if isinstance(frame.image, bytes):
        return frame.image
    return cv2.imencode(".jpg", frame.image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
