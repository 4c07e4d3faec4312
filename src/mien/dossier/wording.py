"""The texts of the papers in a language, and the formatting of values in them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any, Final

from mien.dossier.facts import Facts, Value

LANGUAGES: Final = {"en": "English", "de": "Deutsch"}
"""The languages of papers, by their own names."""

FOLDER: Final = Path(__file__).parent / "texts"
COMMON: Final = "common"

_MONTHS: Final = {
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December"),
    "de": ("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November",
           "Dezember"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of a paper, including those shared by all papers.

    Attributes:
        language: language of the texts.
        title: title of the paper.
        basis: the legal basis of the paper.
        sections: headings by section.
        statements: sentences with placeholders, by key and variant.
        questions: questions by key.
        words: labels.
        rules: phrases of retention rules, by the data they delete.
    """

    language: str
    title: str
    basis: str
    sections: Mapping[str, str]
    statements: Mapping[str, str]
    questions: Mapping[str, str]
    words: Mapping[str, str]
    rules: Mapping[str, str]

    def statement(self, key: str, variant: str, facts: Facts, rests_on: Sequence[str]) -> str:
        """Return a sentence with the values of its facts."""
        name = f"{key}.{variant}" if variant else key
        values = {one: facts.value(one) for one in rests_on}
        return _PlaceholderFormatter(self).vformat(self.statements[name], (), values)

    def value(self, value: Value, style: str = "") -> str:
        """Return a value formatted for the language."""
        if value is None or value == ():
            return self.words["unset" if value is None else "nothing"]
        if isinstance(value, bool):
            return self.words["yes" if value else "no"]
        if isinstance(value, int | float):
            text = f"{value:,.0f}" if float(value).is_integer() else f"{value:,}"
            return text.translate(str.maketrans(",.", ".,")) if self.language == "de" else text
        if isinstance(value, tuple):
            return ", ".join(self._rule(one) if style == "rules" else one for one in value)
        return self.date(value) if style == "date" else value

    def date(self, moment: str) -> str:
        """Return the date of an ISO 8601 time, formatted for the language."""
        at = datetime.fromisoformat(moment).astimezone(UTC)
        month = _MONTHS[self.language][at.month - 1]
        return f"{at.day}. {month} {at.year}" if self.language == "de" else f"{at.day} {month} {at.year}"

    def moment(self, moment: str) -> str:
        """Return an ISO 8601 time to the minute, formatted for the language."""
        at = datetime.fromisoformat(moment).astimezone(UTC)
        return f"{self.date(moment)}, {at:%H:%M} UTC"

    def _rule(self, rule: str) -> str:
        what, _, days = rule.partition(" ")
        return self.rules[what].format(days=self.value(int(days)))


class _PlaceholderFormatter(Formatter):
    """Fills placeholders `{fact}` and `{fact:style}`."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def format_field(self, value: Any, format_spec: str) -> str:
        """Return a value formatted for the language."""
        return self._texts.value(value, format_spec)


@cache
def read_texts(paper: str, language: str) -> Texts:
    """Read the texts of a paper; its own statements and questions override the shared ones."""
    shared, own = read_file(COMMON, language), read_file(paper, language)
    return Texts(
        language,
        own["title"],
        own["basis"],
        own["sections"],
        {**shared["statements"], **own["statements"]},
        {**shared["questions"], **own["questions"]},
        shared["words"],
        shared["rules"],
    )


def read_file(name: str, language: str) -> dict[str, Any]:
    """Read a file of texts, unprocessed."""
    return tomllib.loads((FOLDER / f"{name}.{language}.toml").read_text(encoding="utf-8"))
