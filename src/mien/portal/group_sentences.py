"""The sentences on the first page of a report by groups, in the language of the page.

`mien.evaluation.group_report` has the sentences of the English files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mien.evaluation.group_report import RATE_WORDS
from mien.evaluation.groups import MIN_GROUP_SIZE, Equalised, GroupDifference, Grouped, GroupRates
from mien.matching.rates import Interval
from mien.portal.texts import figure, listed, said, t, tn

_SHOWN: Final = 3


def found_differences(one: Grouped) -> list[str]:
    """Return sentences on the most significant differences of an attribute."""
    seen = [difference for difference in one.differences if difference.found]
    sentences = [_difference(difference) for difference in seen[:_SHOWN]]
    if (more := len(seen) - _SHOWN) > 0:
        sentences.append(
            tn("{count} more difference is in the files.", "{count} more differences are in the files.", more)
        )
    return sentences


def other_sentences(one: Grouped) -> list[str]:
    """Return the other sentences about an attribute."""
    sentences = []
    rated: list[tuple[GroupRates, Interval]] = [(group, group.fmr) for group in one.groups if group.fmr is not None]
    if rated:
        worst, rate = max(rated, key=lambda pair: pair[1].value)
        sentences.append(_strangers(worst.name, rate))
    if one.equalised is not None:
        sentences += _equalised(one.equalised, one.target)
    elif one.missing:
        sentences.append(
            t(
                "A threshold that keeps every group to a false match rate of 1 in {rate:,.0f} cannot be given yet. "
                "People missing: {groups}.",
                rate=1 / one.target,
                groups=_counts(one.missing),
            )
        )
    if one.refused:
        sentences.append(
            t(
                "Left out, because a group needs {least} people: {groups}.",
                least=MIN_GROUP_SIZE,
                groups=_counts(one.refused),
            )
        )
    if one.unlabelled:
        sentences.append(
            tn(
                "{count:,} person has no label and is in no group.",
                "{count:,} people have no label and are in no group.",
                one.unlabelled,
            )
        )
    return sentences


def _difference(one: GroupDifference) -> str:
    chance = t("below {limit:.3f}", limit=0.001) if one.holm < 0.001 else figure(one.holm, ".3f")
    return t(
        "{one} against {other}: {what} in {rate} % against {other_rate} %. The chance of this between equal groups is "
        "{chance}.",
        one=one.one,
        other=one.other,
        what=said(RATE_WORDS[one.measure]),
        rate=figure(100 * one.rates[0], ".3g"),
        other_rate=figure(100 * one.rates[1], ".3g"),
        chance=chance,
    )


def _strangers(name: str, rate: Interval) -> str:
    if rate.value <= 0:
        return t(
            "No group has two strangers who are taken for one person (in {name}, at most {high} % of the comparisons, "
            "at 95 % confidence).",
            name=name,
            high=figure(100 * rate.high, ".2g"),
        )
    if rate.low <= 0:
        return t(
            "Two strangers who are both {name} are taken for one person in 1 of {value:,.0f} comparisons (95 % "
            "interval: 1 of {high:,.0f} to none), the highest rate of all groups.",
            name=name,
            value=1 / rate.value,
            high=1 / rate.high,
        )
    return t(
        "Two strangers who are both {name} are taken for one person in 1 of {value:,.0f} comparisons (95 % interval: "
        "1 of {high:,.0f} to 1 of {low:,.0f}), the highest rate of all groups.",
        name=name,
        value=1 / rate.value,
        high=1 / rate.high,
        low=1 / rate.low,
    )


def _equalised(found: Equalised, target: float) -> list[str]:
    sentences = [
        t(
            "A threshold of {threshold:.4f} keeps every group to a false match rate of 1 in {rate:,.0f}; the group "
            "that needs it is {strictest}.",
            threshold=found.threshold,
            rate=1 / target,
            strictest=found.strictest,
        )
    ]
    if found.fnmr is None:
        sentences.append(t("Its cost cannot be measured: there are no two photos of one person."))
    else:
        before, after = (100 * rate for rate in found.fnmr)
        sentences.append(
            t(
                "Its cost: comparisons in which a person is not recognised go from {before:.2f} % to {after:.2f} %.",
                before=before,
                after=after,
            )
        )
    return sentences


def _counts(groups: Mapping[str, int]) -> str:
    return listed(f"{name} ({figure(count, ',')})" for name, count in groups.items())
