"""A real process that is killed while it erases."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from sqlalchemy import select
from tests.conftest import sqlite_database
from tests.many_people import NewPerson, add_persons
from typer.testing import CliRunner

from mien.accounts import DEVELOPMENT_TERMS
from mien.cli._main import build
from mien.cli._subjects import opened
from mien.gallery.gallery import open_gallery
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.recognisers import Recognisers
from mien.models import ModelStore
from mien.models.bindings import read_bindings
from mien.settings import Settings
from mien.storage.tables import ErasureRow
from mien.vision.engine import FaceEngine
from mien.vision.types import Embedding

PEOPLE = 160


def test_what_a_killed_process_began_the_next_one_finishes(tmp_path: Path) -> None:
    store, settings = ModelStore(), Settings(data_dir=tmp_path)
    recognisers = Recognisers.of(store, read_bindings(store, tmp_path, settings.bindings()))
    vectors = np.random.default_rng(1).normal(size=(PEOPLE, 256)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    sqlite_database(tmp_path / "mien.db").close()
    with opened(tmp_path) as (services, subjects):
        owner = services.accounts.create("desk", terms=DEVELOPMENT_TERMS).id
        gallery = open_gallery(
            services.database,
            services.vault,
            services.clock,
            tmp_path / "snapshots",
            engine=FaceEngine(store),
            recognisers=recognisers,
            detected_faces=services.detected_faces,
        )
        ref = CollectionRef(owner, Kind.LARGE_PERSON_GROUP, "staff")
        gallery.collections.create(ref, "Staff", None, "recognition_04")
        fingerprint = recognisers["recognition_04"].fingerprint
        people = (NewPerson("leaver", None, (Embedding(one, fingerprint, 1.0),)) for one in vectors)
        add_persons(gallery, ref, people)
        gallery.training.start(ref)
        gallery.training.run_pending()
        asked = ["erase", "desk", "--text", "leaver", "--yes", "--data-dir", str(tmp_path)]
        process = subprocess.Popen([sys.executable, "-m", "mien", "subject", *asked], cwd=tmp_path)
        deadline = time.monotonic() + 60
        removed = 0
        while not removed and process.poll() is None and time.monotonic() < deadline:
            with services.database.read(owner) as session:
                progress = session.scalar(select(ErasureRow.progress))
            removed = json.loads(progress)["counts"].get("persons", 0) if progress else 0
            time.sleep(0.01)
        process.kill()
        process.wait()
        assert 0 < removed < PEOPLE, "it was killed on the way"
        done = CliRunner().invoke(build(["subject"]), ["subject", *asked])
        assert done.exit_code == 0, done.output
        assert "An interrupted erasure has been completed" in done.output
        (known,) = subjects.eraser.receipts(owner)
        told = subjects.receipts.verify(subjects.eraser.receipt(owner, known.receipt_id)).receipt
        assert (told["counts"]["persons"], told["counts"]["faces"]) == (PEOPLE, PEOPLE)
        row = gallery.rows.get(ref)
        assert (row.persons, row.faces) == (0, 0)
        assert len(gallery.indexes.store(row, row.snapshot or "").load()) == 0
