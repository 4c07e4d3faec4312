"""`mien models migrate` beside a running server, with real faces and two really different recognisers."""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
from tests.cli.test_gallery import opened
from tests.conftest import StartServer, stop
from tests.many_people import NewPerson, add_persons
from tests.shared import azure_photo
from tests.waiting import until
from typer.testing import CliRunner

from mien.accounts import DEVELOPMENT_TERMS, Accounts
from mien.cli._main import build
from mien.gallery.kinds import CollectionRef, Kind
from mien.vision.types import Embedding

FAMILY = {"dad": ("Family1-Dad1", "Family1-Dad2"), "mum": ("Family1-Mom1",), "son": ("Family1-Son1",)}
PROBES = {"dad": "Family1-Dad3", "mum": "Family1-Mom2", "son": "Family1-Son2"}
BOUND = {"recognition_01": "sface", "recognition_04": "sface-int8"}


class Calls:
    """The calls that this test makes of the server."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def detect(self, name: str, model: str) -> str:
        query = {"detectionModel": "detection_03", "recognitionModel": model, "returnFaceId": "true"}
        answer = self.client.post(
            "/face/v1.2/detect", params=query, content=azure_photo(name).read_bytes(), headers=RAW
        )
        return str(answer.raise_for_status().json()[0]["faceId"])

    def add(self, person: str, name: str) -> None:
        path = f"/face/v1.2/largepersongroups/staff/persons/{person}/persistedfaces"
        query = {"detectionModel": "detection_03"}
        self.client.post(path, params=query, content=azure_photo(name).read_bytes(), headers=RAW).raise_for_status()

    def identify(self, face: str) -> httpx.Response:
        return self.client.post("/face/v1.2/identify", json={"faceIds": [face], "largePersonGroupId": "staff"})

    def best(self, name: str, model: str) -> str | None:
        (one,) = self.identify(self.detect(name, model)).raise_for_status().json()
        return one["candidates"][0]["personId"] if one["candidates"] else None

    def enrol(self) -> dict[str, str]:
        self.client.put("/face/v1.2/largepersongroups/staff", json={"name": "S", "recognitionModel": "recognition_01"})
        people = {}
        for who, names in FAMILY.items():
            made = self.client.post("/face/v1.2/largepersongroups/staff/persons", json={"name": who})
            people[who] = made.raise_for_status().json()["personId"]
            for name in names:
                self.add(people[who], name)
        self.train()
        return people

    def train(self) -> None:
        self.client.post("/face/v1.2/largepersongroups/staff/train").raise_for_status()
        training = "/face/v1.2/largepersongroups/staff/training"
        until(lambda: self.client.get(training).json()["status"] == "succeeded")


RAW = {"Content-Type": "application/octet-stream"}


@dataclass
class Ended:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


def mien(folder: Path, settings: dict[str, str], *arguments: str) -> Ended:
    environment: dict[str, str | None] = {name: None for name in os.environ if name.startswith("MIEN_RECOGNITION")}
    environment |= {f"MIEN_{name.upper()}": value for name, value in settings.items()}
    given = [*arguments, "--data-dir", str(folder)]
    result = CliRunner().invoke(build([arguments[0]]), given, env=environment)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Ended(result.exit_code, result.stdout, result.stderr)


@pytest.mark.heavy_on_postgresql
def test_the_old_templates_serve_until_the_new_ones_are_trained(
    start_server: StartServer, database_url: str, tmp_path: Path
) -> None:
    settings = {**BOUND, "database_url": database_url}
    server = start_server(data_dir=tmp_path, **settings)
    migrate = ("models", "migrate", "--resource", "dev", "--collection", "largePersonGroup/staff", "--json")
    with server.client() as client:
        calls = Calls(client)
        assert mien(tmp_path, settings, "gallery", "policy", "dev", "--keep-crops").returncode == 0
        people = calls.enrol()
        planned = mien(tmp_path, settings, *migrate, "--to", "recognition_04", "--dry-run")
        assert planned.returncode == 0, planned.stderr
        (plan,) = json.loads(planned.stdout)["collections"]
        assert (plan["faces"], plan["to_make"], plan["cannot"], plan["result"]) == (4, 4, [], "planned")
        # One caller asks all the time: the right person, until the model is another one.
        probe, heard, done = calls.detect(PROBES["dad"], "recognition_01"), [], threading.Event()

        def ask() -> None:
            with server.client() as own:
                while not done.is_set():
                    heard.append(Calls(own).identify(probe))

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            while len(heard) < 4 and asking.is_alive():  # a busy machine may be slower to answer than to migrate
                time.sleep(0.05)
            migrated = mien(tmp_path, settings, *migrate, "--to", "recognition_04")
        finally:
            done.set()
            asking.join()
        assert migrated.returncode == 0, migrated.stderr
        (result,) = json.loads(migrated.stdout)["collections"]
        assert (result["resource"], result["result"], result["to"]["pack"]) == ("dev", "migrated", "sface-int8")
        served = [answer for answer in heard if answer.status_code == 200]
        assert all(answer.json()[0]["candidates"][0]["personId"] == people["dad"] for answer in served)
        assert len(served) > 3
        refused = heard[len(served) :]
        assert {answer.status_code for answer in refused} <= {400}
        assert all("incompatible" in answer.text for answer in refused)
        # At once, without another training:
        assert {who: calls.best(name, "recognition_04") for who, name in PROBES.items()} == people
        assert client.get("/face/v1.2/largepersongroups/staff").json()["name"] == "S"
        # Faces that come later survive a roll-back.
        calls.add(people["son"], "Family1-Son2")
        back = mien(tmp_path, settings, *migrate, "--roll-back")
        assert (back.returncode, json.loads(back.stdout)["collections"][0]["result"]) == (0, "rolled back"), back.stderr
        assert {who: calls.best(name, "recognition_01") for who, name in PROBES.items()} == people
    stop(server.process)
    if database_url.startswith("sqlite"):  # once is enough
        rebound_weights(start_server, tmp_path, {**settings, "recognition_01": "sface-int8"}, people)


def rebound_weights(
    start_server: StartServer, tmp_path: Path, settings: dict[str, str], people: dict[str, str]
) -> None:
    """The label is bound to other weights: refused with the command in the hint, which mends it."""
    server = start_server(data_dir=tmp_path, **settings)
    with server.client() as client:
        calls = Calls(client)
        answer = calls.identify(calls.detect(PROBES["dad"], "recognition_01"))
        assert answer.status_code == 400
        command = "mien models migrate --collection largePersonGroup/staff"
        assert command in answer.text
        done = mien(tmp_path, settings, *command.split()[1:])
        assert done.returncode == 0, done.stderr
        assert "dev largePersonGroup/staff: migrated" in done.stdout
        assert {who: calls.best(name, "recognition_01") for who, name in PROBES.items()} == people
        assert "There is nothing to do." in mien(tmp_path, settings, *command.split()[1:]).stdout
        forgotten = mien(tmp_path, settings, *command.split()[1:], "--forget")
        assert "5 old templates deleted" in forgotten.stdout
        audited = json.loads(mien(tmp_path, settings, "audit", "list", "--action", "gallery.*", "--json").stdout)
        noted = [(one["action"], one["details"].get("collection")) for one in reversed(audited)]
        steps = ["", ".roll_back", "", ".forget"]
        staff = "largePersonGroup/staff"
        assert noted == [("gallery.policy", None)] + [(f"gallery.migrate{step}", staff) for step in steps]
    stop(server.process)


def test_what_cannot_be_migrated_is_refused_and_listed(tmp_path: Path) -> None:
    services, gallery, _ = opened(tmp_path)
    owner = Accounts(services.database, services.vault, services.clock).create("dev", terms=DEVELOPMENT_TERMS).id
    ref = CollectionRef(owner, Kind.PERSON_GROUP, "staff")
    gallery.collections.create(ref, "Staff", None, "recognition_04")
    recogniser = gallery.rows.get(ref)
    vector = np.full(256, 1 / 16, np.float32)
    people = [NewPerson("p", None, (Embedding(vector, recogniser.fingerprint, 1.0),)) for _ in range(12)]
    add_persons(gallery, ref, people)
    services.close()
    sface = {"recognition_03": "sface"}
    for leave_out in ((), ("--leave-out",)):  # there would be nobody left
        refused = mien(tmp_path, sface, "models", "migrate", "--resource", "dev", "--to", "recognition_03", *leave_out)
        assert refused.returncode == 1
        assert refused.stdout.count("cannot: face ") == 10
        assert "and 2 more" in refused.stdout
    assert "12 faces of personGroup/staff cannot be migrated" in refused.stderr
    counted = mien(tmp_path, {"recognition_04": "sface"}, "models", "migrate", "--dry-run", "--json")
    (told,) = json.loads(counted.stdout)["collections"]
    assert (counted.returncode, told["faces"], told["to_make"], len(told["cannot"])) == (0, 12, 0, 12)
    assert mien(tmp_path, sface, "models", "migrate", "--to", "recognition_03").returncode == 2
    assert json.loads(mien(tmp_path, sface, "models", "migrate", "--json").stdout) == {"collections": []}
    missing = mien(tmp_path, sface, "models", "migrate", "--collection", "personGroup/none")
    assert (missing.returncode, "there is no collection" in missing.stderr) == (1, True)
