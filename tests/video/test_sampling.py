"""Which frames are analysed, how a camera's health is told, and what counts as motion."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.video.clips import picture, write_clip

from mien.video.health import HealthMeter
from mien.video.motion import MotionGate
from mien.video.sampling import Rates, Sampler
from mien.video.sources import open_source
from mien.video.zones import NOTHING_HIDDEN, Zone, ZoneKind, Zones

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@given(st.sampled_from([10.0, 12.5, 15.0, 24.0, 25.0, 30.0, 60.0]), st.sampled_from([1.0, 2.0, 5.0, 10.0]))
def test_the_rate_is_kept_whatever_the_stream_has(stream: float, rate: float) -> None:
    sampler = Sampler(Rates(usual=rate, near=rate, idle=0.5))
    taken = sum(sampler.due(index / stream) for index in range(int(20 * stream)))
    assert taken == pytest.approx(20 * rate, rel=0.06)


def test_more_frames_are_analysed_while_a_face_is_new() -> None:
    sampler = Sampler(Rates(usual=5, near=10))
    usual = sum(sampler.due(index / 30) for index in range(90))
    sampler.look_often(True)
    near = sum(sampler.due(3 + index / 30) for index in range(90))
    assert (usual, near) == (15, 30)


def test_an_empty_scene_is_looked_at_now_and_then() -> None:
    sampler = Sampler(Rates(usual=5, near=10, idle=0.5))
    assert sampler.worth(0.0, moves=False, occupied=False)
    looked = [at / 5 for at in range(1, 50) if sampler.worth(at / 5, moves=False, occupied=False)]
    assert looked == [2.0, 4.0, 6.0, 8.0]
    assert sampler.worth(9.9, moves=True, occupied=False)
    assert sampler.worth(9.9, moves=False, occupied=True)


@pytest.mark.parametrize("rates", [(0, 5, 10), (6, 5, 10), (1, 5, 4), (1, 5, 100)])
def test_rates_out_of_order_are_refused(rates: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="rates"):
        Rates(idle=rates[0], usual=rates[1], near=rates[2])


def test_motion_counts_where_it_is_watched_for(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "moving.mp4", 12)
    lower = Zones((Zone(ZoneKind.WATCH, ((0, 0.7), (1, 0.7), (1, 1), (0, 1))),))
    hidden = Zones((Zone(ZoneKind.PRIVACY, ((0, 0.1), (1, 0.1), (1, 0.65), (0, 0.65))),))
    for zones, expected in ((NOTHING_HIDDEN, True), (lower, False), (hidden, False)):
        gate = MotionGate(zones)
        moves = [gate.moves(frame) for frame in open_source(clip, zones=zones).frames() if frame]
        assert moves[0], "nothing is known yet"
        assert all(one is expected for one in moves[1:])


def test_noise_and_a_lamp_are_no_motion(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)

    def noisy(index: int) -> np.ndarray:
        still = picture(0).astype(np.float32) * (0.8 if index > 6 else 1.0)
        return np.clip(still + rng.normal(0, 5, still.shape), 0, 255).astype(np.uint8)

    def lamp(index: int) -> np.ndarray:
        return np.full((240, 320, 3), 90 + 40 * (index > 6), np.uint8)

    for draw, frames in ((noisy, 6), (lamp, 14)):
        gate = MotionGate(NOTHING_HIDDEN)
        source = open_source(write_clip(tmp_path / "still.mp4", frames, draw=draw))
        assert not any([gate.moves(frame) for frame in source.frames() if frame][1:])


def test_lost_frames_and_clock_steps_are_counted() -> None:
    meter = HealthMeter(5.0)
    assert not meter.read(0.0).connected
    media = [index / 10 for index in range(50) if index not in {20, 21, 30}]
    for at in media:
        meter.frame(100 + at, NOW, (320, 240), at)
    health = meter.read(105.0)
    assert (health.connected, health.lost, health.clock_jumps) == (True, 3, 0)
    assert health.fps == pytest.approx(9.4, abs=0.4)
    meter.frame(105.0, NOW, (320, 240), 1000.0)
    assert meter.read(105.0).clock_jumps == 1


def test_a_stream_that_falls_behind_tells_by_how_much() -> None:
    meter = HealthMeter(5.0)
    for index in range(100):
        meter.frame(index * 0.11, NOW, (320, 240), index * 0.1)
    assert meter.read(11.0).behind_s == pytest.approx(0.99, abs=0.02)


def test_a_stalled_stream_is_not_connected() -> None:
    meter = HealthMeter(4.5)
    meter.frame(10.0, NOW, (320, 240), 0.0)
    assert meter.read(14.0).connected
    stalled = meter.read(15.0)
    assert not stalled.connected
    assert stalled.problem == "no frame for 5 s"
    assert stalled.last_frame_at == NOW
