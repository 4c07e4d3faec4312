"""Joins the liveness component's modules into the one file that browsers load (`make component`).

The modules in `src/mien/liveness/web/source` import each other by name, without renaming. So they can be joined by
leaving out their imports and exports and putting each after those that it imports: what is in the file is what was
written, and a release needs nothing but Python.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

WEB: Final = Path(__file__).resolve().parents[1] / "src" / "mien" / "liveness" / "web"
SOURCE: Final = WEB / "source"
TARGET: Final = WEB / "package" / "mien-face-liveness.js"

_IMPORT: Final = re.compile(r'^import \{[^}]*\} from "(\./[^"]+)";\n', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:async )?(?:class|const|function|let) )", re.MULTILINE)
_FIRST: Final = "index.js"


def join() -> str:
    """Return the file: the comment of the entry module, every module once, the entry's exports.

    Raises:
        ValueError: a module imports one that imports it, or in a form that is not understood.
    """
    done: dict[Path, str] = {}
    _add(SOURCE / _FIRST, done, ())
    entry = done.pop(SOURCE / _FIRST)
    comment, _, exports = entry.partition("*/\n")
    parts = [f"// {'-' * 64} {path.relative_to(SOURCE).with_suffix('')}\n\n{text}" for path, text in done.items()]
    return "\n".join([f"{comment}*/\n", *parts, exports.lstrip("\n")])


def _add(path: Path, done: dict[Path, str], within: tuple[Path, ...]) -> None:
    """Add a module after those that it imports."""
    if path in done:
        return
    if path in within:
        message = f"{path.name} imports itself by way of {', '.join(other.name for other in within)}"
        raise ValueError(message)
    text = path.read_text(encoding="utf-8")
    for imported in _IMPORT.findall(text):
        _add((path.parent / imported).resolve(), done, (*within, path))
    text = _IMPORT.sub("", text)
    if re.search(r"^import ", text, re.MULTILINE):
        message = f'{path.name} has an import that cannot be joined: write `import {{ name }} from "./module.js";`'
        raise ValueError(message)
    done[path] = text.lstrip("\n") if path.name == _FIRST else _EXPORT.sub("", text).lstrip("\n")


if __name__ == "__main__":
    TARGET.write_text(join(), encoding="utf-8")
    print(TARGET)
