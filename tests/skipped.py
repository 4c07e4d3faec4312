"""What was skipped, counted by what was missing: said at the end of a run, so that a green run hides nothing."""

from __future__ import annotations

from collections import Counter

import pytest


def summarize(reporter: pytest.TerminalReporter) -> None:
    """Write one line for each thing that tests needed and did not find, with how many tests skipped for it."""
    missing: Counter[str] = Counter()
    for report in reporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        missing[_thing(reason.removeprefix("Skipped: "))] += 1
    if not missing:
        return
    reporter.section("skipped tests, by what they need")
    for thing, count in missing.most_common():
        reporter.line(f"{count:5}  {thing}")


def _thing(reason: str) -> str:
    """Name what is missing, files of the shared folder by their folder there."""
    if "MIEN_SHARED" not in reason:
        return reason
    path = reason.removeprefix("needs ").partition(" (")[0]
    parts = [part for part in path.split("/") if part]
    for top in ("faces", "attributes", "pad", "contract", "cases", "models"):
        if top in parts:
            below = parts[parts.index(top) :]
            return f"shared/{'/'.join(below[:2] if top == 'faces' else below[:1])} beside the checkout (MIEN_SHARED)"
    return "the shared folder beside the checkout (MIEN_SHARED)"
