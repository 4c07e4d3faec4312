import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from tests.many_people import NewPerson, add_persons
from tests.memory import shared_engine
from typer.testing import CliRunner

from mien.accounts import DEVELOPMENT_TERMS, Accounts
from mien.cli._main import build
from mien.gallery.gallery import Gallery, open_gallery
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.policy import EnrolmentPolicy
from mien.gallery.recognisers import Recognisers
from mien.models import ModelStore
from mien.models.bindings import read_bindings
from mien.services import Services, open_services
from mien.settings import Settings
from mien.vision.types import Embedding

runner = CliRunner()


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    result = runner.invoke(build(["gallery"]), ["gallery", *arguments, "--data-dir", str(folder)])
    return result.exit_code, result.output


def opened(folder: Path) -> tuple[Services, Gallery, str]:
    settings = Settings(data_dir=folder)
    store = ModelStore(settings.model_dir)
    recognisers = Recognisers.of(store, read_bindings(store, folder, settings.bindings()))
    services = open_services(settings)
    gallery = open_gallery(
        services.database,
        services.vault,
        services.clock,
        folder / "snapshots",
        engine=shared_engine(),
        recognisers=recognisers,
        detected_faces=services.detected_faces,
    )
    return services, gallery, recognisers["recognition_04"].fingerprint


@pytest.fixture
def group(tmp_path: Path) -> CollectionRef:
    services, gallery, fingerprint = opened(tmp_path)
    owner = Accounts(services.database, services.vault, services.clock).create("front-desk", terms=DEVELOPMENT_TERMS).id
    ref = CollectionRef(owner, Kind.PERSON_GROUP, "staff")
    gallery.collections.create(ref, "Staff", None, "recognition_04")
    vector = np.full(256, 1 / 16, np.float32)
    add_persons(gallery, ref, [NewPerson("p", None, (Embedding(vector, fingerprint, 1.0),))])
    gallery.training.start(ref)
    gallery.training.run_pending()
    services.close()
    return ref


def test_rebuild_mends_a_damaged_snapshot_and_leaves_sound_ones(group: CollectionRef, tmp_path: Path) -> None:
    assert run(tmp_path, "rebuild") == (0, "All trained indexes are intact.\n")
    for path in (tmp_path / "snapshots").rglob("*.segment"):
        os.truncate(path, 100)
    assert run(tmp_path, "rebuild") == (0, "personGroup/staff: succeeded\n")
    assert run(tmp_path, "rebuild") == (0, "All trained indexes are intact.\n")
    assert run(tmp_path, "rebuild", "--all") == (0, "personGroup/staff: succeeded\n")
    services, gallery, _ = opened(tmp_path)
    row = gallery.rows.get(group)
    assert len(gallery.indexes.store(row, row.snapshot or "").load()) == 1
    services.close()


def test_policies_are_set_shown_and_cleared(group: CollectionRef, tmp_path: Path) -> None:
    code, text = run(tmp_path, "policy", "front-desk", "--min-quality", "medium", "--keep-crops", "--json")
    assert (code, json.loads(text)["min_quality"], json.loads(text)["keep_crops"]) == (0, "medium", True)
    code, text = run(tmp_path, "policy", "front-desk", "--min-quality", "medium", "--strict-children", "--json")
    assert (code, json.loads(text)["strict_children"], json.loads(text)["keep_crops"]) == (0, True, False)
    name = "personGroups/staff"
    assert run(tmp_path, "policy", "front-desk", "--collection", name, "--strict-children")[0] == 2
    assert (
        json.loads(run(tmp_path, "policy", "front-desk", "--collection", name, "--json")[1])["min_quality"] == "medium"
    )
    strict = run(tmp_path, "policy", "front-desk", "--collection", name, "--max-yaw", "20", "--json", "--as", "anna")
    assert json.loads(strict[1])["max_yaw"] == 20
    assert "max yaw            20" in run(tmp_path, "policy", "front-desk", "--collection", name)[1]
    assert json.loads(run(tmp_path, "policy", "front-desk", "--clear", "--json")[1])["min_quality"] is None
    assert json.loads(run(tmp_path, "policy", "front-desk", "--collection", name, "--json")[1])["max_yaw"] == 20
    assert run(tmp_path, "policy", "front-desk", "--min-quality", "best")[0] == 2
    assert run(tmp_path, "policy", "nobody")[0] == 1
    assert run(tmp_path, "policy", "front-desk", "--collection", "personGroup/none")[0] == 1
    assert run(tmp_path, "policy", "front-desk", "--collection", "people/none")[0] == 2


def test_crops_and_duplicates(group: CollectionRef, tmp_path: Path) -> None:
    assert run(tmp_path, "crops", "front-desk") == (0, "0 crops kept\n")
    assert run(tmp_path, "crops", "front-desk", "--collection", "personGroup/staff", "--erase") == (
        0,
        "0 crops erased\n",
    )
    assert run(tmp_path, "crops", "front-desk", "--json") == (0, '{\n  "kept": 0\n}\n')
    assert run(tmp_path, "duplicates", "front-desk", "personGroup/staff", "--json") == (0, "[]\n")
    assert run(tmp_path, "duplicates", "front-desk", "personGroup/staff")[1] == "No duplicates are known.\n"


DETAILS = {"collection": None, "max_yaw": 20.0, "keep_crops": True, "train_after_edits": True}


def test_what_changes_something_is_in_the_audit_log_with_who_did_it(group: CollectionRef, tmp_path: Path) -> None:
    run(tmp_path, "policy", "front-desk", "--max-yaw", "20", "--keep-crops", "--as", "anna")
    run(tmp_path, "policy", "front-desk")  # only shows it
    run(tmp_path, "crops", "front-desk", "--collection", "personGroup/staff", "--erase", "--as", "ben")
    run(tmp_path, "crops", "front-desk")
    services, _, _ = opened(tmp_path)
    found = [(one.actor, one.action, one.resource_id, dict(one.details)) for one in services.audit.search(limit=2)]
    services.close()
    assert found == [
        ("cli:ben", "gallery.crops.erase", group.resource_id, {"collection": "personGroup/staff", "crops": 0}),
        ("cli:anna", "gallery.policy", group.resource_id, DETAILS),
    ]


def test_a_purged_resource_leaves_no_snapshot_behind(group: CollectionRef, tmp_path: Path) -> None:
    assert list((tmp_path / "snapshots").rglob("*.segment"))
    app = build(["resource"])
    for verb in ("delete", "purge"):
        done = runner.invoke(app, ["resource", verb, "front-desk", "--yes", "--data-dir", str(tmp_path)])
        assert done.exit_code == 0, done.output
        assert bool(list((tmp_path / "snapshots").iterdir())) == (verb == "delete")


def test_persons_are_merged_and_moved(group: CollectionRef, tmp_path: Path) -> None:
    services, gallery, fingerprint = opened(tmp_path)
    vector = np.full(256, 1 / 16, np.float32)
    faces = (Embedding(vector, fingerprint, 1.0), Embedding(-vector, fingerprint, 1.0))
    (other,) = add_persons(gallery, group, [NewPerson("q", None, faces)])
    gallery.collections.create(CollectionRef(group.resource_id, Kind.LARGE_PERSON_GROUP, "left"), "Left")
    (first,) = (one for one in gallery.persons.page(group) if one.person_id != other)
    theirs = gallery.persons.get(group, other).persisted_face_ids
    names = ("front-desk", "personGroup/staff")
    code, said = run(tmp_path, "move-faces", *names, other[:8], first.person_id[:8], theirs[0][:8], "--json")
    assert (code, json.loads(said)) == (0, {"faces": 1})
    assert set(gallery.persons.get(group, first.person_id).persisted_face_ids) == {
        *first.persisted_face_ids,
        theirs[0],
    }
    code, said = run(tmp_path, "merge", *names, first.person_id[:8].upper(), other)
    assert (code, said.startswith("2 faces are of")) == (0, True)
    code, said = run(tmp_path, "move", *names, other, "largePersonGroup/left")
    assert (code, "recognition_01" in said) == (1, True)
    gallery.collections.delete(CollectionRef(group.resource_id, Kind.LARGE_PERSON_GROUP, "left"))
    to = CollectionRef(group.resource_id, Kind.LARGE_PERSON_GROUP, "left")
    gallery.collections.create(to, "Left", None, "recognition_04")
    assert run(tmp_path, "move", *names, other[:13], "largePersonGroup/left")[0] == 0
    assert len(gallery.persons.get(to, other).persisted_face_ids) == 3
    assert gallery.collections.get(group).persons == 0
    told = [(one.action, one.details.get("person")) for one in services.audit.search()]
    for action, person in (("face.move", other), ("person.merge", first.person_id), ("person.move", other)):
        assert (action, person) in told
    services.close()


def test_other_commands_take_short_ids_of_persons(group: CollectionRef, tmp_path: Path) -> None:
    services, gallery, _ = opened(tmp_path)
    (one,) = gallery.persons.page(group)
    short = one.person_id[:8]
    services.close()

    def mien(*arguments: str) -> tuple[int, str]:
        result = runner.invoke(build([arguments[0]]), [*arguments, "--data-dir", str(tmp_path)])
        return result.exit_code, result.output

    place = ("front-desk", "personGroup/staff")
    given = ("--purpose", "entry", "--given-by", "P")
    code, said = mien("consent", "add", *place, short, *given)
    assert (code, one.person_id in said) == (0, True)
    code, said = mien("consent", "list", "front-desk", "--collection", place[1], "--member", short)
    assert (code, one.person_id in said) == (0, True)
    code, said = mien("consent", "add", *place, "ffffffff", *given)
    assert (code, "there is no person whose id begins with 'ffffffff'" in said) == (1, True)
    code, said = mien("subject", "find", "front-desk", "--id", short)
    assert (code, one.person_id in said) == (0, True)
    code, said = mien("door", "visitor", *place, short, "--until", "2199-01-01T00:00")
    assert (code, "is a visitor until" in said) == (0, True)
    assert mien("negative", "list", "front-desk", "--person", short)[0] == 0


def test_a_merge_that_negatives_speak_against_asks_first(group: CollectionRef, tmp_path: Path) -> None:
    services, gallery, fingerprint = opened(tmp_path)
    faces = [Embedding(one, fingerprint, 1.0) for one in np.eye(256, dtype=np.float32)[:2]]
    people = [NewPerson("a", None, (faces[0],)), NewPerson("e", None, (faces[1],))]
    ann, eve = add_persons(gallery, group, people)
    gallery.policies.set_for(group, EnrolmentPolicy(negatives=True))
    (face_id,) = services.detected_faces.remember(group.resource_id, "recognition_04", faces[1:], 600)
    gallery.negatives.add(group, ann, face_id=face_id, actor="cli:eva")
    names = ("front-desk", "personGroup/staff", ann, eve)
    code, said = run(tmp_path, "merge", *names)
    assert (code, "Stop: a kept face says that these are two people" in said) == (1, True)
    assert gallery.persons.get(group, ann).name == "a"
    code, said = run(tmp_path, "merge", *names, "--yes")
    assert (code, said.startswith("1 faces are of")) == (0, True)
    assert gallery.negatives.all(group.resource_id) == []
    (noted,) = [one.details for one in services.audit.search(action="person.merge")]
    assert noted["negatives_deleted"] == 1
    services.close()


def test_trainings_are_listed_and_suspicions_dismissed(group: CollectionRef, tmp_path: Path) -> None:
    names = ("front-desk", "personGroup/staff")
    services, gallery, fingerprint = opened(tmp_path)
    vector = np.full(256, 1 / 16, np.float32)
    add_persons(gallery, group, [NewPerson("again", None, (Embedding(vector, fingerprint, 1.0),))])
    gallery.training.start(group)
    gallery.training.run_pending()
    gallery.training.start(group)
    services.close()
    code, said = run(tmp_path, "trainings", *names, "--json")
    last, second, first = json.loads(said)
    assert (code, last["unchanged"], last["attempts"], last["status"]) == (0, True, 0, "succeeded")
    assert [(one["faces"], one["persons"], one["attempts"]) for one in (second, first)] == [(2, 2, 1), (1, 1, 1)]
    assert "Nothing had changed." in run(tmp_path, "trainings", *names)[1]
    (pair,) = json.loads(run(tmp_path, "duplicates", *names, "--json")[1])
    faces = (pair["other_face_id"], pair["face_id"])
    assert re.search(r"\d UTC$", run(tmp_path, "duplicates", *names)[1].splitlines()[1])
    assert run(tmp_path, "not-duplicates", *names, *faces) == (0, "The pair is no longer listed.\n")
    assert run(tmp_path, "duplicates", *names) == (0, "No duplicates are known.\n")
    assert run(tmp_path, "not-duplicates", *names, faces[0], "none")[0] == 1
