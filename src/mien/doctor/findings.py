"""Findings of an examination, each with one fact and one recommended action."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final


class Severity(IntEnum):
    """Severity of a finding; higher is worse."""

    OK = 0
    NOTE = 1
    WARNING = 2
    ERROR = 3

    @property
    def word(self) -> str:
        """The name in the output and in JSON."""
        return self.name.lower()


EXIT_STATUS: Final[Mapping[Severity, int]] = {Severity.OK: 0, Severity.NOTE: 0, Severity.WARNING: 1, Severity.ERROR: 3}
"""The exit status by the worst finding; 2 is reserved for wrong usage, by convention and by typer."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A fact about the endpoint, the connection to it, or a pasted error.

    Attributes:
        check: name of the check, such as "key"; see docs/doctor.md.
        severity: the severity.
        found: the observation, in one sentence.
        means: its meaning for the caller; empty if `found` is enough.
        next_step: the recommended action; empty if there is none.
        details: figures and names for `--json`; never a key.
    """

    check: str
    severity: Severity
    found: str
    means: str = ""
    next_step: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the finding for `--json`."""
        return {
            "check": self.check,
            "severity": self.severity.word,
            "found": self.found,
            "means": self.means or None,
            "nextStep": self.next_step or None,
            "details": dict(self.details),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """The result of an examination.

    Attributes:
        subject: the examined endpoint, or the name of the pasted text.
        findings: the findings, in the order of the checks.
        stopped: why later checks were skipped; None if all ran.
        calls: number of HTTP requests.
    """

    subject: str
    findings: Sequence[Finding]
    stopped: str | None = None
    calls: int = 0

    @property
    def severity(self) -> Severity:
        """The severity of the worst finding."""
        return max((finding.severity for finding in self.findings), default=Severity.OK)

    @property
    def exit_status(self) -> int:
        """The exit status of the command."""
        return EXIT_STATUS[self.severity]

    @property
    def next_step(self) -> str:
        """The next step of the first of the worst findings that has one."""
        wanting = [one for one in self.findings if one.next_step and one.severity >= Severity.WARNING]
        return max(wanting, key=lambda one: one.severity).next_step if wanting else ""

    def as_json(self) -> dict[str, Any]:
        """Return the report for `--json`."""
        return {
            "subject": self.subject,
            "severity": self.severity.word,
            "nextStep": self.next_step or None,
            "stopped": self.stopped,
            "calls": self.calls,
            "findings": [finding.as_json() for finding in self.findings],
        }
