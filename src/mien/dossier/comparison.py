"""Compares two dossiers: changed statements and questions, and the facts behind the changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mien.dossier.facts import Fact, Value


class ChangeKind(StrEnum):
    """The kinds of changes of an item."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    ANSWERED = "answered"
    """A question with a new or different answer."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change.

    Attributes:
        paper: id of the paper.
        item: `statement` or `question`.
        key: key of the statement or question.
        kind: how it changed.
        before: text or answer in the first dossier; None if there was none.
        after: text or answer in the second dossier; None if there is none.
        facts: old and new values of the facts that differ, by name.
    """

    paper: str
    item: str
    key: str
    kind: ChangeKind
    before: str | None
    after: str | None
    facts: Mapping[str, tuple[Value, Value]]


def compare(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Change]:
    """Return the changes between the contents of two dossiers, in the order of the papers.

    The languages may differ: a statement counts as changed if its variant or one of its values differs, not if it is
    only translated.
    """
    before, after = _items(first), _items(second)
    values = _values(first), _values(second)
    return [
        change
        for place in [*after, *(one for one in before if one not in after)]
        if (change := _change(place, before.get(place), after.get(place), values)) is not None
    ]


_Place = tuple[str, str, str]
_Item = Mapping[str, Any]


def _change(
    place: _Place, old: _Item | None, new: _Item | None, values: tuple[dict[str, Value], dict[str, Value]]
) -> Change | None:
    paper, item, key = place
    if old is None or new is None:
        kind = ChangeKind.ADDED if old is None else ChangeKind.REMOVED
        texts = [None if one is None else str(one["text"]) for one in (old, new)]
        return Change(paper, item, key, kind, texts[0], texts[1], {})
    if old["answer"] != new["answer"]:
        return Change(paper, item, key, ChangeKind.ANSWERED, old["answer"], new["answer"], {})
    said = {
        name: (values[0].get(name), values[1].get(name))
        for name in dict.fromkeys([*old["facts"], *new["facts"]])
        if values[0].get(name) != values[1].get(name)
    }
    if not said and old["variant"] == new["variant"]:
        return None
    return Change(paper, item, key, ChangeKind.CHANGED, old["text"], new["text"], said)


def _items(content: Mapping[str, Any]) -> dict[_Place, _Item]:
    return dict(_each(content))


def _each(content: Mapping[str, Any]) -> Iterator[tuple[_Place, _Item]]:
    for paper in content["papers"]:
        for section in paper["sections"]:
            for item in section["items"]:
                yield (str(paper["id"]), str(item["kind"]), str(item["key"])), item


def _values(content: Mapping[str, Any]) -> dict[str, Value]:
    return {one["name"]: Fact.from_json(one).value for one in content["facts"]}
