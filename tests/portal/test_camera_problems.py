"""What is the matter with a camera is said in the language of the page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mien.portal.camera_problems import PROBLEMS, said
from mien.portal.texts import set_language
from mien.video.mjpeg import TOO_LARGE
from mien.video.reader import _WORDS, NOT_MJPEG, problem_of


@pytest.fixture(autouse=True)
def german() -> Iterator[None]:
    set_language("de")
    yield
    set_language("en")


def test_all_that_the_reader_says_is_translated() -> None:
    assert {words for _, words in _WORDS} <= set(PROBLEMS)
    assert {problem_of(RuntimeError()), NOT_MJPEG, TOO_LARGE} <= set(PROBLEMS)
    assert said(problem_of(ConnectionRefusedError())) == "Die Verbindung wurde abgelehnt."


def test_a_pause_is_said_with_its_seconds() -> None:
    assert said("no picture for 12.5 s") == "Seit 12 s kein Bild."
    assert said("no frame for 1234 s") == "Seit 1.234 s kein Bild."


def test_words_of_the_system_stay_as_they_are() -> None:
    assert said("network is unreachable") == "Network is unreachable."
