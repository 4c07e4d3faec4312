"""Tracks against groups: votes, fusion, margin, strangers; and real people in a real film."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from tests.gallery.conftest import World, open_world
from tests.gallery.texts import CALIBRATION, embedding, photo, recognisers, unit
from tests.manual_clock import ManualClock
from tests.many_people import NewPerson, add_persons
from tests.memory import shared_engine
from tests.shared import shared_path
from tests.video.clips import write_clip

from mien.contract.attributes import Level3
from mien.doors.agreement import Agreement
from mien.doors.enrolling import enroller
from mien.doors.errors import InvalidDoorError
from mien.doors.evidence import TrackCandidate, TrackEvidence
from mien.doors.reasons import Code
from mien.doors.recognition import TrackNote, Tracks, Watcher, open_watcher
from mien.doors.searching import GroupSearch, Target, TargetError, TargetKind, target_named
from mien.drifting import count_track
from mien.events.drift import DriftCounts
from mien.gallery.directory.services import DirectoryServices, open_directory
from mien.gallery.errors import CollectionNotFoundError, NotTrainedError
from mien.gallery.kinds import CollectionRef, Kind
from mien.models import ModelStore
from mien.storage import Database, Vault
from mien.storage.tables import DriftCountRow
from mien.video.camera import Camera, TrackUpdate
from mien.video.faces import FaceReader, Reading, joint_probability
from mien.video.sources import open_source
from mien.video.tracks import Track, Tracker
from mien.video.zones import NOTHING_HIDDEN
from mien.vision.types import Detection

NOW = datetime(2026, 1, 1, tzinfo=UTC)
POINTS = np.zeros((5, 2), np.float32)
STAFF = Target(TargetKind.PERSON_GROUP, "staff")


@pytest.fixture
def world(database: Database, vault: Vault, clock: ManualClock, tmp_path: Path) -> World:
    return open_world(database, vault, clock, tmp_path)


@pytest.fixture
def directory(world: World, database: Database, vault: Vault, clock: ManualClock) -> DirectoryServices:
    return open_directory(world.gallery, database, vault, clock, engine=world.engine, recognisers=recognisers())


def enrol(world: World, kind: Kind, name: str, **people: int) -> dict[str, str]:
    """Enrol people, each by the seed of their template, and train; returns their ids."""
    ref = world.make(kind, name)
    ids = add_persons(
        world.gallery, ref, [NewPerson(who, None, (embedding(unit(seed)),)) for who, seed in people.items()]
    )
    assert world.train(ref) == "succeeded"
    return dict(zip(people, ids, strict=True))


def opened(world: World, directory: DirectoryServices, *targets: Target) -> GroupSearch:
    return GroupSearch(world.gallery, directory, recognisers(), world.owner, targets)


class Visit:
    """A track that is seen frame by frame."""

    def __init__(self, recogniser: GroupSearch, number: int = 1) -> None:
        self.tracks = Tracks(recogniser)
        self.track = Track(number, NOW, 0.0, NOW, 0.0, (0, 0, 80, 90), POINTS)

    def see(self, vector: np.ndarray | None, *, live: float | None = None) -> TrackEvidence:
        """Another frame; None for one in which the face was not read."""
        at_s = 0.2 * (self.track.frames + 1)
        self.track.see(Detection((0, 0, 80, 90), 0.9, POINTS), NOW + timedelta(seconds=at_s), at_s)
        reading = None
        if vector is not None:
            reading = Reading(embedding(vector), Level3.HIGH, live, 80)
            self.track.add(reading)
        return self.tracks.evidence("door", TrackUpdate(self.track, reading, ended=False))


def test_somebody_who_looks_away_for_seconds_is_counted_anew(world: World, directory: DirectoryServices) -> None:
    """The votes ended with the track, but its number of readable frames did not: a door refused who came back."""
    enrol(world, Kind.PERSON_GROUP, "staff", ann=1, ben=2)
    tracks, tracker = Tracks(opened(world, directory, STAFF)), Tracker(unlike=0.2, alike=0.4)
    reading = Reading(embedding(unit(50, near=1, away=0.3)), Level3.HIGH, None, 80)
    found = []
    for index in range(24):  # a second in the picture, two outside, a second in it again
        at_s = 0.2 * index if index < 12 else 0.2 * index + 2.0
        for track in tracker.ended(at_s):
            tracks.evidence("door", TrackUpdate(track, None, ended=True))
        (seen,) = tracker.update([Detection((0, 0, 80, 90), 0.9, POINTS)], NOW, at_s, lambda *_: reading)
        seen.track.add(reading)
        found.append(tracks.evidence("door", TrackUpdate(seen.track, reading, ended=False)))
    assert {one.track for one in found} == {found[0].track}
    counts = [(one.readable, one.agreeing) for one in found]
    assert counts == [(number, number) for number in [*range(1, 13), *range(1, 13)]]


def test_a_known_person_is_named_with_votes_and_margin(world: World, directory: DirectoryServices) -> None:
    people = enrol(world, Kind.PERSON_GROUP, "staff", ann=1, ben=2, cat=3)
    visit = Visit(opened(world, directory, STAFF))
    for index in range(3):
        evidence = visit.see(unit(50 + index, near=1, away=0.3), live=0.5 + index / 10)
    visit.see(None)
    evidence = visit.see(unit(60, near=1, away=0.3))
    assert evidence.best is not None
    assert (evidence.best.person_id, evidence.best.name) == (people["ann"], "ann")
    assert evidence.best.collection == "staff"
    assert evidence.best.confidence > 0.9
    assert (evidence.frames, evidence.readable, evidence.agreeing) == (5, 4, 4)
    assert evidence.liveness == pytest.approx(0.543, abs=1e-3)  # log odds 0, 0.405, 0.847: mean less standard error
    assert evidence.face_px == 80
    assert evidence.quality == "high"
    second = evidence.second.confidence if evidence.second else 0.0
    assert evidence.margin == pytest.approx(evidence.best.confidence - second)
    assert Agreement().missing(evidence) == []


def test_a_stranger_is_nobody(world: World, directory: DirectoryServices) -> None:
    enrol(world, Kind.PERSON_GROUP, "staff", ann=1, ben=2)
    visit = Visit(opened(world, directory, STAFF))
    for seed in range(40, 44):
        evidence = visit.see(unit(seed, near=77, away=0.3))
    assert evidence.best is None
    assert evidence.margin == 0.0
    assert [one.code for one in Agreement().missing(evidence)] == [Code.STRANGER]


def test_the_more_persons_the_surer_a_name_must_be(world: World, directory: DirectoryServices) -> None:
    enrol(world, Kind.PERSON_GROUP, "staff", ann=1)
    enrol(world, Kind.LARGE_PERSON_GROUP, "all", **{f"p{seed}": seed for seed in range(100, 160)})
    few = opened(world, directory, STAFF)
    many = opened(world, directory, STAFF, Target(TargetKind.LARGE_PERSON_GROUP, "all"))
    assert 0.5 <= few.least() < many.least()
    assert many.least() == pytest.approx(CALIBRATION.confidence(CALIBRATION.similarity_at_fmr(5e-4 / 61)), abs=1e-6)


def test_frames_that_disagree_are_not_votes(world: World, directory: DirectoryServices) -> None:
    enrol(world, Kind.PERSON_GROUP, "staff", ann=1, ben=2)
    visit = Visit(opened(world, directory, STAFF))
    for seed, near in ((50, 1), (51, 2), (52, 1), (53, 2), (54, 1)):
        evidence = visit.see(unit(seed, near=near, away=0.2))
    assert evidence.agreeing <= 3
    assert Agreement(frames=4).missing(evidence) != []


def test_one_person_in_two_groups_is_one_candidate_of_each(world: World, directory: DirectoryServices) -> None:
    enrol(world, Kind.PERSON_GROUP, "staff", ann=1)
    enrol(world, Kind.LARGE_PERSON_GROUP, "guests", zoe=9)
    recogniser = opened(world, directory, STAFF, Target(TargetKind.LARGE_PERSON_GROUP, "guests"))
    (ann,), (zoe,) = recogniser.search([embedding(unit(1)), embedding(unit(9))])
    ann, zoe = recogniser.named(ann), recogniser.named(zoe)
    assert (ann.name, ann.collection, zoe.name, zoe.collection) == ("ann", "staff", "zoe", "guests")


def test_the_directory_and_dynamic_groups_are_searched(world: World, directory: DirectoryServices) -> None:
    made = {}
    for name, seed in (("ann", 1), ("ben", 2)):
        person_id = directory.directory.create(world.owner, name).id
        assert person_id is not None
        directory.directory.add_face(world.owner, person_id, "recognition_04", photo({"seed": seed}))
        made[name] = person_id
    directory.dynamic_groups.create(world.owner, "friends", "Friends", None, [made["ann"]])
    for spelt in ("dynamicPersonGroup/friends", "dynamicGroup/friends"):
        named = target_named(world.gallery, directory, world.owner, spelt)
        assert named == Target(TargetKind.DYNAMIC_GROUP, "friends")
    everybody = opened(world, directory, Target(TargetKind.DIRECTORY))
    friends = opened(world, directory, Target(TargetKind.DYNAMIC_GROUP, "friends"))
    assert [everybody.named(one).name for one in everybody.search([embedding(unit(2))])[0]] == ["ben"]
    assert friends.search([embedding(unit(2))]) == [[]]
    assert [one.person_id for one in friends.search([embedding(unit(1))])[0]] == [made["ann"]]


def test_groups_that_cannot_be_searched_are_refused_at_once(world: World, directory: DirectoryServices) -> None:
    with pytest.raises(TargetError, match="at least one"):
        opened(world, directory)
    with pytest.raises(CollectionNotFoundError):
        opened(world, directory, STAFF)
    world.make(Kind.PERSON_GROUP, "staff")
    with pytest.raises(NotTrainedError):
        opened(world, directory, STAFF)
    enrol(world, Kind.LARGE_PERSON_GROUP, "new", ann=1)
    world.make(Kind.PERSON_GROUP, "old", "recognition_01")
    with pytest.raises(TargetError, match="different recognition models"):
        opened(world, directory, Target(TargetKind.LARGE_PERSON_GROUP, "new"), Target(TargetKind.PERSON_GROUP, "old"))


def test_a_group_that_is_gone_or_untrained_leaves_the_others(
    world: World, directory: DirectoryServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mien.doors.searching._GROUPS_KEPT_S", 0.0)
    ann = enrol(world, Kind.PERSON_GROUP, "staff", ann=1)["ann"]
    guests = world.make(Kind.LARGE_PERSON_GROUP, "guests")
    friends = [Target(TargetKind.LARGE_PERSON_GROUP, "guests"), Target(TargetKind.DYNAMIC_GROUP, "gone")]
    search = opened(world, directory, STAFF, *friends)
    faces = [embedding(unit(1)), embedding(unit(2))]
    assert [[one.person_id for one in found] for found in search.search(faces)] == [[ann], []]
    assert search.problem is not None
    assert "largePersonGroup/guests: " in search.problem
    assert "dynamicPersonGroup/gone: " in search.problem
    alone = search.least()
    (ben,) = add_persons(world.gallery, guests, [NewPerson("ben", None, (faces[1],))])
    assert world.train(guests) == "succeeded"
    assert [[one.person_id for one in found] for found in search.search(faces)] == [[ann], [ben]]
    assert "guests" not in search.problem
    monkeypatch.setattr("mien.doors.searching._SIZES_KEPT_S", 0.0)
    assert search.least() >= alone
    world.gallery.collections.delete(CollectionRef(world.owner, Kind.PERSON_GROUP, "staff"))
    assert [[one.person_id for one in found] for found in search.search(faces)] == [[], [ben]]
    assert search.named(TrackCandidate("staff", ann, "", 0.9)).name == ""
    world.gallery.collections.delete(guests)
    with pytest.raises(CollectionNotFoundError):
        search.search(faces)


def replayed(recogniser: GroupSearch) -> Watcher:
    """A watcher whose camera sees one face once, of `unit(1)`."""
    track = Visit(recogniser).track
    reading = Reading(embedding(unit(1)), Level3.HIGH, None, 80)
    track.add(reading)

    class Replayed:
        name = "door"

        def updates(self) -> list[TrackUpdate]:
            return [TrackUpdate(track, reading, ended=False)]

    return Watcher(Replayed(), recogniser)  # type: ignore[arg-type]  # all that run needs of a camera


def test_a_camera_says_which_group_it_leaves_out(world: World, directory: DirectoryServices) -> None:
    enrol(world, Kind.PERSON_GROUP, "staff", ann=1)
    world.make(Kind.LARGE_PERSON_GROUP, "guests")
    recogniser = opened(world, directory, STAFF, Target(TargetKind.LARGE_PERSON_GROUP, "guests"))
    watcher = replayed(recogniser)
    told: list[TrackEvidence] = []
    watcher.run(told.append)
    assert [one.best.name for one in told if one.best] == ["ann"]
    assert watcher.problem is None
    assert watcher.left_out == "largePersonGroup/guests: the largePersonGroup was never trained with success"


def test_groups_of_other_resources_are_not_found(world: World, directory: DirectoryServices) -> None:
    enrol(world, Kind.PERSON_GROUP, "staff", ann=1)
    with pytest.raises(TargetError, match="there is no group"):
        target_named(world.gallery, directory, UUID(int=5), "staff")


def test_a_group_is_found_by_what_people_call_it(world: World, directory: DirectoryServices) -> None:
    enrol(world, Kind.LARGE_PERSON_GROUP, "staff", ann=1)
    large = Target(TargetKind.LARGE_PERSON_GROUP, "staff")
    for text in ("staff", "largePersonGroup/staff", "largepersongroup/staff"):
        assert target_named(world.gallery, directory, world.owner, text) == large
    assert target_named(world.gallery, directory, world.owner, "directory") == Target(TargetKind.DIRECTORY)
    for text in ("personGroup/staff", "nobody", "faceList/staff", "dynamicPersonGroup/staff"):
        with pytest.raises(TargetError, match="there is no group"):
            target_named(world.gallery, directory, world.owner, text)


@pytest.mark.parametrize("place", ["personGroup/staff", "largePersonGroup/a", "dynamicPersonGroup/b", "directory"])
def test_places_of_a_configuration_are_read(place: str) -> None:
    assert str(Target.of(place)) == place
    assert Target.of("dynamicGroup/b") == Target(TargetKind.DYNAMIC_GROUP, "b")


@pytest.mark.parametrize("place", ["", "staff", "faceList/a", "personGroup/", "directory/a", "personGroup"])
def test_places_that_are_none_are_refused(place: str) -> None:
    with pytest.raises(TargetError):
        Target.of(place)


def evidence_with(**changes: object) -> TrackEvidence:
    told: dict[str, object] = {
        "camera": "door", "track": "1", "started_at": NOW, "updated_at": NOW, "frames": 5, "readable": 5, "agreeing": 5,
        "best": TrackCandidate("staff", "a", "ann", 0.9), "second": None, "quality": "high", "face_px": 90,
        "liveness": 0.9,
    }  # fmt: skip
    return TrackEvidence(**told | changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"best": None}, "Nobody in the camera's groups is similar enough."),
        ({"agreeing": 2}, "Frames that agree: 2; needed: 3."),
        ({"readable": 20}, "0.25 of the readable frames agree; 0.6 is needed."),
        ({"second": TrackCandidate("staff", "b", "ben", 0.85)}, "The lead over the second candidate is 0.05; 0.1"),
        ({"liveness": 0.2}, "The liveness evidence is 0.2; 0.5 is needed."),
        ({"liveness": None}, "Liveness was not measured yet: it takes three views of the face"),
        ({"liveness": 0.0, "held_edges": True}, "Straight edges move with the face"),
    ],
)
def test_what_a_track_lacks_is_told(changes: dict[str, object], words: str) -> None:
    asked = Agreement(liveness=0.5)
    assert asked.missing(evidence_with()) == []
    assert any(words in one.text for one in asked.missing(evidence_with(**changes)))


def test_an_outage_of_the_database_gives_no_evidence(
    world: World, directory: DirectoryServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(world, Kind.PERSON_GROUP, "staff", ann=1)
    recogniser = opened(world, directory, STAFF)
    watcher = replayed(recogniser)
    told: list[TrackEvidence] = []

    def down(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("server closed the connection"))

    with monkeypatch.context() as patch:
        patch.setattr(world.gallery.recognition, "opened", down)
        watcher.run(told.append)
    assert told == []
    assert watcher.problem == "the database does not answer"
    watcher.run(told.append)
    assert [one.best.name for one in told if one.best] == ["ann"]
    assert watcher.problem is None


def test_a_track_that_ends_is_counted_by_quality_and_scores_alone(
    world: World, directory: DirectoryServices, database: Database
) -> None:
    enrol(world, Kind.PERSON_GROUP, "staff", ann=1, ben=2)
    recogniser = opened(world, directory, STAFF)
    noted: list[TrackNote] = []
    for number, vector in ((1, unit(1)), (2, None)):
        visit = Visit(recogniser, number)
        visit.tracks = Tracks(recogniser, noted.append)
        visit.see(vector)
        assert len(noted) == number - 1
        visit.tracks.evidence("Gate", TrackUpdate(visit.track, None, ended=True))
    read, unread = noted
    assert read.top == pytest.approx(1.0, abs=1e-3)
    assert unread == TrackNote(None, None, None)

    counts = DriftCounts(database, ManualClock(NOW))
    for note in noted:
        count_track(counts, world.owner, "Gate", note)
    counts.flush()
    with database.read(world.owner) as session:
        rows = {(row.source, row.series, row.bin): row.count for row in session.scalars(select(DriftCountRow))}
    assert rows.pop(("Gate", "unread", 0)) == rows.pop(("Gate", "unread", 1)) == 1
    assert rows.pop(("Gate", "topScore", 19)) == 1
    assert {series for _, series, _ in rows} == {"quality", "margin"}


def test_an_empty_film_gives_no_evidence(world: World, directory: DirectoryServices, tmp_path: Path) -> None:
    enrol(world, Kind.PERSON_GROUP, "staff", ann=1)
    recogniser = opened(world, directory, STAFF)
    clip = write_clip(tmp_path / "empty.mp4", 20)
    told: list[TrackEvidence] = []
    watcher = open_watcher("door", str(clip), FaceReader(shared_engine()), recogniser, picture_side=320)
    watcher.run(told.append)
    assert told == []
    picture = watcher.picture()
    assert picture is not None
    assert picture.boxes == {}
    assert picture.pixels.shape == (picture.size[1], picture.size[0], 3)
    assert max(picture.size) == 320
    assert picture.jpeg().startswith(b"\xff\xd8")
    assert watcher.best_shot("1") is None


@pytest.mark.shared
def test_a_filmed_person_is_live_and_a_filmed_screen_is_not() -> None:
    """One person's film, and the same film filmed from a screen."""
    reader = FaceReader(shared_engine(), store=ModelStore())
    found = []
    for name in ("real", "screen-replay"):
        looks = []
        for frame in islice(open_source(shared_path("pad", "clips", f"{name}.mp4")).frames(), 0, 60, 6):
            assert frame is not None
            (detection,) = reader.find(frame, NOTHING_HIDDEN)
            looks.append(reader.read(frame, detection, liveness=True).live)
        assert None not in looks
        found.append(joint_probability([one for one in looks if one is not None]))
    live, replay = found
    assert live > 0.8
    assert replay < 0.2


@pytest.mark.shared
def test_a_face_that_fills_the_picture_is_read_and_not_judged() -> None:
    """Of a screen that is held so near, the networks would see too little."""
    reader = FaceReader(shared_engine(), store=ModelStore())
    clip = shared_path("pad", "clips", "real.mp4")
    camera = Camera("door", open_source(clip), reader, liveness=True)
    updates = list(islice(camera.updates(), 12))
    camera.stop()
    assert {update.track.number for update in updates} == {1}
    track = updates[-1].track
    assert track.readable > 3
    assert track.live == []
    assert track.liveness is None
    assert track.best_shot is not None
    assert max(track.best_shot.shape) <= 256


def test_an_events_picture_is_enrolled_in_the_directory(world: World, directory: DirectoryServices) -> None:
    person_id = directory.directory.create(world.owner, "ann").id
    assert person_id is not None
    directory.dynamic_groups.create(world.owner, "friends", "Friends", None, [person_id])
    add = enroller(world.gallery, directory)
    add(world.owner, "directory", photo({"seed": 1}), person_id)
    add(world.owner, "dynamicGroup/friends", photo({"seed": 2}), person_id)
    everybody = opened(world, directory, Target(TargetKind.DIRECTORY))
    for seed in (1, 2):
        ((found,),) = everybody.search([embedding(unit(seed))])
        assert found.person_id == person_id
    with pytest.raises(InvalidDoorError):
        add(world.owner, "faceList/staff", photo({"seed": 1}), person_id)
