"""A gallery over an engine whose photos are texts: service tests need faces that they can choose, not pixels."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from mien.accounts import Accounts
from mien.clock import ManualClock
from mien.gallery.detected_faces import DetectedFaces
from mien.gallery.gallery import Gallery, open_gallery
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.quotas import Quotas
from mien.gallery.recognisers import Recogniser, Recognisers
from mien.matching import Calibration
from mien.storage import Database, Vault
from mien.vision.types import Attributes, Embedding, Face, FaceBox, HeadPose, Level3, Measured, Occlusion, Want

DIMENSION = 32
FINGERPRINT = "a" * 64
CALIBRATION = Calibration(threshold=0.6, slope=30.0, fmr=1e-4)
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
    return Embedding(vector, fingerprint, 10.0)


def photo(*faces: dict[str, object], width: int = 640, height: int = 480) -> bytes:
    """An "image": faces with a `seed` (and `near`, `away`), a `box`, and attributes."""
    return json.dumps({"width": width, "height": height, "faces": faces}).encode()


@dataclass(frozen=True)
class Found:
    width: int
    height: int
    faces: tuple[Face, ...]


class TextEngine:
    """Reads what `photo` wrote."""

    fingerprint = FINGERPRINT

    def analyze(self, image: bytes, want: Want) -> Found:
        given = json.loads(image)
        faces = []
        for one in given["faces"]:
            vector = unit(one["seed"], one.get("near"), one.get("away", 0.2))
            attributes = Attributes(
                head_pose=HeadPose(one.get("pitch", 0.0), one.get("roll", 0.0), one.get("yaw", 0.0)),
                blur=Measured(Level3(one.get("blur", "low")), 0.5),
                quality=Level3(one.get("quality", "high")),
                occlusion=Occlusion(False, False, one.get("mouth", False)),
            )
            box = FaceBox(*one.get("box", (100, 100, 80, 80)))
            points = np.zeros((5, 2), np.float32)
            faces.append(Face(box, 0.9, points, None, attributes, embedding(vector, self.fingerprint)))
        return Found(given["width"], given["height"], tuple(faces))


def recognisers(fingerprint: str = FINGERPRINT) -> Recognisers:
    return Recognisers({label: Recogniser(label, "text", fingerprint, CALIBRATION) for label in LABELS})


@dataclass(frozen=True)
class World:
    """A gallery with one resource.

    Attributes:
        gallery: under test; its training threads do not run.
        owner: the resource.
        faces: the short-lived face ids.
        engine: whose fingerprint can be changed.
        open: opens another gallery on the same state.
    """

    gallery: Gallery
    owner: UUID
    faces: DetectedFaces
    engine: TextEngine
    accounts: Accounts
    open: Callable[..., Gallery]

    def ref(self, kind: Kind, name: str = "group") -> CollectionRef:
        return CollectionRef(self.owner, kind, name)

    def make(self, kind: Kind, name: str = "group", model: str = "recognition_04") -> CollectionRef:
        ref = self.ref(kind, name)
        self.gallery.collections.create(ref, name, None, model)
        return ref

    def detect(self, vector: np.ndarray, model: str = "recognition_04", fingerprint: str = FINGERPRINT) -> str:
        (face_id,) = self.faces.remember(self.owner, model, [embedding(vector, fingerprint)], 86400)
        return face_id

    def train(self, ref: CollectionRef) -> str:
        self.gallery.training.start(ref)
        self.gallery.training.run_pending()
        return self.gallery.training.status(ref).status.value

    def with_(self, **changes: object) -> World:
        return replace(self, **changes)  # type: ignore[arg-type]  # whatever the test changes


@pytest.fixture
def world(database: Database, vault: Vault, clock: ManualClock, tmp_path: Path) -> World:
    accounts = Accounts(database, vault, clock)
    faces = DetectedFaces(database, vault, clock)
    engine = TextEngine()

    def open_again(fingerprint: str = FINGERPRINT, quotas: Quotas | None = None) -> Gallery:
        engine.fingerprint = fingerprint
        return open_gallery(
            database,
            vault,
            clock,
            tmp_path / "snapshots",
            engine=engine,
            recognisers=recognisers(fingerprint),
            detected_faces=faces,
            quotas=quotas,
        )

    return World(open_again(), accounts.create("owner").id, faces, engine, accounts, open_again)
