import pytest

from mien.accounts.intake_checks import findings

CLEAR = (
    "Hotel guests who opted in at booking unlock the spa with their face, so that they need not carry a card. "
    "The photo is deleted at check-out, and a card is the alternative."
)


def rules(use_case: str, organisation: str = "Hotel Post", contact: str = "desk@post.example") -> set[str]:
    return {one.rule for one in findings(organisation, contact, use_case)}


@pytest.mark.parametrize(
    "text",
    [
        CLEAR,
        "Passengers of our ferries are compared with the photo on their ticket at boarding, to prevent tickets from "
        "being sold on. Signs give notice of it, and whoever does not agree shows a passport to a person instead.",
        "Students log in to remote exams: their webcam photo is matched against the one on their student card, because "
        "impersonation was found in the past. Each student gives written consent and may sit the exam on site instead.",
    ],
)
def test_descriptions_that_say_who_what_why_and_how_people_agree_have_no_findings(text: str) -> None:
    assert rules(text) == set()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("test", {"short", "who", "what", "why", "consent"}),
        (CLEAR + " And for various purposes.", {"boilerplate"}),
        (CLEAR + " We also sell it to a sheriff and for covert surveillance.", {"sensitive"}),
        ("guests verify because consent " * 10, {"repetition"}),
        (CLEAR.replace("Hotel guests", "Those"), {"who"}),
        (CLEAR.replace("so that they need not carry a card", "always"), {"why"}),
        (CLEAR.replace("who opted in at booking ", "").replace("alternative", "end"), {"consent"}),
    ],
)
def test_each_rule_finds_what_it_is_for(text: str, expected: set[str]) -> None:
    assert expected <= rules(text)
    if len(text) > 60:
        assert rules(text) - expected <= {"language"}


def test_the_applicant_must_be_somebody_whom_one_can_ask() -> None:
    assert rules(CLEAR, organisation="My company") == {"organisation"}
    assert rules(CLEAR, contact="the manager") == {"contact"}
    assert rules(CLEAR, contact="+43 5577 1234") == set()


def test_other_languages_are_left_to_the_reviewer() -> None:
    german = "Hotelgäste öffnen mit ihrem Gesicht das Bad, damit sie keine Karte brauchen; alle haben eingewilligt."
    assert rules(german) == {"language"}


@pytest.mark.parametrize("text", ["", " ", "\U0001f600" * 50, "a" * 4000, "(" * 4000, "1 " * 2000])
def test_any_text_can_be_judged(text: str) -> None:
    assert rules(text)
