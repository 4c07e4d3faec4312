"""The catalogues of all languages are complete: `make texts` gathers the texts, and every one of them is translated."""

import re

import pytest
from babel.messages.catalog import Message
from tools.texts import gathered, read

from mien.portal.texts import LANGUAGES, SOURCE, speak, t, tn

OTHERS = [code for code in LANGUAGES if code != SOURCE]
PLACE = re.compile(r"\{[^{}]*\}")
COMMAND = "Run `make texts` and translate what it lists in src/mien/portal/languages/{code}.po."


def messages(code: str) -> dict[str, Message]:
    return {(one.id if isinstance(one.id, str) else one.id[0]): one for one in read(code) if one.id}


@pytest.mark.parametrize("code", OTHERS)
def test_every_text_is_translated(code: str) -> None:
    known, lacking = messages(code), []
    for text in gathered():
        found = known.get(text if isinstance(text, str) else text[0])
        strings = () if found is None else found.string if isinstance(found.string, tuple) else (found.string,)
        if found is None or not strings or not all(strings) or isinstance(text, tuple) != isinstance(found.id, tuple):
            lacking.append(text)
    assert not lacking, f"{COMMAND.format(code=code)} It lacks: {lacking[:10]}"
    assert len(known) == len(gathered()), f"{COMMAND.format(code=code)} It has texts that are gone."


@pytest.mark.parametrize("code", OTHERS)
def test_no_translation_is_a_guess_and_placeholders_are_the_same(code: str) -> None:
    for text, found in messages(code).items():
        assert not found.fuzzy, f"fuzzy in {code}.po: {text}"
        if isinstance(found.id, tuple):
            wanted = set(PLACE.findall(found.id[1])) | {"{count}"} & set(PLACE.findall(found.id[0]))
            assert len(found.string) == read(code).num_plurals, f"plural forms in {code}.po: {text}"
            for form in found.string:
                assert set(PLACE.findall(form)) | {"{count}"} == wanted | {"{count}"}, f"places in {code}.po: {text}"
        else:
            assert set(PLACE.findall(found.string)) == set(PLACE.findall(found.id)), f"places in {code}.po: {text}"


@pytest.mark.parametrize("code", OTHERS)
def test_translations_keep_the_form_of_their_source(code: str) -> None:
    """A blank or a colon at an end, and the dots of what goes on, have a meaning on the page."""
    for text, found in messages(code).items():
        if text == "No.":  # an abbreviation
            continue
        for source, form in zip(
            found.id if isinstance(found.id, tuple) else (found.id,),
            found.string if isinstance(found.string, tuple) else (found.string,),
            strict=True,
        ):
            assert (source[:1] == " ", source[-1:] == " ") == (form[:1] == " ", form[-1:] == " "), f"{code}: {text}"
            for end in (".", "?", "…", ":"):
                assert source.endswith(end) == form.endswith(end), f"the end in {code}.po: {text}"


def test_texts_are_said_in_the_language() -> None:
    said = {}
    for code in LANGUAGES:
        speak(code)
        said[code] = (
            t("Sign in"),
            tn("{count:,} face", "{count:,} faces", 0),
            tn("{count:,} face", "{count:,} faces", 1),
        )
    speak(SOURCE)
    assert said == {
        "en": ("Sign in", "0 faces", "1 face"),
        "de": ("Anmelden", "0 Gesichter", "1 Gesicht"),
        "es": ("Iniciar sesión", "0 rostros", "1 rostro"),
        "fr": ("Se connecter", "0 visage", "1 visage"),
    }
