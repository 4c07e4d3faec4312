"""`mien serve`: the service itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from mien.settings import Settings


def command(
    host: Annotated[str | None, typer.Option(help="Address to listen on. (default: 127.0.0.1)")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free port. (default: 8080)")] = None,
    management_host: Annotated[
        str | None, typer.Option(help="Address that the control plane listens on. (default: 127.0.0.1)")
    ] = None,
    management_port: Annotated[
        int | None,
        typer.Option(help="Port of the control plane; 0 picks a free port. (default: the port after --port)"),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder of the database, keys and certificates. (default: ~/.local/share/mien)")
    ] = None,
    tls: Annotated[
        bool, typer.Option("--tls", help="Serve HTTPS with a certificate from a local authority, created if missing.")
    ] = False,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain (PEM) to serve HTTPS with.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Private key (PEM) of --tls-cert.")] = None,
    dev: Annotated[
        bool, typer.Option("--dev", help="Create a resource with everything approved if there is none; print its keys.")
    ] = False,
    ready_file: Annotated[
        Path | None,
        typer.Option(help="Write JSON (endpoint, key1, key2, management, admin_token, pid) to this file when ready."),
    ] = None,
) -> None:
    """Run the service until it is stopped (Ctrl-C or SIGTERM).

    All other settings are environment variables: see docs/settings.md.
    """
    from mien.cli._memory import without_collector

    with without_collector():
        from mien.cli._server import StartError, run
        from mien.logs import configure_logs
        from mien.settings import Settings

    options: dict[str, Any] = {
        "host": host,
        "port": port,
        "management_host": management_host,
        "management_port": management_port,
        "data_dir": data_dir.absolute() if data_dir else None,
        "tls": tls or None,
        "tls_cert": tls_cert,
        "tls_key": tls_key,
    }
    settings: Settings = Settings(**{name: value for name, value in options.items() if value is not None})
    configure_logs(_log_level(settings, dev=dev), settings.log_format)
    _report_unknown_variables()
    try:
        run(settings, dev=dev, ready_file=ready_file)
    except StartError as error:
        typer.echo(f"mien: {error}", err=True)
        raise typer.Exit(1) from None


def _log_level(settings: Settings, *, dev: bool) -> str:
    """Return the level of the log: of a developer's terminal, warnings only, unless the settings say otherwise.

    What else is logged at a start, such as the entries of the audit log, would bury the keys and the first call.
    """
    import sys

    people = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    return "warning" if dev and people and "log_level" not in settings.model_fields_set else settings.log_level


def _report_unknown_variables() -> None:
    """Log a warning for each variable that looks like a setting and is none; its value may be a secret."""
    import os

    import structlog

    from mien.cli._variables import OF_COMMANDS
    from mien.settings import Settings
    from mien.settings.unknown import unknown_variables

    log = structlog.get_logger(__name__)
    for variable, closest in unknown_variables(os.environ, Settings.model_fields):
        if variable.upper() in OF_COMMANDS:
            continue
        hint = f"did you mean {closest}?" if closest else "docs/settings.md lists the settings"
        log.warning("an environment variable is not a setting and is ignored", variable=variable, hint=hint)
