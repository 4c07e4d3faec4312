"""Heads of the shared photos, ready to be put into clips."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from tests.liveness.heads import Head, find_head

from mien.models.store import ModelStore
from mien.vision.detector import YuNet
from mien.vision.finder import FaceFinder
from mien.vision.landmarks import FaceMesh
from mien.vision.types import OperatingPoint
from mien.vision.upright import UprightReader


def head_in_photo(photo: Path, size: tuple[int, int] = (360, 480)) -> Head:
    """The largest face of a photo, in a frame of `size` (width, height).

    Raises:
        ValueError: if the photo shows no face.
    """
    pixels = np.asarray(cv2.imread(str(photo), cv2.IMREAD_COLOR), np.uint8)
    finder, mesher = networks()
    faces = finder.find(pixels, OperatingPoint.GENERAL)
    if not faces:
        message = f"no face in {photo}"
        raise ValueError(message)
    largest = max(faces, key=lambda face: face.box[2])
    reader = UprightReader(detector(), lambda _, __: 1.0)
    return find_head(mesher, pixels, reader.refine(pixels, largest.points).points, size)


@cache
def detector() -> YuNet:
    """The detector of the user's model store."""
    return YuNet(ModelStore().load("yunet").network)


@cache
def networks() -> tuple[FaceFinder, FaceMesh]:
    """The detector and the mesh of the user's model store."""
    store = ModelStore()
    mesh = store.load("mesh").networks
    return FaceFinder(detector()), FaceMesh(mesh["mesh"], mesh["iris"])
