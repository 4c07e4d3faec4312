"""Whether a face's colour follows a light shone on it.

A screen that changes its colour changes the colour of a face in front of it by a few per cent. The skin's red, green
and blue over time are compared with the screen's, shifted by every latency that a camera may have. Only differences
between the channels count: auto-exposure, approaching and turning away change all three by the same factor, which is a
common summand of their logarithms and cancels out.

A recording of another attempt shows other colours. A printed photo reflects the light like a face: this method tests
*when* the picture was taken, not what it shows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

LATENCIES_MS: Final = tuple(range(0, 321, 20))
"""Possible delays from a change of the screen to a frame that shows it: 20 to 60 ms for the screen, then the camera."""

MIN_FRAMES: Final = 12
"""Fewer frames cannot distinguish two sequences of colours."""

_EXPOSURE_MS: Final = 40.0
_CHROMA: Final = np.eye(3) - 1 / 3
"""Subtracts the mean of the three channels."""
_MIXING: Final = np.array([[0.85, 0.10, 0.05], [0.08, 0.84, 0.08], [0.03, 0.12, 0.85]])
"""Response of each camera channel to a screen's red, green and blue, for typical filters."""
_SUBSETS: Final = tuple(channels for count in (3, 2, 1) for channels in combinations(range(3), count))


@dataclass(frozen=True, slots=True)
class Reflection:
    """The fit of a light to the colours of a face.

    Attributes:
        correlation: correlation in [0, 1] of the fit with the observed colours; the best over the latencies.
        latency_ms: latency of the best fit.
        gain: increase of the face's brightness by a full white light, as a share of the ambient light.
        evenness: ratio of smallest to largest gain of the three channels; 0 if one does not follow at all.
        contrast: root mean square of the observed changes, as a share of the face's brightness.
        frames: number of frames used.
    """

    correlation: float
    latency_ms: float
    gain: float
    evenness: float
    contrast: float
    frames: int


def reflection(
    times_ms: Float64, colours: Float64, light: Callable[[Float64], Float64], nuisances: Float64
) -> Reflection | None:
    """Compare a face's colour with a light.

    Args:
        times_ms: (n,), times of the frames.
        colours: (n, regions, 3), linear red, green and blue of skin regions in [0, 1]; NaN where a region is not
            visible. Each region has its own base colour and response to the nuisances; all have the same gains.
        light: maps times (m,) in ms to the linear red, green and blue (m, 3) of the light.
        nuisances: (n, k), other causes of colour changes (such as the head's pose), removed by regression.

    Returns:
        None if no region is visible in `MIN_FRAMES` frames, or nothing changes.
    """
    regions = _regions(times_ms, colours, nuisances)
    logarithms = np.log(np.maximum(np.nan_to_num(colours, nan=1.0), 1e-3)) @ _CHROMA
    present, seen = _average(regions, lambda number: logarithms[:, number])
    power = float((seen**2).sum())
    if power <= 1e-12:
        return None
    best, best_latency, best_gains = -1.0, 0.0, np.zeros(3)
    for latency in LATENCIES_MS:
        moments = [light(times_ms - latency + offset) for offset in (-_EXPOSURE_MS / 2, 0.0, _EXPOSURE_MS / 2)]
        shone = np.mean(moments, axis=0) @ _MIXING.T
        there = _average(regions, lambda _: shone)[1]  # noqa: B023  # called at once
        explained, gains = _explain((there.T @ there) * _CHROMA, np.einsum("nc,nc->c", there, seen))
        if explained > best:
            best, best_latency, best_gains = explained, float(latency), gains
    largest = float(best_gains.max())
    return Reflection(
        correlation=float(np.sqrt(np.clip(best / power, 0, 1))),
        latency_ms=best_latency,
        gain=float(best_gains.mean()),
        evenness=float(best_gains.min()) / largest if largest > 0 else 0.0,
        contrast=float(np.sqrt(power / present)),
        frames=present,
    )


@dataclass(frozen=True, slots=True)
class _Region:
    """The frames in which a region is visible (n,), and an orthonormal basis to remove from its colours."""

    number: int
    present: NDArray[np.bool_]
    basis: Float64


def _regions(times_ms: Float64, colours: Float64, nuisances: Float64) -> list[_Region]:
    """Return the regions that are visible in enough frames."""
    found = []
    for number in range(colours.shape[1]):
        present = np.asarray(np.isfinite(colours[:, number]).all(axis=1), np.bool_)
        if present.sum() >= max(MIN_FRAMES, nuisances.shape[1] + 8):
            found.append(_Region(number, present, _orthonormal(times_ms[present], nuisances[present])))
    return found


def _average(regions: Sequence[_Region], signal: Callable[[int], Float64]) -> tuple[int, Float64]:
    """Remove each region's basis from its signal, and average over the regions visible in each frame.

    Returns:
        The number of frames with a visible region, and the average (n, 3); zeros in frames without any.
    """
    if not regions:
        return 0, np.zeros((0, 3))
    total, count = np.zeros((len(regions[0].present), 3)), np.zeros(len(regions[0].present))
    for region in regions:
        total[region.present] += _without(region.basis, signal(region.number)[region.present])
        count[region.present] += 1
    return int((count > 0).sum()), np.asarray(total / np.maximum(count, 1)[:, None])


def _explain(inner: Float64, outer: Float64) -> tuple[float, Float64]:
    """Fit one gain for each channel by non-negative least squares (light is only added).

    Args:
        inner: (3, 3), inner products of the channels' lights.
        outer: (3,), inner products of each channel's light with the observed signal.

    Returns:
        The explained sum of squares, and the gains (3,).
    """
    best, gains = 0.0, np.zeros(3)
    for channels in _SUBSETS:  # try all seven active sets
        try:
            fitted = np.linalg.solve(inner[np.ix_(channels, channels)], outer[list(channels)])
        except np.linalg.LinAlgError:
            continue
        if (fitted < 0).any():
            continue
        explained = float(fitted @ outer[list(channels)])
        if explained > best:
            best, gains = explained, np.zeros(3)
            gains[list(channels)] = fitted
    return best, gains


def _orthonormal(times_ms: Float64, nuisances: Float64) -> Float64:
    """Return an orthonormal basis (n, m) of a constant, a slow drift, and the nuisances."""
    drift = (times_ms - times_ms.mean()) / 1000
    columns = np.column_stack([np.ones(len(times_ms)), drift, nuisances])
    scale = np.linalg.norm(columns - columns.mean(axis=0), axis=0)
    scale[0] = 1.0
    kept = columns[:, scale > 1e-9] / scale[scale > 1e-9]
    left, singular, _ = np.linalg.svd(kept, full_matrices=False)
    return np.asarray(left[:, singular > 1e-8 * singular[0]])


def _without(basis: Float64, signals: Float64) -> Float64:
    return np.asarray(signals - basis @ (basis.T @ signals))
