"""A control plane with a gallery whose people are random templates."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from tests.conftest import MASTER_KEY
from tests.management.conftest import World
from tests.many_people import NewPerson, add_persons
from tests.memory import shared_engine

from mien.accounts import DEVELOPMENT_TERMS
from mien.gallery.detected_faces import DetectedFaces
from mien.gallery.gallery import open_gallery
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.measuring import Measuring
from mien.gallery.recognisers import Recognisers
from mien.gallery.reviews import Reviews
from mien.management import Role
from mien.models import ModelStore
from mien.models.bindings import read_bindings
from mien.storage import MasterKey, Vault
from mien.vision.types import Embedding


@pytest.fixture
def measured(quick: World, tmp_path: Path) -> World:
    """A control plane with a gallery, and groups of people of three templates each: `staff` of 30, `site` of 46."""
    parts = quick.parts
    store = ModelStore()
    recognisers = Recognisers.of(store, read_bindings(store, Path("nowhere")))
    vault = Vault(parts.database, MasterKey.from_hex(MASTER_KEY), parts.clock)
    gallery = open_gallery(
        parts.database, vault, parts.clock, tmp_path / "snapshots", engine=shared_engine(), recognisers=recognisers,
        detected_faces=DetectedFaces(parts.database, vault, parts.clock),
    )  # fmt: skip
    owner = parts.accounts.create("front", terms=DEVELOPMENT_TERMS).id
    random, fingerprint = np.random.default_rng(1), recognisers["recognition_04"].fingerprint
    for name, count in (("staff", 30), ("site", 46)):
        ref = CollectionRef(owner, Kind.LARGE_PERSON_GROUP, name)
        gallery.collections.create(ref, name, None, "recognition_04")
        people = []
        for number in range(count):
            near = random.normal(size=256) + 0.7 * random.normal(size=(3, 256))
            units = (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)
            people.append(NewPerson(str(number), None, tuple(Embedding(unit, fingerprint, 9.0) for unit in units)))
        add_persons(gallery, ref, people)
    changed = replace(
        parts,
        evaluations=Measuring(gallery, recognisers, parts.audit),
        reviews=Reviews(gallery.rows, vault, parts.audit),
    )
    return replace(quick, parts=changed)


@pytest.fixture
async def front_admin(measured: World) -> AsyncIterator[httpx.AsyncClient]:
    async with measured.client(measured.token(Role.ADMIN)) as client:
        yield client
