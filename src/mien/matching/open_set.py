"""How alike a probe must be with the best of many: the more people are searched, the stricter.

Every comparison with a stranger has a chance to be a false match, so that with a fixed threshold a gallery of N
templates answers a stranger's probe with somebody in about N × FMR of the cases (the false positive identification
rate, FPIR): at FMR 1e-4 in 3 % with 280 templates, always with 100,000. Here the threshold follows the size: by the
union bound FPIR ≤ target as long as FMR ≤ target / N.

The similarity at so small an FMR lies between the calibration's measured levels, or is extrapolated beyond the last of
them with its tail (docs/accuracy.md has what that gives, measured).
Clients that prefer to inspect more candidates pass a confidenceThreshold.
"""

from __future__ import annotations

from typing import Final

from mien.matching.calibration import Calibration

TARGET_FPIR: Final = 0.01
"""Accepted share of strangers' probes that return a candidate (FPIR)."""


def similarity_at_fmr(calibration: Calibration, fmr: float) -> float:
    """The similarity that a share `fmr` of the comparisons of two people reaches, at least that of the operating point.

    Args:
        calibration: calibration of the recogniser.
        fmr: false match rate, in (0, 1).

    Returns:
        A cosine similarity, at most 1.
    """
    return max(calibration.threshold, calibration.similarity_at_fmr(fmr))


def similarity_for_gallery(calibration: Calibration, templates: int, target_fpir: float = TARGET_FPIR) -> float:
    """The similarity that a match among so many templates must have, where the caller names no threshold.

    Args:
        calibration: calibration of the recogniser.
        templates: how many are searched.
        target_fpir: accepted share of strangers who are identified as an enrolled person (FPIR).

    Returns:
        A cosine similarity: that of the operating point for small galleries, growing with the logarithm of the size.
    """
    return similarity_at_fmr(calibration, target_fpir / max(1, templates))
