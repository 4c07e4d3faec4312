"""Faces of real photos with their points, found by the engine; skipped where photos or networks are missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.memory import ready_engine
from tests.shared import shared_path

from mien.vision import FaceEngine
from mien.vision.types import Float32, Pixels


@dataclass(frozen=True)
class RealFace:
    """The largest face of a photo."""

    name: str
    pixels: Pixels
    points: Float32


@pytest.fixture(scope="session")
def engine() -> FaceEngine:
    return ready_engine()


@pytest.fixture(scope="session")
def face_of(engine: FaceEngine) -> Callable[[Path], RealFace]:
    """Give the face nearest to the middle of a photo, with points in its pixels."""

    @cache
    def find(path: Path) -> RealFace:
        pixels = np.asarray(cv2.imread(str(path)), np.uint8)
        middle = np.array([pixels.shape[1], pixels.shape[0]]) / 2
        faces = engine.analyze(pixels).faces
        assert faces, path
        face = min(faces, key=lambda one: float(np.linalg.norm(one.points.mean(axis=0) - middle)))
        return RealFace(path.name, pixels, face.points)

    return find


@pytest.fixture(scope="session")
def lfw_faces(face_of: Callable[[Path], RealFace]) -> list[RealFace]:
    """One face of each of 40 people of LFW, spread over the alphabet."""
    people = sorted(path for path in shared_path("faces", "lfw").iterdir() if path.is_dir())
    return [face_of(min(person.glob("*.jpg"))) for person in people[:: len(people) // 40][:40]]
