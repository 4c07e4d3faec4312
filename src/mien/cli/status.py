"""`mien status`: what fails, waits, fires or is out of date on a server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.cli._control_plane import CaFile, Management, Token, control_plane

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import JsonValue


def command(
    management: Management = None,
    token: Token = None,
    cacert: CaFile = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Look at this data folder, without a server. [MIEN_DATA_DIR]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show today's errors, pending approvals, alerts, untrained groups, disk, version and models of all resources.

    Exits with 0 if nothing needs attention, 1 if something does, 2 if the status is not available.
    """
    from mien.cli._administration import print_json

    if management is not None and data_dir is not None:
        raise typer.BadParameter("give either --management or --data-dir")
    if management is None and data_dir is None:
        management = os.environ.get("FACE_MANAGEMENT")
    try:
        found = _local(data_dir) if management is None else control_plane(management, token, cacert).get("status")
    except typer.Exit as left:
        raise typer.Exit(2 if left.exit_code else 0) from None
    if as_json:
        print_json(found)
    else:
        _print(found)
    if found["attention"]:
        raise typer.Exit(1)


def _local(data_dir: Path | None) -> dict[str, Any]:
    from mien.cli._gallery import opened_faces
    from mien.console import open_glances
    from mien.management.v1.status import status_of
    from mien.models.bindings import read_bindings

    with opened_faces(data_dir) as faces:
        settings = faces.settings
        bindings = read_bindings(faces.store, settings.data_dir, settings.bindings())
        glances = open_glances(settings, faces.services, faces.gallery, bindings)
        return status_of(glances).model_dump(by_alias=True, mode="json")


def _print(found: dict[str, Any]) -> None:
    from mien.cli._administration import print_facts, print_table

    disk: JsonValue = None
    if found["diskFree"] is not None:
        disk = f"{_gigabytes(found['diskFree'])} free of {_gigabytes(found['diskTotal'])}"
    alerts = _alerts(found["alertsFiring"], found["alertsUndelivered"])
    models = ", ".join(f"{label} {pack}" for label, pack in sorted(found["models"].items()))
    print_facts(
        [("version", found["version"]), ("models", models), ("disk", disk), ("alerts of all resources", alerts)]
    )
    typer.echo()
    print_table(
        ("resource", "state", "calls today", "errors", "approvals waiting", "alerts", "stale groups", "faces"),
        [
            (
                one["name"],
                "blocked" if one["blocked"] else "running",
                f"{one['calls']:,}",
                f"{one['errors']:,} ({one['errorRate']:.0%})" if one["errors"] else "0",
                one["approvalsWaiting"],
                _alerts(one["alertsFiring"], one["alertsUndelivered"]),
                one["staleGroups"],
                f"{one['faces']:,}",
            )
            for one in found["resources"]
        ],
    )
    typer.echo("\nSomething needs attention:" if found["attention"] else "\nNothing needs attention.")
    for reason in _reasons(found):
        typer.echo(f"- {reason}")


def _reasons(found: dict[str, Any]) -> Iterator[str]:
    """Yield what needs attention, and where to look at it."""
    from mien.management.glance import LITTLE_SPACE, MANY_ERRORS

    if found["diskFree"] is not None and found["diskFree"] < LITTLE_SPACE * (found["diskTotal"] or 0):
        yield f"less than {LITTLE_SPACE:.0%} of the disk is free"
    for name, one in (("all resources", found), *((one["name"], one) for one in found["resources"])):
        if one["alertsFiring"] or one["alertsUndelivered"]:
            yield f"{name}: alerts {_alerts(one['alertsFiring'], one['alertsUndelivered'])} (mien alert list)"
    for one in found["resources"]:
        if one["errorRate"] >= MANY_ERRORS:
            yield f"{one['name']}: {one['errorRate']:.0%} of today's calls failed (Failed calls in the portal says why)"
        if one["approvalsWaiting"]:
            yield f"{one['name']}: approvals waiting: {one['approvalsWaiting']} (mien access list)"
        if one["staleGroups"]:
            yield f"{one['name']}: groups that changed since their training: {one['staleGroups']} (train them again)"


def _alerts(firing: int, undelivered: int) -> str:
    told = [f"{firing} firing"] if firing else []
    told += [f"{undelivered} reached nobody"] if undelivered else []
    return ", ".join(told) or "quiet"


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB"
