"""`mien camera` and `mien door`, from an empty folder to an answer."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from tests.gallery.texts import TextEngine, recognisers
from typer.testing import CliRunner

from mien.accounts import DEVELOPMENT_TERMS, Feature
from mien.cli._main import build
from mien.gallery.gallery import open_gallery
from mien.gallery.kinds import CollectionRef, Kind
from mien.services import open_services
from mien.settings import Settings

STAFF = "largePersonGroup/staff"


def run(folder: Path, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(build(["camera", "door", "kiosk"]), [*words, "--data-dir", str(folder)])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def ada(tmp_path: Path) -> UUID:
    """Somebody of the staff of the resource `desk`, which is approved."""
    services = open_services(Settings(data_dir=tmp_path))
    owner = services.accounts.create("desk", terms=DEVELOPMENT_TERMS).id
    request = services.access.submit(
        owner, {Feature.VIDEO_IDENTIFICATION}, organisation="Doors", contact="a@b.example", use_case="Doors", actor="a"
    )
    services.access.review(request.id, actor="b")
    services.access.approve(request.id, actor="b", lasts=timedelta(days=1))
    gallery = open_gallery(
        services.database,
        services.vault,
        services.clock,
        tmp_path / "snapshots",
        engine=TextEngine(),
        recognisers=recognisers(),
        detected_faces=services.detected_faces,
    )
    ref = CollectionRef(owner, Kind.LARGE_PERSON_GROUP, "staff")
    gallery.collections.create(ref, "Staff", None, "recognition_04")
    person = UUID(gallery.persons.create(ref, "Ada"))
    services.close()
    return person


def test_from_a_camera_to_an_answer(tmp_path: Path, ada: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_OSDP_KEY", "00112233445566778899aabbccddeeff")
    added = run(tmp_path, "door", "add", "desk", "Front", "--osdp", "/dev/ttyUSB0", "--zone", "Europe/Berlin")
    assert added == "added Front, which opens by osdp /dev/ttyUSB0 address 0\n"
    monkeypatch.setenv("MIEN_SOURCE", "rtsp://viewer:hush@10.0.0.1/stream")
    camera = run(tmp_path, "camera", "add", "desk", "Lobby", "--door", "Front", "-g", STAFF)
    assert camera == "added Lobby at rtsp://10.0.0.1\n"
    listed = run(tmp_path, "camera", "list", "desk")
    assert "Lobby" in listed
    assert "hush" not in listed + run(tmp_path, "camera", "list", "desk", "--json")
    person = f"{STAFF}/{ada}"
    shut = run(tmp_path, "door", "check", "desk", "Front", "--person", person, "--at", "2026-07-06T09:30", code=1)
    assert "No rule applies to this door and direction." in shut
    allowed = run(tmp_path, "door", "allow", "desk", "Front", "Staff", "--when", "Mon-Fri 08:00-18:00", "-g", STAFF)
    assert "may enter and leave by Front by their face alone, Mon-Fri 08:00-18:00" in allowed.replace("\n", " ")
    opens = run(tmp_path, "door", "check", "desk", "Front", "--person", person, "--at", "2026-07-06T09:30")
    assert opens == "Front opens, by the rule Staff\n"
    early = run(tmp_path, "door", "check", "desk", "Front", "--person", person, "--at", "2026-07-06T07:30", code=1)
    assert "The rule does not apply at this time." in early
    badge = run(tmp_path, "door", "badge", "desk", STAFF, str(ada), "12:4711")
    assert badge == f"registered a badge of Ada ({STAFF})\n"
    visitor = run(tmp_path, "door", "visitor", "desk", STAFF, str(ada), "--until", "2150-01-01T00:00")
    assert "is a visitor until" in visitor
    (lost,) = json.loads(run(tmp_path, "door", "badges", "desk", "--json"))
    assert "Ada" in run(tmp_path, "door", "badges", "desk")
    assert run(tmp_path, "door", "delete-badge", "desk", lost["badge_id"][:8]) == "deleted the badge\n"
    assert json.loads(run(tmp_path, "door", "badges", "desk", "--json")) == []
    (visit,) = json.loads(run(tmp_path, "door", "visitors", "desk", "--json"))
    assert "2150-01-01" in run(tmp_path, "door", "visitors", "desk")
    assert run(tmp_path, "door", "end-visit", "desk", visit["visitor_id"][:8]) == "ended the visit\n"
    assert json.loads(run(tmp_path, "door", "visitors", "desk", "--json")) == []
    (rule,) = json.loads(run(tmp_path, "door", "rules", "desk", "--json"))
    assert run(tmp_path, "door", "delete-rule", "desk", rule["rule_id"]) == "deleted the rule\n"
    assert run(tmp_path, "door", "events", "desk", "--export", "jsonl") == ""
    run(tmp_path, "door", "inside", "desk")
    run(tmp_path, "camera", "change", "desk", "Lobby", "--off", "--exit")
    assert "off" in run(tmp_path, "camera", "list", "desk")
    run(tmp_path, "camera", "delete", "desk", "Lobby", "--yes")
    run(tmp_path, "door", "delete", "desk", "Front", "--yes")


def test_what_cannot_be_is_one_sentence(tmp_path: Path, ada: UUID) -> None:
    assert "there is no time zone" in run(tmp_path, "door", "add", "desk", "Front", "--zone", "Mars/Base", code=1)
    assert "there is no door" in run(
        tmp_path, "camera", "add", "desk", "L", "--source", "/dev/video0", "--door", "X", code=1
    )
    assert run(tmp_path, "door", "add", "desk", "Front") == "added Front, which has no actuator and opens nothing\n"
    placeless = run(tmp_path, "door", "check", "desk", "Front", "--person", "Ada", code=2)
    assert "'Ada' does not say where" in placeless
    wrong = run(tmp_path, "door", "allow", "desk", "Front", "Staff", "--when", "sometimes", code=1)
    assert "is not a time such as Mon-Fri 07:00-19:00" in wrong
    assert "there is no person" in run(
        tmp_path, "door", "check", "desk", "Front", "--person", f"{STAFF}/{UUID(int=1)}", code=1
    )


def test_numbers_times_and_files_that_cannot_be_are_one_sentence(tmp_path: Path, ada: UUID) -> None:
    run(tmp_path, "door", "add", "desk", "Front")
    for number, words in (("12:65536", "number: 0 to 65535"), ("256:1", "facility: 0 to 255"), (f"{2**70}", "number")):
        assert words in run(tmp_path, "door", "badge", "desk", STAFF, str(ada), number, code=1)
    assert "bits: 8 to 64" in run(tmp_path, "door", "badge", "desk", STAFF, str(ada), "1", "--bits", "99", code=1)
    for at in ("0001-01-01T00:00", "9999-12-31T23:59"):
        person = f"{STAFF}/{ada}"
        assert "2000" in run(tmp_path, "door", "check", "desk", "Front", "--person", person, "--at", at, code=2)
        assert "2000" in run(tmp_path, "door", "visitor", "desk", STAFF, str(ada), "--until", at, code=2)
    notice = tmp_path / "notice.txt"
    notice.write_bytes(b"\xff\xfe\x00")
    assert "UTF-8" in run(tmp_path, "kiosk", "add", "desk", "Hall", "-g", STAFF, "--notice", str(notice), code=2)


def test_what_does_not_exist_is_named(tmp_path: Path, ada: UUID) -> None:
    del ada
    notice = tmp_path / "notice.txt"
    notice.write_text("We compare your face.\n", encoding="utf-8")
    run(tmp_path, "door", "add", "desk", "Front")
    camera = ("camera", "add", "desk", "Lobby", "--source", "/dev/video0")
    allow, always = ("door", "allow", "desk", "Front"), ("--when", "always")
    run(tmp_path, *allow, "Staff", *always, "-g", STAFF)
    for words, said in (
        (camera, "a camera needs at least one group to search"),
        ((*camera, "-g", "personGroup/staff"), f"there is no group personGroup/staff; there is {STAFF}"),
        ((*allow, "Guests", *always, "-g", "dynamicGroup/x"), "there is no group dynamicGroup/x"),
        ((*allow, "Guests", *always, "--person", str(UUID(int=1))), f"there is no person {UUID(int=1)}"),
        ((*allow, "Staff", *always, "-g", STAFF), "there is a rule 'Staff' already"),
        (("kiosk", "add", "desk", "Desk", "-g", "personGroup/x", "--notice", str(notice)), "no group personGroup/x"),
    ):
        assert said in run(tmp_path, *words, code=1).replace("\n", " "), words
    assert json.loads(run(tmp_path, "camera", "list", "desk", "--json")) == []
    assert len(json.loads(run(tmp_path, "door", "rules", "desk", "--json"))) == 1


def test_a_kiosk_shows_its_key_once(tmp_path: Path, ada: UUID) -> None:
    del ada
    notice = tmp_path / "notice.txt"
    notice.write_text("We compare your face.\n", encoding="utf-8")
    run(tmp_path, "door", "add", "desk", "Front")
    options = ("-g", STAFF, "--notice", str(notice))
    added = run(tmp_path, "kiosk", "add", "desk", "Reception", *options, "--door", "Front")
    key = added.strip().rpartition("/kiosk#")[2]
    assert len(key) >= 43
    listed = run(tmp_path, "kiosk", "list", "desk")
    assert "Reception" in listed
    (shown,) = json.loads(run(tmp_path, "kiosk", "list", "desk", "--json"))
    assert shown["spec"]["notice"] == "We compare your face."
    assert key not in listed + json.dumps(shown)
    both = ("--door", "Front", "--without-liveness")
    refused = run(tmp_path, "kiosk", "add", "desk", "Photos", *options, *both, code=1)
    assert "a photo would open it" in refused
    notice.write_text("We compare your face with those of our staff.\n", encoding="utf-8")
    changes = ("--notice", str(notice), "--door", "", "--keep-days", "30", "--off", "--name", "Lobby")
    assert run(tmp_path, "kiosk", "edit", "desk", "Reception", *changes) == "changed Lobby\n"
    (shown,) = json.loads(run(tmp_path, "kiosk", "list", "desk", "--json"))
    assert shown["spec"] == {
        "group": STAFF,
        "notice": "We compare your face with those of our staff.",
        "greeting": "",
        "reception": "",
        "liveness": True,
        "door": None,
        "acceptance_days": 30,
        "enabled": False,
    }
    renewed = run(tmp_path, "kiosk", "renew-key", "desk", "Lobby", "--yes").strip().rpartition("/kiosk#")[2]
    assert len(renewed) >= 43
    assert renewed != key
    back = ("--door", "Front", "--without-liveness")
    assert "a photo would open it" in run(tmp_path, "kiosk", "edit", "desk", "Lobby", *back, code=1)
    assert run(tmp_path, "kiosk", "edit", "desk", "Lobby", "--name", "Reception") == "changed Reception\n"
    assert run(tmp_path, "kiosk", "delete", "desk", "Reception", "--yes") == "deleted Reception\n"
    assert json.loads(run(tmp_path, "kiosk", "list", "desk", "--json")) == []


def test_the_settings_of_a_door_and_the_holidays(tmp_path: Path, ada: UUID) -> None:
    run(tmp_path, "door", "add", "desk", "Front", "--zone", "Europe/Berlin")
    words = ("--set", "holdOffSeconds=10", "--set", "antiPassback=true", "--set", f"duress={ada}", "--set", "area=Lab")
    changed = run(tmp_path, "door", "change", "desk", "Front", *words, "--set", "strangers=announce", "--off")
    assert '"Europe/Berlin"' in changed, "settings that are not given stay as they are"
    (door,) = json.loads(run(tmp_path, "door", "list", "desk", "--json"))
    spec = door["spec"]
    assert (spec["hold_off_seconds"], spec["anti_passback"], spec["duress"]) == (10, True, [str(ada)])
    assert (spec["area"], spec["strangers"], spec["enabled"]) == ("Lab", "announce", False)
    assert json.loads(run(tmp_path, "door", "change", "desk", "Front", "--json")) == door, "nothing was changed"
    for wrong, why in (
        ("hold-off=10", "timeZone, area"),
        ("frames", "is not SETTING=VALUE"),
        ("frames=many", "frames"),
        ("frames=0", "frames: 1 to 50"),
        ("strangers=shoot", "strangers"),
        ("timeZone=Mars/Base", "there is no time zone"),
        (f"duress={UUID(int=1)}", "there is no person"),
    ):
        refused = CliRunner().invoke(
            build(["door"]), ["door", "change", "desk", "Front", "--set", wrong, "--data-dir", str(tmp_path)]
        )
        assert refused.exit_code in {1, 2}, wrong
        assert why in " ".join(refused.output.replace("│", "").split()), refused.output
    run(tmp_path, "door", "allow", "desk", "Front", "Staff", "--when", "always", "-g", STAFF)
    run(tmp_path, "door", "change", "desk", "Front", "--on")
    check = ("door", "check", "desk", "Front", "--person", f"{STAFF}/{ada}", "--at", "2026-12-24T12:00")
    run(tmp_path, *check)
    assert run(tmp_path, "door", "holiday", "desk", "2026-12-24", "Christmas Eve").endswith(
        "a holiday: Christmas Eve\n"
    )
    assert "Christmas Eve" in run(tmp_path, "door", "holidays", "desk")
    assert "at this time" in run(tmp_path, *check, code=1)
    run(tmp_path, "door", "holiday", "desk", "2026-12-24", "--delete")
    run(tmp_path, *check)
    run(tmp_path, "door", "holiday", "desk", "2026-12-24", code=2)
    run(tmp_path, "door", "holiday", "desk", "Christmas", "Eve", code=2)
