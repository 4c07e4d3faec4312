"""Intake checks: tell the reviewer of an access request what its description leaves open.

These are rules of thumb on English words, not a judgement: they find what is missing, never that what is there is true.
Each finding says what the rule looked for, so that a reviewer can overrule it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MIN_WORDS: Final = 20

_PEOPLE: Final = """adult applicant athlete attendee borrower buyer candidate child citizen client colleague
    contractor customer donor driver elder employee family guest holder inmate inhabitant member minor nurse operator
    owner participant passenger patient people person player pupil resident scholar seller shopper staff student
    subscriber teacher tenant traveller traveler user visitor volunteer voter witness worker"""
_TASKS: Final = """access admit attend authenticate authorise authorize blur board check compare confirm count
    deduplicate detect enrol enroll enter find grant group identify log login match onboard open pay prove recognise
    recognize redact register search sign sort tag unlock verify vote"""
_PURPOSE: Final = re.compile(
    r"\b(because|so that|in order to|prevent|avoid|reduc\w+|protect\w*|fraud\w*|instead of|replac\w+|requir\w+|comply|"
    r"complian\w+|regulat\w+|law|safe\w*|secur\w+|faster|accessib\w+|theft|imperson\w+|mistak\w+|ensur\w+|helps? |"
    r"allows? |lets? |without (?:a |the )?(?:card|key|password|queue|waiting)\w*)",
    re.IGNORECASE,
)
_CONSENT: Final = re.compile(
    r"\b(consent\w*|opt(?:s|ed)?[ -](?:in|out)|agree\w*|volunt\w+|informed|notice|notif\w+|sign(?:s|ed)? a|permission|"
    r"alternative|withdraw\w*)\b",
    re.IGNORECASE,
)
_BOILERPLATE: Final = re.compile(
    r"lorem ipsum|\basdf|\bqwert|\bfoo ?bar\b|\b(?:tbd|todo|n/a|xxx+)\b|\bvarious (?:purposes|reasons|use cases)\b|"
    r"\bas needed\b|\band so on\b|\betc\b|"
    r"\b(?:general|testing|business|personal|internal) (?:purposes?|use|reasons?)\b|"
    r"\b(?:want|need|like) to (?:use|try|test) (?:the )?(?:face|api|service)|\bfor (?:testing|research|my project)\b",
    re.IGNORECASE,
)
_SENSITIVE: Final = re.compile(
    r"\b(polic(?:e|ing)|law enforcement|sheriff|body ?cam\w*|surveil\w+|crowds?|"
    r"protest\w*|demonstrat(?:or|ion)s?|"
    r"track(?:s|ing)? (?:people|persons|individuals)|emotion\w*|ethnic\w*|race|religio\w+|sexual\w*|immigra\w+|"
    r"predict\w* crime|social scor\w+|covert\w*|secretly|without (?:their )?(?:knowledge|consent|knowing))\b",
    re.IGNORECASE,
)
_NOBODY: Final = re.compile(
    r"(?:a |the |my |our )?(?:company|test|me|none|n/?a|personal|home|organi[sz]ation|x+|-+)", re.IGNORECASE
)
_REACHABLE: Final = re.compile(r"(?:^|[\s,;:<(])[^@\s,;<>()]+@[^@\s,;<>()]+\.[^@\s.,;<>()]+|(?:\d[^\d\n]{0,3}){6}")
"""An e-mail address or a telephone number anywhere in the text, as in "Anna Weiss, it@example.org"."""
_ENGLISH: Final = re.compile(
    r"\b(a|an|and|are|at|by|for|from|in|is|it|of|on|or|our|that|the|their|they|this|to|we|when|who|with)\b",
    re.IGNORECASE,
)


_FOREIGN: Final = "The rules know only English words and found hardly any: read it yourself."


@dataclass(frozen=True, slots=True)
class IntakeFinding:
    """Something that the reviewer should ask about.

    Attributes:
        rule: a short name that stays the same.
        explanation: what the rule found, or did not find.
    """

    rule: str
    explanation: str


def findings(organisation: str, contact: str, use_case: str) -> tuple[IntakeFinding, ...]:
    """Return what a request leaves open; nothing when no rule has anything to say.

    Args:
        organisation: name of the organisation.
        contact: contact for questions.
        use_case: the use case, in the applicant's words.
    """
    words = re.findall(r"[^\W\d_]+", use_case.lower())
    found = [IntakeFinding(*one) for applies, *one in _about_the_applicant(organisation, contact) if applies]
    if len(set(words)) >= 10 and _ENGLISH.search(use_case) is None:
        return (*found, IntakeFinding("language", _FOREIGN))
    found += [IntakeFinding(rule, text) for rule, text, applies in _RULES if applies(use_case, words)]
    return tuple(found)


def _about_the_applicant(organisation: str, contact: str) -> list[tuple[bool, str, str]]:
    return [
        (
            _NOBODY.fullmatch(organisation.strip()) is not None,
            "organisation",
            "The organisation is a general word, not the name of one.",
        ),
        (
            _REACHABLE.search(contact.strip()) is None,
            "contact",
            "The contact has neither an e-mail address nor a telephone number.",
        ),
    ]


def _lacks(stems: str) -> Callable[[str, list[str]], bool]:
    known = tuple(stems.split())
    irregular = {"people": "person", "children": "child", "staff": "staff"}

    def lacks(_: str, words: list[str]) -> bool:
        return not any(irregular.get(word, word).startswith(known) for word in words)

    return lacks


_RULES: Final[tuple[tuple[str, str, Callable[[str, list[str]], bool]], ...]] = (
    ("short", f"The description has fewer than {MIN_WORDS} words.", lambda _, words: len(words) < MIN_WORDS),
    (
        "repetition",
        "More than half of the description's words are repetitions.",
        lambda _, words: len(words) >= 8 and len(set(words)) < len(words) / 2,
    ),
    (
        "boilerplate",
        'It has phrases that fit any request, such as "for testing purposes" or "want to use the Face API".',
        lambda text, _: _BOILERPLATE.search(text) is not None,
    ),
    ("who", "It does not say whose faces these are (employees, visitors, account holders …).", _lacks(_PEOPLE)),
    ("what", "It does not say what the service does with them (verify, identify, admit, compare …).", _lacks(_TASKS)),
    (
        "why",
        "It does not say what that is good for (so that …, to prevent …, instead of …).",
        lambda text, _: _PURPOSE.search(text) is None,
    ),
    (
        "consent",
        "It does not say how people learn of it and agree (consent, notice, an alternative).",
        lambda text, _: _CONSENT.search(text) is None,
    ),
    (
        "sensitive",
        "It has words of uses that the terms rule out or that need particular care: police, surveillance, emotion, "
        "ethnic or religious groups, people who do not know.",
        lambda text, _: _SENSITIVE.search(text) is not None,
    ),
)


def explanations() -> tuple[str, ...]:
    """Return every text that a finding can have, for whoever translates them."""
    return (*(one[2] for one in _about_the_applicant("", "")), _FOREIGN, *(one[1] for one in _RULES))
