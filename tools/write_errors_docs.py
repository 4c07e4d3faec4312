"""Writes docs/errors.md from the error catalogue (`make docs`)."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from mien.contract.catalogue import ROWS, Row

TARGET = Path(__file__).resolve().parents[1] / "docs" / "errors.md"

HEAD = """# Error catalogue

This page tells you what each error means and what to do about it.

Every error answer is `{"error": {"code": …, "message": …}}`; the code is also in the header `x-ms-error-code`. What
Mien knows beyond that is in `error.innererror.details`: a `hint` for this very call. Made from
`src/mien/contract/catalogue.json` by `make docs`.
"""

TITLES = {
    "common": "Every operation",
    "gateway": "The front door",
    "limited_access": "Limited access",
    "liveness_session": "Liveness sessions",
    "v1.0_legacy": "Version 1.0 only",
}


def render() -> str:
    """Return the page."""
    families: dict[str, list[Row]] = defaultdict(list)
    for row in ROWS:
        families[row.family].append(row)
    return HEAD + "".join(_family(name, rows) for name, rows in families.items())


def _family(name: str, rows: list[Row]) -> str:
    title = TITLES.get(name, name.replace("_", " ").capitalize())
    table = "| answer | what it means, and what to do |\n|---|---|\n"
    return f"\n## {title}\n\n{table}" + "".join(_line(row) for row in rows)


def _line(row: Row) -> str:
    message = row.message.replace("|", "\\|").replace("`", "'")
    return (
        f'| <a id="{row.anchor}"></a>'
        f"{row.status} `{row.code}`<br>`{message}` | {_cell(row.explanation)}<br>**{_cell(row.next_step)}** |\n"
    )


def _cell(text: str) -> str:
    for character in "|<>{}[]*":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
