"""Trained indexes on disk: crashes, damage, tampering, and what an update costs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from tests.search.galleries import assert_same, brute_force, gallery

from mien.search import (
    EnrolledTemplates,
    Query,
    TrainedIndexCorruptError,
    TrainedIndexError,
    TrainedIndexFiles,
    TrainedIndexKeyError,
    TrainedIndexMissingError,
)
from mien.search.segment import Segment

KEY = bytes(range(32))
PROBES = gallery(77, 3, 20, 32).templates


def id_of(row: np.ndarray) -> UUID:
    return UUID(bytes=row.tobytes())


@pytest.fixture(params=[None, KEY], ids=["plain", "encrypted"])
def key(request: pytest.FixtureRequest) -> bytes | None:
    given: bytes | None = request.param
    return given


def files(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir() if p.suffix in (".segment", ".dead")}


CRASH = """
import os, signal, sys
from pathlib import Path
from mien.search import TrainedIndexFiles
from mien.search.segment import Segment
from tests.search.galleries import gallery

folder, key, stop = Path(sys.argv[1]), bytes.fromhex(sys.argv[2]) or None, int(sys.argv[3])
seen = 0
def dying(function):
    def wrapped(*args, **kwargs):
        global seen
        seen += 1
        if seen == stop:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)
    return wrapped
os.fsync, Path.replace, Path.unlink = dying(os.fsync), dying(Path.replace), dying(Path.unlink)
old = gallery(1, 60, 20, 32)
from uuid import UUID
gone = [(UUID(bytes=old.person_ids[0].tobytes()), None)]
TrainedIndexFiles(folder, key).update(gallery(2, 40, 20, 32, first_face=500), gone)
print("done", seen)
"""


def test_a_kill_at_any_step_leaves_the_old_state_or_the_new_one(tmp_path: Path, key: bytes | None) -> None:
    old, new = gallery(1, 60, 20, 32), gallery(2, 40, 20, 32, first_face=500)
    keep = np.any(old.person_ids != old.person_ids[0], axis=1)
    after = EnrolledTemplates(
        np.concatenate([old.person_ids[keep], new.person_ids]),
        np.concatenate([old.face_ids[keep], new.face_ids]),
        np.concatenate([old.templates[keep], new.templates]),
    )
    root = Path(__file__).resolve().parents[2]
    query, states = Query(30), []
    # Every step in the clear, every third encrypted: each is a process of its own.
    for stop in range(1, 100, 1 if key is None else 3):
        folder = tmp_path / str(stop)
        TrainedIndexFiles(folder, key).write(old, "f")
        arguments = [sys.executable, "-c", textwrap.dedent(CRASH), str(folder), (key or b"").hex(), str(stop)]
        run = subprocess.run(arguments, cwd=root, capture_output=True, text=True, check=False)
        assert run.returncode in (0, -signal.SIGKILL), run.stderr
        store = TrainedIndexFiles(folder, key)
        search = store.load()
        store.verify()
        expected = {60: old, len(after): after}[len(search)]
        assert_same(search.search(PROBES, query), brute_force(expected, PROBES, query))
        states.append(len(search))
        # The next training works, and leaves nothing of the one that died.
        store.write(after, "f")
        assert len(files(folder)) == 1
        if run.returncode == 0:
            break
    assert stop > 5
    assert states == sorted(states, key=lambda n: n != 60)
    assert {60, len(after)} == set(states)


def test_missing_names_the_command_that_mends(tmp_path: Path) -> None:
    with pytest.raises(TrainedIndexMissingError, match="mien gallery rebuild"):
        TrainedIndexFiles(tmp_path / "none").load()


def test_every_truncation_and_flipped_bit_is_noticed(tmp_path: Path, key: bytes | None) -> None:
    store = TrainedIndexFiles(tmp_path, key)
    store.write(gallery(1, 40, 10, 32), "f")
    (name,) = files(tmp_path)
    for path in (tmp_path / name, tmp_path / "manifest.json"):
        whole = path.read_bytes()
        for length in {0, 5, 20, len(whole) // 3, len(whole) - 1}:
            path.write_bytes(whole[:length])
            with pytest.raises(TrainedIndexError, match="mien gallery rebuild"):
                store.verify()
        random = np.random.default_rng(0)
        for position in [0, 9, 13, len(whole) - 1, *random.integers(0, len(whole), 60).tolist()]:
            damaged = bytearray(whole)
            damaged[position] ^= 1 << int(random.integers(8))
            path.write_bytes(damaged)
            with pytest.raises(TrainedIndexError, match="mien gallery rebuild"):
                store.verify()
        path.write_bytes(whole)
    store.verify()


def test_a_damaged_template_is_noticed_by_the_search_that_needs_it(tmp_path: Path, key: bytes | None) -> None:
    store = TrainedIndexFiles(tmp_path, key)
    faces = gallery(1, 300, 100, 32)
    store.write(faces, "f")
    (name,) = files(tmp_path)
    damaged = bytearray((tmp_path / name).read_bytes())
    damaged[-30] ^= 1
    (tmp_path / name).write_bytes(damaged)
    search = store.load()
    last = faces.templates[np.lexsort((*faces.face_ids.T[::-1], *faces.person_ids.T[::-1]))][-1:]
    with pytest.raises(TrainedIndexCorruptError, match="chunk"):
        search.search(last, Query())


def test_a_missing_segment_is_named(tmp_path: Path) -> None:
    store = TrainedIndexFiles(tmp_path)
    store.write(gallery(1, 10, 3, 8), "f")
    (name,) = files(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(TrainedIndexCorruptError, match=name):
        store.load()


def test_a_segment_of_another_collection_is_refused(tmp_path: Path, key: bytes | None) -> None:
    one, other = TrainedIndexFiles(tmp_path / "1", key), TrainedIndexFiles(tmp_path / "2", key)
    one.write(gallery(1, 10, 3, 8), "f")
    other.write(gallery(2, 10, 3, 8), "f")
    (mine,), (theirs,) = files(tmp_path / "1"), files(tmp_path / "2")
    (tmp_path / "1" / mine).write_bytes((tmp_path / "2" / theirs).read_bytes())
    with pytest.raises(TrainedIndexCorruptError, match="not the file"):
        one.load()


def test_encrypted_snapshots_need_their_key_and_hide_the_templates(tmp_path: Path) -> None:
    faces = gallery(1, 50, 10, 32)
    TrainedIndexFiles(tmp_path, KEY).write(faces, "f")
    for wrong in (bytes(32), KEY[:16]):
        with pytest.raises(TrainedIndexCorruptError, match="another key"):
            TrainedIndexFiles(tmp_path, wrong).load()
    with pytest.raises(TrainedIndexKeyError, match="needs the key"):
        TrainedIndexFiles(tmp_path).load()
    everything = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    assert all(row.tobytes() not in everything for row in (*faces.templates, *faces.face_ids))
    plain = tmp_path / "plain"
    TrainedIndexFiles(plain).write(faces, "f")
    with pytest.raises(TrainedIndexKeyError, match="in the clear"):
        TrainedIndexFiles(plain, KEY).load()
    with pytest.raises(ValueError, match="at least 16"):
        TrainedIndexFiles(tmp_path, b"short")


def test_a_manifest_of_the_future_is_refused(tmp_path: Path) -> None:
    store = TrainedIndexFiles(tmp_path)
    store.write(gallery(1, 3, 3, 8), "f")
    body = json.loads(json.loads((tmp_path / "manifest.json").read_text())["body"])
    body["version"] = 2
    text = json.dumps(body)
    (tmp_path / "manifest.json").write_text(json.dumps({"body": text, "seal": store._seal(text)}))
    with pytest.raises(TrainedIndexCorruptError, match="format 2"):
        store.load()


def test_a_search_outlives_the_trainings_that_come_after(tmp_path: Path, key: bytes | None) -> None:
    store = TrainedIndexFiles(tmp_path, key)
    old = gallery(1, 50, 20, 32)
    store.write(old, "f")
    search = store.load()
    store.write(gallery(2, 10, 20, 32), "g")
    assert_same(search.search(PROBES, Query(10)), brute_force(old, PROBES, Query(10)))
    assert store.load().fingerprint == "g"


def test_adding_one_face_writes_one_face_and_loads_one_face(tmp_path: Path) -> None:
    store = TrainedIndexFiles(tmp_path)
    store.write(gallery(1, 5000, 500, 32), "f")
    before, search = files(tmp_path), store.load()
    written = 0
    for n in range(60):
        store.update(gallery(2, 1, 500, 32, first_face=10_000 + n))
        names = files(tmp_path)
        assert before <= names
        written += sum((tmp_path / name).stat().st_size for name in names - before)
        latest = store.load(search)
        assert latest.segments[0] is search.segments[0]
        assert len(latest.segments) <= 5
        search = latest
    assert len(search) == 5060
    assert written < 60 * 8 * (tmp_path / next(iter(before))).stat().st_size / 200


def test_removing_with_a_loaded_search_reads_no_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = TrainedIndexFiles(tmp_path)
    faces = gallery(1, 200, 50, 8)
    store.write(faces, "f")
    search = store.load()
    monkeypatch.setattr(Segment, "open", None)
    store.update(gallery(1, 0, 5, 8), [(id_of(faces.person_ids[3]), id_of(faces.face_ids[3]))], search)
    assert len(store.load(search)) == 199


def test_pairs_that_do_not_belong_together_remove_nothing(tmp_path: Path) -> None:
    store = TrainedIndexFiles(tmp_path)
    faces = gallery(1, 50, 50, 8)
    store.write(faces, "f")
    a, b = 0, int(np.flatnonzero(np.any(faces.person_ids != faces.person_ids[0], axis=1))[0])
    crossed = [(id_of(faces.person_ids[x]), id_of(faces.face_ids[y])) for x, y in ((a, b), (b, a))]
    store.update(gallery(1, 0, 5, 8), crossed)
    assert len(store.load()) == 50


def test_many_additions_end_in_few_segments(tmp_path: Path) -> None:
    store = TrainedIndexFiles(tmp_path)
    store.write(gallery(1, 10, 5, 8), "f")
    for n in range(1, 120):
        store.update(gallery(n, 10, 5, 8, first_face=100 * n))
    search = store.load()
    assert len(search) == 1200
    assert len(search.segments) <= 6


def test_compacting_leaves_no_byte_of_the_removed(tmp_path: Path) -> None:
    store = TrainedIndexFiles(tmp_path)
    faces = gallery(1, 100, 50, 32)
    store.write(faces, "f")
    gone = (id_of(faces.person_ids[3]), id_of(faces.face_ids[3]))
    empty = gallery(1, 0, 5, 32)
    store.update(empty, [gone])
    assert len(store.load()) == 99

    def on_disk() -> bool:
        return any(faces.templates[3].tobytes() in p.read_bytes() for p in tmp_path.iterdir())

    assert on_disk()
    store.compact()
    assert not on_disk()
    assert len(store.load()) == 99
    store.update(empty, [(id_of(row), None) for row in faces.person_ids])
    assert len(store.load()) == 0
    assert files(tmp_path) == set()


def test_a_rewrite_comes_once_a_fifth_is_dead(tmp_path: Path) -> None:
    store = TrainedIndexFiles(tmp_path)
    faces = gallery(1, 100, 100, 8)
    store.write(faces, "f")
    empty = gallery(1, 0, 5, 8)
    (first,) = files(tmp_path)
    pairs: list[tuple[UUID, UUID | None]] = [
        (id_of(p), id_of(f)) for p, f in zip(faces.person_ids, faces.face_ids, strict=True)
    ]
    store.update(empty, pairs[:20])
    assert first in files(tmp_path)
    store.update(empty, pairs[20:21])
    assert first not in files(tmp_path)
    assert len(files(tmp_path)) == 1
    assert len(store.load()) == 79


def test_templates_of_another_dimension_are_refused(tmp_path: Path) -> None:
    store = TrainedIndexFiles(tmp_path)
    store.write(gallery(1, 5, 5, 8), "f")
    with pytest.raises(ValueError, match="dimensions"):
        store.update(gallery(1, 5, 5, 9))


def test_the_folder_is_the_owners_alone(tmp_path: Path) -> None:
    TrainedIndexFiles(tmp_path / "new").write(gallery(1, 5, 5, 8), "f")
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0


def test_a_branch_is_no_index_before_it_is_updated(tmp_path: Path, key: bytes | None) -> None:
    first, more = gallery(1, 4, 8, 32), gallery(2, 2, 4, 32)
    old = TrainedIndexFiles(tmp_path / "old", key)
    old.write(first, "f")
    new = old.branch(tmp_path / "new")
    assert not new.exists
    with pytest.raises(TrainedIndexMissingError):
        TrainedIndexFiles(tmp_path / "new", key).load()
    new.update(more)
    assert len(TrainedIndexFiles(tmp_path / "new", key).load()) == len(first) + len(more)
    assert len(old.load()) == len(first)
