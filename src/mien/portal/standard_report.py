"""The ISO/IEC 29794-5 measures in the quality report of a photo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mien.portal.texts import t
from mien.portal.widgets import Cell, Tag, table, text
from mien.vision.measures import MEASURES, Measure, MeasureBasis, QualityScore

POOR: Final = 50
"""Measures with a lower score have advice. The standard sets no limits, because they depend on the use."""


def draw_measures(quality: Mapping[Measure, QualityScore]) -> None:
    """Draw the scores, lowest first, in a collapsed section."""
    title = t("Measures of ISO/IEC 29794-5")
    with Tag("details"):
        Tag("summary", title)
        about = t("0 to 100, higher is better. * The standard's aspect, measured by Mien's own method.")
        text(about, "soft small")
        table(
            title,
            [t("Quality measure"), t("Score"), t("Advice")],
            [_row(*one) for one in ordered(quality)],
            numbers=[1],
        )


def ordered(quality: Mapping[Measure, QualityScore]) -> list[tuple[Measure, QualityScore]]:
    """Return the measures, lowest score first."""
    return sorted(quality.items(), key=lambda one: one[1].score)


def _row(measure: Measure, found: QualityScore) -> list[Cell]:
    definition = MEASURES[measure]

    def name() -> None:
        own = " *" if definition.basis is MeasureBasis.OWN else ""
        Tag("span", t(definition.name) + own, title=t(definition.definition))

    return [name, found.score, t(definition.advice) if found.score < POOR else ""]
