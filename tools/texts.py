"""Gathers the portal's texts and brings the catalogues of all languages up to date: `make texts`.

New texts are added without a translation, texts that are gone are dropped, and every text that lacks one is listed.
Translate them in `src/mien/portal/languages/*.po`: an editor for gettext files, such as Poedit, or any text editor.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from mien.messages import Message, MessageError
from mien.portal.borrowed import BORROWED
from mien.portal.texts import CATALOGUES, LANGUAGES, SOURCE

PORTAL: Final = CATALOGUES.parent
SOURCES: Final = PORTAL.parent
_NOT_SHOWN: Final = (
    *("cli/", "compreface/", "doctor/", "fetching/fetch.py", "importing/", "liveness/", "portal/", "search/"),
    *(
        "subjects/",
        "video/",
        "wire/",
        "doors/actuators/mqtt.py",
        "doors/check_in.py",
        "doors/home_assistant.py",
        "doors/telling.py",
        "events/audit.py",
        "events/query.py",
    ),
    *("gallery/api_snapshots.py", "gallery/reviews/applications.py", "vision/image_input.py"),
    *(f"models/{name}.py" for name in ("bindings", "calibrations", "custom", "npm", "sources")),
)
"""Packages and modules whose errors no page shows, or that translate by themselves."""
_SHOWN: Final = frozenset(
    {
        *(f"importing/{name}.py" for name in ("batch", "computing", "refusals", "tables", "whose")),
        "liveness/judge.py",
    }
)
"""Modules of these packages whose texts pages show: of dropped photos, of liveness."""
_HEADER: Final = "# The portal's texts. `make texts` keeps this file up to date; write translations after msgstr.\n"

Text = str | tuple[str, str]
"""A text, or one in singular and plural."""
Node = ast.ClassDef | ast.Call
"""The parts of a module's syntax in which texts are looked for."""


def gathered() -> dict[Text, list[str]]:
    """Return every text of the portal, with the files that have it."""
    found: dict[Text, list[str]] = {}
    for path in sorted(PORTAL.rglob("*.py")):
        name = path.relative_to(PORTAL).as_posix()
        for message in messages_of(path.read_text(encoding="utf-8")):
            if name not in found.setdefault(message, []):
                found[message].append(name)
    for name, text in service_texts():
        found.setdefault(text, [name])
    for text in BORROWED:
        found.setdefault(text, ["borrowed.py"])
    return found


def service_texts() -> Iterator[tuple[str, str]]:
    """Yield the file and the template of each text of the services that pages may show: see `mien.messages`."""
    parsed = _parsed()
    errors = error_names()
    for path, nodes in parsed.items():
        for call in error_calls(nodes, errors):
            yield from ((named(path), one) for one in templates_of(call))


def named(path: Path) -> str:
    """Return the name of a module's file, such as `doors/errors.py`."""
    return path.relative_to(SOURCES).as_posix()


def _is_shown(name: str) -> bool:
    return name in _SHOWN or not name.startswith(_NOT_SHOWN)


def modules() -> list[Path]:
    """Return the modules of the services."""
    return [path for path in sorted(SOURCES.rglob("*.py")) if _is_shown(named(path))]


def error_names() -> frozenset[str]:
    """Return the names of classes of errors with a text for people, as the code has them."""
    bases: dict[str, set[str]] = {}
    for path in SOURCES.rglob("*.py"):  # a base may be of a package that pages do not show
        code = path.read_text(encoding="utf-8")
        for node in _nodes(ast.parse(code)) if "Error(" in code else ():
            if isinstance(node, ast.ClassDef):
                bases.setdefault(node.name, set()).update(called(base) for base in node.bases)
    found = {MessageError.__name__}
    while more := {name for name, above in bases.items() if above & found} - found:
        found |= more
    return frozenset(found)


def _nodes(tree: ast.AST) -> Iterator[Node]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.Call))


def _parsed() -> dict[Path, list[Node]]:
    return {path: list(_nodes(ast.parse(path.read_text(encoding="utf-8")))) for path in modules()}


def error_calls(nodes: Iterable[ast.AST], errors: frozenset[str]) -> Iterator[ast.Call]:
    """Yield those calls among the nodes that make such an error or a `Message`, also from inside a class of errors."""
    for owner in nodes:
        if isinstance(owner, ast.ClassDef):
            if owner.name in errors:
                yield from (one for one in _nodes(owner) if isinstance(one, ast.Call) and _is_super(one))
        elif isinstance(owner, ast.Call) and called(owner.func) in {*errors, Message.__name__}:
            yield owner


def _is_super(call: ast.Call) -> bool:
    """Return whether a call is `super().__init__(…)`."""
    return called(call.func) == "__init__" and ast.unparse(call.func) == "super().__init__"


def templates_of(call: ast.Call) -> Iterator[str]:
    """Yield the templates in a call; among the arguments of an error these have a blank or a place."""
    words = "." if called(call.func) == Message.__name__ else "[ {]"
    for argument in call.args:
        for one in [argument.body, argument.orelse] if isinstance(argument, ast.IfExp) else [argument]:
            if isinstance(one, ast.Constant) and isinstance(one.value, str) and re.search(words, one.value):
                yield one.value


def called(node: ast.expr) -> str:
    """Return the last part of a name."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def messages_of(code: str) -> Iterator[Text]:
    """Return the texts of a module: constants in `t`, `tn` and `mark`, wherever these are called."""
    for node in _nodes(ast.parse(code)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        texts = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        if node.func.id in {"t", "mark"} and texts:
            yield texts[0]
        elif node.func.id == "tn" and len(texts) == 2:
            yield texts[0], texts[1]


def read(code: str) -> Catalog:
    """Return the catalogue of a language."""
    with (CATALOGUES / f"{code}.po").open("rb") as file:
        return read_po(file, locale=code)


def update(code: str) -> list[Text]:
    """Bring the catalogue of a language up to date; return what lacks a translation."""
    old = read(code) if (CATALOGUES / f"{code}.po").exists() else Catalog()
    singular_of = {key.id[0]: key for key in old if isinstance(key.id, tuple)}
    new = Catalog(locale=code, project="Mien", fuzzy=False)
    missing = []
    for message, files in gathered().items():
        known = old.get(message) or singular_of.get(message[0] if isinstance(message, tuple) else message)
        string = known.string if known is not None and known.id == message else None
        new.add(message, string, [(name, 1) for name in files])
        if not string or (isinstance(string, tuple) and not all(string)):
            missing.append(message)
    text = BytesIO()
    write_po(text, new, width=120, sort_output=True, omit_header=True, include_lineno=False)
    plural = f'"Plural-Forms: {new.plural_forms}\\n"\n'
    head = f'{_HEADER}msgid ""\nmsgstr ""\n"Language: {code}\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n'
    head += f"{plural}\n"
    (CATALOGUES / f"{code}.po").write_text(head + re.sub(r"\n{3,}", "\n\n", text.getvalue().decode()), encoding="utf-8")
    return missing


def main() -> None:
    """Update all of them."""
    for code, name in LANGUAGES.items():
        if code == SOURCE:
            continue
        missing = update(code)
        print(f"{name}: {len(missing)} texts lack a translation in {Path('src/mien/portal/languages')}/{code}.po")
        for message in missing[:20]:
            print("  ", message if isinstance(message, str) else message[1])


if __name__ == "__main__":
    main()
