"""Liveness without flashes: accepted people and attacks if only turns of the head are requested.

    python -m bench.liveness_without_flashes --out calm.jsonl       # render, judge and report
    python -m bench.liveness_without_flashes --report calm.jsonl    # report again

People, rendering and filmed clips are those of `bench.liveness`, with challenges of `MIEN_LIVENESS_WITHOUT_FLASHES`,
set to `realface`. Intervals are Clopper-Pearson, 95 %. A run can be stopped and continues where it stopped.
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from bench.liveness import SHARED, SIZE, people
from tests.liveness.heads import Head
from tests.liveness.photos import head_in_photo
from tests.liveness.render import Kind, render
from tests.liveness.videos import REAL, REPLAYED, attempt, footage

from mien.liveness.challenge import Challenge
from mien.liveness.judge import Judge
from mien.liveness.types import Mode, TimedFrame
from mien.matching.rates import clopper_pearson
from mien.models.store import ModelStore
from mien.vision.engine import FaceEngine

Clip = Callable[[], tuple[Challenge, list[TimedFrame]]]

PEOPLE: Final = 10
KINDS: Final = (
    Kind.LIVE, Kind.LIVE_STILL, Kind.PRINT, Kind.BENT_120, Kind.CUT_OUT_EYES, Kind.SCREEN_STILL, Kind.REPLAY,
    Kind.REPLAY_RIGHT_TURNS, Kind.INJECTED, Kind.INJECTED_UNLIT,
)  # fmt: skip
FILMED: Final = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--people", type=int, default=PEOPLE)
    given = parser.parse_args()
    if given.out:
        judge_clips(given.out, given.people)
    report([json.loads(line) for line in (given.out or given.report).read_text().splitlines()])


def judge_clips(out: Path, count: int) -> None:
    done = {json.loads(line)["clip"] for line in out.read_text().splitlines()} if out.exists() else set()
    store = ModelStore()
    judge = Judge(FaceEngine(store), store)
    heads: dict[Path, Head] = {}
    with out.open("a") as file:
        for name, kind, make in planned(count, heads):
            if name in done:
                continue
            challenge, frames = make()
            verdict = judge.judge(frames, challenge)
            row = {
                "clip": name,
                "kind": kind,
                "outcome": verdict.decision.value if verdict.decision else "non-response",
                "problem": verdict.problem.liveness.value if verdict.problem else None,
                "reasons": verdict.reasons,
                "evidence": verdict.evidence_json(),
            }
            file.write(json.dumps(row) + "\n")
            file.flush()


def planned(count: int, heads: dict[Path, Head]) -> list[tuple[str, str, Clip]]:
    """Return name, kind and recipe of every clip."""
    found: list[tuple[str, str, Clip]] = [
        (f"{kind}/{number}", kind, partial(filmed, kind, number))
        for number in range(FILMED)
        for kind in ("real video", "video replayed on a screen")
    ]
    for person, photo in people("evaluation", count):
        found += [(f"{kind.name}/{person}", kind.value, partial(rendered, kind, photo, heads)) for kind in KINDS]
    return found


def rendered(kind: Kind, photo: Path, heads: dict[Path, Head]) -> tuple[Challenge, list[TimedFrame]]:
    own = zlib.crc32(f"{kind.name} calm {photo.stem}".encode())
    rng = np.random.default_rng(own)
    challenge = Challenge.draw(rng.bytes(16), Mode.PASSIVE_ACTIVE, flashes=False)
    lit = float(np.exp(rng.uniform(np.log(0.04), np.log(0.3))))
    if photo not in heads:
        heads[photo] = head_in_photo(photo, SIZE)
    return challenge, render(kind, heads[photo], challenge, seed=own, reflection=lit)


def filmed(kind: str, number: int) -> tuple[Challenge, list[TimedFrame]]:
    rng = np.random.default_rng(number)
    challenge = Challenge.draw(rng.bytes(16), Mode.PASSIVE_ACTIVE, flashes=False)
    name, parts = ("screen-replay", REPLAYED) if "screen" in kind else ("real", REAL)
    shown = footage(SHARED / "pad" / "clips" / f"{name}.mp4", *parts)
    return challenge, attempt(shown, challenge, challenge, reflection=0.1, seed=number)


def report(rows: list[dict[str, Any]]) -> None:
    by_kind = defaultdict(list)
    for row in rows:
        by_kind[row["kind"]].append(row)
    outcomes = ("realface", "spoofface", "uncertain", "non-response")
    print(f"| clips | n | {' | '.join(outcomes)} | accepted, 95 % | what stopped them |")
    print("|---" * 8 + "|")
    for kind, found in by_kind.items():
        counted = Counter(row["outcome"] for row in found)
        why = Counter(reason for row in found for reason in row["reasons"] or [row["problem"]] if reason)
        accepted = clopper_pearson(counted["realface"], len(found))
        numbers = " | ".join(str(counted[outcome]) for outcome in outcomes)
        told = ", ".join(f"{name} {times}" for name, times in why.most_common(3))
        print(f"| {kind} | {len(found)} | {numbers} | {accepted.low:.0%}–{accepted.high:.0%} | {told} |")


if __name__ == "__main__":
    main()
