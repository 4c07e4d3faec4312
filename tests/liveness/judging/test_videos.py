"""The judge on real videos, with simulated flashes: the person passes, and the same person on a screen does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.liveness.heads import Head
from tests.liveness.render import Kind, decoded, render, write_mjpeg, write_y4m
from tests.liveness.videos import REAL, REPLAYED, attempt, footage
from tests.shared import shared_path

from mien.liveness.challenge import Challenge
from mien.liveness.judge import Judge
from mien.liveness.types import Decision, Mode
from mien.models.store import ModelStore
from mien.vision.engine import FaceEngine

modes = pytest.mark.parametrize("mode", [pytest.param(Mode.PASSIVE, marks=pytest.mark.heavy), Mode.PASSIVE_ACTIVE])
"""Attacks without turns are in test_judge.py and tests/liveness/test_default_install.py, too."""


def asked(mode: Mode, number: int = 5) -> Challenge:
    return Challenge.draw(number.to_bytes(16, "big"), mode)


@pytest.mark.heavy  # test_judge.py has the same film under other challenges
@modes
def test_a_filmed_person_passes(judge: Judge, mode: Mode) -> None:
    shown = footage(shared_path("pad", "clips", "real.mp4"), *REAL)
    verdict = judge.judge(attempt(shown, asked(mode), asked(mode), reflection=0.1, seed=1), asked(mode))
    assert verdict.decision is Decision.REAL, verdict


@modes
def test_the_same_answer_under_another_attempts_flashes_is_an_attack(judge: Judge, mode: Mode) -> None:
    shown = footage(shared_path("pad", "clips", "real.mp4"), *REAL)
    verdict = judge.judge(attempt(shown, asked(mode), asked(mode, 6), reflection=0.1, seed=1), asked(mode))
    assert verdict.decision is Decision.SPOOF
    assert verdict.reasons[0] in {"reflection", "turnReflection"}


@modes
def test_a_filmed_screen_is_an_attack(judge: Judge, mode: Mode) -> None:
    shown = footage(shared_path("pad", "clips", "screen-replay.mp4"), *REPLAYED)
    verdict = judge.judge(attempt(shown, asked(mode), asked(mode), reflection=0.1, seed=1), asked(mode))
    assert verdict.decision is Decision.SPOOF
    assert "material" in verdict.reasons


@pytest.mark.heavy  # tests/liveness/test_default_install.py has the same on a server
@pytest.mark.parametrize(
    ("clip", "parts", "decision"), [("real", REAL, "realface"), ("screen-replay", REPLAYED, "spoofface")]
)
def test_the_packs_of_a_default_install_are_enough_for_the_passive_mode(
    engine: FaceEngine, store: ModelStore, clip: str, parts: Any, decision: str
) -> None:
    judge = Judge(engine, store, networks=("fr-liveness",))
    shown = footage(shared_path("pad", "clips", f"{clip}.mp4"), *parts)
    challenge = asked(Mode.PASSIVE)
    assert judge.judge(attempt(shown, challenge, challenge, reflection=0.1, seed=1), challenge).decision == decision


def test_clips_come_from_their_seed_and_can_be_written_for_a_browser(man: Head, tmp_path: Path) -> None:
    challenge = asked(Mode.PASSIVE)
    first, again, other = (render(Kind.LIVE, man, challenge, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    write_y4m(tmp_path / "clip.y4m", first, 12)
    data = (tmp_path / "clip.y4m").read_bytes()
    assert data.startswith(b"YUV4MPEG2 W360 H480 F12:1 ")
    expected = int(first[-1].time_ms * 12 / 1000) + 1
    assert data.count(b"FRAME\n") >= expected
    assert len(data) == data.index(b"\n") + 1 + expected * (6 + 360 * 480 * 3 // 2)
    write_mjpeg(tmp_path / "clip.mjpeg", first, 12)
    assert decoded((tmp_path / "clip.mjpeg").read_bytes()).shape == (480, 360, 3)
