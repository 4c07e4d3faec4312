"""Texts of services in the languages of the portal: errors, what they contain, and the actions of the audit log."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.memory import kept_in_module
from tools import texts
from tools.texts import SOURCES, called, error_calls, error_names, modules, named, service_texts

from mien.accounts.errors import AlreadyRequestedError, NameTakenError, TermsNotAcceptedError
from mien.events.actions import ACTIONS, DETAILS
from mien.gallery.errors import LowQualityError, Shortfall
from mien.messages import Message, MessageError, message_of
from mien.models.errors import MissingFileError
from mien.portal.stored_texts import _FORMS, STORED
from mien.portal.texts import SOURCE, said, set_language, t
from mien.portal.visitor import EXPECTED, sentence

RECORDERS = {"record", "record_in", "did", "note", "_record", "_run", "_note"}
ACTION = re.compile(r"[a-z_-]+(\.[a-z_-]+)+")
SERVICES = ("accounts/", "doors/", "evaluation/", "events/", "gallery/", "importing/", "liveness/judge.py", "matching/",
            "models/", "video/", "vision/")  # fmt: skip
"""Where pages take texts from."""
NOT_ON_PAGES = {
    "the command line, the wire or the control plane says it": (
        *("accounts/hints.py", "events/families.py", "gallery/short_ids.py", "models/sources.py"),
        *("gallery/reviews/integrity.py", "gallery/reviews/service.py", "vision/draw.py", "vision/image_input.py"),
        *("evaluation/samples.py", "gallery/drift.py", "events/metrics.py"),
    ),
    "an import says it, which the page of dropped photos is not": tuple(
        f"importing/{name}.py" for name in ("archives", "importer", "ray_workers", "tables", "workers")
    ),
    "it is in a file to download, in English": (
        *("evaluation/document.py", "evaluation/group_report.py", "gallery/group_reports.py", "importing/batch.py"),
    ),
    "it is stored for reviewers and for the log, in English": ("accounts/access.py", "accounts/types.py"),
    "it names something to a program": (
        *("accounts/validation.py", "doors/home_assistant.py", "events/audit.py", "gallery/crops.py"),
        *("gallery/filing.py", "gallery/people.py", "gallery/reembedding/switch.py", "gallery/rows.py"),
        *("vision/decode.py", "vision/presentation/skin.py"),
    ),
    "it is a word list, or a form whose texts `explanations` has": ("accounts/intake_checks.py",),
    "it names the mistake in a manifest's file": ("models/manifest.py",),
    "`camera_problems` takes the seconds out of it": ("video/health.py", "video/mjpeg.py"),
}
"""Modules with plain texts that no page shows, or that are the same in every language, by the reason."""
SENTENCE = re.compile(r"[A-Za-z]{2,},? [a-z]{2,}")
NO_SENTENCE = re.compile(r"\s*(SELECT|CREATE|INSERT|UPDATE|DELETE|DROP|ALTER|SET|WITH|PRAGMA)\b|<|\(|resource_id|`")
QUIET = {"Message", "Field", "text", "execute", "compile", "lock", "log_failure", "Index"}

gathered = kept_in_module(texts.gathered)


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
        nodes = list(ast.walk(scope))
        written = (ast.Constant, ast.JoinedStr, ast.BinOp)
        built = {
            target.id
            for node in nodes
            if isinstance(node, ast.Assign)
            and isinstance(node.value.body if isinstance(node.value, ast.IfExp) else node.value, written)
            and " " in ast.unparse(node.value)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for call in error_calls(nodes, errors):
            for one in call.args:
                joined = isinstance(one, ast.JoinedStr) and " " in ast.unparse(one)
                added = isinstance(one, ast.BinOp) and isinstance(one.op, ast.Add)
                if joined or added or (isinstance(one, ast.Name) and one.id in built):
                    found.append(f"{call.lineno}: {ast.unparse(call)[:100]}")
    return found


def plain_texts(code: str, errors: frozenset[str]) -> Iterator[tuple[int, str]]:
    """Yield the sentences of a module that are neither messages nor in errors, logs, queries and docstrings.

    A value in an f-string becomes the word `X1`.
    """
    tree, quiet = ast.parse(code), set[int]()
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant()) | ast.Raise():
                silent = True
            case ast.ClassDef(name=name):
                silent = name in errors
            case ast.Call(func=func):
                name = called(func)
                silent = ast.unparse(func).startswith("_log.") or name in errors | QUIET or name.endswith("Error")
            case ast.Assign(targets=[ast.Name(id=name)]):
                silent = name == "message"  # of an error
            case ast.JoinedStr(values=values):
                silent = False
                quiet |= {id(one) for one in values if isinstance(one, ast.Constant)}
            case _:
                silent = False
        if silent:
            quiet |= {id(one) for one in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in quiet or not isinstance(node, ast.Constant | ast.JoinedStr):
            continue
        text = text_of(node)
        if SENTENCE.search(text) and not NO_SENTENCE.match(text):
            yield node.lineno, text


def is_stored(text: str) -> bool:
    """Whether a text is one of `stored_texts`."""
    return text in STORED or any(pattern.fullmatch(text) for pattern, _ in _FORMS)


def text_of(node: ast.expr) -> str:
    """Return a constant's or an f-string's text, with `X1` for each value."""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(one.value) if isinstance(one, ast.Constant) else "X1" for one in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_each_text_of_a_service_is_known_to_the_catalogues() -> None:
    """A service's text is a `Message`, one that `stored_texts` or `borrowed` lists, or never on a page."""
    known = {form for text in gathered() for form in ((text,) if isinstance(text, str) else text)}
    excepted = {name for names in NOT_ON_PAGES.values() for name in names}
    errors, found = error_names(), dict[str, list[str]]()
    for path in SOURCES.rglob("*.py"):
        if (name := named(path)).startswith(SERVICES):
            for line, text in plain_texts(path.read_text(encoding="utf-8"), errors):
                if text not in known and not is_stored(text):
                    found.setdefault(name, []).append(f"{line}: {text[:80]}")
    assert {name: lines for name, lines in found.items() if name not in excepted} == {}
    assert excepted - set(found) == set(), "these have no such text any more"


def test_errors_that_pages_show_can_be_translated() -> None:
    assert [one for one in EXPECTED if not issubclass(one, MessageError)] == []
    missing = MissingFileError(
        "the model pack {name} is not installed ({path} is missing): run {mend}",
        name="sface",
        path="/x",
        mend="`mien models pull sface`",
    )
    told = said(missing.message)
    assert told == "das Modellpaket sface ist nicht installiert (/x fehlt): Führen Sie `mien models pull sface` aus"
    assert t("{count} of {reason}", count=1, reason=missing) == f"1 of {told}"


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


def test_what_the_test_of_plain_texts_finds() -> None:
    code = """
def lacks(name: str) -> str:
    'Return what is not there.'
    _log.warning("there is none of them", name=name)
    if name == "a":
        return "nothing of this is there"
    if name == "b":
        return Message("nothing of this is there")
    if name == "c":
        raise GalleryError("nothing of this is there")
    return f"the pack {name} is not there"
"""
    assert sorted(plain_texts(code, frozenset({"GalleryError"}))) == [
        (6, "nothing of this is there"),
        (11, "the pack X1 is not there"),
    ]


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
    code = path.read_text(encoding="utf-8")
    if not any(f"{name}(" in code for name in RECORDERS):
        return
    for node in ast.walk(ast.parse(code)):
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


def details(path: Path) -> Iterator[str]:
    """Yield the names of the details that a module records, where it writes them out."""
    code = path.read_text(encoding="utf-8")
    if not any(f"{name}(" in code for name in RECORDERS):
        return
    for node in ast.walk(ast.parse(code)):
        written: list[ast.expr] = []
        match node:
            case ast.Call() if called(node.func) in {"note", "did"} and any(
                ACTION.fullmatch(text_of(one)) for one in node.args
            ):
                yield from (one.arg for one in node.keywords if one.arg)
            case ast.Call() if called(node.func) in RECORDERS:
                written = [one.value for one in node.keywords if one.arg == "details"]
            case ast.Assign(targets=[ast.Name(id="details")], value=value):
                written = [value]
        for one in written:
            for part in ast.walk(one):
                if isinstance(part, ast.Dict):
                    yield from (text_of(key) for key in part.keys if isinstance(key, ast.Constant))


def test_each_detail_of_the_audit_log_has_words() -> None:
    found = {name for path in SOURCES.rglob("*.py") for name in details(path)}
    assert len(found) > 50
    assert found - set(DETAILS) == set()


def test_each_action_of_the_audit_log_has_words() -> None:
    found = {one for path in SOURCES.rglob("*.py") for one in recorded(path)}
    whole = {action for action, complete in found if complete}
    assert len(whole) > 60
    assert whole - set(ACTIONS) == set()
    beginnings = {action for action, complete in found if not complete}
    assert beginnings >= {"access.", "role.", "admin.token.", "door.event.", "evaluation."}
    assert {one for one in beginnings if not any(action.startswith(one) for action in ACTIONS)} == set()
