"""Finds installed SDKs and their API versions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from mien.doctor.azure import NEWEST_SDK, SDK_VERSIONS, SUCCESSORS
from mien.doctor.findings import Finding, Severity


@dataclass(frozen=True, slots=True)
class Sdk:
    """An installed SDK.

    Attributes:
        name: name of the package.
        version: version of the package.
        api: default API version; empty if unknown.
    """

    name: str
    version: str
    api: str


def installed(packages: Iterable[Path] = (), project: Path | None = None) -> list[Sdk]:
    """Return the Face SDKs in the running environment, in other package folders, and in `node_modules`.

    Args:
        packages: additional `site-packages` folders.
        project: folder whose `node_modules` is searched.
    """
    found: dict[tuple[str, str], Sdk] = {}
    for name in SDK_VERSIONS:
        found_here = [*distributions(name=name)]
        for folder in packages:
            found_here += distributions(name=name, path=[str(folder)])
        for one in found_here:
            found[name, one.version] = Sdk(name, one.version, api_version(name, one.version))
    for name in SDK_VERSIONS if project is not None else ():
        manifest = (project or Path()) / "node_modules" / name / "package.json"
        try:
            version = str(json.loads(manifest.read_text("utf-8"))["version"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        found[name, version] = Sdk(name, version, api_version(name, version))
    return list(found.values())


def api_version(name: str, version: str) -> str:
    """Return the default API version of a release; empty if unknown."""
    return next((api for release, api in SDK_VERSIONS.get(name, ()) if release in {"", version}), "")


def check_sdks(sdks: Iterable[Sdk], answering: Iterable[str]) -> Iterator[Finding]:
    """Check whether the endpoint supports the API versions of the SDKs, and whether the SDKs are out of date.

    Args:
        sdks: the installed SDKs.
        answering: API versions that the endpoint supports; empty if unknown.
    """
    known = tuple(answering)
    none = True
    for sdk in sdks:
        none = False
        details = {"package": sdk.name, "version": sdk.version, "api": sdk.api or None}
        speaks = f"which speaks {sdk.api}" if sdk.api else "whose API version is not known here"
        found = f"{sdk.name} {sdk.version} is installed, {speaks}."
        newest = NEWEST_SDK.get(sdk.name)
        if sdk.api and known and sdk.api not in known:
            means = f"This endpoint does not answer {sdk.api}: every call of the SDK is answered 404."
            step = f"Pass api_version={known[-1]!r} to the client, or install a release that speaks {known[-1]}."
            yield Finding("sdk", Severity.ERROR, found, means, step, details)
        elif sdk.name in SUCCESSORS:
            means = "It is retired: Azure gives it no fixes, and it knows neither liveness nor newer versions."
            yield Finding("sdk", Severity.NOTE, found, means, f"Move to {SUCCESSORS[sdk.name]}.", details)
        elif newest and sdk.version != newest and sdk.api:
            yield Finding("sdk", Severity.NOTE, found, f"{newest} is newer.", f"Install {newest}.", details)
        else:
            yield Finding("sdk", Severity.OK, found, "", "", details)
    if none:
        yield Finding("sdk", Severity.OK, "No Face SDK is installed in this environment.", "", "")
