"""Grouping real faces of labelled people: pairwise F of at least 0.95, whatever the order (issue 3)."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path

import pytest
from tests.conftest import sqlite_database
from tests.manual_clock import ManualClock
from tests.memory import shared_engine
from tests.shared import shared_path

from mien.accounts import DEVELOPMENT_TERMS, Accounts
from mien.gallery.detected_faces import DetectedFaces
from mien.gallery.gallery import open_gallery
from mien.gallery.recognisers import Recognisers
from mien.gallery.types import FaceGroups
from mien.models import ModelError, ModelStore
from mien.models.bindings import read_bindings
from mien.storage import MasterKey, Vault
from mien.vision.types import Embedding, Want

PEOPLE, ALONE, PHOTOS = 40, 20, 3


def labelled_photos() -> list[tuple[str, Path]]:
    """Photos of people who have several, and of some who have one."""
    folders = sorted(folder for folder in shared_path("faces", "lfw").iterdir() if folder.is_dir())
    photos = [sorted(folder.glob("*.jpg")) for folder in folders]
    several = [some for some in photos if len(some) >= PHOTOS][:PEOPLE]
    alone = [some for some in photos if len(some) == 1][:ALONE]
    return [(path.parent.name, path) for some in several + alone for path in some[:PHOTOS]]


def pairs(groups: Iterable[Sequence[str]]) -> set[frozenset[str]]:
    return {frozenset(pair) for group in groups for pair in combinations(group, 2)}


def test_people_are_sorted_apart_whatever_the_order(tmp_path: Path) -> None:
    photos = labelled_photos()
    store = ModelStore()
    recognisers = Recognisers.of(store, read_bindings(store, tmp_path))
    engine, pack = shared_engine(), recognisers["recognition_04"].pack
    try:
        engine.prepare(["yunet", pack])
    except ModelError as error:
        pytest.skip(f"needs the models: {error}")
    database, clock = sqlite_database(tmp_path / "mien.db"), ManualClock()
    vault = Vault(database, MasterKey(bytes(32)), clock)
    faces = DetectedFaces(database, vault, clock)
    gallery = open_gallery(
        database, vault, clock, tmp_path / "snapshots", engine=engine, recognisers=recognisers, detected_faces=faces
    )
    owner = Accounts(database, vault, clock).create("owner", terms=DEVELOPMENT_TERMS).id
    embeddings, who = [], []
    for name, path in photos:
        # The person is the one in the middle; others may stand around.
        found = engine.analyze(path.read_bytes(), Want(recogniser=pack)).faces
        middle = min(found, key=lambda face: abs(face.box.left + face.box.width / 2 - 125), default=None)
        if middle is not None and isinstance(middle.embedding, Embedding):
            embeddings.append(middle.embedding)
            who.append(name)
    assert len(embeddings) >= 0.97 * len(photos)
    ids = faces.remember(owner, "recognition_04", embeddings, 600)
    answer = gallery.similar_faces.group(owner, ids)
    told = [*answer.groups, answer.messy_group]
    assert sorted(one for group in told for one in group) == sorted(ids)
    by_name: dict[str, list[str]] = {}
    for name, one in zip(who, ids, strict=True):
        by_name.setdefault(name, []).append(one)
    right, given = pairs(by_name.values()), pairs(answer.groups)
    precision, recall = len(right & given) / len(given), len(right & given) / len(right)
    assert 2 * precision * recall / (precision + recall) >= 0.95
    for seed in range(3):
        shuffled = random.Random(seed).sample(ids, len(ids))
        assert as_sets(gallery.similar_faces.group(owner, shuffled)) == as_sets(answer)
    database.close()


def as_sets(answer: FaceGroups) -> tuple[set[frozenset[str]], set[str]]:
    return {frozenset(group) for group in answer.groups}, set(answer.messy_group)
