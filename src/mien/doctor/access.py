"""Checks whether the key is accepted, and which API versions are supported."""

from __future__ import annotations

from typing import Final

from mien.contract.headers import KEY_HEADER, KEY_QUERY, REQUEST_ID
from mien.contract.versions import BY_NAME, STABLE
from mien.doctor.case import Case, Findings, Stop, finding, refused
from mien.doctor.client import HttpAnswer, Trouble
from mien.doctor.findings import Finding, Severity
from mien.doctor.refusals import missing_features

_PROBE: Final = "largefacelists"
_PROBE_QUERY: Final = {"top": "1"}
_BETWEEN: Final = ("via", "x-cache", "x-forwarded-for", "x-proxy-cache", "x-bluecoat-via", "x-zscaler")


def check_key(case: Case) -> Findings:
    """Request a list of one entry with the key.

    Raises:
        Stop: the key is not accepted.
    """
    answer = ask(case, "GET", f"/face/{STABLE.name}/{_PROBE}", _PROBE_QUERY)
    if answer.status == 404 and not answer.html:
        for version in reversed(BY_NAME):
            if version != STABLE.name:
                answer = ask(case, "GET", f"/face/{version}/{_PROBE}", _PROBE_QUERY)
                if answer.status != 404:
                    case.version = version
                    break
    if (answer.ok and isinstance(answer.json(), list)) or gated(answer):
        mended = case.client.key != case.options.key
        yield finding(
            "key", Severity.OK, "Mended like that, the key is accepted." if mended else "The key is accepted."
        )
        return
    if answer.ok:
        yield finding(
            "key",
            Severity.ERROR,
            f"The status was {answer.status}, but the response is not a list.",
            "Another service, or a proxy, responds at this address.",
            "Compare the endpoint with the one beside the resource's keys.",
        )
        raise Stop("the responses are not from the Face service")
    if answer.status == 401:
        yield from _unauthorised(case, answer)
        raise Stop("the key is not accepted")
    if answer.status == 404 and not answer.html:
        yield refused("key", Severity.ERROR, case, answer, "No API version has the operation asked for. ")
        raise Stop("no API version of the Face service answers here")
    if "Public access is disabled" in str(answer.error.get("message", "")):
        yield _not_private(case, answer)
    else:
        yield refused("key", Severity.ERROR, case, answer)
    raise Stop("calls are refused before they reach the service")


def _not_private(case: Case, answer: HttpAnswer) -> Finding:
    told = refused("private-endpoint", Severity.ERROR, case, answer)
    means = f"{told.means} This call came by the public address."
    if not case.options.private_endpoint:
        means += " --private-endpoint looks at where the name leads."
    return Finding("private-endpoint", Severity.ERROR, told.found, means, told.next_step, told.details)


def _unauthorised(case: Case, answer: HttpAnswer) -> Findings:
    """Explain why the key is refused: it did not arrive, or it belongs to another resource."""
    between = [name for name in _BETWEEN if name in answer.headers]
    if "No key was sent" in answer.hint or "missing subscription key" in str(answer.error.get("message", "")).lower():
        yield finding(
            "key",
            Severity.ERROR,
            f"The key was sent, but it did not arrive: the server saw no header {KEY_HEADER}.",
            f"Something between strips it{_by(answer, between)}.",
            f"Let the proxy pass the header {KEY_HEADER} on: API gateways drop all headers that are not listed.",
        )
        return
    if case.service == "mien" and not answer.hint:  # Mien's hint says if the key is missing or malformed
        found = refused("key", Severity.ERROR, case, answer)
        means = "The key arrived, but no resource of this server has it: it was replaced, its resource was deleted, or "
        means += "it is another server's."
        yield Finding("key", Severity.ERROR, found.found, means, found.next_step, found.details)
        return
    if not case.options.key_in_query:
        found = refused("key", Severity.ERROR, case, answer)
        means = found.means
        if case.service == "azure":
            means = "The key is another resource's or region's, or it was regenerated; both are refused alike."
        if between or REQUEST_ID not in answer.headers:
            means += f" Or something between strips the header{_by(answer, between)}: --key-in-query finds out."
        yield Finding("key", Severity.ERROR, found.found, means, found.next_step, found.details)
        return
    path = f"/face/{case.version}/{_PROBE}"
    key = case.client.key or ""
    second = ask(case, "GET", path, {**_PROBE_QUERY, KEY_QUERY: key}, with_key=False)
    if second.ok:
        yield finding(
            "key",
            Severity.ERROR,
            f"The key is right, but the header {KEY_HEADER} does not arrive: in the query it is accepted.",
            f"Something between strips the header{_by(answer, between)}.",
            f"Let the proxy pass the header {KEY_HEADER} on; then regenerate the key, which was in a URL now.",
        )
        return
    yield refused("key", Severity.ERROR, case, answer, "The key is accepted neither in the header nor in the query. ")


def _by(answer: HttpAnswer, between: list[str]) -> str:
    return f" (the answer came through {answer.headers[between[0]]})" if between else ""


def gated(answer: HttpAnswer) -> bool:
    """Return whether a call failed only because of a missing approval, so that key, network and version are correct."""
    return answer.status == 403 and bool(missing_features(str(answer.error)))


def check_versions(case: Case) -> Findings:
    """Request a list in each API version."""
    answering, odd = [], []
    for version in BY_NAME:
        answer = ask(case, "GET", f"/face/{version}/{_PROBE}", _PROBE_QUERY)
        if answer.ok or gated(answer):
            answering.append(version)
        elif answer.status != 404:
            odd.append(f"{version} ({answer.status})")
    case.versions = tuple(answering)
    if not answering:
        yield finding("versions", Severity.WARNING, "No API version answered the listing.", "", "", refused=odd)
        return
    stable = [version for version in answering if "preview" not in version]
    case.version = (stable or answering)[-1]
    found = f"These API versions answer: {', '.join(answering)}."
    if odd:
        yield finding("versions", Severity.NOTE, f"{found} These refuse: {', '.join(odd)}.", versions=answering)
    else:
        yield finding("versions", Severity.OK, found, versions=answering)
    wanted = case.target.version
    if wanted and wanted.lower() not in answering:
        yield finding(
            "versions",
            Severity.ERROR,
            f"The URL names {wanted}, which this endpoint does not answer.",
            "Every call with it is answered 404.",
            f"Use {case.version}.",
        )


def ask(
    case: Case, method: str, path: str, params: dict[str, str] | None = None, *, with_key: bool = True
) -> HttpAnswer:
    """Make a call.

    Raises:
        Stop: there was no response, although there were responses to earlier calls.
    """
    try:
        return case.client.call(method, path, params=params, with_key=with_key)
    except Trouble as trouble:
        raise Stop(f"the endpoint stopped answering ({trouble.kind}: {trouble.reason})") from trouble
