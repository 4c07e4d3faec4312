"""Rates of reported drift on simulated weeks, without a change and with changes of known size.

    python bench/drift.py [RUNS]

The world is that of `tests/evaluation/test_drift.py`: a camera that 30 people pass on a working day, 12 on other days,
each seen one to five times; quality has a mean that varies from day to day (standard deviation 3), and a spread of 9
over people. Every resource has three such series. Intervals are Clopper-Pearson, 95 %.
"""

from __future__ import annotations

import sys

import numpy as np
from tests.evaluation.test_drift import DAYS, FIRST, MONDAY, World

from mien.evaluation.drift import ALPHA, WEEK, Shift, compare, correct, since
from mien.matching.rates import clopper_pearson


def main(runs: int) -> None:
    chances = alarms = 0
    for run in range(runs):
        found = correct(
            [shift for number in range(3) if isinstance(shift := _look(World(10**6 + 3 * run + number), run), Shift)]
        )
        chances += any(one.adjusted <= ALPHA for one in found)
        alarms += any(one.moved for one in found)
    print(f"{runs} resources of three series without a change, {ALPHA:.0%} stated for any false alarm in a week")
    print(f"  by chance alone {_rate(chances, runs)}, as reported (and PSI) {_rate(alarms, runs)}")
    for shift in (4, 6, 8, 12):
        found_ones, off = 0, []
        for run in range(runs // 4):
            world = World(2 * 10**6 + 1000 * shift + run, shift=shift, shifted_from=MONDAY)
            counts = world.counts()
            moved = compare(DAYS, counts, FIRST, MONDAY, run)
            others = [_look(World(3 * 10**6 + 2 * run + number), run) for number in range(2)]
            one, *_ = correct([each for each in (moved, *others) if isinstance(each, Shift)])
            if one.moved:
                found_ones += 1
                off.append(abs(since(DAYS, counts, FIRST, MONDAY + WEEK - 1) - MONDAY))
        near = f"day within 1: {np.mean(np.array(off) <= 1):.0%}" if off else ""
        print(f"  quality lower by {shift} from the week's Monday: found {_rate(found_ones, runs // 4)}; {near}")


def _look(world: World, seed: int) -> object:
    return compare(DAYS, world.counts(), FIRST, MONDAY, seed)


def _rate(count: int, runs: int) -> str:
    one = clopper_pearson(count, runs)
    return f"{count / runs:.4f} [{one.low:.4f}, {one.high:.4f}]"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
