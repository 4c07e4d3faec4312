import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import pytest
from sqlalchemy import select, update
from tests.conftest import MASTER_KEY, sqlite_database
from tests.manual_clock import ManualClock

from mien.accounts import DEVELOPMENT_TERMS, Accounts
from mien.clock import SystemClock
from mien.gallery.detected_faces import DetectedFaces
from mien.storage import EVERY_RESOURCE, Database, MasterKey, Vault
from mien.storage.crypto import CryptoError
from mien.storage.tables import DetectedFaceRow
from mien.vision.types import Embedding


def embedding(seed: int = 0, size: int = 128) -> Embedding:
    vector = np.random.default_rng(seed).normal(size=size).astype(np.float32)
    norm = float(np.linalg.norm(vector))
    return Embedding(vector / np.float32(norm), f"{seed:064x}", norm)


@pytest.fixture
def faces(database: Database, vault: Vault, clock: ManualClock) -> DetectedFaces:
    return DetectedFaces(database, vault, clock)


@pytest.fixture
def owner(database: Database, vault: Vault, clock: ManualClock) -> UUID:
    return Accounts(database, vault, clock).create("owner", terms=DEVELOPMENT_TERMS).id


def test_a_face_comes_back_bit_for_bit(faces: DetectedFaces, owner: UUID, clock: ManualClock) -> None:
    given = [embedding(seed, size) for seed, size in ((1, 128), (2, 256), (3, 512))]
    ids = faces.remember(owner, "recognition_04", given, 60)
    assert [str(UUID(face_id)) for face_id in ids] == ids
    assert len(set(ids)) == 3
    for face_id, sent in zip(ids, given, strict=True):
        kept = faces.get(owner, face_id)
        assert kept is not None
        np.testing.assert_array_equal(kept.embedding.vector, sent.vector)
        assert kept.embedding.vector.dtype == np.float32
        assert kept.embedding.norm == pytest.approx(sent.norm, rel=1e-6)
        assert (kept.face_id, kept.recognition_model, kept.embedding.fingerprint) == (
            face_id,
            "recognition_04",
            sent.fingerprint,
        )
        assert kept.expires_at == clock.now() + timedelta(seconds=60)


def test_a_face_is_gone_from_the_moment_it_expires(faces: DetectedFaces, owner: UUID, clock: ManualClock) -> None:
    (face_id,) = faces.remember(owner, "recognition_04", [embedding()], 60)
    clock.advance(timedelta(seconds=60) - timedelta(microseconds=1))
    assert faces.get(owner, face_id) is not None
    clock.advance(timedelta(microseconds=1))
    assert faces.get(owner, face_id) is None
    assert faces.get_many(owner, [face_id]) == {}


def test_another_resource_does_not_see_it(
    faces: DetectedFaces, owner: UUID, database: Database, vault: Vault, clock: ManualClock
) -> None:
    other = Accounts(database, vault, clock).create("other", terms=DEVELOPMENT_TERMS).id
    (face_id,) = faces.remember(owner, "recognition_04", [embedding()], 60)
    assert faces.get(other, face_id) is None
    assert faces.get(owner, face_id) is not None


def test_many_are_got_at_once_and_unknown_ids_are_left_out(faces: DetectedFaces, owner: UUID) -> None:
    ids = faces.remember(owner, "recognition_04", [embedding(seed) for seed in range(700)], 60)
    asked = [*ids, str(uuid4()), "not a guid", "", ids[0].upper(), "{" + ids[0] + "}"]
    got = faces.get_many(owner, asked)
    assert set(got) == {*ids, ids[0].upper()}
    assert got[ids[0].upper()].face_id == ids[0]
    assert [int(got[face_id].embedding.fingerprint, 16) for face_id in ids] == list(range(700))


def test_nothing_to_remember(faces: DetectedFaces, owner: UUID) -> None:
    assert faces.remember(owner, "recognition_04", [], 60) == []


def test_purging_deletes_what_expired_and_nothing_else(
    faces: DetectedFaces, owner: UUID, clock: ManualClock, database: Database
) -> None:
    faces.remember(owner, "recognition_04", [embedding(seed) for seed in range(1203)], 60)
    (kept,) = faces.remember(owner, "recognition_04", [embedding(1)], 61)
    assert faces.purge_expired() == 0
    clock.advance(timedelta(seconds=60))
    assert faces.purge_expired() == 1203
    with database.read(EVERY_RESOURCE) as session:
        assert [str(face_id) for face_id in session.scalars(select(DetectedFaceRow.face_id))] == [kept]
    assert faces.get(owner, kept) is not None


def test_a_purged_template_is_nowhere_in_the_files(
    tmp_path: Path, clock: ManualClock, request: pytest.FixtureRequest
) -> None:
    database = sqlite_database(tmp_path / "mien.db")
    vault = Vault(database, MasterKey.from_hex(MASTER_KEY), clock)
    owner = Accounts(database, vault, clock).create("owner", terms=DEVELOPMENT_TERMS).id
    faces = DetectedFaces(database, vault, clock)
    faces.remember(owner, "recognition_04", [embedding(seed) for seed in range(50)], 60)
    with database.read(owner) as session:
        traces = [row.sealed[-40:] for row in session.scalars(select(DetectedFaceRow))]

    def found() -> int:
        files = [path.read_bytes() for path in tmp_path.glob("mien.db*")]
        return sum(any(trace in data for data in files) for trace in traces)

    assert found() == 50
    clock.advance(timedelta(seconds=60))
    assert faces.purge_expired() == 50
    assert found() == 0
    database.close()


def test_templates_are_encrypted_and_bound_to_their_row(faces: DetectedFaces, owner: UUID, database: Database) -> None:
    sent = embedding(7)
    first, second = faces.remember(owner, "recognition_04", [sent, embedding(8)], 60)
    with database.read(owner) as session:
        sealed = {str(row.face_id): row.sealed for row in session.scalars(select(DetectedFaceRow))}
    assert sent.vector.tobytes()[:16] not in sealed[first]
    with database.write(owner) as session:
        session.execute(
            update(DetectedFaceRow).where(DetectedFaceRow.face_id == UUID(first)).values(sealed=sealed[second])
        )
    with pytest.raises(CryptoError):
        faces.get(owner, first)


REMEMBER_FOR_EVER = """
import sys
import numpy as np
from uuid import UUID
from mien.clock import SystemClock
from mien.gallery.detected_faces import DetectedFaces
from mien.storage import Database, MasterKey, Vault
from mien.vision.types import Embedding

database = Database(sys.argv[1])
faces = DetectedFaces(database, Vault(database, MasterKey.from_hex(sys.argv[2]), SystemClock()), SystemClock())
vector = np.ones(128, np.float32) / np.float32(128**0.5)
while True:
    print(*faces.remember(UUID(sys.argv[3]), "recognition_04", [Embedding(vector, "f" * 64, 1.0)], 3600), flush=True)
"""


@pytest.mark.heavy_on_postgresql
def test_an_answered_face_id_survives_kill_9(database: Database, database_url: str) -> None:
    """A process remembers faces as fast as it can and is killed in the midst: every id it gave out is readable."""
    vault = Vault(database, MasterKey.from_hex(MASTER_KEY), SystemClock())
    owner = Accounts(database, vault, SystemClock()).create("owner", terms=DEVELOPMENT_TERMS).id
    command = [sys.executable, "-c", REMEMBER_FOR_EVER, database_url, MASTER_KEY, str(owner)]
    for _ in range(2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            given = [process.stdout.readline().strip() for _ in range(100)]
            os.kill(process.pid, signal.SIGKILL)
            given += [line.strip() for line in process.stdout if line.endswith("\n")]
        faces = DetectedFaces(database, vault, SystemClock())
        assert set(faces.get_many(owner, given)) == set(given)
