"""`mien enrol`, `identify`, `verify`: real photos, a running server and a local folder, exit codes for scripts."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shutil
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select
from tests.conftest import Server
from tests.shared import azure_photo
from typer.testing import CliRunner, Result

from mien.cli._development import development_resource
from mien.cli._main import build
from mien.services import open_services
from mien.settings import Settings
from mien.storage import EVERY_RESOURCE
from mien.storage.tables import CollectionRow

pytestmark = [pytest.mark.shared, pytest.mark.timeout(300)]

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people with photos, one of which cannot be enrolled, and somebody of whom no photo can be."""
    root = tmp_path_factory.mktemp("people")
    for name, photos in {"Anna Weiß": ("Family1-Mom1",), "Ben": ("Family1-Dad1", "Family1-Dad2")}.items():
        (root / name).mkdir()
        for number, photo in enumerate(photos, start=1):
            shutil.copy(azure_photo(photo), root / name / f"{number}.jpg")
    (root / "Ben" / "3.jpg").write_bytes(b"not a picture" * 200)
    (root / "Cleo").mkdir()
    (root / "Cleo" / "1.jpg").write_bytes(b"not a picture" * 200)
    return root


@pytest.fixture
def remote(server: Server, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in ("FACE_ENDPOINT", "FACE_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FACE_APIKEY", server.key1)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("FACE_ENDPOINT", server.endpoint)
    return run


def run(*arguments: str) -> Result:
    return CliRunner().invoke(build([arguments[0]]), list(arguments))


def told(result: Result, code: int = 0) -> Any:
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def test_people_of_folders_are_enrolled_found_and_compared(remote: Run, people: Path) -> None:
    group = f"largePersonGroup/cli-{uuid4().hex[:8]}"
    first = told(remote("enrol", group, str(people), "--json"), 1)  # two photos cannot be read
    by_name = {one["name"]: one for one in first["people"]}
    assert {name: [photo["result"] for photo in one["photos"]] for name, one in by_name.items()} == {
        "Anna Weiß": ["enrolled"],
        "Ben": ["enrolled", "enrolled", "refused"],
        "Cleo": ["refused"],
    }
    assert "image" in by_name["Ben"]["photos"][2]["reason"]
    assert by_name["Cleo"]["personId"] is None  # nobody without a face stays
    assert first["training"] == "succeeded"

    again = remote("enrol", group, str(people))
    assert again.exit_code == 1
    rows = {line.split("  ")[0]: line.split()[-3:] for line in again.stdout.splitlines()[1:4]}
    assert rows == {"Anna Weiß": ["0", "1", "0"], "Ben": ["0", "2", "1"], "Cleo": ["0", "0", "1"]}
    assert "3.jpg" in again.stderr

    found = told(remote("identify", group, str(azure_photo("Family1-Dad3")), "--json"))
    (face,) = found["faces"]
    assert face["candidates"][0]["name"] == "Ben"
    assert face["candidates"][0]["personId"] == by_name["Ben"]["personId"]
    stranger = remote("identify", group, str(azure_photo("identification1")), "--threshold", "0.99")
    assert stranger.exit_code == 1
    assert "nobody of the group" in stranger.stdout
    assert "1 of 4" in stranger.stdout

    photo, ben = str(azure_photo("Family1-Dad3")), by_name["Ben"]["personId"]
    for who in ("Ben", ben, ben[:8]):
        assert told(remote("verify", photo, "--group", group, "--person", who, "--json"))["compared"][0]["isIdentical"]
    assert remote("verify", photo, "--group", group, "--person", "Anna Weiß").exit_code == 1
    assert remote("verify", photo, "--group", group, "--person", "Nobody").exit_code == 2
    compared = told(remote("verify", photo, str(people / "Anna Weiß"), str(azure_photo("Family1-Dad1")), "--json"), 1)
    assert [one["isIdentical"] for one in compared["compared"]] == [False, True]
    assert remote("verify", photo, str(azure_photo("Family1-Dad1"))).exit_code == 0


def test_photos_wait_for_the_end_of_a_training(
    remote: Run, server: Server, people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"cli-{uuid4().hex[:8]}"
    path = f"/face/v1.2/largepersongroups/{name}"
    with server.client() as client, closing(open_services(Settings(data_dir=server.data_dir))) as services:
        client.put(path, json={"name": name, "recognitionModel": "recognition_04"}).raise_for_status()
        client.post(f"{path}/persons", json={"name": "Dora"}).raise_for_status()
        with services.database.read(EVERY_RESOURCE) as session:
            uid = session.scalars(select(CollectionRow.uid).where(CollectionRow.collection_id == name)).one()
        with ExitStack() as stack:  # no server can carry out the training until the command waits for it
            assert stack.enter_context(services.claims.hold(f"training/{uid}")) is not None
            client.post(f"{path}/train").raise_for_status()
            pause, waited = time.sleep, []

            def sleep(seconds: float) -> None:
                waited.append(seconds)
                stack.close()
                pause(seconds)

            monkeypatch.setattr("mien.cli._face_calls.time.sleep", sleep)
            enrolled = remote("enrol", f"largePersonGroup/{name}", str(people / "Anna Weiß"), "--json")
            told(enrolled)
        assert waited
        assert enrolled.stderr.count("mien: the group is being trained; waiting for its end") == 1
        persons = client.get(f"{path}/persons").raise_for_status().json()
        assert {one["name"]: len(one["persistedFaceIds"]) for one in persons} == {"Anna Weiß": 1, "Dora": 0}


def test_one_name_of_two_persons_is_not_guessed(remote: Run, server: Server, people: Path) -> None:
    group = f"cli-{uuid4().hex[:8]}"
    with server.client() as client:
        path = f"/face/v1.2/persongroups/{group}"
        assert client.put(path, json={"name": "x", "recognitionModel": "recognition_04"}).status_code == 200
        ids = [client.post(f"{path}/persons", json={"name": "Anna Weiß"}).json()["personId"] for _ in range(2)]
    photo = str(people / "Anna Weiß" / "1.jpg")
    refused = told(remote("enrol", group, photo, "--json"), 1)  # found without its kind
    assert refused["group"] == f"personGroup/{group}"
    assert all(one in refused["people"][0]["photos"][0]["reason"] for one in ids)
    chosen = told(remote("enrol", group, photo, "--person", ids[1][:8], "--no-train", "--json"))
    assert chosen["people"][0]["personId"] == ids[1]
    assert chosen["training"] is None


def test_names_that_differ_in_capitals_are_one_person_as_in_the_import(remote: Run, tmp_path: Path) -> None:
    for name, photo in (("Anna", "Family1-Mom1"), ("anna ", "Family1-Mom2")):
        (tmp_path / name).mkdir()
        shutil.copy(azure_photo(photo), tmp_path / name / "1.jpg")
    (tmp_path / "Ben").mkdir()
    (tmp_path / "Ben" / "notes.txt").write_text("his photos come later")
    group = f"largePersonGroup/cli-{uuid4().hex[:8]}"
    enrolled = remote("enrol", group, str(tmp_path), "--json")
    (anna,) = told(enrolled)["people"]
    assert [photo["result"] for photo in anna["photos"]] == ["enrolled", "enrolled"]
    assert enrolled.stderr == f"{tmp_path / 'Ben'}: there are no photos in it\n"
    (tmp_path / "ANNA").mkdir()
    shutil.move(tmp_path / "Anna" / "1.jpg", tmp_path / "ANNA" / "2.jpg")
    (again,) = told(remote("enrol", group, str(tmp_path / "ANNA"), "--json"))["people"]
    assert (again["personId"], again["created"]) == (anna["personId"], False)


def test_a_photo_of_this_folder_is_nobodys_without_a_name(
    remote: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(azure_photo("Family1-Dad1"), tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    group = f"largePersonGroup/cli-{uuid4().hex[:8]}"
    refused = remote("enrol", group, "photo.jpg")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "photo.jpg: it does not say whose it is" in refused.stderr
    assert "name the person with --person" in refused.stderr
    assert remote("identify", group, "photo.jpg").exit_code == 2  # no group was created
    assert told(remote("enrol", group, "photo.jpg", "--person", "Dad", "--json"))["people"][0]["name"] == "Dad"


def test_a_hint_is_a_sentence(remote: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    refused = remote("verify", str(tmp_path / "empty.jpg"), str(azure_photo("Family1-Dad1")))
    assert refused.exit_code == 2
    assert refused.stderr.endswith("often it is empty. The image has 0 bytes; the least is 1024.\n")


def test_an_address_with_a_path_or_of_the_control_plane_is_not_taken_for_an_empty_resource(
    remote: Run, server: Server
) -> None:
    photo = str(azure_photo("Family1-Dad1"))
    doubled = remote("identify", "staff", photo, "--endpoint", f"{server.endpoint}/face/v1.2")
    assert (doubled.exit_code, "has /face and the version twice" in doubled.stderr) == (2, True), doubled.stderr
    plane = remote("identify", "staff", photo, "--endpoint", server.management)
    assert (plane.exit_code, "not the control plane's port" in plane.stderr) == (2, True), plane.stderr
    for one in (doubled, plane):
        assert "there is no group" not in one.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("identify", "cli-missing", "PHOTO"), "there is no group 'cli-missing'"),
        (("identify", "faceList/x", "PHOTO"), "is not a group"),
        (("verify", "PHOTO", "PHOTO", "--key", "0" * 32), "Access denied"),
        (("verify", "PHOTO", "PHOTO", "--key", "0" * 32), "`mien doctor` says what is wrong with the key."),
        (("verify", "PHOTO", "PHOTO", "--endpoint", "http://127.0.0.1:9"), "does not answer"),
        (("verify", "PHOTO", "PHOTO", "--endpoint", "localhost"), "is not an endpoint"),
        (("verify", "PHOTO", "NOTHING"), "no photos"),
    ],
)
def test_trouble_is_exit_code_2_and_one_sentence(
    remote: Run, arguments: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    known = {"PHOTO": str(azure_photo("Family1-Dad1")), "NOTHING": str(tmp_path)}
    result = remote(*(known.get(part, part) for part in arguments))
    assert result.exit_code == 2, result.output
    assert words in result.stderr
    assert result.stdout == ""


def test_a_key_is_needed_and_never_shown(remote: Run, monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    photo = str(azure_photo("Family1-Dad1"))
    monkeypatch.setenv("FACE_KEY", "f" * 32)
    both = remote("verify", photo, photo)
    assert "FACE_KEY and FACE_APIKEY differ; FACE_KEY is used" in both.stderr
    assert both.exit_code == 2
    assert "f" * 32 not in both.output
    monkeypatch.delenv("FACE_KEY")
    monkeypatch.delenv("FACE_APIKEY")
    assert "key is missing" in remote("verify", photo, photo).stderr


def test_a_data_folder_answers_without_a_server(people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FACE_ENDPOINT", raising=False)
    folder = ("--data-dir", str(tmp_path))
    photo = str(azure_photo("Family1-Dad3"))
    services = open_services(Settings(data_dir=tmp_path))
    development_resource(services)
    services.close()
    enrolled = told(run("enrol", "staff", str(people / "Ben" / "1.jpg"), "--json", *folder))
    assert enrolled["people"][0]["name"] == "Ben"
    assert run("identify", "staff", photo, *folder).exit_code == 0
    assert run("gallery", "policy", "dev", "--negatives", *folder).exit_code == 0
    person, other = enrolled["people"][0]["personId"], ("--photo", str(azure_photo("Family2-Man1")))
    negative = told(run("negative", "add", "dev", "largePersonGroup/staff", person, *other, "--json", *folder))["id"]
    listed = run("negative", "list", "dev", *folder).stdout.splitlines()[1].split()[0]
    assert listed == negative[:8]
    assert told(run("negative", "remove", "dev", listed, "--json", *folder)) == {"removed": negative}
    services = open_services(Settings(data_dir=tmp_path))
    used = [one.actor.partition(":")[0] for one in services.audit.search(action="key.list")]
    assert used == ["cli", "cli", "mien serve --dev"]  # the use of its key is seen in the audit log
    services.close()


def test_a_folder_without_data_is_exit_code_2_and_stays_as_it_is(tmp_path: Path) -> None:
    nothing = run("identify", "staff", str(azure_photo("Family1-Dad3")), "--data-dir", str(tmp_path))
    assert (nothing.exit_code, "there is no data of Mien" in nothing.stderr) == (2, True)
    assert not list(tmp_path.iterdir())


def test_a_terminal_with_graphics_shows_small_pictures(server: Server) -> None:
    """Act as a terminal with Kitty's protocol, whose answers wait before they are asked for."""
    photo = str(azure_photo("Family1-Dad1"))
    command = [sys.executable, "-c", "from mien.cli import main; main()", "verify", photo, photo]
    environment = os.environ | {"FACE_ENDPOINT": server.endpoint, "FACE_APIKEY": server.key1, "TERM": "xterm-kitty"}
    environment |= {"NO_PROXY": "127.0.0.1", "COLUMNS": "100"}
    master, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 1000, 800))  # cells of 10 x 20 pixels
    quiet = termios.tcgetattr(terminal)
    quiet[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSANOW, quiet)
    os.write(master, b"\x1b[?62;c" + b"\x1b_Gi=1;OK\x1b\\")  # no Sixel; graphics
    process = subprocess.Popen(command, stdin=terminal, stdout=terminal, env=environment)
    os.close(terminal)
    seen = b""
    with suppress(OSError):  # the other end is closed
        while piece := os.read(master, 65536):
            seen += piece
    os.close(master)
    assert process.wait(timeout=120) == 0
    assert b"identical" in seen
    assert b"f=100" in seen  # a PNG was sent
    assert "\U0010eeee".encode() in seen  # and placed in the table
