"""SVG charts for pages, print, and the PDF writer, which supports only simple shapes and text.

The colours are for white paper. Pages override them with CSS classes (`paper`, `ink`, `grid`, `series0` …).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

COLOURS: Final = ("#0e6675", "#c2570c", "#6b4bbd", "#2f7d4f", "#b02a5b", "#6b6b00")
_INK: Final = "#33404a"
_GRID: Final = "#c9d2d9"
_WIDTH, _HEIGHT = 560, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 18, 52


@dataclass(frozen=True, slots=True)
class ChartLine:
    """A line of a chart: its name and its (x, y) points."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis.

    Attributes:
        title: title below or beside the axis.
        low: first value shown.
        high: last value shown.
        logarithmic: whether the scale is logarithmic.
        percent: whether values are shown in per cent.
        point: the decimal mark of the labels.
    """

    title: str
    low: float
    high: float
    logarithmic: bool = False
    percent: bool = True
    point: str = "."

    def place(self, value: float) -> float:
        """Return the position of a value, in [0, 1]."""
        if not self.logarithmic:
            return (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        value = min(max(value, self.low), self.high)
        return math.log(value / self.low) / math.log(self.high / self.low)

    def ticks(self) -> list[float]:
        """Return the values of the labelled ticks."""
        if not self.logarithmic:
            return [self.low + (self.high - self.low) * part / 5 for part in range(6)]
        first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
        return [10.0**power for power in range(first, last + 1)]

    def words(self, value: float) -> str:
        """Return the label of a value."""
        if not self.percent:
            return (f"{value:.2f}" if self.high < 10 else f"{value:.0f}").replace(".", self.point)
        return f"{100 * value:.6f}".rstrip("0").rstrip(".").replace(".", self.point) + " %"


def line_chart(
    title: str, lines: Sequence[ChartLine], across: Axis, up: Axis, *, dots: Sequence[tuple[float, float]] = ()
) -> str:
    """Draw a line chart.

    Args:
        title: description of the chart, for screen readers.
        lines: the lines.
        across: the horizontal axis.
        up: the vertical axis.
        dots: points to mark.
    """
    parts = [*_axes(across, up)]
    for number, line in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        places = [_at(across.place(x), up.place(y)) for x, y in line.points if _shown(across, x)]
        if places:
            path = " ".join(f"{'L' if place else 'M'}{x:.1f},{y:.1f}" for place, (x, y) in enumerate(places))
            parts.append(f'<path class="{_series(number)}" d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if len(lines) > 1:
            row = _TOP + 14 + 16 * number
            parts.append(
                f'<rect class="{_series(number)}" x="{_WIDTH - 170}" y="{row - 8}" width="12" height="4" '
                f'fill="{colour}"/>'
            )
            parts.append(_text(_WIDTH - 152, row, line.name))
    for x, y in dots:
        left, top = _at(across.place(x), up.place(y))
        parts.append(f'<circle class="{_series(1)}" cx="{left:.1f}" cy="{top:.1f}" r="4" fill="{COLOURS[1]}"/>')
    return _svg(title, parts)


def bar_chart(
    title: str, bars: Sequence[tuple[str, float, float, float]], up: Axis, *, line: float | None = None
) -> str:
    """Draw a bar chart of rates with their intervals.

    Args:
        title: title of the chart.
        bars: name, rate, lower and upper end of its interval.
        up: the axis of the rates.
        line: a rate for comparison, drawn as a dashed line.
    """
    parts = list(_upright(up))
    step = (_WIDTH - _LEFT - _RIGHT) / max(1, len(bars))
    for number, (name, value, low, high) in enumerate(bars):
        middle = _LEFT + step * (number + 0.5)
        wide = min(40.0, step * 0.6)
        top, foot = _at(0, up.place(value))[1], _HEIGHT - _BOTTOM
        parts.append(
            f'<rect class="{_series(0)}" x="{middle - wide / 2:.1f}" y="{top:.1f}" width="{wide:.1f}" '
            f'height="{max(0.5, foot - top):.1f}" fill="{COLOURS[0]}"/>'
        )
        ends = [_at(0, up.place(end))[1] for end in (low, high)]
        parts.append(_rule(middle, ends[0], middle, ends[1], colour=_INK, width=1.5))
        parts.extend(_rule(middle - 5, end, middle + 5, end, colour=_INK, width=1.5) for end in ends)
        parts.append(_text(middle, foot + 16 + 13 * (number % 2 if step < 70 else 0), name[:18], "middle"))
    if line is not None:
        at = _at(0, up.place(line))[1]
        parts.append(
            f'<line class="{_series(1)}" x1="{_LEFT}" y1="{at:.1f}" x2="{_WIDTH - _RIGHT}" y2="{at:.1f}" '
            f'stroke="{COLOURS[1]}" '
            'stroke-width="1.5" stroke-dasharray="5,4"/>'
        )
    return _svg(title, parts)


def nice(value: float) -> float:
    """Return the next higher round value for the end of an axis, of which a fifth is a short number."""
    if value <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.5, 10.0) if step * power >= value)


def _shown(axis: Axis, value: float) -> bool:
    return axis.low <= value <= axis.high or not axis.logarithmic


def _at(x: float, y: float) -> tuple[float, float]:
    return _LEFT + x * (_WIDTH - _LEFT - _RIGHT), _HEIGHT - _BOTTOM - y * (_HEIGHT - _TOP - _BOTTOM)


def _axes(across: Axis, up: Axis) -> list[str]:
    parts = list(_upright(up))
    for tick in across.ticks():
        x, y = _at(across.place(tick), 0)
        parts.append(_rule(x, _TOP, x, y, colour=_GRID, width=1))
        parts.append(_text(x, y + 16, across.words(tick), "middle"))
    parts.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 12, across.title, "middle"))
    return parts


def _upright(up: Axis) -> list[str]:
    parts = []
    for tick in up.ticks():
        x, y = _at(0, up.place(tick))
        parts.append(_rule(x, y, _WIDTH - _RIGHT, y, colour=_GRID, width=1))
        parts.append(_text(x - 6, y + 4, up.words(tick), "end"))
    parts.append(_text(_LEFT, 12, up.title))
    return parts


def _rule(x1: float, y1: float, x2: float, y2: float, *, colour: str, width: float) -> str:
    kind = "ink" if colour == _INK else "grid"
    return (
        f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-width="{width}"/>'
    )


def _series(number: int) -> str:
    """Return the CSS class of a line's or bar's colour."""
    return f"series{number % len(COLOURS)}"


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    return (
        f'<text class="ink" x="{x:.1f}" y="{y:.1f}" font-size="11" font-family="Helvetica, Arial, sans-serif" '
        f'fill="{_INK}" text-anchor="{anchor}">{escape(words)}</text>'
    )


def _svg(title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" role="img" aria-label="{escape(title, quote=True)}">'
        f'<rect class="paper" x="0" y="0" width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>{"".join(parts)}</svg>'
    )


@dataclass(frozen=True, slots=True)
class CurveTexts:
    """The texts of a chart of error rates.

    Attributes:
        title: for people who do not see the chart.
        across: title of the axis below it.
        up: title of the axis beside it.
        point: the decimal mark of its labels.
    """

    title: str
    across: str
    up: str
    point: str = "."


DET_TEXTS: Final = CurveTexts(
    "DET curve: false non-match rate by false match rate", "False match rate", "False non-match rate"
)
ROC_TEXTS: Final = CurveTexts("ROC curve: true accept rate by false match rate", "False match rate", "True accept rate")


def det(
    curves: Sequence[tuple[str, Sequence[Sequence[float]]]],
    at: tuple[float, float] | None = None,
    texts: CurveTexts = DET_TEXTS,
) -> str:
    """Draw DET curves: FNMR against FMR, both logarithmic.

    Args:
        curves: name and points (threshold, FMR, FNMR) of each curve.
        at: FMR and FNMR of the threshold in use, to mark.
        texts: title and axes, in the reader's language.
    """
    rates = [point[1] for _, points in curves for point in points]
    least = 10.0 ** math.floor(math.log10(min(rates, default=1e-3)))
    across = Axis(texts.across, max(1e-7, least), 1.0, logarithmic=True, point=texts.point)
    up = Axis(texts.up, 1e-3, 1.0, logarithmic=True, point=texts.point)
    lines = [ChartLine(name, [(fmr, max(fnmr, 1e-3)) for _, fmr, fnmr in points]) for name, points in curves]
    return line_chart(
        texts.title,
        lines,
        across,
        up,
        dots=[] if at is None else [(max(at[0], across.low), max(at[1], 1e-3))],
    )


def roc(curves: Sequence[tuple[str, Sequence[Sequence[float]]]], texts: CurveTexts = ROC_TEXTS) -> str:
    """Draw ROC curves: TAR against FMR.

    Args:
        curves: name and points (threshold, FMR, FNMR) of each curve.
        texts: title and axes, in the reader's language.
    """
    rates = [point[1] for _, points in curves for point in points]
    worst = max((point[2] for _, points in curves for point in points), default=0.1)
    least = 10.0 ** math.floor(math.log10(min(rates, default=1e-3)))
    across = Axis(texts.across, max(1e-7, least), 1.0, logarithmic=True, point=texts.point)
    up = Axis(texts.up, max(0.0, math.floor((1 - worst) * 10 - 1e-9) / 10), 1.0, point=texts.point)
    lines = [ChartLine(name, [(fmr, 1 - fnmr) for _, fmr, fnmr in points]) for name, points in curves]
    return line_chart(texts.title, lines, across, up)
