"""`mien watch` as a person calls it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from tests.shared import azure_photo
from tests.video.clips import mjpeg_server, photo_walks_up, write_clip
from typer.testing import CliRunner, Result

from mien.accounts import Feature
from mien.cli._main import build
from mien.services import open_services
from mien.settings import Settings

pytestmark = pytest.mark.shared


def run(command: str, *arguments: str, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(build([command]), [command, *arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a group of two people, and clips."""
    folder = tmp_path_factory.mktemp("watch")
    for name, photos in (("Dad", ("Family1-Dad1", "Family1-Dad2")), ("Mom", ("Family1-Mom1",))):
        (folder / "people" / name).mkdir(parents=True)
        for photo in photos:
            (folder / "people" / name / f"{photo}.jpg").write_bytes(azure_photo(photo).read_bytes())
    data = ("--data-dir", str(folder / "data"))
    created = run("resource", "create", "front-desk", "--accept-terms", "--not-for-police", *data)
    assert created.exit_code == 0, created.output
    refused = run("watch", str(folder / "none.mp4"), "--group", "staff", *data)
    assert refused.exit_code == 1
    assert "front-desk is not approved for VideoIdentification" in refused.output
    with closing(open_services(Settings(data_dir=folder / "data"))) as services:
        owner = services.accounts.named("front-desk")
        assert owner is not None
        about = {
            "organisation": "Test",
            "contact": "a@b.test",
            "use_case": "Photos of nobody, in a test of this command.",
        }
        asked = services.access.submit(owner.id, [Feature.VIDEO_IDENTIFICATION], actor="anna", **about)
        services.access.review(asked.id, actor="ben")
        services.access.approve(asked.id, actor="ben")
    report = str(folder / "report.jsonl")
    people = ("folders", "front-desk", "personGroup/staff", str(folder / "people"), "--report", report)
    imported = run("gallery", "import", *people, *data)
    assert imported.exit_code == 0, imported.output
    photo_walks_up(folder / "dad.mp4", azure_photo("Family1-Dad3"))
    write_clip(folder / "nobody.mp4", 20)
    return folder


def watch(folder: Path, source: str, *arguments: str, group: str = "staff", **environment: str) -> Result:
    return run("watch", source, "--group", group, *arguments, "--data-dir", str(folder / "data"), **environment)


def test_a_person_is_printed_once_as_json(folder: Path) -> None:
    result = watch(folder, str(folder / "dad.mp4"), "--json")
    assert result.exit_code == 0, result.output
    (event,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert event["event"] == "recognised"
    assert event["person"]["name"] == "Dad"
    assert event["person"]["group"] == "staff"
    assert event["person"]["confidence"] > 0.5
    assert event["frames"]["agreeing"] >= 3
    assert event["liveness"] is None
    assert event["reasons"] == []


def test_the_table_has_a_line_for_a_person(folder: Path) -> None:
    result = watch(folder, str(folder / "dad.mp4"), "--table")
    assert result.exit_code == 0, result.output
    head, line = result.stdout.splitlines()
    assert head.split()[:4] == ["time", "event", "person", "confidence"]
    assert line.split()[1:3] == ["recognised", "Dad"]


def test_a_printed_face_is_refused_where_liveness_is_asked_for_or_says_why(folder: Path) -> None:
    """The clip is a photo; whatever the network says of it, the line tells the number and the reason."""
    result = watch(folder, str(folder / "dad.mp4"), "--json", "--liveness")
    assert result.exit_code == 0, result.output
    (event,) = [json.loads(line) for line in result.stdout.splitlines()]
    live = event["liveness"] or 0.0  # None if the face fills the photo
    assert 0 <= live <= 1
    refused = [reason for reason in event["reasons"] if "liveness" in reason.lower()]
    assert (event["event"] == "recognised") is (live >= 0.5)
    assert bool(refused) is (event["event"] == "refused")


def test_zones_keep_people_out_of_sight(folder: Path, tmp_path: Path) -> None:
    for kind, points in (("privacy", [[0.2, 0], [0.8, 0], [0.8, 1], [0.2, 1]]), ("watch", [[0, 0], [0.1, 0], [0, 1]])):
        (tmp_path / "zones.json").write_text(json.dumps([{"kind": kind, "points": points}]))
        result = watch(folder, str(folder / "dad.mp4"), "--json", "--zones", str(tmp_path / "zones.json"))
        assert result.exit_code == 0, result.output
        assert result.stdout == ""
    (tmp_path / "zones.json").write_text('[{"kind": "watch"}]')
    result = watch(folder, str(folder / "dad.mp4"), "--zones", str(tmp_path / "zones.json"))
    assert result.exit_code == 2


def test_nobody_is_nothing(folder: Path) -> None:
    result = watch(folder, str(folder / "nobody.mp4"), "--json", group="personGroup/staff")
    assert (result.exit_code, result.stdout) == (0, "")


@pytest.mark.parametrize(
    ("source", "group", "words"),
    [
        ("dad.mp4", "nobody", "there is no group 'nobody'"),
        ("none.mp4", "staff", "there is no file"),
        ("ftp://user:secret@camera/1", "staff", "no video source"),
    ],
)
def test_what_cannot_be_watched_is_one_sentence(folder: Path, source: str, group: str, words: str) -> None:
    address = source if "://" in source else str(folder / source)
    result = watch(folder, address, group=group)
    assert result.exit_code == 1
    assert words in " ".join(result.output.split())
    assert "secret" not in result.output
    assert "Traceback" not in result.output


def test_watching_is_in_the_audit_log_without_the_password(folder: Path) -> None:
    address = "http://viewer:hunter2@127.0.0.1:9/stream"
    result = watch(folder, "webcam:97", "--seconds", "0.5", MIEN_SOURCE=address)
    assert result.exit_code == 0, result.output
    result = run("watch", "--group", "staff", "--seconds", "2", "--data-dir", str(folder / "data"), MIEN_SOURCE=address)
    assert result.exit_code == 0, result.output
    assert "hunter2" not in result.output
    log = run("audit", "list", "--json", "--data-dir", str(folder / "data")).stdout
    assert "camera.watch" in log
    assert "127.0.0.1:9" in log
    assert "hunter2" not in log


def test_a_stream_is_watched_until_it_is_interrupted(folder: Path) -> None:
    with mjpeg_server("viewer:hunter2") as server:
        address = server.url.replace("http://", "http://viewer:hunter2@")
        command = [sys.executable, "-m", "mien", "watch", "--group", "staff", "--data-dir", str(folder / "data")]
        process = subprocess.Popen(
            command,
            env=os.environ | {"MIEN_SOURCE": address, "PYTHONFAULTHANDLER": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("time")
            process.send_signal(signal.SIGINT)
            try:
                out, err = process.communicate(timeout=120)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGABRT)  # it says where its threads are
                pytest.fail(process.communicate()[1])
        finally:
            process.kill()
    assert process.returncode == 0, err
    assert err == ""
    assert "hunter2" not in out
