"""The catalogues of all languages are complete: `make texts` gathers the texts, and every one of them is translated."""

import re

import pytest
from babel.messages.catalog import Message
from tests.memory import kept_in_module
from tools import texts

from mien.doors.schedule import DAY_NAMES
from mien.portal.texts import LANGUAGES, SOURCE, set_language, t, tn

OTHERS = [code for code in LANGUAGES if code != SOURCE]
PLACE = re.compile(r"\{[^{}]*\}")
COMMAND = "Run `make texts` and translate what it lists in src/mien/portal/languages/{code}.po."

gathered = kept_in_module(texts.gathered)
read = kept_in_module(texts.read)


def strings(text: object) -> tuple[str, ...]:
    """Return a text in all its forms; nothing for none."""
    return tuple(map(str, text)) if isinstance(text, tuple | list) else (text,) if isinstance(text, str) else ()


def messages(code: str) -> dict[str, Message]:
    return {strings(one.id)[0]: one for one in read(code) if one.id}


@pytest.mark.parametrize("code", OTHERS)
def test_every_text_is_translated(code: str) -> None:
    known, lacking = messages(code), []
    for text in gathered():
        found = known.get(text if isinstance(text, str) else text[0])
        said = () if found is None else strings(found.string)
        if found is None or not said or not all(said) or isinstance(text, tuple) != isinstance(found.id, tuple):
            lacking.append(text)
    assert not lacking, f"{COMMAND.format(code=code)} It lacks: {lacking[:10]}"
    assert len(known) == len(gathered()), f"{COMMAND.format(code=code)} It has texts that are gone."


@pytest.mark.parametrize("code", OTHERS)
def test_no_translation_is_a_guess_and_placeholders_are_the_same(code: str) -> None:
    for text, found in messages(code).items():
        assert not found.fuzzy, f"fuzzy in {code}.po: {text}"
        wanted = {place for form in strings(found.id) for place in PLACE.findall(form)}
        assert len(strings(found.string)) == (read(code).num_plurals if len(strings(found.id)) > 1 else 1), text
        for form in strings(found.string):
            assert set(PLACE.findall(form)) <= wanted, f"places in {code}.po: {text}"
            assert wanted - set(PLACE.findall(form)) <= {"{count}", "{count:,}"}, f"places in {code}.po: {text}"


ABBREVIATIONS = {"No.", *map(str, DAY_NAMES)}


@pytest.mark.parametrize("code", OTHERS)
def test_translations_keep_the_form_of_their_source(code: str) -> None:
    """A blank or a colon at an end, and the dots of what goes on, have a meaning on the page."""
    for text, found in messages(code).items():
        if text in ABBREVIATIONS:  # a dot belongs to the language
            continue
        for source, form in zip(strings(found.id), strings(found.string), strict=True):
            assert (source[:1] == " ", source[-1:] == " ") == (form[:1] == " ", form[-1:] == " "), f"{code}: {text}"
            for end in (".", "?", "…", ":"):
                assert source.endswith(end) == form.endswith(end), f"the end in {code}.po: {text}"


def test_texts_are_said_in_the_language() -> None:
    said = {}
    for code in LANGUAGES:
        set_language(code)
        said[code] = (
            t("Sign in"),
            tn("{count:,} face", "{count:,} faces", 0),
            tn("{count:,} face", "{count:,} faces", 1),
        )
    set_language(SOURCE)
    assert said == {
        "en": ("Sign in", "0 faces", "1 face"),
        "de": ("Anmelden", "0 Gesichter", "1 Gesicht"),
        "es": ("Iniciar sesión", "0 rostros", "1 rostro"),
        "fr": ("Se connecter", "0 visage", "1 visage"),
    }
