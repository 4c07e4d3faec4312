"""Tracks: who continues whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.contract.attributes import Level3
from mien.video.faces import Reading, has_surroundings
from mien.video.tracks import KEPT, LOST_S, Seen, Track, Tracker, iou
from mien.vision.types import Detection, Embedding

NOW = datetime(2026, 1, 1, tzinfo=UTC)
POINTS = np.zeros((5, 2), np.float32)
BOX = st.tuples(st.floats(0, 500), st.floats(0, 500), st.floats(1, 300), st.floats(1, 300))


def face(x: float, y: float = 200.0, side: float = 80.0) -> Detection:
    """A face by its middle."""
    return Detection((x - side / 2, y - side / 2, side, side), 0.95, POINTS)


def person(number: int, noise: float = 0.0, seed: int = 0) -> Reading:
    """A reading of one of a few people whose templates are at right angles."""
    vector = np.zeros(64, np.float32)
    vector[number] = 1
    vector += np.random.default_rng(seed).normal(0, noise, 64).astype(np.float32)
    return Reading(Embedding(vector / np.linalg.norm(vector), "f", 12.0), Level3.HIGH, None, 80)


def steps(tracker: Tracker, *frames: Sequence[tuple[Detection, Reading | None]], dt: float = 0.2) -> list[list[Seen]]:
    """Show frames one after the other."""
    told = []
    for index, frame in enumerate(frames):
        readings = {id(detection): reading for detection, reading in frame}

        def read(detection: Detection, *_: object, readings: dict[int, Reading | None] = readings) -> Reading | None:
            return readings[id(detection)]

        detections = [detection for detection, _ in frame]
        seen = tracker.update(detections, NOW + timedelta(seconds=index * dt), index * dt, read)
        for one in seen:
            if one.reading is not None:
                one.track.add(one.reading)
        told.append(seen)
    return told


def test_a_walking_face_is_one_track() -> None:
    tracker = Tracker()
    told = steps(tracker, *[[(face(100 + 45 * index, side=60 + 4 * index), None)] for index in range(12)])
    assert {one.track.number for frame in told for one in frame} == {1}
    (track,) = tracker.active
    assert (track.frames, track.face_px) == (12, 104)
    assert track.approaching


def test_two_people_side_by_side_are_two_tracks() -> None:
    tracker = Tracker()
    told = steps(tracker, *[[(face(200 + 20 * index), None), (face(420 + 20 * index), None)] for index in range(8)])
    assert [[one.track.number for one in frame] for frame in told] == [[1, 2]] * 8


def test_templates_keep_people_apart_who_swap_places_between_two_frames() -> None:
    tracker = Tracker(unlike=0.3, alike=0.6)
    left, right = face(200), face(300)
    before = [[(left, person(0)), (right, person(1))]] * 3
    after = [[(left, person(1)), (right, person(0))]] * 3
    told = steps(tracker, *before, *after)
    assert [one.track.number for one in told[2]] == [1, 2]
    assert [one.track.number for one in told[3]] == [2, 1]


def test_another_person_at_the_same_place_begins_another_track() -> None:
    tracker = Tracker(unlike=0.3, alike=0.6)
    told = steps(tracker, *[[(face(200), person(0))]] * 4, *[[(face(205), person(1))]] * 2)
    assert [frame[0].track.number for frame in told] == [1, 1, 1, 1, 2, 2]


def test_geometry_alone_would_take_them_for_one() -> None:
    told = steps(Tracker(), *[[(face(200), person(0))]] * 4, *[[(face(205), person(1))]] * 2)
    assert {frame[0].track.number for frame in told} == {1}


def test_a_poor_view_does_not_end_a_track() -> None:
    poor = Reading(person(1).embedding, Level3.LOW, None, 80)
    told = steps(Tracker(unlike=0.3, alike=0.6), *[[(face(200), person(0))]] * 4, [(face(205), poor)])
    assert told[-1][0].track.number == 1


def test_a_person_who_comes_back_within_seconds_is_continued() -> None:
    tracker = Tracker(unlike=0.3, alike=0.6)
    steps(tracker, *[[(face(200), person(0))]] * 4)
    assert [track.number for track in tracker.ended(0.6 + LOST_S + 0.1)] == [1]
    assert len(tracker.active) == 0
    again = tracker.update([face(900)], NOW, 3.0, lambda *_: person(0, 0.02))
    assert again[0].track.number == 1
    assert tracker.ended(3.1) == []
    known, other = person(0), person(3)
    both = tracker.update([face(900), face(100)], NOW, 3.2, lambda one, *_: known if one.box[0] > 500 else other)
    assert [one.track.number for one in both] == [1, 2]


def test_the_evidence_of_a_track_that_is_continued_after_its_end_begins_anew() -> None:
    """A photo held up when the person has left would otherwise inherit their liveness, quality and size."""
    tracker = Tracker(unlike=0.3, alike=0.6)
    live = replace(person(0), live=0.9)
    steps(tracker, *[[(face(200, side=160), live)]] * 4)
    (track,) = tracker.ended(0.6 + LOST_S + 0.1)
    assert (track.frames, track.readable, track.face_px, track.liveness is None) == (4, 4, 160, False)
    back = NOW + timedelta(seconds=3)
    (seen,) = tracker.update([face(900)], back, 3.0, lambda *_: replace(person(0, 0.02), live=0.1))
    assert seen.track is track
    assert seen.reading is not None
    track.add(seen.reading)
    assert (track.frames, track.readable, track.face_px, track.live, track.started_at) == (1, 1, 80, [0.1], back)
    assert track.best is seen.reading
    assert not track.approaching


def test_a_track_ends_after_its_face_is_gone() -> None:
    tracker = Tracker()
    steps(tracker, [(face(200), None)])
    assert tracker.ended(LOST_S * 0.9) == []
    assert len(tracker.ended(LOST_S * 1.1)) == 1
    assert tracker.update([face(200)], NOW, 5.0)[0].track.number == 2
    assert [track.number for track in tracker.end()] == [2]


def test_the_best_templates_are_kept_and_fused() -> None:
    track = Track(1, NOW, 0.0, NOW, 0.0, (0, 0, 80, 80), POINTS)
    assert (track.template, track.liveness) == (None, None)
    for index in range(2 * KEPT):
        track.add(person(0, 0.04, seed=index))
    assert track.readable == 2 * KEPT
    template = track.template
    assert template is not None
    assert template[0] > 0.9
    assert float(np.linalg.norm(template)) <= 1.0 + 1e-6
    better = Reading(person(0).embedding, Level3.HIGH, 0.9, 200)
    assert track.add(better)
    assert track.best is better
    track.add(Reading(person(0).embedding, Level3.HIGH, 0.1, 100))
    assert track.liveness is None, "two frames are too few to tell"
    track.add(Reading(person(0).embedding, Level3.HIGH, 0.7, 100))
    # Log odds 2.197, -2.197 and 0.847: mean 0.282, standard error 1.300.
    assert track.liveness == pytest.approx(0.265, abs=1e-3)


def test_frames_that_are_surely_of_an_artefact_outweigh_those_that_look_live() -> None:
    track = Track(1, NOW, 0.0, NOW, 0.0, (0, 0, 80, 80), POINTS)
    for live in (0.004, 0.006, 0.0002, 0.002, 0.004, 0.08, 0.91, 0.91, 0.97, 0.98, 0.99, 0.81, 0.98, 0.98):
        track.add(Reading(person(0).embedding, Level3.HIGH, live, 100))
    assert track.liveness is not None
    assert track.liveness < 0.5, "a print that looks live once it is near"


def test_looks_that_disagree_prove_less_than_looks_that_agree() -> None:
    tracks = [Track(1, NOW, 0.0, NOW, 0.0, (0, 0, 80, 80), POINTS) for _ in range(2)]
    screen = (0.2747, 0.3805, 0.1093, 0.8652, 0.7622, 0.285, 0.9749, 0.8166)  # drawn; 0.61 by the mean alone
    for torn, agreeing in zip(screen, [0.614] * len(screen), strict=True):
        tracks[0].add(Reading(person(0).embedding, Level3.HIGH, torn, 100))
        tracks[1].add(Reading(person(0).embedding, Level3.HIGH, agreeing, 100))
    assert tracks[0].liveness is not None
    assert tracks[0].liveness < 0.5
    assert tracks[1].liveness == pytest.approx(0.614, abs=1e-3)


@pytest.mark.parametrize(
    ("x", "y", "side", "enough"),
    [
        (640.0, 360.0, 80.0, True),
        (640.0, 360.0, 270.0, True),
        (640.0, 360.0, 290.0, False),  # so near that 2.6 of it are higher than the picture
        (640.0, 100.0, 100.0, False),  # half a face below the upper edge
        (640.0, 620.0, 100.0, False),
        (100.0, 360.0, 100.0, False),
        (1180.0, 360.0, 100.0, False),
        (125.0, 360.0, 100.0, True),
    ],
)
def test_a_face_is_judged_with_its_surroundings(x: float, y: float, side: float, enough: bool) -> None:
    assert has_surroundings(face(x, y, side), 1280, 720) is enough


def test_an_unreadable_face_says_nothing() -> None:
    track = Track(1, NOW, 0.0, NOW, 0.0, (0, 0, 80, 80), POINTS)
    unread = Reading(Embedding(np.zeros(64, np.float32), "f", 0.0), Level3.LOW, 0.2, 80)
    assert not any(track.add(unread) for _ in range(3))
    assert (track.readable, track.template, track.liveness) == (0, None, 0.2)


@given(BOX, BOX)
def test_iou_is_a_share_and_has_no_order(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> None:
    assert 0.0 <= iou(one, other) <= 1.0 + 1e-9
    assert iou(one, other) == pytest.approx(iou(other, one))
    assert iou(one, one) == pytest.approx(1.0)


@given(st.lists(st.lists(st.tuples(st.floats(0, 1280), st.floats(0, 720), st.floats(20, 200)), max_size=6), max_size=8))
def test_every_face_gets_one_track_and_no_track_two_faces(frames: list[list[tuple[float, float, float]]]) -> None:
    tracker = Tracker()
    for index, frame in enumerate(frames):
        detections = [face(*one) for one in frame]
        seen = tracker.update(detections, NOW, index * 0.2)
        assert [one.detection for one in seen] == detections
        assert len({one.track.number for one in seen}) == len(detections)
        tracker.ended(index * 0.2)
