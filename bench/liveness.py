"""Liveness: accepted people and attacks, and the judge's time.

    python -m bench.liveness clips --part calibration --out calibration.jsonl   # people used to fit the curves
    python -m bench.liveness clips --part evaluation --out evaluation.jsonl     # on other people
    python -m bench.liveness report evaluation.jsonl                            # rates by ISO/IEC 30107-3's definitions
    python -m bench.liveness nonces                                             # how often other flashes fit by chance
    python -m bench.liveness networks                                           # the passive networks alone, on stills
    python -m bench.liveness speed                                              # the judge's time, one and many at once

Clips are rendered from photos by `tests/liveness/render.py` and cut from the videos in ../shared/pad. A run can be
stopped and continues where it stopped. Needs the optional pack: `mien models pull minifasnet`.

Rates: APCER is the share of one kind's attacks that are accepted (`realface`), BPCER the share of people who are rated
as an attack, non-response the share that ends with a named error. `uncertain` is neither, and is reported separately;
"refused" is everything except `realface`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tests.liveness.heads import Head
from tests.liveness.photos import head_in_photo, networks
from tests.liveness.render import ATTACKS, FLAT, Camera, Kind, render
from tests.liveness.videos import REAL, REPLAYED, attempt, footage
from tests.shared import shared_folder

from mien.liveness import fusion
from mien.liveness.challenge import Challenge
from mien.liveness.judge import Judge
from mien.liveness.types import Decision, Evidence, LivenessError, Mode, TimedFrame
from mien.models.runtime import Network
from mien.models.store import ModelStore
from mien.vision.engine import FaceEngine
from mien.vision.pose import head_pose
from mien.vision.presentation.material import PACKS, MaterialNetworks
from mien.vision.presentation.reflection import reflection
from mien.vision.types import OperatingPoint

SHARED = shared_folder() or Path(__file__).parents[2] / "shared"
AZURE = (
    "Family1-Dad1", "Family1-Mom1", "Family1-Son1", "Family2-Lady1", "Family2-Man2", "Family3-Lady1", "Family3-Man1",
)  # fmt: skip
"""One photo per person; the other photos in the folder show the same people."""
IN_PASSIVE = tuple(kind for kind in Kind if "turns" not in kind.value and kind is not Kind.LIVE_STILL)
VIDEO_NONCES = 8
SIZE = (288, 384)
"""Size of rendered frames; clients send up to 640 pixels, which takes three times as long to render."""


@dataclass(frozen=True)
class Plan:
    """Number of clips of each part: people, all shown live, and every n-th in each attack."""

    people: int
    lives: int
    attacks_every: int
    flat_every: int


PLANS = {"calibration": Plan(12, 1, 3, 2), "evaluation": Plan(20, 2, 4, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    clips = commands.add_parser("clips")
    clips.add_argument("--part", choices=list(PLANS), required=True)
    clips.add_argument("--out", type=Path, required=True)
    clips.add_argument("--mode", choices=[mode.value for mode in Mode])
    told = commands.add_parser("report")
    told.add_argument("results", type=Path, nargs="+")
    told.add_argument("--without-networks", action="store_true", help="as if the optional pack were not installed")
    commands.add_parser("nonces").add_argument("--pairs", type=int, default=2000)
    commands.add_parser("networks")
    commands.add_parser("speed").add_argument("--attempts", type=int, default=20)
    given = parser.parse_args()
    if given.command == "clips":
        judge_clips(given.part, given.out, given.mode)
    elif given.command == "report":
        rows = [json.loads(line) for path in given.results for line in path.read_text().splitlines()]
        for row in rows if given.without_networks else ():
            row["evidence"]["material"] = {"score": None}
        report(rows)
    elif given.command == "nonces":
        nonces(given.pairs)
    elif given.command == "networks":
        networks_alone()
    else:
        speed(given.attempts)


def judge_clips(part: str, out: Path, only: str | None) -> None:
    done = {json.loads(line)["clip"] for line in out.read_text().splitlines()} if out.exists() else set()
    store = ModelStore()
    judge = Judge(FaceEngine(store), store)
    with out.open("a") as file:
        for mode in Mode:
            if only not in {None, mode.value}:
                continue
            for name, kind, make in planned(part, mode):
                if name in done:
                    continue
                challenge, frames = make()
                begun = time.perf_counter()
                verdict = judge.judge(frames, challenge)
                row = {
                    "clip": name,
                    "mode": mode.value,
                    "kind": kind,
                    "outcome": verdict.decision.value if verdict.decision else "non-response",
                    "problem": verdict.problem.liveness.value if verdict.problem else None,
                    "message": verdict.problem.message if verdict.problem else None,
                    "reasons": verdict.reasons,
                    "seconds": round(time.perf_counter() - begun, 3),
                    "evidence": verdict.evidence_json(),
                }
                file.write(json.dumps(row) + "\n")
                file.flush()


def planned(part: str, mode: Mode) -> Iterator[tuple[str, str, partial[tuple[Challenge, list[TimedFrame]]]]]:
    """Yield name, kind and recipe of every clip."""
    plan = PLANS[part]
    if part == "evaluation":
        for number in range(VIDEO_NONCES):
            for kind in ("real video", "video replayed on a screen", "real video, other flashes", "real video, unlit"):
                yield f"{mode}/{kind}/{number}", kind, partial(filmed, kind, mode, number)
    heads = people(part, plan.people)
    kinds = IN_PASSIVE if mode is Mode.PASSIVE else tuple(Kind)
    for number, (person, photo) in enumerate(heads):
        other = heads[(number + 1) % len(heads)][1]
        for repeat in range(plan.lives):
            yield f"{mode}/live/{person}/{repeat}", "live", partial(synthetic, Kind.LIVE, photo, other, mode, repeat)
        for index, kind in enumerate(kinds):
            every = plan.flat_every if kind in FLAT and mode is Mode.PASSIVE_ACTIVE else plan.attacks_every
            if kind is not Kind.LIVE and (number + index) % every == 0:
                yield f"{mode}/{kind.name}/{person}", kind.value, partial(synthetic, kind, photo, other, mode, 7)


def synthetic(kind: Kind, photo: Path, other: Path, mode: Mode, seed: int) -> tuple[Challenge, list[TimedFrame]]:
    own = zlib.crc32(f"{kind.name} {mode} {photo.stem} {seed}".encode())
    rng = np.random.default_rng(own)
    challenge = Challenge.draw(rng.bytes(16), mode)
    lit = float(np.exp(rng.uniform(np.log(0.04), np.log(0.3))))
    second = head(other) if kind is Kind.SWAP else None
    return challenge, render(kind, head(photo), challenge, seed=own, reflection=lit, other=second)


def filmed(kind: str, mode: Mode, number: int) -> tuple[Challenge, list[TimedFrame]]:
    rng = np.random.default_rng(number)
    challenge = Challenge.draw(rng.bytes(16), mode)
    flashed = challenge
    lit = float(np.exp(rng.uniform(np.log(0.04), np.log(0.3))))
    if kind == "video replayed on a screen":
        flashed, lit = Challenge.draw(rng.bytes(16), mode), lit * 0.1
    elif kind == "real video, other flashes":
        flashed = Challenge.draw(rng.bytes(16), mode)
    elif kind == "real video, unlit":
        lit = 0.0
    name, parts = ("screen-replay", REPLAYED) if "screen" in kind else ("real", REAL)
    shown = footage(SHARED / "pad" / "clips" / f"{name}.mp4", *parts)
    return challenge, attempt(shown, challenge, flashed, reflection=lit, seed=number)


def people(part: str, wanted: int) -> list[tuple[str, Path]]:
    """Return frontal photos, one per person; the parts share no people."""
    found = [(name, SHARED / "faces" / "azure" / f"{name}.jpg") for name in AZURE]
    folders = sorted(folder for folder in (SHARED / "faces" / "lfw").iterdir() if folder.is_dir())
    found = [(name, path) for name, path in found if fit(path)]
    chosen = [entry for index, entry in enumerate(found) if (index % 3 == 0) == (part == "calibration")]
    for folder in folders[0 if part == "calibration" else 1 :: 2]:
        if len(chosen) >= wanted:
            break
        photo = min(folder.glob("*.jpg"))
        if fit(photo):
            chosen.append((folder.name, photo))
    return chosen[:wanted]


def fit(photo: Path) -> bool:
    """Return whether a photo shows one frontal face in colour, without the black corners of LFW's rotated pictures."""
    pixels = np.asarray(cv2.imread(str(photo)), np.uint8)
    corners = [
        pixels[y : y + 12, x : x + 12].mean() for y in (0, pixels.shape[0] - 12) for x in (0, pixels.shape[1] - 12)
    ]
    finder, mesher = networks()
    faces = finder.find(pixels, OperatingPoint.GENERAL)
    grey = float(np.ptp(pixels.astype(np.float32), axis=2).mean()) < 4
    if grey or min(corners) < 10 or len(faces) != 1 or faces[0].box[2] < 70:
        return False
    pose = head_pose(mesher.find(pixels, faces[0].points))
    return abs(pose.yaw) < 12 and abs(pose.pitch) < 15 and abs(pose.roll) < 15


def head(photo: Path) -> Head:
    return head_in_photo(photo, SIZE)


def decided_again(row: dict[str, Any]) -> dict[str, Any]:
    """Repeat the decision from the stored evidence, with the current curves and limits."""
    if row["problem"] not in {None, LivenessError.HEAD_TURN_NOT_PERFORMED.value}:
        return row
    scores = {name: told["score"] for name, told in row["evidence"].items()}
    if scores.get("material") is not None:
        told = row["evidence"]["material"]
        packs = {name: told[name] for name in PACKS if name in told}
        scores["material"] = fusion.material_score(told["real"], packs)
    decision, reasons = fusion.decide(Mode(row["mode"]), [Evidence(name, score) for name, score in scores.items()])
    turned = scores.get("turns")
    if decision is not Decision.SPOOF and turned is not None and turned < fusion.VETO:
        problem = LivenessError.HEAD_TURN_NOT_PERFORMED.value
        return {**row, "outcome": "non-response", "problem": problem, "reasons": ()}
    return {**row, "outcome": decision.value, "problem": None, "reasons": reasons}


def report(rows: list[dict[str, Any]]) -> None:
    rows = [decided_again(row) for row in rows]
    for mode in Mode:
        by_kind: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            if row["mode"] == mode.value:
                by_kind[str(row["kind"])].append(row)
        if not by_kind:
            continue
        print(f"\n## {mode.value}\n")
        print("| clips | n | realface | spoofface | uncertain | non-response | what stopped them |")
        print("|---|---|---|---|---|---|---|")
        for kind, of_kind in by_kind.items():
            told = Counter(str(row["outcome"]) for row in of_kind)
            why = Counter(reason for row in of_kind for reason in row["reasons"])
            why.update(Counter(str(row["problem"]) for row in of_kind if row["problem"]))
            reasons = ", ".join(f"{name} {count}" for name, count in why.most_common(4))
            counts = " | ".join(str(told[name]) for name in ("realface", "spoofface", "uncertain", "non-response"))
            print(f"| {kind} | {len(of_kind)} | {counts} | {reasons} |")
        summary(by_kind)


def summary(by_kind: dict[str, list[dict[str, Any]]]) -> None:
    def share(kinds: list[str], *outcomes: str) -> tuple[float, int]:
        chosen = [row for kind in kinds for row in by_kind.get(kind, [])]
        return sum(row["outcome"] in outcomes for row in chosen) / max(len(chosen), 1), len(chosen)

    attacks = [kind for kind in by_kind if kind in {attack.value for attack in ATTACKS} or kind == REPLAYED_KIND]
    worst = max(attacks, key=lambda kind: share([kind], "realface"))
    flat = [kind.value for kind in FLAT]
    print()
    print(f"- worst APCER: {share([worst], 'realface')[0]:.1%} ({worst})")
    print("- APCER of flat attacks together: {:.1%} of {}".format(*share(flat, "realface")))
    print("- APNRR of flat attacks together: {:.1%} of {}".format(*share(flat, "non-response")))
    for kind in ("live", "real video"):
        print("- {}: BPCER {:.1%} of {}".format(kind, *share([kind], "spoofface")), end="")
        print(", uncertain {:.1%}".format(share([kind], "uncertain")[0]), end="")
        print(", BPNRR {:.1%}".format(share([kind], "non-response")[0]), end="")
        print(", refused {:.1%}".format(share([kind], "spoofface", "uncertain", "non-response")[0]))


REPLAYED_KIND = "video replayed on a screen"


def nonces(pairs: int) -> None:
    """Print how often a noiseless response to one nonce fits another's flashes, at a gain of 0.1 and 12 frames/s."""
    rng = np.random.default_rng(0)
    skin = np.array([0.35, 0.22, 0.16])
    for mode in Mode:
        passed = Counter[str]()
        for _ in range(pairs):
            asked, answered = (Challenge.draw(rng.bytes(16), mode) for _ in range(2))
            times = np.arange(20, asked.duration_ms, 83.0)
            colours = skin * (1 + 0.1 * np.mean([answered.light(times - 90 - part) for part in (-15, 0, 15)], axis=0))
            scores = []
            for name, part in (("reflection", times <= asked.frontal_ms), ("turnReflection", times > asked.frontal_ms)):
                if part.any():
                    found = reflection(times[part], colours[part][:, None], asked.light, np.zeros((part.sum(), 0)))
                    scores.append(fusion.of_reflection(name, found).score or 0)
                    passed[name] += scores[-1] >= fusion.ACCEPT
            passed["all"] += min(scores) >= fusion.ACCEPT
        shares = ", ".join(f"{name} {count / pairs:.2%}" for name, count in passed.items())
        print(f"{mode.value}: of {pairs} answers to another nonce pass {shares}")


def networks_alone() -> None:
    """Print the mean of the installed packs at a probability of 0.5 on stills and frames of ../shared/pad."""
    store = ModelStore()
    pair = MaterialNetworks([store.load(name) for name in PACKS if store.installed(name)])
    finder, _ = networks()
    folder = SHARED / "pad"
    sets = {
        "stills, real": [folder / "stills" / "image_T1.jpg"],
        "stills, spoof": [folder / "stills" / "image_F1.jpg", folder / "stills" / "image_F2.jpg"],
        "tight crops, real": sorted((folder / "frames" / "real").iterdir()),
        "tight crops, spoof": sorted((folder / "frames" / "spoof").iterdir()),
        "Azure's sample photos": sorted((SHARED / "faces" / "azure").glob("*.jpg")),
        "LFW, every 9th person": sorted((SHARED / "faces" / "lfw").glob("*/*_0001.jpg"))[::9],
    }
    print("| pictures | n | median | called real at 0.5 |\n|---|---|---|---|")
    for name, paths in sets.items():
        values = []
        for path in paths:
            pixels = np.asarray(cv2.imread(str(path)), np.uint8)
            faces = finder.find(pixels, OperatingPoint.GENERAL)
            if faces:
                box = max(faces, key=lambda face: face.box[2]).box
                values.append(float(pair.real([(pixels, box)]).mean()))
        print(f"| {name} | {len(values)} | {np.median(values):.3f} | {np.mean(np.array(values) > 0.5):.1%} |")


def speed(attempts: int) -> None:
    """Measure passive attempts (three seconds) and turns (six seconds) at 15 frames per second, 480 × 640."""
    store = ModelStore()
    engine = FaceEngine(store)
    judge = Judge(engine, store)
    photo = SHARED / "faces" / "azure" / "Family2-Man2.jpg"
    shown = head_in_photo(photo, (480, 640))
    camera = Camera(fps=15, jitter_ms=4)
    for mode in Mode:
        challenge = Challenge.draw(bytes(16), mode)
        clip = render(Kind.LIVE, shown, challenge, seed=1, camera=camera)
        judge.judge(clip, challenge)
        times, computed, networks = [], [], []
        for _ in range(attempts):
            with in_networks() as spent:
                begun, before = time.perf_counter(), time.process_time()
                judge.judge(clip, challenge)
                times.append(time.perf_counter() - begun)
                computed.append(time.process_time() - before)
            networks.append(spent[0])
        used, bare = statistics.median(computed), statistics.median(networks)
        print(
            f"{mode.value}: {len(clip)} frames, {challenge.duration_ms / 1000:.1f} s: one after the other "
            f"p50 {statistics.median(times):.2f} s, least {min(times):.2f} s, most {max(times):.2f} s; "
            f"processor time {used:.2f} s, {used / bare:.2f} times that of the networks alone; "
            f"{', '.join(judge.networks) or 'no passive network'}"
        )
        with ThreadPoolExecutor(2) as pool:  # the workers of a server with two cores
            begun = time.perf_counter()
            verdicts = list(pool.map(judge.judge, [clip] * 20, [challenge] * 20))
            took = time.perf_counter() - begun
        print(f"  20 at once in two workers: {took:.1f} s, {Counter(str(verdict.decision) for verdict in verdicts)}")


@contextmanager
def in_networks() -> Iterator[list[float]]:
    """Measure the processor time of networks, in seconds, during a block."""
    spent, run = [0.0], Network.run

    def measured(network: Network, *arrays: Any, **more: Any) -> Any:
        begun = time.process_time()
        try:
            return run(network, *arrays, **more)
        finally:
            spent[0] += time.process_time() - begun

    Network.run = measured  # type: ignore[method-assign]  # restored below
    try:
        yield spent
    finally:
        Network.run = run  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
