"""Texts of services in the languages of the portal: errors, what they contain, and the actions of the audit log."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tools.texts import SOURCES, error_calls, error_names, modules, named, service_texts

from mien.accounts.errors import AlreadyRequestedError, NameTakenError, TermsNotAcceptedError
from mien.events.actions import ACTIONS
from mien.gallery.errors import LowQualityError, Shortfall
from mien.messages import Message, MessageError, message_of
from mien.portal.texts import SOURCE, said, set_language
from mien.portal.visitor import sentence

RECORDERS = {"record", "record_in", "did", "note", "_record", "_run", "_note"}
ACTION = re.compile(r"[a-z_-]+(\.[a-z_-]+)+")


@pytest.fixture(autouse=True)
def german() -> Iterator[None]:
    set_language("de")
    yield
    set_language(SOURCE)


def loose(code: str, errors: frozenset[str]) -> list[str]:
    """Return the calls of errors and messages in a module whose text is put together, so that it has no translation."""
    found = []
    for scope in ast.walk(ast.parse(code)):
        if not isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        written = (ast.Constant, ast.JoinedStr, ast.BinOp)
        built = {
            target.id
            for node in ast.walk(scope)
            if isinstance(node, ast.Assign)
            and isinstance(node.value.body if isinstance(node.value, ast.IfExp) else node.value, written)
            and " " in ast.unparse(node.value)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for call in error_calls(ast.Module([scope], []), errors):
            for one in call.args:
                joined = isinstance(one, ast.JoinedStr) and " " in ast.unparse(one)
                added = isinstance(one, ast.BinOp) and isinstance(one.op, ast.Add)
                if joined or added or (isinstance(one, ast.Name) and one.id in built):
                    found.append(f"{call.lineno}: {ast.unparse(call)[:100]}")
    return found


def test_each_text_of_a_service_is_a_template_with_values() -> None:
    errors = error_names()
    assert {"GalleryError", "NameTakenError", "UnreadableImageError", "InvalidDoorError", "TokenError"} <= errors
    found = {named(path): loose(path.read_text(encoding="utf-8"), errors) for path in modules()}
    assert {name: calls for name, calls in found.items() if calls} == {}
    assert len(list(service_texts())) > 250


def test_what_the_test_finds() -> None:
    code = """
def refuse(name: str) -> None:
    text = f"there is no {name} here"
    if name == "a":
        raise GalleryError(f"there is {name} already")
    if name == "b":
        raise GalleryError(text)
    raise GalleryError("there is {name} already", name=name)
"""
    assert [one.split(":")[0] for one in loose(code, frozenset({"GalleryError"}))] == ["5", "7"]


def test_errors_are_said_in_the_language_with_their_values() -> None:
    assert sentence(message_of(NameTakenError("front"))) == "Es gibt schon eine Ressource namens 'front'."
    assert str(NameTakenError("front")) == "there is a resource named 'front' already"
    terms = TermsNotAcceptedError((Message("the responsible-AI terms"), "x"))
    assert (
        said(terms.message)
        == "für eine Ressource muss jemand bestätigen: die Bedingungen für verantwortungsvolle KI; x"
    )
    blurred = LowQualityError([Shortfall("blur", "high", Message("at most {limit}", limit="low"))])
    assert said(blurred.message) == "blur ist high, verlangt ist höchstens low"
    assert str(blurred) == "blur is high, required is at most low"
    assert (
        sentence("WebP is not supported")
        == "WebP is not supported. Speichern Sie das Foto als JPEG oder PNG und legen Sie es erneut ab."
    )
    assert sentence(message_of(ValueError("something else"))) == "Something else."
    requested = AlreadyRequestedError("faceID", Message("in review"), "7")  # type: ignore[arg-type]
    assert said(requested.message) == "faceID ist schon beantragt: Der Antrag 7 ist in Prüfung"


def test_messages_survive_processes_and_braces() -> None:
    import pickle  # noqa: PLC0415  workers of imports send errors so

    error = pickle.loads(pickle.dumps(NameTakenError("a{b}")))
    assert isinstance(error, MessageError)
    assert (error.message.template, error.message.values) == (
        "there is a resource named {name!r} already",
        {"name": "a{b}"},
    )
    assert said(error.message) == "es gibt schon eine Ressource namens 'a{b}'"
    assert said(Message('send {"url": "…"}')) == 'send {"url": "…"}'
    assert Message.listed([Message("no face was found"), "x"], ", ") == "no face was found, x"


def recorded(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield the actions that a module records, and whether each is whole or only the beginning of one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name not in RECORDERS:
                continue
            for one in [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "action")]:
                if isinstance(one, ast.Constant) and isinstance(one.value, str) and ACTION.fullmatch(one.value):
                    yield one.value, True
                elif isinstance(one, ast.JoinedStr) and isinstance(one.values[0], ast.Constant):
                    start = str(one.values[0].value)
                    if re.fullmatch(r"[a-z_-]+\.([a-z_-]+\.)*", start):
                        yield start, False


def test_each_action_of_the_audit_log_has_words() -> None:
    found = {one for path in SOURCES.rglob("*.py") for one in recorded(path)}
    whole = {action for action, complete in found if complete}
    assert len(whole) > 60
    assert whole - set(ACTIONS) == set()
    beginnings = {action for action, complete in found if not complete}
    assert beginnings >= {"access.", "role.", "admin.token.", "door.event.", "evaluation."}
    assert {one for one in beginnings if not any(action.startswith(one) for action in ACTIONS)} == set()
