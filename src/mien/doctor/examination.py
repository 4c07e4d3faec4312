"""Runs all checks in order, until one ends the examination."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx

from mien.doctor.access import check_key, check_versions
from mien.doctor.address import examine_url
from mien.doctor.case import Case, Stop
from mien.doctor.client import EndpointClient, LimitReached
from mien.doctor.connection import check_connection
from mien.doctor.detection import (
    check_attributes,
    check_detect,
    check_features,
    check_latency,
    check_rate_limit,
)
from mien.doctor.enrolled import check_collections, check_face_ids
from mien.doctor.findings import Finding, Report, Severity
from mien.doctor.keyform import examine_key
from mien.doctor.network import (
    Resolved,
    check_name,
    check_private_endpoint,
    check_proxy,
    proxy_for,
    proxy_settings,
    resolve,
)
from mien.doctor.options import Options
from mien.doctor.redaction import Redactor, secrets_of
from mien.doctor.sdks import check_sdks, installed

Resolve = Callable[[str, int, float], Resolved]
Listener = Callable[[Finding], None]


def examine(options: Options, on_finding: Listener | None = None, resolver: Resolve = resolve) -> Report:
    """Examine an endpoint.

    Args:
        options: options of the examination.
        on_finding: called with every finding.
        resolver: resolves host names.

    Raises:
        OSError: the file with certificate authorities cannot be read.
    """
    return _Examination(options, on_finding, resolver).run()


def _unusable_proxy(error: Exception) -> Finding:
    secret = any("@" in value for value in proxy_settings().values())
    # The library's text may contain a part of the password.
    said = "" if secret else f": {error}"
    step = "Write HTTP_PROXY, HTTPS_PROXY and ALL_PROXY like http://proxy.example:3128"
    if secret:
        step += "; in user and password write @ : / ? # and blanks as %40 %3A %2F %3F %23 %20"
    means = "Python's HTTP libraries fail in the same way before they make a call."
    return Finding("proxy", Severity.ERROR, f"The proxy that is set cannot be used{said}.", means, step)


class _Examination:
    def __init__(self, options: Options, on_finding: Listener | None, resolver: Resolve) -> None:
        self._options = options
        self._on_finding = on_finding
        self._resolve = resolver
        urls = (options.url, *proxy_settings().values())
        hidden = [secret for url in urls for secret in secrets_of(url)]
        self._redactor = Redactor([*hidden, *([options.key] if options.key else [])])
        self._findings: list[Finding] = []
        self._case: Case | None = None
        self._subject = options.url

    def run(self) -> Report:
        stopped = None
        checks = self._checks()
        while True:
            try:
                self._add(next(checks))
            except StopIteration:
                break
            except Stop as stop:
                stopped = str(stop)
                break
            except LimitReached:
                stopped = "the rate limit is reached"
                break
        if stopped is not None:
            for found in self._checks_without_response():
                self._add(found)
        calls = 0
        if self._case is not None:
            calls = len(self._case.client.answers)
            self._case.client.close()
        told = None if stopped is None else self._redactor.text(stopped)
        return Report(self._redactor.text(self._subject), tuple(self._findings), told, calls)

    def _add(self, made: Finding) -> None:
        found = self._redactor.finding(made)
        self._findings.append(found)
        if self._on_finding is not None:
            self._on_finding(found)

    def _checks(self) -> Iterator[Finding]:
        """Run all checks; each uses the results of earlier ones."""
        options = self._options
        form = examine_url(options.url)
        yield from form.findings
        target = form.target
        if target is None:
            self._subject = options.url
            raise Stop("the URL cannot be used")
        self._subject = target.endpoint
        if not form.findings:
            yield Finding("url", Severity.OK, f"{target.endpoint} is well formed.")
        try:
            client = EndpointClient(
                target,
                seconds=options.seconds,
                authority=options.authority,
                patience=options.patience,
                interval=options.interval,
            )
        except (ValueError, ImportError, httpx.InvalidURL) as error:
            yield _unusable_proxy(error)
            raise Stop("the proxy's address cannot be used") from error
        self._case = case = Case(options, target, client)
        proxy = proxy_for(target)
        resolved = (
            Resolved() if target.address is not None else self._resolve(target.host, target.port, options.seconds)
        )
        yield from check_name(target, resolved, proxy)
        yield from check_private_endpoint(target, resolved, proxy, expected=options.private_endpoint)
        yield from check_proxy(target, proxy)
        yield from check_connection(case, proxy)
        key = examine_key(options.key, options.key_source)
        yield from key.findings
        if key.usable is None:
            raise Stop("there is no key to go on with")
        if not key.findings:
            yield Finding("key-form", Severity.OK, "The key has the form of one.")
        client.key = key.usable
        yield from check_key(case)
        yield from check_versions(case)
        yield from check_detect(case)
        yield from check_features(case)
        yield from check_attributes(case)
        yield from check_latency(case)
        yield from check_collections(case)
        yield from check_face_ids(case)
        yield from check_rate_limit(case)
        yield from check_sdks(installed(options.packages, options.project), case.versions)

    def _checks_without_response(self) -> Iterator[Finding]:
        """Run the checks that need no response, after the examination has ended."""
        if self._case is not None and self._case.client.waits:
            yield from check_rate_limit(self._case, stopped=True)
        answering = self._case.versions if self._case is not None else ()
        yield from check_sdks(installed(self._options.packages, self._options.project), answering)
