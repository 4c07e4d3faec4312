"""A gallery over an engine whose photos are texts (`tests.gallery.texts`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from tests.gallery.texts import CALIBRATION, FINGERPRINT, TextEngine, embedding, photo, recognisers, unit
from tests.manual_clock import ManualClock

from mien.accounts import DEVELOPMENT_TERMS, Accounts
from mien.gallery.detected_faces import DetectedFaces
from mien.gallery.gallery import Gallery, open_gallery
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.quotas import Quotas
from mien.search.milvus import MilvusServer
from mien.storage import Database, Vault

__all__ = ["CALIBRATION", "World", "embedding", "photo", "unit"]


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
    return open_world(database, vault, clock, tmp_path)


def open_world(
    database: Database,
    vault: Vault,
    clock: ManualClock,
    folder: Path,
    *,
    owner: UUID | None = None,
    search_engine: str = "exact",
    milvus: MilvusServer | None = None,
) -> World:
    """Open a gallery, for a new resource when no owner is given."""
    accounts = Accounts(database, vault, clock)
    faces = DetectedFaces(database, vault, clock)
    engine = TextEngine()

    def open_again(fingerprint: str = FINGERPRINT, quotas: Quotas | None = None) -> Gallery:
        engine.fingerprint = fingerprint
        return open_gallery(
            database,
            vault,
            clock,
            folder / "snapshots",
            engine=engine,
            recognisers=recognisers(fingerprint),
            detected_faces=faces,
            quotas=quotas,
            search_engine=search_engine,
            milvus=milvus,
        )

    if owner is None:
        owner = accounts.create("owner", terms=DEVELOPMENT_TERMS).id
    return World(open_again(), owner, faces, engine, accounts, open_again)
