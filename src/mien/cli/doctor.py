"""`mien doctor`: says why calls of a Face endpoint fail, Azure's or Mien's, and explains pasted errors."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli._face_service import ENDPOINT_VARIABLE, KEY_VARIABLES
from mien.contract.limits import FACE_ID_SECONDS

if TYPE_CHECKING:
    from mien.doctor import Options, Report


def command(
    url: Annotated[
        str | None,
        typer.Argument(help=f"The endpoint, as configured in the application. (default: {ENDPOINT_VARIABLE})"),
    ] = None,
    *,
    key_env: Annotated[
        str | None, typer.Option(help=f"Variable that holds the key. (default: {', else '.join(KEY_VARIABLES)})")
    ] = None,
    explain: Annotated[
        str | None,
        typer.Option(help='Explain an error offline: a file, "-" for standard input, or "clipboard".'),
    ] = None,
    recognition_model: Annotated[str | None, typer.Option(help="The model that the application uses.")] = None,
    face_id: Annotated[list[str] | None, typer.Option(help="A face id to look for; may be repeated.")] = None,
    detected_at: Annotated[
        datetime | None, typer.Option(help="When the face ids were created (UTC), to compute when they expire.")
    ] = None,
    face_id_ttl: Annotated[
        int, typer.Option(help="The faceIdTimeToLive that they were created with.")
    ] = FACE_ID_SECONDS[1],
    private_endpoint: Annotated[
        bool, typer.Option("--private-endpoint", help="The resource should be reached by a private endpoint.")
    ] = False,
    key_in_query: Annotated[
        bool,
        typer.Option(
            "--key-in-query",
            help="If the key is refused, send it in a URL once, to learn whether a proxy strips the header. "
            "URLs end up in logs: regenerate the key afterwards.",
        ),
    ] = False,
    samples: Annotated[int, typer.Option(help="Number of calls to measure latency with.", min=0, max=1000)] = 10,
    most_groups: Annotated[int, typer.Option(help="Collections whose training is checked.", min=0)] = 50,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for an answer.", min=0.1)] = 10.0,
    patience: Annotated[float, typer.Option(help="Seconds to wait at most when a call meets the rate limit.")] = 5.0,
    cacert: Annotated[
        Path | None, typer.Option(help="A certificate authority to trust, as for curl.", exists=True, dir_okay=False)
    ] = None,
    packages: Annotated[
        list[Path] | None, typer.Option(help="A site-packages folder to look for SDKs in, besides this environment's.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Explain why calls to a Face endpoint fail: Azure's, Mien's, or a proxy in between.

    Uses only public calls, creates and changes nothing, and never prints a key. The exit status is 0 when nothing is
    wrong, 1 for warnings, 3 for errors, and 2 for wrong usage.
    """
    from mien.doctor import Options

    if explain is not None:
        if url is not None:
            raise typer.BadParameter("takes no URL: it works offline", param_hint="--explain")
        _finish(_explained(explain, as_json=as_json), as_json=as_json, explained=True)
    where = url or next((value for name in (ENDPOINT_VARIABLE,) if (value := os.environ.get(name))), None)
    if where is None:
        raise typer.BadParameter(f"give the endpoint's URL, or set {ENDPOINT_VARIABLE}", param_hint="URL")
    variable = key_env or next((name for name in KEY_VARIABLES if name in os.environ), KEY_VARIABLES[0])
    options = Options(
        where,
        key=os.environ.get(variable),
        key_source=f"the variable {variable}",
        authority=cacert,
        seconds=timeout,
        patience=patience,
        samples=samples,
        recognition_model=recognition_model,
        face_ids=tuple(face_id or ()),
        detected_at=detected_at.replace(tzinfo=detected_at.tzinfo or UTC) if detected_at else None,
        face_id_seconds=face_id_ttl,
        private_endpoint=private_endpoint,
        key_in_query=key_in_query,
        most_groups=most_groups,
        packages=(*(packages or ()), *_environment()),
        project=Path.cwd(),
    )
    _finish(_examined(options, as_json=as_json), as_json=as_json)


def _environment() -> list[Path]:
    """Return the packages of an activated environment that is not the one that runs this."""
    active = os.environ.get("VIRTUAL_ENV")
    if not active or Path(active).resolve() == Path(sys.prefix).resolve():
        return []
    return [*Path(active).glob("lib/python*/site-packages"), *Path(active).glob("Lib/site-packages")]


def _examined(options: Options, *, as_json: bool) -> Report:
    from rich.console import Console

    from mien.cli._findings import print_finding
    from mien.doctor import Finding, examine

    console = Console(highlight=False)

    def show(found: Finding) -> None:
        if not as_json:
            print_finding(console, found)

    try:
        return examine(options, show)
    except OSError as error:
        raise typer.BadParameter(f"cannot be read: {error}", param_hint="--cacert") from error


def _explained(source: str, *, as_json: bool) -> Report:
    from rich.console import Console

    from mien.cli._findings import print_finding
    from mien.doctor.explain import ClipboardError, explain, read_clipboard

    try:
        if source == "clipboard":
            name, raw = "the clipboard", read_clipboard()
        elif source == "-":
            name, raw = "standard input", sys.stdin.buffer.read()
        else:
            name, raw = source, Path(source).read_bytes()
    except (OSError, ClipboardError) as error:
        raise typer.BadParameter(str(error), param_hint="--explain") from error
    report = explain(raw, name)
    if not as_json:
        console = Console(highlight=False)
        for found in report.findings:
            print_finding(console, found)
    return report


def _finish(report: Report, *, as_json: bool, explained: bool = False) -> None:
    from rich.console import Console

    from mien.cli._findings import print_verdict

    if as_json:
        typer.echo(json.dumps(report.as_json(), indent=1, ensure_ascii=False))
    else:
        print_verdict(Console(highlight=False), report, explained=explained)
    raise typer.Exit(report.exit_status)
