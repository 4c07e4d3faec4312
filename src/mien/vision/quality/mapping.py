"""Mappings from raw values to scores of 0 to 100."""

from __future__ import annotations

import math

from mien.vision.measures import QualityScore


def sigmoid(value: float, middle: float, width: float) -> float:
    """Return the logistic function, in [0, 1]: 0.5 at `middle`, rising with `value`."""
    return 1.0 / (1.0 + math.exp(min(700.0, max(-700.0, (middle - value) / width))))


def scored(raw: float, score: float) -> QualityScore:
    """Round a score to a whole number from 0 to 100."""
    return QualityScore(float(raw), round(min(100.0, max(0.0, score))))


def rising(raw: float, middle: float, width: float) -> QualityScore:
    """Score a raw value for which higher is better; 50 at `middle`."""
    return scored(raw, 100.0 * sigmoid(raw, middle, width))


def falling(raw: float, middle: float, width: float) -> QualityScore:
    """Score a raw value for which lower is better; 50 at `middle`."""
    return scored(raw, 100.0 * (1.0 - sigmoid(raw, middle, width)))


def share_left(raw: float) -> QualityScore:
    """Score a share or probability in [0, 1] for which lower is better, linearly."""
    return scored(raw, 100.0 * (1.0 - raw))
