"""Checks the form of the decision records and writes docs/decisions/index.md from their first lines (`make docs`)."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

TARGET = Path(__file__).resolve().parents[1] / "docs" / "decisions" / "index.md"

HEAD = """# Decision records

Each record states a decision, its reasons, and the alternatives that were rejected. A new record takes the next free
number, begins with `# NNNN: Title` and `Date: YYYY-MM-DD · Status: accepted`, and has three sections: Context, Decision
and Consequences. `make docs` writes this table and refuses a record of another form. A decision that is no longer
valid is not deleted: its status names the record that replaces it.

| number | decision | date | status |
|---|---|---|---|
"""

FOOT = """
```{toctree}
:hidden:
:glob:
[0-9]*
```
"""

_HEADER = re.compile(r"# (\d{4}): (.+)\n\nDate: (\d{4}-\d\d-\d\d) · Status: (accepted.*)\n\n(?=## )")
_SECTIONS = ["Context", "Decision", "Consequences"]


def render(folder: Path = TARGET.parent) -> str:
    """Return the page.

    Args:
        folder: folder with the records.

    Raises:
        ValueError: a record has another form than the page says, or two records have one number.
    """
    return HEAD + "".join(_rows(folder)) + FOOT


def _rows(folder: Path) -> Iterator[str]:
    taken: dict[str, str] = {}
    for record in sorted(folder.glob("[0-9]*.md")):
        text = record.read_text(encoding="utf-8")
        header = _HEADER.match(text)
        if header is None:
            raise ValueError(f"{record.name} does not begin with `# NNNN: Title` and `Date: … · Status: …`")
        number, title, date, status = header.groups()
        if not record.name.startswith(f"{number}-"):
            raise ValueError(f"{record.name} has another number in its title: {number}")
        if number in taken:
            raise ValueError(f"{record.name} has the number of {taken[number]}: {number}")
        taken[number] = record.name
        # A title at the odd places, what stands below it at the even ones.
        _, *parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
        if parts[::2] != _SECTIONS:
            raise ValueError(f"{record.name} has the sections {parts[::2]}, not {_SECTIONS}")
        if empty := [name for name, content in zip(_SECTIONS, parts[1::2], strict=True) if not content.strip()]:
            raise ValueError(f"{record.name} has nothing in its section {empty[0]}")
        yield f"| [{number}]({record.name}) | {title} | {date} | {status} |\n"


if __name__ == "__main__":
    try:
        page = render()
    except ValueError as wrong:
        sys.exit(str(wrong))
    TARGET.write_text(page, encoding="utf-8")
