"""Coverage of the intervals of `mien.evaluation` on simulated scores of several populations.

python bench/intervals.py [RUNS]
"""

from __future__ import annotations

import sys

import numpy as np
from tests.evaluation.simulated import Truth

from mien.evaluation.intervals import Pairs, by_person


def main(runs: int) -> None:
    random = np.random.default_rng(11)
    print(f"{runs} runs each; spread is the standard deviation of a person's own effect")
    for people, photos, fnmr in ((50, 3, 0.05), (200, 3, 0.02), (300, 5, 0.05), (300, 3, 0.005), (300, 3, 0.001)):
        for spread in (0.0, 0.22, 0.5, 1.0):
            truth = Truth(people, photos, fnmr=fnmr, spread=spread)
            found = [by_person(truth.genuine_errors(random), truth.owner) for _ in range(runs)]
            share = np.mean([one.low <= fnmr <= one.high for one in found])
            print(f"FNMR {fnmr:<6g} {people} people, {photos} each, spread {spread:g}: covered {share:.3f}", flush=True)
    for people, fmr in ((100, 0.01), (150, 0.005), (300, 0.001), (300, 0.0001)):
        for spread in (0.0, 0.22, 0.5, 1.0):
            truth = Truth(people, fmr=fmr, spread=spread)
            owners = truth.owners
            pairs = Pairs(owners, people)
            found = [pairs.interval(truth.impostor_errors(random, owners)) for _ in range(runs)]
            share = np.mean([one.low <= fmr <= one.high for one in found])
            print(f"FMR {fmr:<7g} {people} people, spread {spread:g}: covered {share:.3f}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
