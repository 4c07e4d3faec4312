"""How alike a probe must be with the best of many: the more people are searched, the stricter.

Every comparison with a stranger has a chance to be a false match, so that with a fixed threshold a gallery of N
templates answers a stranger's probe with somebody in about N × FMR of the cases (the false positive identification
rate, FPIR): at FMR 1e-4 in 3 % with 280 templates, always with 100,000. Here the threshold follows the size: by the
union bound FPIR ≤ target as long as FMR ≤ target / N.

The similarity at so small an FMR is extrapolated from the operating point with the tail that the recogniser's manifest
states: a little less than what was measured between FMR 1e-4 and 1e-5 on 2,134 photos of 900 people (LFW), which is 78
for the default recogniser and 41 for SFace alone (`tools/fit_recogniser.py calibrate`). Where none is stated it is
taken for 0.9 slopes of the calibration. 100 / 280 / 450 people enrolled by one photo each then gave FPIR 1.0 / 1.0 /
0.8 % and FNIR 0.7 / 1.5 / 1.7 %.
Strictness costs: at the similarity for 10,000 templates 9 % of the genuine pairs are missed, for 100,000 26 %. Whoever
would rather look at candidates names a confidenceThreshold.
"""

from __future__ import annotations

import math
from typing import Final

from mien.matching.calibration import Calibration

TARGET_FPIR: Final = 0.01
"""What share of strangers' probes may be answered with somebody."""

DEFAULT_FMR: Final = 1e-4
"""Taken for the operating point's FMR where a calibration does not say."""

_TAIL: Final = 0.9
"""How steep the impostors' tail is taken to be where nobody measured it, in slopes of the calibration."""


def similarity_at_fmr(calibration: Calibration, fmr: float) -> float:
    """The similarity that a share `fmr` of the comparisons of two people reaches, at least that of the operating point.

    Args:
        calibration: of the recogniser.
        fmr: false match rate, in (0, 1).

    Returns:
        A cosine similarity, at most 1.
    """
    known = calibration.fmr or DEFAULT_FMR
    if fmr >= known:
        return calibration.threshold
    tail = calibration.tail or _TAIL * calibration.slope
    return min(1.0, calibration.threshold + math.log(known / fmr) / tail)


def similarity_for_gallery(calibration: Calibration, templates: int, target_fpir: float = TARGET_FPIR) -> float:
    """The similarity that a match among so many templates must have, where the caller names no threshold.

    Args:
        calibration: of the recogniser.
        templates: how many are searched.
        target_fpir: accepted share of strangers who are taken for somebody.

    Returns:
        A cosine similarity: that of the operating point for small galleries, growing with the logarithm of the size.
    """
    return similarity_at_fmr(calibration, target_fpir / max(1, templates))
