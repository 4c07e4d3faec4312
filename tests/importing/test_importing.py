"""`mien gallery import` with real photos, from what each product writes or serves."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image
from tests.conftest import sqlite_database
from tests.local_server import serving
from tests.shared import azure_photo
from typer.testing import CliRunner

from mien.cli._main import build
from mien.importing import ImportSourceError
from mien.importing.azure_export import azure_export
from mien.importing.computing import readable
from mien.importing.sources import folders

GROUP = "personGroup/family"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the resource `desk`."""
    folder: Path = tmp_path_factory.mktemp("data")
    sqlite_database(folder / "mien.db").close()
    run(folder, "resource", "create", "desk", "--accept-terms", "--not-for-police", "--as", "Anna")
    return folder


def run(data: Path, *arguments: str, environment: dict[str, str] | None = None) -> str:
    done = CliRunner().invoke(build([arguments[0]]), [*arguments, "--data-dir", str(data)], env=environment)
    refused = "--json" in arguments and done.stdout.startswith("{") and bool(json.loads(done.stdout).get("refused"))
    assert done.exit_code == int(refused), done.output
    return done.stdout


def photo(name: str) -> bytes:
    return azure_photo(name).read_bytes()


def webp(name: str) -> bytes:
    out = io.BytesIO()
    Image.open(azure_photo(name)).save(out, "WEBP", quality=95)
    return out.getvalue()


def imported(
    data: Path, product: str, source: str, report: Path, group: str = GROUP, *more: str, **environment: str
) -> Any:
    where = ["--report", str(report), "--json", "--as", "Anna", *more]
    return json.loads(run(data, "gallery", "import", product, "desk", group, source, *where, environment=environment))


def test_folders_as_frigate_keeps_them_go_on_where_they_stopped(data: Path, tmp_path: Path) -> None:
    people, report = tmp_path / "faces", tmp_path / "report.jsonl"
    for name in ("Dad", "Mom/summer", "train", ".hidden", "Empty"):
        (people / name).mkdir(parents=True)
    (people / "Dad" / "Dad-1.webp").write_bytes(webp("Family1-Dad1"))
    (people / "Mom" / "summer" / "1.jpg").write_bytes(photo("Family1-Mom1"))
    (people / "Mom" / "everybody.jpg").write_bytes(photo("identification1"))
    (people / "Mom" / "notes.txt").write_text("no photo")
    (people / "Mom" / "broken.jpg").write_bytes(b"\xff\xd8\xff" + bytes(2000))
    (people / "train" / "x.jpg").write_bytes(photo("Family1-Son1"))
    first = imported(data, "frigate", str(people), report)
    assert (first["persons"], first["enrolled"], first["refused"], first["training"]) == (2, 2, 2, "succeeded")
    why = {one["photo"]: one["why"] for one in first["refusedPhotos"]}
    assert "several faces" in why["Mom/everybody.jpg"]
    assert set(why) == {"Mom/everybody.jpg", "Mom/broken.jpg"}
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert {line["photo"]: line["outcome"] for line in lines}["Dad/Dad-1.webp"] == "enrolled"
    report.write_text(report.read_text() + '{"photo": "cut sh')  # as after a crash
    (people / "Dad" / "2.png").write_bytes(photo("Family1-Dad2"))
    second = imported(data, "folders", str(people), report)
    assert (second["persons"], second["enrolled"], second["earlier"], second["refused"]) == (0, 1, 2, 2)


def test_an_export_in_the_shapes_of_the_face_api(data: Path, tmp_path: Path) -> None:
    face_id, person_id = str(uuid4()), str(uuid4())
    persons = [
        {
            "personId": person_id,
            "name": "Dad",
            "userData": "since 2020",
            "persistedFaceIds": [face_id],
            "persistedFaces": [{"persistedFaceId": face_id, "userData": "passport"}],
        },
        {"personId": str(uuid4()), "name": "No photo", "persistedFaceIds": []},
    ]
    (tmp_path / "export.json").write_text(json.dumps({"personGroups": [{"personGroupId": "f", "persons": persons}]}))
    (tmp_path / person_id).mkdir()
    (tmp_path / person_id / f"{face_id}.jpg").write_bytes(photo("Family1-Dad1"))
    (found,) = azure_export(tmp_path)
    assert (found.person, found.user_data, found.face_data) == ("Dad", "since 2020", "passport")
    told = imported(data, "azure", str(tmp_path), tmp_path / "report.jsonl", "largePersonGroup/exported")
    assert (told["persons"], told["enrolled"], told["refused"]) == (1, 1, 0)


@pytest.fixture
def compreface() -> Iterator[str]:
    """What CompreFace answers of two faces, one of whose photos it did not keep; its URL."""
    kept, lost = str(uuid4()), str(uuid4())
    faces = [{"image_id": kept, "subject": "Dad"}, {"image_id": lost, "subject": "Mom"}]
    image = photo("Family1-Dad1")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if self.headers["x-api-key"] != "secret":
                self._answer(404, json.dumps({"message": "Model is not found", "code": 10}).encode())
            elif path == "/api/v1/recognition/faces":
                page = 1 if "page=1" in self.path else 0
                told = {
                    "faces": [faces[page]],
                    "page_number": page,
                    "page_size": 1,
                    "total_pages": 2,
                    "total_elements": 2,
                }
                self._answer(200, json.dumps(told).encode())
            else:
                self._answer(200, image if kept in path else b"")

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with serving(Handler) as port:
        yield f"http://127.0.0.1:{port}"


def test_a_running_compreface(compreface: str, data: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.jsonl"
    told = imported(data, "compreface", compreface, report, "personGroup/moved", COMPREFACE_KEY="secret")
    assert (told["persons"], told["enrolled"], told["refused"]) == (1, 1, 1)
    assert "keeps no photo" in told["refusedPhotos"][0]["why"]
    wanted = [
        "gallery",
        "import",
        "compreface",
        "desk",
        GROUP,
        compreface,
        "--data-dir",
        str(data),
        "--report",
        str(report),
    ]
    for key, says in (("wrong", "Model is not found"), ("", "COMPREFACE_KEY")):
        refused = CliRunner().invoke(build(["gallery"]), wanted, env={"COMPREFACE_KEY": key})
        assert refused.exit_code == 1
        assert says in refused.output


def test_sources_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "Dad").mkdir()
    with pytest.raises(ImportSourceError, match="no folder with photos"):
        list(folders(tmp_path))
    with pytest.raises(ImportSourceError, match="not a folder"):
        list(folders(tmp_path / "nowhere"))
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ImportSourceError, match="cannot be read as JSON"):
        list(azure_export(tmp_path / "a.json"))
    (tmp_path / "a.json").write_text('[{"name": "../Dad", "personId": "x"}]')
    with pytest.raises(ImportSourceError, match="no person"):
        list(azure_export(tmp_path))
    with pytest.raises(ImportSourceError, match="cannot be read as an image"):
        readable(b"text")
    for data, why in ((b"text", "it is damaged, of another format, or no image at all"), (b"", "the file is empty")):
        with pytest.raises(ImportSourceError) as raised:
            readable(data)
        assert str(raised.value) == f"it cannot be read as an image: {why}"
