"""`mien master-key`: the key that wraps the keys of everything stored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mien.cli._administration import As, AsJson, actor, print_json

app = typer.Typer(help="Replace the master key, which encrypts all stored data.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Replace the master key, which encrypts all stored data."""


@app.command("rotate")
def rotate(
    to: Annotated[
        Path | None,
        typer.Option(help="Write the new key to this file, which must not exist, instead of the data folder."),
    ] = None,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder of the database and the master key. [MIEN_DATA_DIR]")
    ] = None,
) -> None:
    """Create a new master key and rewrap every data key with it; encrypted data does not change.

    Stop the servers first, or restart them after: they keep the old key in memory. If the key comes from
    MIEN_MASTER_KEY or MIEN_MASTER_KEY_FILE, give --to, and replace it there by the new one afterwards.
    """
    from mien.logs import configure_logs
    from mien.services import open_services
    from mien.settings import Settings
    from mien.storage.crypto import KEY_FILE, MasterKeyError
    from mien.storage.migrations import MigrationError
    from mien.storage.rotation import rotate_master_key, rotate_to

    settings = Settings(data_dir=data_dir.absolute()) if data_dir else Settings()
    configure_logs("warning", settings.log_format)
    if settings.master_key_is_elsewhere and to is None:
        typer.echo(
            "mien: the master key comes from MIEN_MASTER_KEY or MIEN_MASTER_KEY_FILE: "
            "name a file for the new one with --to",
            err=True,
        )
        raise typer.Exit(1)
    if to is not None and not settings.master_key_is_elsewhere:
        typer.echo(f"mien: the master key is in {settings.data_dir} and is replaced there: leave out --to", err=True)
        raise typer.Exit(1)
    try:
        services = open_services(settings)
    except (MasterKeyError, MigrationError, OSError) as error:
        typer.echo(f"mien: {error}", err=True)
        raise typer.Exit(1) from None
    try:
        wrapped = rotate_to(services.vault, to) if to else rotate_master_key(services.vault, settings.data_dir)
    except OSError as error:
        services.close()
        typer.echo(f"mien: the new key cannot be written: {error}", err=True)
        raise typer.Exit(1) from None
    services.audit.record(
        actor=actor(as_name), action="master_key.rotate", resource_id=None, details={"data_keys": wrapped}
    )
    services.close()
    path = to or settings.data_dir / KEY_FILE
    if as_json:
        print_json({"data_keys": wrapped, "file": str(path)})
    else:
        typer.echo(f"{wrapped} data keys are wrapped by a new master key, in {path}")
        if to is not None:
            typer.echo("The old key is no longer valid: replace it with the new one, then restart the servers.")
