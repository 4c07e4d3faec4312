"""The services of person directories over a real database and an engine whose photos are texts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
from tests.gallery.texts import FINGERPRINT, TextEngine, embedding, photo, recognisers
from tests.manual_clock import ManualClock

from mien.accounts import DEVELOPMENT_TERMS, AccountRules, Accounts, Sku
from mien.gallery.api_snapshots import Transfers
from mien.gallery.detected_faces import DetectedFaces
from mien.gallery.directory.dynamic_groups import DynamicGroups
from mien.gallery.directory.persons import DirectoryPersons
from mien.gallery.directory.recognition import DirectoryRecognition
from mien.gallery.directory.services import open_directory
from mien.gallery.directory.views import DirectoryViews
from mien.gallery.gallery import Gallery, open_gallery
from mien.gallery.operations import Operations
from mien.gallery.quotas import Quotas
from mien.storage import Database, Vault

MODEL = "recognition_04"


@dataclass(frozen=True)
class World:
    """The services of a directory and two resources that use them."""

    persons: DirectoryPersons
    groups: DynamicGroups
    operations: Operations
    transfers: Transfers
    recognition: DirectoryRecognition
    views: DirectoryViews
    gallery: Gallery
    purge: Callable[[], int]
    detected: DetectedFaces
    accounts: Accounts
    owner: UUID
    other: UUID

    def resource(self, name: str, sku: Sku = Sku.STANDARD) -> UUID:
        return self.accounts.create(name, sku=sku, terms=DEVELOPMENT_TERMS).id

    def person(self, *seeds: int, name: str = "person", model: str = MODEL) -> str:
        """A person of the owner with a face for each seed."""
        person_id = self.persons.create(self.owner, name).id
        assert person_id is not None
        for seed in seeds:
            self.face(person_id, seed, model)
        return person_id

    def face(self, person_id: str, seed: int, model: str = MODEL) -> str:
        face_id = self.persons.add_face(self.owner, person_id, model, photo({"seed": seed})).id
        assert face_id is not None
        return face_id

    def detect(
        self, vector: np.ndarray, model: str = MODEL, fingerprint: str = FINGERPRINT, owner: UUID | None = None
    ) -> str:
        (face_id,) = self.detected.remember(owner or self.owner, model, [embedding(vector, fingerprint)], 86400)
        return face_id


def build(
    database: Database,
    vault: Vault,
    clock: ManualClock,
    folder: Path,
    *,
    quotas: Quotas | None = None,
    fingerprint: str = FINGERPRINT,
) -> World:
    """Open the services; a second call on the same database is another process's view of it."""
    engine, labels = TextEngine(), recognisers(fingerprint)
    engine.fingerprint = fingerprint
    faces = DetectedFaces(database, vault, clock)
    gallery = open_gallery(
        database, vault, clock, folder, engine=engine, recognisers=labels, detected_faces=faces, quotas=quotas
    )
    services = open_directory(gallery, database, vault, clock, engine=engine, recognisers=labels)
    accounts = Accounts(database, vault, clock, rules=AccountRules(paid_resources=1000))  # a run each, of random ones
    resources = {one.name: one.id for one in accounts.resources()}
    return World(
        persons=services.directory,
        groups=services.dynamic_groups,
        operations=services.operations,
        transfers=services.transfers,
        recognition=services.recognition,
        views=services.views,
        gallery=gallery,
        purge=services.purge,
        detected=faces,
        accounts=accounts,
        owner=resources.get("owner") or accounts.create("owner", terms=DEVELOPMENT_TERMS).id,
        other=resources.get("other") or accounts.create("other", terms=DEVELOPMENT_TERMS).id,
    )
