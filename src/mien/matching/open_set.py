"""The default threshold of open-set identification: the larger the gallery, the stricter.

With a fixed threshold, a gallery of N templates returns somebody for a stranger's probe in about N × FMR of the cases
(the false positive identification rate, FPIR): at FMR 1e-4 in 3 % with 280 templates, always with 100,000. Here the
threshold grows with the gallery: by the union bound FPIR ≤ target if FMR ≤ target / N.

The similarity at so low an FMR is interpolated between the calibration's measured levels or extrapolated along its tail
(measured in docs/accuracy.md). Clients that want more candidates pass a confidenceThreshold.
"""

from __future__ import annotations

from typing import Final

from mien.matching.calibration import Calibration

TARGET_FPIR: Final = 0.01
"""Accepted share of strangers' probes that return a candidate (FPIR)."""


def similarity_at_fmr(calibration: Calibration, fmr: float) -> float:
    """Return the similarity with a false match rate, or the operating point if that is higher.

    Args:
        calibration: calibration of the recogniser.
        fmr: false match rate, in (0, 1).

    Returns:
        A cosine similarity, at most 1.
    """
    return max(calibration.threshold, calibration.similarity_at_fmr(fmr))


def similarity_for_gallery(calibration: Calibration, templates: int, target_fpir: float = TARGET_FPIR) -> float:
    """Return the similarity that a match needs if the caller sets no threshold.

    Args:
        calibration: calibration of the recogniser.
        templates: number of templates searched.
        target_fpir: accepted share of strangers who are identified as an enrolled person (FPIR).

    Returns:
        A cosine similarity: the operating point for small galleries, growing with the logarithm of the size.
    """
    return similarity_at_fmr(calibration, target_fpir / max(1, templates))
