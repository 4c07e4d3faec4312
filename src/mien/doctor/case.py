"""The state of an examination, and functions that create findings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from mien.contract.versions import STABLE
from mien.doctor.address import ServiceAddress
from mien.doctor.client import EndpointClient, HttpAnswer
from mien.doctor.findings import Finding, Severity
from mien.doctor.options import Options
from mien.doctor.refusals import Refusal, explain_page, explain_refusal

_THIS_COMMAND: Final = re.compile(r"(?:;|,? or run) `mien doctor URL[^`]*`[^;]*?(?=\.$|;)")


class Stop(Exception):  # noqa: N818  not an error
    """Ends the examination; the message gives the reason."""


@dataclass(slots=True)
class Case:
    """The state of one examination.

    Attributes:
        options: options of the examination.
        target: the endpoint.
        client: calls the endpoint.
        service: the responding service: "mien", "azure" or "unknown".
        version: API version of the checks' calls.
        granted: whether a feature is approved, by name; absent if unknown.
        skew: seconds by which this machine's clock is ahead of the server's; None if unknown.
        versions: supported API versions; empty while unknown.
    """

    options: Options
    target: ServiceAddress
    client: EndpointClient
    service: str = "unknown"
    version: str = STABLE.name
    granted: dict[str, bool] = field(default_factory=dict)
    skew: float | None = None
    versions: tuple[str, ...] = ()

    @property
    def base(self) -> str:
        """The common prefix of the operations' paths."""
        return f"/face/{self.version}"

    def explain(self, answer: HttpAnswer) -> Refusal:
        """Return the meaning of an error response."""
        if answer.html:
            return explain_page(answer.status, answer.body.decode("utf-8", "replace"), answer.headers)
        refusal = explain_refusal(
            answer.status,
            answer.error,
            path=answer.path,
            hint=answer.hint,
            where=answer.headers.get("location", ""),
            service=self.service,
        )
        # The catalogue advises to run this command, which is already running.
        return replace(refusal, next_step=_THIS_COMMAND.sub("", refusal.next_step))


def finding(
    check: str, severity: Severity, found: str, means: str = "", next_step: str = "", **details: Any
) -> Finding:
    """Return a finding; keyword arguments are its details."""
    return Finding(check, severity, found, means, next_step, details)


def refused(check: str, severity: Severity, case: Case, answer: HttpAnswer, before: str = "") -> Finding:
    """Return the finding for an error response."""
    refusal = case.explain(answer)
    found = f"{before}{refusal.found}"
    return Finding(check, severity, found, refusal.means, refusal.next_step, {"status": answer.status})


def not_approved(check: str, severity: Severity, case: Case, answer: HttpAnswer, found: str) -> Finding:
    """Return the finding for a missing approval, with the server's hint if there is one."""
    refusal = case.explain(answer)
    means = answer.hint or refusal.means
    details = {"status": answer.status, "missing": list(refusal.missing)}
    return Finding(check, severity, found, means, refusal.next_step, details)


Findings = Iterator[Finding]
