"""The group report: a first page in plain language, then rates, differences and charts; and a CSV of the figures."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO
from typing import Any, Final

from mien.evaluation.charts import Axis, bar_chart, nice
from mien.evaluation.document import Block, Chart, Document, Heading, PageBreak, Table, Text
from mien.evaluation.groups import MIN_GROUP_SIZE, GroupDifference, Grouped, GroupRates
from mien.evaluation.records import interval, percent
from mien.evaluation.significance import ALPHA
from mien.matching.rates import Interval
from mien.messages import Message
from mien.spreadsheets import plain_cell

RATE_WORDS: Final = {
    "FMR": Message("two different people are mistaken for one"),
    "FNMR": Message("a person is not recognised"),
    "FTE": Message("a photo cannot be used at all"),
    "quality": Message("a photo has low quality"),
}
"""The events that each rate counts, as a part of a sentence."""


def report(found: Sequence[Grouped], *, title: str, subtitle: str, footer: str) -> Document:
    """Return the report on some attributes.

    Args:
        found: the results, one for each attribute.
        title: heading.
        subtitle: a line about the measured data, the time and the model.
        footer: footer of every page.
    """
    blocks: list[Block] = [Heading("In plain language")]
    for one in found:
        blocks += _plain(one)
    blocks.append(
        Text(
            "The figures are of the people in this sample. They do not say how other people, cameras or places would "
            "fare. A difference that was not found may exist: small groups show large differences only. The groups are "
            "labels that the operator brought; the service infers none.",
            note=True,
        )
    )
    for one in found:
        blocks += [PageBreak(), Heading(f"By {one.attribute}"), *_details(one)]
    blocks += [Heading("Terms"), *_terms()]
    return Document(title, subtitle, footer, blocks)


def _plain(one: Grouped) -> list[Block]:
    lines: list[Block] = [Heading(f"By {one.attribute}", 3)]
    seen = [difference for difference in one.differences if difference.found]
    if seen:
        lines += [Text(_sentence(difference), marked=True) for difference in seen[:3]]
        more = len(seen) - 3
        if more > 0:
            lines.append(Text(f"{more} more differences are listed on the following pages."))
    else:
        lines.append(
            Text("No difference between the groups is larger than chance would explain, with this many people.")
        )
    worst = max(
        (group for group in one.groups if group.fmr is not None),
        key=lambda group: group.fmr.value if group.fmr else 0,
        default=None,
    )
    if worst is not None and worst.fmr is not None:
        lines.append(
            Text(
                f"At the threshold in use, two strangers who are both {worst.name} are taken for one person in "
                f"{_often(worst.fmr)}, the highest rate of all groups."
            )
        )
    if one.equalised is not None:
        lines.append(Text(_cost(one)))
    elif one.missing:
        short = ", ".join(f"{name} ({count:,})" for name, count in one.missing.items())
        lines.append(
            Text(f"A threshold that keeps every group to {one.target:g} cannot be given yet. People missing: {short}.")
        )
    if one.refused:
        left_out = ", ".join(f"{name} ({count})" for name, count in one.refused.items())
        lines.append(Text(f"Left out, because a group needs {MIN_GROUP_SIZE} people: {left_out}."))
    if one.unlabelled:
        lines.append(Text(f"{one.unlabelled:,} people have no label and are in no group."))
    return lines


def _sentence(one: GroupDifference) -> str:
    times = f", {one.rates[0] / one.rates[1]:.1f} times as often" if one.rates[1] else ""
    return (
        f"{one.one} against {one.other}: {RATE_WORDS[one.measure]} in {100 * one.rates[0]:.3g} % against "
        f"{100 * one.rates[1]:.3g} %{times}. The chance of this between equal groups is {_chance(one.holm)}."
    )


def _often(rate: Interval) -> str:
    if rate.value <= 0:
        return f"none of the comparisons (at most {100 * rate.high:.2g} %, at 95 % confidence)"
    return f"1 of {round(1 / rate.value):,} comparisons (95 % interval: 1 of {round(1 / rate.high):,} to " + (
        f"1 of {round(1 / rate.low):,})" if rate.low > 0 else "none)"
    )


def _chance(p: float) -> str:
    return "below 0.001" if p < 0.001 else f"{p:.3f}"


def _cost(one: Grouped) -> str:
    found = one.equalised
    assert found is not None
    said = f"A threshold of {found.threshold:.4f} keeps every group to a false match rate of {one.target:g}"
    said += f" ({found.strictest} needs it)."
    if found.fnmr is None:
        return said + " Its cost cannot be measured: there are no two photos of one person."
    before, after = (100 * rate for rate in found.fnmr)
    lost = "the share of comparisons in which a person is not recognised"
    return f"{said} It costs: {lost} goes from {before:.2f} % to {after:.2f} %."


def _details(one: Grouped) -> list[Block]:
    blocks: list[Block] = [
        Text(f"Threshold {one.threshold:.4f}. Rates with their 95 % intervals over people."),
        Table(
            ["Group", "People", "Photos", "FMR", "FNMR", "FTE", "Low quality"],
            [
                [
                    group.name,
                    f"{group.people:,}",
                    f"{group.photos:,}",
                    _rate(group.fmr),
                    _rate(group.fnmr),
                    _rate(group.fte),
                    _rate(group.poor),
                ]
                for group in one.groups
            ],
            (20, 10, 10, 28, 24, 20, 24),
        ),
    ]
    for measure, words in (("fmr", "False match rate within each group"), ("fnmr", "False non-match rate by group")):
        bars = _bars(one.groups, measure)
        if bars:
            top = nice(max(high for _, _, _, high in bars)) or 1.0
            line = one.target if measure == "fmr" and one.target < top else None
            blocks.append(Chart(bar_chart(words, bars, Axis("rate", 0.0, top), line=line), words + _dashed(line)))
    if one.pairs:
        blocks += [
            Heading("False match rate between groups", 3),
            Table(
                ["Groups", "FMR"],
                [[f"{name} and {other}", _rate(rate)] for (name, other), rate in one.pairs.items()],
                (60, 60),
            ),
        ]
    if one.ratios:
        said = "; ".join(f"{name} {ratio:.2f}" for name, ratio in one.ratios.items())
        blocks.append(Text(f"Maximum over geometric mean (NIST): {said}. 1 is even."))
    blocks += [
        Heading("Differences", 3),
        Table(
            ["Measure", "Higher", "Lower", "Rates", "p", "p (Holm)", "More than chance"],
            [
                [
                    difference.measure,
                    difference.one,
                    difference.other,
                    " / ".join(f"{100 * rate:.3g} %" for rate in difference.rates),
                    _chance(difference.p),
                    _chance(difference.holm),
                    "yes" if difference.found else "no",
                ]
                for difference in one.differences
            ],
            (14, 26, 26, 28, 14, 16, 16),
        ),
    ]
    if one.equalised is not None:
        blocks += [Heading("A threshold that equalises", 3), Text(_cost(one))]
        costs = one.equalised.by_group
        rows = [
            [
                group.name,
                "–" if group.threshold is None else f"{group.threshold:.4f}",
                *(f"{100 * rate:.2f} %" for rate in costs[group.name]),
            ]
            for group in one.groups
            if group.name in costs
        ]
        if rows:
            columns = ["Group", "Threshold of its own", "FNMR now", "FNMR at the common threshold"]
            blocks.append(Table(columns, rows))
    return blocks


def _dashed(line: float | None) -> str:
    return "" if line is None else f"; the dashed line is {line:g}"


def _bars(groups: Sequence[GroupRates], measure: str) -> list[tuple[str, float, float, float]]:
    rates = [(group.name, getattr(group, measure)) for group in groups]
    return [(name, rate.value, rate.low, rate.high) for name, rate in rates if rate is not None]


def _rate(rate: Interval | None) -> str:
    return percent(interval(rate))


def _terms() -> list[Block]:
    return [
        Table(
            ["Term", "Meaning"],
            [
                ["FMR", "False match rate: share of comparisons of two people that reach the threshold."],
                ["FNMR", "False non-match rate: share of comparisons of one person that do not."],
                ["FTE", "Failure to enrol: share of photos without a template."],
                ["Low quality", "Share of photos whose quality for recognition is low."],
                [
                    "p (Holm)",
                    "Chance of a difference as large between equal groups, corrected for the number of comparisons. "
                    f"A difference counts below {ALPHA:g}.",
                ],
                [
                    "95 % interval",
                    "Over people: it would hold the rate of the population that they are drawn from in "
                    "95 of 100 such samples.",
                ],
            ],
            (22, 100),
        )
    ]


def to_csv(found: Sequence[Grouped]) -> str:
    """Return all rates as CSV: attribute, kind, groups, rate, ends of the interval, p, corrected p."""
    file = StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["attribute", "kind", "measure", "group", "other", "people", "rate", "low", "high", "p", "p_holm"])
    for one in found:
        for group in one.groups:
            for measure, rate in (
                ("FMR", group.fmr),
                ("FNMR", group.fnmr),
                ("FTE", group.fte),
                ("quality", group.poor),
            ):
                if rate is not None:
                    values = [rate.value, rate.low, rate.high, "", ""]
                    writer.writerow(
                        [one.attribute, "group", measure, plain_cell(group.name), "", group.people, *values]
                    )
        for (name, other), rate in one.pairs.items():
            values = [rate.value, rate.low, rate.high, "", ""]
            writer.writerow([one.attribute, "pair", "FMR", plain_cell(name), plain_cell(other), "", *values])
        for it in one.differences:
            values = [it.rates[0] - it.rates[1], "", "", it.p, it.holm]
            writer.writerow(
                [one.attribute, "difference", it.measure, plain_cell(it.one), plain_cell(it.other), "", *values]
            )
    return file.getvalue()


def to_json(found: Sequence[Grouped]) -> dict[str, Any]:
    """Return the figures as JSON values, for storage."""
    return {
        "attributes": [
            {
                "attribute": one.attribute,
                "threshold": one.threshold,
                "target": one.target,
                "refused": dict(one.refused),
                "unlabelled": one.unlabelled,
                "ratios": dict(one.ratios),
                "groups": [
                    {
                        "name": group.name,
                        "people": group.people,
                        "photos": group.photos,
                        "fmr": interval(group.fmr),
                        "fnmr": interval(group.fnmr),
                        "fte": interval(group.fte),
                        "poor": interval(group.poor),
                        "threshold": group.threshold,
                    }
                    for group in one.groups
                ],
                "differences": [
                    {
                        "measure": it.measure,
                        "one": it.one,
                        "other": it.other,
                        "rates": list(it.rates),
                        "p": it.p,
                        "holm": it.holm,
                    }
                    for it in one.differences
                ],
            }
            for one in found
        ],
        "people": max((sum(group.people for group in one.groups) for one in found), default=0),
    }
