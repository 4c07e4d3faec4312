"""Writes docs/decisions/index.md from the first lines of the decision records (`make docs`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

TARGET = Path(__file__).resolve().parents[1] / "docs" / "decisions" / "index.md"

HEAD = """# Decision records

Each record states a decision, its reasons, and the alternatives that were rejected. A new record takes the next free
number, begins with `# NNNN: Title` and `Date: YYYY-MM-DD · Status: accepted`, and has three sections: Context, Decision
and Consequences. `make docs` writes this table from the records. A decision that is no longer valid is not deleted: its
status names the record that replaces it.

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

_RECORD = re.compile(r"# (\d{4}): (.+)\n\nDate: (\d{4}-\d\d-\d\d) · Status: (accepted.*)\n\n")


def render(folder: Path = TARGET.parent) -> str:
    """Return the page.

    Args:
        folder: where the records are.

    Raises:
        ValueError: a record does not begin as the page says, or two records have one number.
    """
    return HEAD + "".join(_rows(folder)) + FOOT


def _rows(folder: Path) -> Iterator[str]:
    taken: dict[str, str] = {}
    for record in sorted(folder.glob("[0-9]*.md")):
        found = _RECORD.match(record.read_text(encoding="utf-8"))
        if found is None:
            raise ValueError(f"{record.name} does not begin with `# NNNN: Title` and `Date: … · Status: …`")
        number, title, date, status = found.groups()
        if not record.name.startswith(f"{number}-"):
            raise ValueError(f"{record.name} has another number in its title: {number}")
        if number in taken:
            raise ValueError(f"{record.name} has the number of {taken[number]}: {number}")
        taken[number] = record.name
        yield f"| [{number}]({record.name}) | {title} | {date} | {status} |\n"


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
