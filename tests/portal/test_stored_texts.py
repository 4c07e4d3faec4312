"""Texts that services store in English are said in the language of the page."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.portal.test_service_texts import is_stored, text_of

import mien
from mien.fetching.addresses import AddressPolicy
from mien.fetching.fetch import _NO_ADDRESS
from mien.portal.camera_problems import PROBLEMS
from mien.portal.stored_texts import STORED, said_stored
from mien.portal.texts import SOURCE, said, set_language

SOURCES = Path(mien.__file__).parent


@pytest.fixture(autouse=True)
def german() -> Iterator[None]:
    set_language("de")
    yield
    set_language(SOURCE)


def constants(path: str, *calls: str, keyword: str = "") -> Iterator[str]:
    """Yield the constant texts with which a module calls something, as an argument or a keyword."""
    for node in ast.walk(ast.parse((SOURCES / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in calls:
            given = [one.value for one in node.keywords if one.arg == keyword] if keyword else node.args
            yield from (one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str))


def test_notes_of_doors_and_faults_of_the_audit_log_are_translated() -> None:
    modules = [f"doors/actuators/{one.name}" for one in (SOURCES / "doors" / "actuators").glob("*.py")]
    found = {
        text
        for path in (*modules, "doors/openings.py")
        for text in constants(path, "ActuatorError", "BrokerError", "_expire")
    }
    found |= {
        text
        for path in ("audit", "audit_chain")
        for text in constants(f"events/{path}.py", "replace", keyword="reason")
    }
    assert len(found) > 15
    assert found - set(STORED) == set()
    same = {"magenta", "cyan"}
    assert [one for one in STORED if said_stored(one) == one and one not in same] == []


def sayings(path: str, *calls: str, inside: str = "") -> Iterator[str]:
    """Yield the texts, with `X1` for each value, that a module gives to some calls, or returns from a function."""
    for node in ast.walk(ast.parse((SOURCES / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in calls:
            yield from filter(None, map(text_of, node.args))
        if isinstance(node, ast.FunctionDef) and node.name == inside:
            for one in ast.walk(node):
                if isinstance(one, ast.Return) and one.value is not None:
                    parts = [one.value.body, one.value.orelse] if isinstance(one.value, ast.IfExp) else [one.value]
                    yield from filter(None, map(text_of, parts))


def test_outcomes_with_values_have_a_form() -> None:
    """Of actuators, of messages of alerts, and of the addresses of both."""
    found = {
        text
        for one in (SOURCES / "doors" / "actuators").glob("*.py")
        for text in sayings(f"doors/actuators/{one.name}", "ActuatorError", "BrokerError", inside="open")
    }
    found |= {
        *sayings("events/alerts/webhook.py", "OSError"),
        *sayings("events/alerts/deliveries.py", inside="attempt"),
    }
    found |= set(sayings("fetching/fetch.py", "refuse"))  # of a URL's form
    passwords = "A URL with a user name or password is not fetched (MIEN_URL_CREDENTIALS=true allows it within private "
    found.discard(f"{passwords}networks).")  # relays and webhooks take none
    assert len(found) > 25
    assert [one for one in found if not is_stored(one)] == []


def test_addresses_are_refused_in_the_language() -> None:
    policy = AddressPolicy(settings="MIEN_RELAY")
    for address in ("10.0.0.7", "169.254.169.254", "240.0.0.1", "::ffff:10.0.0.7", "x"):
        told = policy.refusal(address)
        assert told is not None
        assert is_stored(told), told
        assert said_stored(str(told)) == said(told) != told
    private = "The address of 10.0.0.7 is private (MIEN_RELAY_ALLOW_PRIVATE=true allows it)."
    assert said_stored(private) == "Die Adresse von 10.0.0.7 ist privat (MIEN_RELAY_ALLOW_PRIVATE=true erlaubt sie)."
    nowhere = _NO_ADDRESS.format(host="relay.example", private=policy.private_setting, networks=policy.networks_setting)
    assert said_stored(nowhere).startswith("Der Name relay.example hat keine Adresse, zu der")


def test_problems_of_cameras_are_known() -> None:
    health = (SOURCES / "video" / "health.py").read_text(encoding="utf-8")
    first = re.findall(r'_problem: str \| None = "([^"]+)"', health)
    assert len(first) == 1
    found = {*first, *constants("video/sources.py", "disconnected")}
    assert found - set(PROBLEMS) == set()


def test_values_keep_their_place() -> None:
    assert said_stored("the relay answered with status 503") == "das Relais hat mit Status 503 geantwortet"
    assert said_stored("Migrated to recognition_04.") == "Auf recognition_04 migriert."
    told = "There is no person with a face in the group: add one, then train again."
    assert said_stored(told).startswith("In der Gruppe ist keine Person mit einem Gesicht")
    assert said_stored("[Errno 111] Connection refused") == "[Errno 111] Connection refused"
