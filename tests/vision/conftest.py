"""Real networks and photos for the tests of the mesh; a test without them is skipped, with what is missing named."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.models.errors import MissingFileError
from mien.models.store import ModelStore
from mien.vision.landmarks import FaceMesh
from mien.vision.types import Float32, Pixels

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class LabelledFace:
    """A photo with a detector's five points and the 27 landmarks by eye; NaN where a landmark cannot be seen."""

    name: str
    pixels: Pixels
    points: Float32
    landmarks: Float32

    @property
    def eye_distance(self) -> float:
        return float(np.linalg.norm(self.landmarks[1] - self.landmarks[0]))


def faces_folder() -> Path:
    named = os.environ.get("MIEN_SHARED")
    folders = [Path(named)] if named else [parent / "shared" for parent in REPOSITORY.parents]
    for folder in folders:
        if (folder / "faces").is_dir():
            return folder / "faces"
    pytest.skip(f"needs the photos in {folders[0] / 'faces'} (set MIEN_SHARED to the shared folder)")


@pytest.fixture(scope="session")
def face_mesh() -> FaceMesh:
    try:
        networks = ModelStore().load("mesh").networks
    except MissingFileError as problem:
        pytest.skip(str(problem))
    return FaceMesh(networks["mesh"], networks["iris"])


@pytest.fixture(scope="session")
def labelled_faces() -> list[LabelledFace]:
    """The photos of bench/data/landmarks.json."""
    folder = faces_folder()
    faces = []
    for entry in json.loads((REPOSITORY / "bench/data/landmarks.json").read_text()):
        pixels = np.asarray(cv2.imread(str(folder / entry["photo"]), cv2.IMREAD_COLOR), np.uint8)
        landmarks = np.array([point or [np.nan, np.nan] for point in entry["landmarks"]], np.float32)
        faces.append(LabelledFace(entry["photo"], pixels, np.array(entry["points"], np.float32), landmarks))
    return faces
