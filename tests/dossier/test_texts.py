"""The texts of the papers: every language says the same, with the same placeholders, and nothing is left out."""

from __future__ import annotations

from collections.abc import Iterator
from string import Formatter

import pytest

from mien.dossier.papers import PAPERS, Paper, Question, Statement
from mien.dossier.wording import COMMON, FOLDER, LANGUAGES, read_file, read_texts

STYLES = {"", "date", "rules"}
PAIRS = [(paper, language) for paper in PAPERS.values() for language in LANGUAGES]
ids = pytest.mark.parametrize(("paper", "language"), PAIRS, ids=[f"{paper.id}-{one}" for paper, one in PAIRS])


def placeholders(text: str) -> list[tuple[str, str]]:
    return sorted((name, style or "") for _, name, style, _ in Formatter().parse(text) if name is not None)


def statements(paper: Paper) -> Iterator[Statement]:
    for section in paper.sections:
        yield from (item for item in section.items if isinstance(item, Statement))


def questions(paper: Paper) -> Iterator[Question]:
    for section in paper.sections:
        yield from (item for item in section.items if isinstance(item, Question))


def names(one: Statement) -> list[str]:
    return [f"{one.key}.{variant}" if variant else one.key for variant in one.variants]


def test_there_is_a_file_for_each_paper_and_language() -> None:
    wanted = {f"{paper}.{language}.toml" for paper in (*PAPERS, COMMON) for language in LANGUAGES}
    assert {file.name for file in FOLDER.iterdir()} == wanted


@ids
def test_no_text_is_left_out_or_blank(paper: Paper, language: str) -> None:
    texts = read_texts(paper.id, language)
    assert texts.title
    assert texts.basis
    for section in paper.sections:
        assert texts.sections[section.key].strip()
    for one in statements(paper):
        for name in names(one):
            assert len(texts.statements[name]) > 20, name
    for asked in questions(paper):
        assert texts.questions[asked.key].strip().endswith((".", "?")), asked.key
        assert "?" in texts.questions[asked.key], asked.key


@ids
def test_no_text_is_superfluous(paper: Paper, language: str) -> None:
    own = read_file(paper.id, language)
    assert set(own["sections"]) == {section.key for section in paper.sections}
    assert set(own["statements"]) <= {name for one in statements(paper) for name in names(one)}
    assert set(own["questions"]) <= {one.key for one in questions(paper)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_shared_text_is_superfluous(language: str) -> None:
    shared = read_file(COMMON, language)
    used = {name for paper in PAPERS.values() for one in statements(paper) for name in names(one)
            if name not in read_file(paper.id, language)["statements"]}  # fmt: skip
    assert set(shared["statements"]) == used
    asked = {one.key for paper in PAPERS.values() for one in questions(paper)
             if one.key not in read_file(paper.id, language)["questions"]}  # fmt: skip
    assert set(shared["questions"]) == asked


@ids
def test_each_sentence_shows_only_facts_that_it_rests_on(paper: Paper, language: str) -> None:
    texts = read_texts(paper.id, language)
    for one in statements(paper):
        assert one.facts, one.key
        for name in names(one):
            shown = placeholders(texts.statements[name])
            assert {fact for fact, _ in shown} <= set(one.facts), name
            assert {style for _, style in shown} <= STYLES, name


@pytest.mark.parametrize("name", [*PAPERS, COMMON])
def test_the_languages_say_the_same_with_the_same_placeholders(name: str) -> None:
    first, *others = (read_file(name, language) for language in LANGUAGES)
    for other in others:
        assert set(first) == set(other)
        for part in ("sections", "statements", "questions", "words", "rules"):
            if part not in first:
                continue
            assert list(first[part]) == list(other[part]), part
            for key, text in first[part].items():
                assert placeholders(text) == placeholders(other[part][key]), key
                long = part in {"statements", "questions", "rules"}
                assert not long or text != other[part][key], f"{key} is not translated"


def test_values_are_written_as_the_language_writes_them() -> None:
    english, german = read_texts("dpia", "en"), read_texts("dpia", "de")
    moment = "2026-11-29T03:04:05+00:00"
    assert (english.value(1234567), german.value(1234567)) == ("1,234,567", "1.234.567")
    assert (english.value(0.5), german.value(0.5)) == ("0.5", "0,5")
    assert (english.value(True), german.value(False)) == ("yes", "nein")
    assert (english.value(None), german.value(None)) == ("not set", "nicht gesetzt")
    assert (english.value(()), german.value(("a", "b"))) == ("none", "a, b")
    assert (english.value(moment, "date"), german.value(moment, "date")) == ("29 November 2026", "29. November 2026")
    assert german.moment(moment) == "29. November 2026, 03:04 UTC"
    assert german.value(("notSeen 1200",), "rules") == "Personen, die 1.200 Tage lang nicht erkannt wurden"
