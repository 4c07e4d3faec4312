"""Gathers the portal's texts and brings the catalogues of all languages up to date: `make texts`.

New texts are added without a translation, texts that are gone are dropped, and every text that lacks one is listed.
Translate them in `src/mien/portal/languages/*.po`: an editor for gettext files, such as Poedit, or any text editor.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from mien.portal.borrowed import BORROWED
from mien.portal.texts import CATALOGUES, LANGUAGES, SOURCE

PORTAL: Final = CATALOGUES.parent
_HEADER: Final = "# The portal's texts. `make texts` keeps this file up to date; write translations after msgstr.\n"

Message = str | tuple[str, str]
"""A text, or one in singular and plural."""


def gathered() -> dict[Message, list[str]]:
    """Return every text of the portal, with the files that have it."""
    found: dict[Message, list[str]] = {}
    for path in sorted(PORTAL.rglob("*.py")):
        name = path.relative_to(PORTAL).as_posix()
        for message in messages_of(path.read_text(encoding="utf-8")):
            if name not in found.setdefault(message, []):
                found[message].append(name)
    for text in BORROWED:
        found.setdefault(text, ["borrowed.py"])
    return found


def messages_of(code: str) -> Iterator[Message]:
    """Return the texts of a module: constants in `t`, `tn` and `mark`, wherever these are called."""
    for node in ast.walk(ast.parse(code)):
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


def update(code: str) -> list[Message]:
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
