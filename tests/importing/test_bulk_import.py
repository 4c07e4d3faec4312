"""`mien gallery import` of many photos: in processes and on a Ray cluster, killed at any moment and run again."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import func, select
from tests.importing.ray_cluster import ENVIRONMENT, ray_cluster
from tests.importing.test_importing import data, imported, photo  # noqa: F401  `data` is a fixture
from tests.shared import azure_photo

from mien.cli._gallery import opened_faces, opened_for
from mien.gallery.kinds import CollectionRef, Kind
from mien.importing.computing import Computed, PhotoTask
from mien.importing.workers import ProcessWorkers
from mien.storage import EVERY_RESOURCE, Database
from mien.storage.tables import CollectionRow, PersistedFaceRow, PersonRow

pytestmark = pytest.mark.shared
DAD, MUM = "Family1-Dad1", "Family1-Mom1"


def people(folder: Path) -> int:
    """Write the photos of people of Azure's samples into folders, one file twice, and one that is none; count them."""
    photos = sorted(azure_photo(DAD).parent.glob("Family*.jpg"))
    if len(photos) < 16:
        pytest.skip("needs the shared photos of three families (set MIEN_SHARED to the shared folder)")
    for path in photos:
        person = path.stem.rstrip("0123456789")
        (folder / person).mkdir(parents=True, exist_ok=True)
        (folder / person / path.name).write_bytes(path.read_bytes())
    (folder / "Family1-Dad" / "copy.jpg").write_bytes(photo(DAD))
    (folder / "Family1-Dad" / "broken.jpg").write_bytes(b"\xff\xd8\xff" + bytes(5000))
    return len(photos) + 2


def command(data: Path, source: Path, group: str, report: Path, *more: str) -> list[str]:  # noqa: F811
    to = [f"largePersonGroup/{group}", str(source), "--data-dir", str(data), "--report", str(report)]
    return [sys.executable, "-m", "mien", "gallery", "import", "folders", "desk", *to, "--as", "Anna", *more]


def enrolled(data: Path, group: str) -> Counter[tuple[str, str]]:  # noqa: F811
    """How often each photo is enrolled, by person and file; and that the counts of the group are those of its rows."""
    database = Database(f"sqlite:///{data / 'mien.db'}")
    with database.read(EVERY_RESOURCE) as session:
        row = session.scalar(select(CollectionRow).where(CollectionRow.collection_id == group))
        if row is None:
            database.close()
            return Counter()
        same = PersonRow.person_id == PersistedFaceRow.person_id
        query = select(PersonRow.name, PersistedFaceRow.source).join(PersonRow, same)
        rows = session.execute(query.where(PersonRow.collection == row.uid))
        found = Counter((name, str(source)) for name, source in rows)
        persons = session.scalar(select(func.count()).select_from(PersonRow).where(PersonRow.collection == row.uid))
        assert (row.persons, row.faces) == (persons, found.total())
    database.close()
    return found


def ends(*pids: int) -> None:
    """Wait until processes are gone."""
    until = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() and "zombie" not in status(pid) for pid in pids):
        assert time.monotonic() < until, "a worker outlived the process that files"
        time.sleep(0.05)


def status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return "zombie"


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def kill_at(data: Path, arguments: list[str], group: str, faces: int) -> int:  # noqa: F811
    """Run an import and `kill -9` it when so many faces are enrolled, or it has ended; return how many are."""
    before = time.monotonic()
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and enrolled(data, group).total() < faces:
        assert time.monotonic() < before + 600, "the import does not go on"
        time.sleep(0.05)
    workers = children(process.pid) if process.poll() is None else []
    process.kill()
    process.wait()
    ends(*workers)
    return enrolled(data, group).total()


def check_whole(data: Path, source: Path, group: str, count: int, report: Path, *more: str) -> None:  # noqa: F811
    """Run an import to its end: every photo is enrolled once, and the report has a line for each."""
    done = subprocess.run(
        command(data, source, group, report, "--json", *more), check=False, capture_output=True, text=True, timeout=600,
        env={**os.environ, **ENVIRONMENT},
    )  # fmt: skip
    assert done.stdout, done.stderr
    told = json.loads(done.stdout)
    assert (done.returncode, told["refused"], told["training"] or "succeeded") == (1, 1, "succeeded"), done.stderr
    found = enrolled(data, group)
    assert set(found.values()) == {1}
    assert found.total() == count - 2
    assert told["enrolled"] + told["earlier"] == count - 1
    with report.open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    photos = Counter(line["photo"] for line in lines if line["outcome"] != "duplicate")
    assert set(photos.values()) == {1}
    assert photos.total() == count
    (refused,) = (line for line in lines if line["outcome"] == "refused")
    assert (refused["photo"], bool(refused["why"])) == ("Family1-Dad/broken.jpg", True)


def test_an_import_that_is_killed_goes_on_without_loss_or_doubles(data: Path, tmp_path: Path) -> None:  # noqa: F811
    count = people(tmp_path / "people")
    arguments = command(data, tmp_path / "people", "killed", tmp_path / "report.csv", "--workers", "2")
    assert kill_at(data, arguments, "killed", 1) >= 1
    check_whole(data, tmp_path / "people", "killed", count, tmp_path / "report.csv", "--workers", "2")
    # From another place, in another form: nothing is new.
    with zipfile.ZipFile(tmp_path / "people.zip", "w") as out:
        for path in (tmp_path / "people").rglob("*.jpg"):
            out.write(path, f"all/{path.relative_to(tmp_path / 'people')}")
    told = imported(
        data, "folders", str(tmp_path / "people.zip"), tmp_path / "again.jsonl", "largePersonGroup/killed", "--photos",
        "all",
    )  # fmt: skip
    assert (told["enrolled"], told["persons"], told["earlier"], told["refused"]) == (0, 0, count - 1, 1)


@pytest.mark.heavy
@pytest.mark.timeout(1200)
def test_an_import_is_killed_again_and_again(data: Path, tmp_path: Path) -> None:  # noqa: F811
    count = people(tmp_path / "people")
    arguments = command(data, tmp_path / "people", "often", tmp_path / "report.csv", "--workers", "2")
    faces = 0
    for kill in range(6):
        now = kill_at(data, arguments, "often", faces + 1 + kill % 3)
        assert now >= faces
        faces = now
    check_whole(data, tmp_path / "people", "often", count, tmp_path / "report.csv", "--workers", "2")


def test_a_worker_that_is_killed_costs_no_photo(data: Path) -> None:  # noqa: F811
    with opened_faces(data) as faces, opened_for("desk", data, "Anna") as work:
        ref = CollectionRef(work.owner, Kind.LARGE_PERSON_GROUP, "workers")
        faces.gallery.collections.create(ref, "Workers", None, "recognition_04")
        workers = ProcessWorkers(faces.gallery.filing.recipe(ref), 2, faces.store.root)
    tasks = [PhotoTask(number, photo(MUM)) for number in range(12)]
    found: list[Computed] = []
    for computed in workers.run(tasks):
        if not found:
            os.kill(multiprocessing.active_children()[0].pid or 0, signal.SIGKILL)
        found.append(computed)
    assert sorted(one.number for one in found) == list(range(12))
    assert all(one.enrolment is not None and not one.why for one in found)
    assert not multiprocessing.active_children()


def test_a_table_names_people_and_a_deleted_face_comes_back_only_when_asked_for(data: Path, tmp_path: Path) -> None:  # noqa: F811
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as out:
        out.writestr("x/1.jpg", photo(DAD))
        out.writestr("x/2.jpg", photo(MUM))
    rows = "photo,person,user data\nx/1.jpg,Zoë,staff\nx/2.jpg,=Bob,\nx/1.jpg,Other,\nx/9.jpg,Bob,\n"
    (tmp_path / "people.csv").write_text(rows)
    where = ("--photos", str(tmp_path / "photos.zip"))
    source, group = str(tmp_path / "people.csv"), "largePersonGroup/table"
    told = imported(data, "csv", source, tmp_path / "report.csv", group, *where)
    assert (told["enrolled"], told["persons"], told["refused"], told["duplicates"]) == (3, 3, 1, 1)
    with (tmp_path / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        (line,) = (one for one in csv.DictReader(file) if one["outcome"] == "duplicate")
    assert line["person"] in {"Zoë", "Other"}  # whichever was computed last
    assert (line["photo"], line["why"]) == ("x/1.jpg", "the same photo: x/1.jpg")
    with opened_for("desk", data, "Anna") as work:
        ref = work.ref(group)
        (zoe,) = work.gallery.persons.named(ref, "Zoë")
        work.gallery.persons.delete(ref, zoe.person_id)
    for more, count in (((), 0), (("--again",), 1)):
        told = imported(data, "csv", source, tmp_path / "report.jsonl", group, *where, *more)
        assert (told["enrolled"], told["persons"], told["earlier"]) == (count, count, 3 - count)


def test_an_import_ends_a_training_that_was_left(data: Path, tmp_path: Path) -> None:  # noqa: F811
    source, group = tmp_path / "people", "largePersonGroup/left"
    for number, name in enumerate((DAD, MUM)):
        (source / name).mkdir(parents=True)
        (source / name / "1.jpg").write_bytes(photo(name))
        told = imported(data, "folders", str(source), tmp_path / "report.jsonl", group)
        assert (told["enrolled"], told["earlier"], told["training"]) == (1, number, "succeeded")
        with opened_for("desk", data, "Anna") as work:  # as a process leaves it that is killed before it trains
            work.gallery.persons.create(work.ref(group), "Nobody")
            work.gallery.training.start(work.ref(group))


@pytest.mark.heavy
@pytest.mark.timeout(1200)
def test_a_ray_cluster_that_loses_a_node_computes_every_photo(
    data: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    pytest.importorskip("ray", reason="needs the Python package ray")
    count = people(tmp_path / "people")
    report = tmp_path / "report.csv"
    with ray_cluster() as cluster:
        arguments = command(data, tmp_path / "people", "ray", report, "--ray", cluster.address)
        environment = {**os.environ, **ENVIRONMENT}
        process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        before = time.monotonic()
        while process.poll() is None and not enrolled(data, "ray"):
            assert time.monotonic() < before + 600, "the import does not go on"
            time.sleep(0.05)
        cluster.kill_a_node()
        assert process.wait(600) == 1  # of the broken photo
        check_whole(data, tmp_path / "people", "ray", count, report, "--ray", cluster.address)


def test_a_cluster_that_is_not_there_is_named(data: Path, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "people" / "Dad").mkdir(parents=True)
    (tmp_path / "people" / "Dad" / "1.jpg").write_bytes(photo(DAD))
    arguments = command(data, tmp_path / "people", "nowhere", tmp_path / "report.csv", "--ray", "127.0.0.1:1")
    done = subprocess.run(
        arguments, check=False, capture_output=True, text=True, timeout=120, env={**os.environ, **ENVIRONMENT}
    )
    assert done.returncode == 1
    assert "the Ray cluster at 127.0.0.1:1 does not answer" in done.stderr
    assert "Traceback" not in done.stderr
    assert not enrolled(data, "nowhere")
