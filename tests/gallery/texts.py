"""An engine whose photos are texts: service tests need faces that they can choose, not pixels."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from mien.contract.attributes import Level3
from mien.gallery.recognisers import Recogniser, Recognisers
from mien.matching import Calibration
from mien.vision.types import Attributes, Embedding, Face, FaceBox, HeadPose, Measured, Occlusion, Want

DIMENSION = 32
FINGERPRINT = "a" * 64
CALIBRATION = Calibration(threshold=0.6, fmr=1e-4, tail=27.0)
LABELS = ("recognition_01", "recognition_02", "recognition_03", "recognition_04")


def unit(seed: int, near: int | None = None, away: float = 0.2) -> np.ndarray:
    """A random direction, or one at a cosine of about 1 - away²/2 to that of another seed."""
    vector = np.random.default_rng(seed).normal(size=DIMENSION)
    vector /= np.linalg.norm(vector)
    if near is not None:
        vector = unit(near).astype(np.float64) + away * vector
        vector /= np.linalg.norm(vector)
    return vector.astype(np.float32)


def embedding(vector: np.ndarray, fingerprint: str = FINGERPRINT) -> Embedding:
    return Embedding(vector, fingerprint, 10.0 if vector.any() else 0.0)


UNREAD = np.zeros(DIMENSION, np.float32)
"""The template of a face that could not be read."""


def photo(*faces: dict[str, object], width: int = 640, height: int = 480) -> bytes:
    """An "image": faces with a `seed` (and `near`, `away`, `read`), a `box`, and attributes."""
    return json.dumps({"width": width, "height": height, "faces": faces}).encode()


@dataclass(frozen=True)
class Found:
    width: int
    height: int
    faces: tuple[Face, ...]
    photo: Any = None


class TextEngine:
    """Reads what `photo` wrote."""

    fingerprint = FINGERPRINT

    def analyze(self, image: bytes, want: Want) -> Found:
        given = json.loads(image)
        faces = []
        for one in given["faces"]:
            vector = unit(one["seed"], one.get("near"), one.get("away", 0.2)) if one.get("read", True) else UNREAD
            attributes = Attributes(
                head_pose=HeadPose(one.get("pitch", 0.0), one.get("roll", 0.0), one.get("yaw", 0.0)),
                blur=Measured(Level3(one.get("blur", "low")), 0.5),
                quality=Level3(one.get("quality", "high")),
                occlusion=Occlusion(False, False, one.get("mouth", False)),
            )
            box = FaceBox(*one.get("box", (100, 100, 80, 80)))
            points = np.zeros((5, 2), np.float32)
            faces.append(Face(box, 0.9, points, None, attributes, embedding(vector, self.fingerprint)))
        return Found(given["width"], given["height"], tuple(faces), image if want.photo else None)


def recognisers(fingerprint: str = FINGERPRINT) -> Recognisers:
    return Recognisers({label: Recogniser(label, "text", fingerprint, CALIBRATION) for label in LABELS})
