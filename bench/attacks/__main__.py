"""Run the attack laboratory.

    python -m bench.attacks                          # the evaluation; continues a stopped run
    python -m bench.attacks --part calibration       # on the people who were used to fit the curves
    python -m bench.attacks --write                  # also write the tables into docs/liveness-accuracy.md

Attempts are rendered from photos of ../shared/faces and cut from the films in ../shared/pad, evaluated with the
installed packs, and stored with their evidence in the folder of --cache; `--again` evaluates the stored clips again.
The virtual camera in a real browser is tests/liveness/web/test_attempts_in_browser.py.
"""

from __future__ import annotations

import argparse
import json
import pickle
import time
import zlib
from pathlib import Path
from typing import Any

import cv2
from bench.attacks.plan import Clip, Planned, planned
from bench.attacks.report import alone, decided_again, table

from mien.liveness.judge import Judge
from mien.models.store import ModelStore
from mien.vision.engine import FaceEngine

PAGE = Path(__file__).parents[2] / "docs" / "liveness-accuracy.md"
BEGIN, END = "<!-- laboratory -->", "<!-- end of laboratory -->"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=["calibration", "evaluation"], default="evaluation")
    parser.add_argument("--cache", type=Path, default=Path("/tmp/mien-attacks"))
    parser.add_argument("--again", action="store_true", help="judge the kept clips anew")
    parser.add_argument(
        "--networks", help="packs to use, with commas between them; those that are installed by default"
    )
    parser.add_argument("--write", action="store_true", help="put the tables into the documentation")
    given = parser.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    store = ModelStore()
    options = {} if given.networks is None else {"networks": given.networks.split(",")}
    judge = Judge(FaceEngine(store), store, **options)
    suffix = "+".join(judge.networks) or "none"
    results = given.cache / f"{given.part}-{suffix}.jsonl"
    if given.again:
        results.unlink(missing_ok=True)
    kept = {row["name"]: row for row in map(json.loads, results.read_text().splitlines())} if results.exists() else {}
    plan = list(planned(given.part))
    with results.open("a") as file:
        for entry in plan:
            if entry.name not in kept:
                kept[entry.name] = judged(judge, entry, given.cache)
                file.write(json.dumps(kept[entry.name]) + "\n")
                file.flush()
    rows = [decided_again(kept[entry.name]) for entry in plan]
    seconds = sorted(row["seconds"] for row in rows)
    told = (
        f"{len(rows)} attempts, networks {suffix.replace('+', ' and ')}; judging took {seconds[len(rows) // 2]:.2f} s "
        f"(median) on the machine that ran it.\n\n{table(rows)}"
    )
    if len(judge.networks) > 1:
        first = judge.networks[0]
        told += f"\n### With `{first}` alone\n\nA default install that does not reach the address of the other pack. "
        told += f"Species of which anything is accepted, and people:\n\n{alone(rows, first)}"
    print(told)
    if given.write:
        page = PAGE.read_text()
        head, tail = page.split(BEGIN)[0], page.split(END)[1]
        PAGE.write_text(f"{head}{BEGIN}\n{told}{END}{tail}")


def judged(judge: Judge, entry: Planned, cache: Path) -> dict[str, Any]:
    """Evaluate one attempt; create its clip if it is not stored."""
    clip = made(entry, cache)
    begun = time.perf_counter()
    verdict = judge.judge(clip.frames, clip.challenge, None, clip.arrivals)
    return {
        "name": entry.name,
        "category": entry.category,
        "species": entry.species,
        "person": entry.person,
        "mode": entry.mode.value,
        "outcome": verdict.decision.value if verdict.decision else "non-response",
        "problem": verdict.problem.liveness.value if verdict.problem else None,
        "reasons": list(verdict.reasons),
        "seconds": round(time.perf_counter() - begun, 3),
        "evidence": verdict.evidence_json(),
    }


def made(entry: Planned, cache: Path) -> Clip:
    """Return the attempt's clip, from the cache or newly created."""
    path = cache / f"{zlib.crc32(entry.name.encode()):08x}.clip"
    if path.exists():
        clip: Clip = pickle.loads(path.read_bytes())  # our own file, written below
        return clip
    clip = entry.make()
    partial = path.with_suffix(".part")
    partial.write_bytes(pickle.dumps(clip))
    partial.replace(path)
    return clip


if __name__ == "__main__":
    main()
