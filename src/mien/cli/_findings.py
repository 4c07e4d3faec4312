"""Prints what the doctor found, for people."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from mien.cli._printable import printable
from mien.doctor.findings import Finding, Report, Severity

_MARKS = {
    Severity.OK: ("✓", "green"),
    Severity.NOTE: ("·", "cyan"),
    Severity.WARNING: ("!", "yellow"),
    Severity.ERROR: ("✗", "bold red"),
}
_NAME_WIDTH = 17
_VERDICTS = {
    Severity.OK: "Nothing is wrong.",
    Severity.NOTE: "Nothing is wrong.",
    Severity.WARNING: "It works, but something needs attention.",
    Severity.ERROR: "Something is wrong.",
}
_EXPLAINED = {
    Severity.OK: "This shows nothing wrong.",
    Severity.NOTE: "This shows nothing wrong.",
    Severity.WARNING: "This does not say why a call failed, but something in it needs attention.",
    Severity.ERROR: "This shows what is wrong.",
}


def print_finding(console: Console, finding: Finding) -> None:
    """Print one finding: what was found, what it means, what to do."""
    mark, style = _MARKS[finding.severity]
    arrow = "→"
    if not console.encoding.lower().startswith("utf"):
        mark, arrow = {"✓": "+", "·": "-", "✗": "x"}.get(mark, mark), ">"
    lead = Text.assemble((mark, style), " ", (finding.check.ljust(_NAME_WIDTH), style), " ")
    blank = Text(" " * len(lead))
    for part in _parts(finding, style, arrow):
        for line in part.wrap(console, max(20, console.width - len(lead))):
            line.rstrip()
            console.print(lead + line, soft_wrap=True)
            lead = blank


def _plain(text: str) -> Text:
    """Return a text for the terminal: what a server or a paste puts in must not steer it."""
    return Text(printable(text, lines=True))


def _parts(finding: Finding, style: str, arrow: str) -> Iterator[Text]:
    yield _plain(finding.found)
    if finding.means:
        means = _plain(finding.means)
        means.stylize("dim")
        yield means
    if finding.next_step and finding.severity > Severity.OK:
        yield Text.assemble((f"{arrow} ", style), _plain(finding.next_step))


def print_verdict(console: Console, report: Report, *, explained: bool = False) -> None:
    """Print how bad it is, why later checks were left out, and the one thing to do next.

    Args:
        console: the console to print to.
        report: the findings.
        explained: whether it is about a paste: what is not in it cannot be called right.
    """
    _mark, style = _MARKS[report.severity]
    console.print()
    words = _EXPLAINED if explained else _VERDICTS
    console.print(Text(words[report.severity], style=style))
    if report.stopped:
        console.print(Text(f"Later checks were skipped: {_plain(report.stopped)}.", style="dim"))
    if report.next_step:
        for line in Text.assemble(("Next: ", "bold"), _plain(report.next_step)).wrap(console, console.width):
            line.rstrip()
            console.print(line, soft_wrap=True)
