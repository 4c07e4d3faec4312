"""Finding, exporting and erasing a person in collections of every kind."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import pytest
from joserfc.jwk import ECKey
from sqlalchemy import func, select
from tests.gallery.texts import embedding, photo, unit
from tests.subjects.world import KINDS, SubjectsWorld

from mien.doors.codec import dump
from mien.doors.events import Draft, EventKind
from mien.doors.journal import DoorEvents
from mien.doors.reasons import Code
from mien.doors.types import RuleSpec
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.policy import EnrolmentPolicy
from mien.gallery.types import FindMode
from mien.liveness.records import SessionOptions, VerifyReference
from mien.liveness.types import Mode
from mien.search import ExactSearch
from mien.storage import EVERY_RESOURCE, Vault
from mien.storage.tables import (
    ConsentRow,
    CorrectionRow,
    DetectedFaceRow,
    DoorRuleRow,
    DoorVisitorRow,
    DynamicGroupMemberRow,
    ErasureRow,
    LivenessSessionRow,
    PersistedFaceRow,
    PersonRow,
    RemovalRow,
)
from mien.subjects import Certainty, InvalidReceiptError, InvalidSubjectError, Whom
from mien.vision.types import FaceBox

ANNA, OTTO = 1, 50
OF_ANNA = Whom(photo=photo({"seed": 99, "near": ANNA, "away": 0.3}), users=frozenset({"anna"}))


@pytest.fixture
def full(place: SubjectsWorld) -> dict[str, str]:
    """Anna and Otto in all kinds of collections, a v1.0 snapshot, the directory, sessions; ids of Anna."""
    owner = place.owner
    ids = {}
    for kind in KINDS:
        ref = place.world.make(kind)
        ids[kind.value] = place.enrol(ref, "Anna", 11, 12, near=ANNA)
        place.enrol(ref, "Otto", 61, near=OTTO)
        if kind.trained:
            assert place.world.train(ref) == "succeeded"
    directory = place.directory
    person = directory.directory.create(owner, "Anna").id
    stranger = directory.directory.create(owner, "Otto").id
    assert person
    assert stranger
    for label in ("recognition_03", "recognition_04"):
        directory.directory.add_face(owner, person, label, photo({"seed": 13, "near": ANNA, "away": 0.3}))
    directory.directory.add_face(owner, stranger, "recognition_04", photo({"seed": 62, "near": OTTO}))
    directory.dynamic_groups.create(owner, "lobby", "Lobby", add=[person, stranger])
    ids["directory"] = person
    ids["probe"] = place.world.detect(unit(14, ANNA))
    place.world.detect(unit(63, OTTO))
    options = SessionOptions(mode=Mode.PASSIVE, with_verify=True)
    reference = VerifyReference(embedding(unit(15, ANNA)), FaceBox(0, 0, 9, 9), "high", "A" * 64)
    ids["session"] = place.sessions.create(owner, options, reference).id
    named = SessionOptions(mode=Mode.PASSIVE, user_correlation_id="anna")
    ids["of user"] = place.sessions.create(owner, named).id
    place.sessions.create(owner, SessionOptions(mode=Mode.PASSIVE, user_correlation_id="otto"))
    ref = place.world.ref(Kind.PERSON_GROUP)
    directory.transfers.take(ref, [owner])
    there = place.of(place.other)
    foreign = there.make(Kind.PERSON_GROUP)
    ids["foreign"] = place.enrol(foreign, "Anna", 16, near=ANNA)
    return ids


def test_a_photo_finds_a_person_in_every_kind_of_collection_and_in_no_other_resource(
    place: SubjectsWorld, full: dict[str, str]
) -> None:
    found = place.subjects.find(place.owner, OF_ANNA, actor="test")
    assert sorted(one.collection.split("/")[0] for one in found.holdings) == sorted(
        ["directory", *2 * ["faceList", "largeFaceList"], "personGroup", "largePersonGroup", "transfer"]
    )
    assert {one.name for one in found.holdings} == {"Anna", None}
    assert all(one.match is Certainty.SURE and one.confidence and one.confidence > 0.8 for one in found.holdings)
    (in_directory,) = (one for one in found.holdings if one.collection == "directory")
    assert in_directory.dynamic_groups == ("lobby",)
    assert [face.recognition_model for face in in_directory.faces] == ["recognition_03", "recognition_04"]
    assert [one.face_id for one in found.probes] == [full["probe"]]
    assert {one.session_id for one in found.sessions} == {full["session"], full["of user"]}
    assert full["foreign"] not in found.ids()
    assert found.compared == 21
    assert found.not_searched == ()
    (entry,) = place.audit.search(action="subject.find")
    assert entry.details["holdings"] == 8
    assert not any(one in str(entry.details) for one in found.ids())


def test_ids_and_texts_find_what_they_name_and_nothing_else(place: SubjectsWorld, full: dict[str, str]) -> None:
    group = full[Kind.PERSON_GROUP.value]
    by_id = place.subjects.find(place.owner, Whom(ids=frozenset({UUID(group), UUID(full["probe"])})), actor="test")
    assert {one.person_id for one in by_id.holdings} == {group}
    assert {one.collection.split("/")[0] for one in by_id.holdings} == {"personGroup", "transfer"}
    assert {*(one.match for one in by_id.holdings), *(one.match for one in by_id.probes)} == {Certainty.NAMED}
    face = by_id.holdings[0].faces[0].face_id
    by_face = place.subjects.find(place.owner, Whom(ids=frozenset({UUID(face)})), actor="test")
    assert by_face.holdings == by_id.holdings
    by_text = place.subjects.find(place.owner, Whom(texts=frozenset({"Otto"})), actor="test")
    assert len(by_text.holdings) == 6
    with pytest.raises(InvalidSubjectError):
        place.subjects.find(place.owner, Whom(), actor="test")


def test_an_export_has_all_of_it_and_only_theirs(place: SubjectsWorld, full: dict[str, str]) -> None:
    ref = place.world.ref(Kind.PERSON_GROUP)
    gallery = place.world.gallery
    person = full[Kind.PERSON_GROUP.value]
    place.subjects.consents.add(ref, person, given_by="Anna", purpose="the door", evidence="form 7", actor="cli:test")
    out = io.BytesIO()
    found, counts = place.subjects.export(place.owner, OF_ANNA, out, possible=False, templates=True, actor="test")
    assert counts["holdings"] == 8
    assert counts["templates"] == 12 + 2
    assert counts["liveness_sessions"] == 2
    with zipfile.ZipFile(out) as archive:
        told = json.loads(archive.read("subject.json"))
        templates = json.loads(archive.read("templates.json"))
    assert "Otto" not in json.dumps(told)
    assert "eyJ" not in json.dumps(told)
    (consent,) = next(one for one in told["holdings"] if one["person_id"] == person and one["consents"])["consents"]
    assert (consent["given_by"], consent["evidence"], consent["state"]) == ("Anna", "form 7", "valid")
    assert [entry["action"] for entry in told["audit"]] == ["consent.add"]
    face = next(face for one in found.holdings if one.person_id == person for face in one.faces)
    (kept, *_) = (one for one in templates if one["id"] == face.face_id)
    vector = np.frombuffer(base64.b64decode(kept["vector"]), "<f4")
    assert float(vector @ unit(ANNA)) > 0.9
    assert kept["fingerprint"] == face.fingerprint
    out = io.BytesIO()
    place.subjects.export(place.owner, OF_ANNA, out, possible=False, templates=False, actor="test")
    assert "templates.json" not in zipfile.ZipFile(out).namelist()
    assert gallery.crops.count(place.owner) == 0


def test_an_export_has_what_other_tables_say_of_a_person(
    place: SubjectsWorld, full: dict[str, str], vault: Vault
) -> None:
    """All rows that name the person with all readable columns, whatever the tables are; pictures at doors as files."""
    person = UUID(full[Kind.LARGE_PERSON_GROUP.value])
    home = place.world.gallery.rows.get(place.world.ref(Kind.LARGE_PERSON_GROUP)).uid
    now, whose = place.clock.now(), {"resource_id": place.owner, "collection": home, "person_id": person}
    visit = DoorVisitorRow(
        **whose, visitor_id=uuid4(), starts_at=now, ends_at=now + timedelta(hours=1), host="Otto", created_by="desk"
    )
    draft = Draft(
        kind=EventKind.DECISION, code=Code.GRANTED, granted=True, collection=home, person_id=person,
        details={"confidence": 0.9}, picture=b"a jpeg", picture_days=7,
    )  # fmt: skip
    event = DoorEvents(place.database, vault, place.clock).write(place.owner, draft)
    of_otto = CorrectionRow(
        **whose | {"person_id": uuid4()}, id=uuid4(), kind="move", into=person, faces="[]", name="Otto", before="{}",
        made_at=now,
    )  # fmt: skip
    with place.database.write(place.owner) as session:
        session.add_all([visit, of_otto])
        spec = RuleSpec(name="Staff", persons=(person, uuid4()))
        rule = DoorRuleRow(
            resource_id=place.owner, rule_id=uuid4(), position=1, spec=dump(spec), created_at=now, changed_at=now
        )
        session.add(rule)
        rule_id = rule.rule_id
    gallery, group = place.world.gallery, place.world.ref(Kind.LARGE_PERSON_GROUP)
    gallery.reassignment.merge(group, place.enrol(group, "Anna, again", 17, near=ANNA), str(person))
    out = io.BytesIO()
    _, counts = place.subjects.export(place.owner, OF_ANNA, out, possible=False, templates=False, actor="test")
    assert counts["door_pictures"] == 1
    with zipfile.ZipFile(out) as archive:
        told = json.loads(archive.read("subject.json"))
        assert archive.read(f"doors/{event.number}.jpg") == b"a jpeg"
    rows = next(one["rows"] for one in told["holdings"] if one["person_id"] == str(person))
    assert [one["host"] for one in rows["door_visitors"]] == ["Otto"]
    assert [(one["code"], one["details"]) for one in rows["door_events"]] == [("granted", {"confidence": 0.9})]
    assert rows["door_rules"] == [{"rule_id": str(rule_id), "name": "Staff"}], "without the other person of the rule"
    assert [one["collection"] for one in told["holdings"] if "door_rules" in one["rows"]] == [group.path]
    assert [one["name"] for one in rows["corrections"]] == ["Anna, again"], "the faces that moved here were Otto's"
    unread = {"resource_id", "collection", "sealed", "photo"}
    for table in (PersonRow, PersistedFaceRow):
        assert all(set(one) == set(table.__table__.c.keys()) - unread for one in rows[table.__tablename__])
    of_directory = next(one["rows"] for one in told["holdings"] if one["collection"] == "directory")
    assert len(of_directory["persisted_faces"]) == 2
    assert json.dumps([one["rows"] for one in told["holdings"]]).count("Otto") == 1, "the visit's host"


def test_an_erased_person_is_nowhere_and_the_receipt_proves_it(place: SubjectsWorld, full: dict[str, str]) -> None:
    gallery, owner = place.world.gallery, place.owner
    group = place.world.ref(Kind.PERSON_GROUP)
    for kind in KINDS:
        if kind.trained:  # in memory, too
            gallery.indexes.search(gallery.rows.get(place.world.ref(kind)))
    place.subjects.consents.add(group, full["personGroup"], given_by="Anna", purpose="the door", actor="test")
    found, nothing = place.subjects.erase(owner, OF_ANNA, possible=False, dry=True, actor="test")
    assert nothing is None
    assert len(found.holdings) == 8
    ids = found.ids()
    _, erased = place.subjects.erase(owner, OF_ANNA, possible=False, dry=False, actor="cli:test")
    assert erased is not None
    assert dict(erased.counts) == {
        "persons": 4, "faces": 12, "old_templates": 0, "crops": 0, "consents": 1, "memberships": 1, "door_events": 0,
        "detected_faces": 1, "liveness_sessions": 2, "session_images": 0, "negatives": 0,
    }  # fmt: skip
    with place.database.read(owner) as session:

        def rest(table: type) -> int:
            return session.scalar(select(func.count()).select_from(table)) or 0

        assert (rest(PersonRow), rest(PersistedFaceRow), rest(ConsentRow)) == (4, 6, 0)
        assert (rest(DetectedFaceRow), rest(LivenessSessionRow), rest(DynamicGroupMemberRow)) == (1, 1, 1)
        assert {row.name for row in session.scalars(select(PersonRow))} == {"Otto"}
    assert place.subjects.find(owner, OF_ANNA, actor="test").nothing
    for kind in KINDS:
        ref = place.world.ref(kind)
        row = gallery.rows.get(ref)
        assert row.faces == 1
        if kind.trained:
            search = gallery.indexes.store(row, row.snapshot or "").load()
            assert isinstance(search, ExactSearch)
            assert [len(segment) for segment in search.segments] == [1]
            assert not any(map(len, search.dead))
    probe = place.world.detect(unit(17, ANNA))
    for kind in (Kind.PERSON_GROUP, Kind.LARGE_PERSON_GROUP):
        (identified,) = gallery.recognition.identify([probe], place.world.ref(kind))
        assert identified.candidates == ()
    for kind in (Kind.FACE_LIST, Kind.LARGE_FACE_LIST):
        assert gallery.similar_faces.find_in(probe, place.world.ref(kind), FindMode.MATCH_PERSON) == []
    assert len(place.of(place.other).gallery.persons.page(CollectionRef(place.other, Kind.PERSON_GROUP, "group"))) == 1
    verified = place.subjects.receipts.verify(erased.receipt)
    assert all(verified.covers(one) for one in ids)
    assert not verified.covers(full["foreign"])
    assert not any(one in erased.receipt for one in ids if one != full["probe"])
    assert "Anna" not in erased.receipt
    assert place.subjects.eraser.receipt(owner, erased.receipt_id) == erased.receipt
    assert place.subjects.erase(owner, Whom(photo=OF_ANNA.photo), possible=False, dry=True, actor="t")[0].probes
    assert place.audit.verify().broken is None


def test_no_bytes_of_a_template_are_left_in_files(place: SubjectsWorld) -> None:
    """What is removed is not only marked as dead: every file that had it is gone, the database's own pages, too."""
    ref = place.world.make(Kind.LARGE_PERSON_GROUP)
    anna = place.enrol(ref, "Anna", 11, near=ANNA)
    for number in range(9):
        place.enrol(ref, f"other {number}", 100 + number)
    place.world.train(ref)
    gallery = place.world.gallery
    files = {path.name for path in place.snapshots.rglob("*.segment")}
    of_anna = PersistedFaceRow.person_id == UUID(anna)
    with place.database.read(place.owner) as session:
        (sealed,) = session.scalars(select(PersistedFaceRow.sealed).where(of_anna))
    assert not place.database.is_sqlite or any(sealed in data for data in _files(place))
    place.subjects.erase(place.owner, Whom(ids=frozenset({UUID(anna)})), possible=False, dry=False, actor="test")
    row = gallery.rows.get(ref)
    search = gallery.indexes.store(row, row.snapshot or "").load()
    assert isinstance(search, ExactSearch)
    assert len(search) == 9
    assert not any(map(len, search.dead))
    assert not files & {path.name for path in place.snapshots.rglob("*.segment")}
    assert not list(place.snapshots.rglob("*.dead"))
    persons = {bytes(one) for part in search.segments for one in part.faces(np.arange(len(part))).person_ids}
    assert UUID(anna).bytes not in persons
    assert not place.database.is_sqlite or not any(sealed in data for data in _files(place))
    for written in (anna.encode(), UUID(anna).hex.encode()):  # the plan of the erasure had the id
        assert not place.database.is_sqlite or not any(written in data for data in _files(place))
    with place.database.read(EVERY_RESOURCE) as session:
        assert session.scalars(select(RemovalRow)).all() == []


def _files(place: SubjectsWorld) -> list[bytes]:
    """SQLite's database and its log, as they are on disk."""
    database = Path(place.database.url.database or "")
    return [path.read_bytes() for path in database.parent.glob(f"{database.name}*") if path.is_file()]


def test_snapshot_files_go_that_a_killed_process_left(place: SubjectsWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = place.world.make(Kind.PERSON_GROUP)
    anna = place.enrol(ref, "Anna", 11)
    place.enrol(ref, "Otto", 61)
    place.world.train(ref)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(place.world.gallery.indexes, "tidy", killed)
    whom = Whom(ids=frozenset({UUID(anna)}))
    with pytest.raises(KeyboardInterrupt):
        place.subjects.erase(place.owner, whom, possible=False, dry=False, actor="cli:test")
    monkeypatch.undo()
    assert len(list(place.snapshots.rglob("*.segment"))) == 2, "the old file is still there"
    place.clock.advance(timedelta(minutes=3))
    assert place.subjects.purge() == 1
    assert len(list(place.snapshots.rglob("*.segment"))) == 1
    (known,) = place.subjects.eraser.receipts(place.owner)
    assert known.finished_at is not None


@pytest.mark.heavy_on_postgresql
@pytest.mark.parametrize("step", range(6))
def test_an_erasure_that_is_killed_anywhere_is_finished_and_counts_once(
    place: SubjectsWorld, full: dict[str, str], step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    eraser = place.subjects.eraser
    left = [step]

    def dying(name: str) -> None:
        real = getattr(eraser, name)

        def run(*arguments: object, **named: object) -> object:
            result = real(*arguments, **named)
            if left[0] == 0:
                left[0] -= 1
                raise Killed
            left[0] -= 1
            return result

        monkeypatch.setattr(eraser, name, run)

    for name in ("_remove", "_remove_rest", "_sign"):
        dying(name)
    with pytest.raises(Killed):
        place.subjects.erase(place.owner, OF_ANNA, possible=False, dry=False, actor="cli:test")
    monkeypatch.undo()
    assert place.subjects.purge() == 0, "somebody may still be at it"
    place.clock.advance(timedelta(minutes=3))
    place.subjects.purge()
    with place.database.read(place.owner) as session:
        row = session.scalars(select(ErasureRow)).one()
    assert row.plan is None
    assert row.receipt is not None
    told = place.subjects.receipts.verify(row.receipt).receipt
    assert (told["counts"]["persons"], told["counts"]["faces"], told["actor"]) == (4, 12, "cli:test")
    assert place.subjects.find(place.owner, Whom(texts=frozenset({"Anna"})), actor="t").nothing
    assert [one.action for one in place.audit.search(action="subject.erase")].count("subject.erase") == 1


def test_an_erasure_follows_faces_that_were_merged_or_moved_meanwhile(place: SubjectsWorld) -> None:
    ref, other = place.world.make(Kind.PERSON_GROUP), place.world.make(Kind.LARGE_PERSON_GROUP, "other")
    merged, moved = place.enrol(ref, "Anna", 11, 12, near=ANNA), place.enrol(ref, "Anna", 13, near=ANNA)
    otto = place.enrol(ref, "Otto", 61, near=OTTO)
    assert place.world.train(ref) == "succeeded"
    found = place.subjects.find(place.owner, Whom(texts=frozenset({"Anna"})), actor="t")
    erasure = place.subjects.eraser.begin(found, Whom(), actor="t")
    gallery = place.world.gallery
    gallery.reassignment.merge(ref, merged, otto)
    gallery.relocation.move(ref, moved, other)
    erased = place.subjects.eraser.finish(place.owner, erasure)
    assert (erased.counts["persons"], erased.counts["faces"]) == (1, 3)
    assert len(gallery.persons.get(ref, otto).persisted_face_ids) == 1
    assert (gallery.collections.get(ref).faces, gallery.collections.get(other).persons) == (1, 0)


def test_a_receipt_that_was_changed_is_not_believed(place: SubjectsWorld, full: dict[str, str]) -> None:
    _, erased = place.subjects.erase(place.owner, OF_ANNA, possible=False, dry=False, actor="cli:test")
    assert erased is not None
    receipts = place.subjects.receipts
    key = json.dumps(receipts.public_key())
    assert receipts.verify(erased.receipt, key).receipt["counts"] == erased.counts
    whole = json.loads(erased.receipt)
    head, body, signature = whole["signature"].split(".")
    changed = json.loads(base64.urlsafe_b64decode(body + "=="))
    changed["counts"]["faces"] = 1
    forged = base64.urlsafe_b64encode(json.dumps(changed).encode()).rstrip(b"=").decode()
    for document in (
        json.dumps({**whole, "receipt": {**whole["receipt"], "actor": "nobody"}}),
        json.dumps({"receipt": changed, "signature": f"{head}.{forged}.{signature}"}),
        erased.receipt.replace('"faces": 12', '"faces": 1, "faces": 12'),
        json.dumps({**whole, "signature": "a.b.c"}),
        "[]",
        "nothing",
    ):
        with pytest.raises(InvalidReceiptError):
            receipts.verify(document)
    foreign = receipts.__class__(place.database, place.subjects.vault, place.clock)
    assert foreign.verify(erased.receipt).key_id == receipts.public_key()["kid"]
    with pytest.raises(InvalidReceiptError, match="not that of"):
        receipts.verify(erased.receipt, json.dumps(ECKey.generate_key("P-256").as_dict(private=False)))


def test_consents_go_with_their_person(place: SubjectsWorld) -> None:
    ref = place.world.make(Kind.PERSON_GROUP)
    person = place.enrol(ref, "Anna", 11, near=ANNA)
    place.subjects.consents.add(ref, person, given_by="Anna", purpose="door", actor="t")
    place.world.gallery.persons.delete(ref, person)
    assert place.subjects.consents.find(place.owner) == []


def test_whoever_a_negative_shows_is_found_exported_and_erased(place: SubjectsWorld) -> None:
    ref = place.world.make(Kind.LARGE_PERSON_GROUP)
    otto = place.enrol(ref, "Otto", 61, near=OTTO)
    gallery = place.world.gallery
    gallery.policies.set(place.owner, EnrolmentPolicy(negatives=True))
    kept = gallery.negatives.add(ref, otto, photo=photo({"seed": 98, "near": ANNA, "away": 0.3}), actor="cli:eva")
    whom = Whom(photo=photo({"seed": 99, "near": ANNA, "away": 0.3}))
    found = place.subjects.find(place.owner, whom, actor="cli:eva")
    assert [one.negative_id for one in found.negatives] == [str(kept.id)]
    assert found.holdings == ()
    out = io.BytesIO()
    _, counts = place.subjects.export(place.owner, whom, out, possible=True, templates=True, actor="cli:eva")
    assert (counts["negatives"], counts["templates"]) == (1, 1)
    with zipfile.ZipFile(out) as archive:
        (template,) = json.loads(archive.read("templates.json"))
    assert template["id"] == str(kept.id)
    _, erased = place.subjects.erase(place.owner, whom, possible=True, dry=False, actor="cli:eva")
    assert erased is not None
    assert erased.counts["negatives"] == 1
    assert place.subjects.receipts.verify(erased.receipt).covers(str(kept.id))
    assert gallery.negatives.all(place.owner) == []
    assert place.subjects.find(place.owner, Whom(ids=frozenset({UUID(otto)})), actor="cli:eva").holdings
