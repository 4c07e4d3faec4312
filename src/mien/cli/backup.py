"""`mien backup`: one file with all that a server must not lose, checked by bringing it back."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from mien.cli._administration import As, AsJson, DataDir, actor, fail, opened_by_settings, print_json
from mien.cli._passphrase import PassphraseFile, read_passphrase


def command(
    file: Annotated[Path, typer.Argument(help="File to write; must not exist.")],
    *,
    with_key: Annotated[
        bool, typer.Option("--with-key", help="Include the master key; the backup is then encrypted.")
    ] = False,
    encrypt: Annotated[bool, typer.Option("--encrypt", help="Encrypt the backup with a passphrase.")] = False,
    passphrase_file: PassphraseFile = None,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Back up the database while servers run, and check the backup by restoring it to a temporary folder.

    Without --with-key, keep the master key separately: nothing in the backup can be decrypted without it. The
    passphrase is read from the terminal or from --passphrase-file.
    """
    from mien.events.audit import AuditLog
    from mien.storage import Database, Vault
    from mien.storage.backups import BackupError, make_backup, read_backup, restore_database, working_folder
    from mien.storage.crypto import load_master_key

    passphrase = read_passphrase(passphrase_file, confirm=True) if encrypt or with_key or passphrase_file else None
    with opened_by_settings(data_dir, BackupError, ValueError) as (settings, services):
        master = load_master_key(settings.data_dir, given=settings.master_key_text, file=settings.master_key_file)
        services.audit.record(
            actor=actor(as_name),
            action="backup.create",
            resource_id=None,
            details={"with_key": with_key, "encrypted": passphrase is not None},
        )
        made = make_backup(
            services.database,
            master,
            file,
            now=services.clock.now(),
            version=version("mien"),
            passphrase=passphrase,
            with_key=with_key,
        )
        restored = False
        try:
            with working_folder(file.absolute().parent) as folder:
                read_backup(file, folder, passphrase, with_key=False)
                if services.database.is_sqlite:
                    url = f"sqlite:///{folder / 'restored.db'}"
                    restore_database(made, folder, url)
                    copy = Database(url)
                    try:
                        log = AuditLog(copy, services.clock, Vault(copy, master, services.clock))
                        found = log.verify()
                    finally:
                        copy.close()
                    if found.broken is not None:
                        fail(f"the backup was written; its audit log is broken at {found.broken}: {found.reason}")
                    restored = True
        except BackupError:
            file.unlink(missing_ok=True)
            raise
    size = file.stat().st_size
    if as_json:
        print_json(
            {
                "file": str(file),
                "bytes": size,
                "encrypted": passphrase is not None,
                "master_key": made.has_key,
                "engine": made.engine,
                "restored": restored,
            }
        )
        return
    typer.echo(f"{file}: {size / 1e6:.1f} MB, {'encrypted' if passphrase else 'not encrypted as a whole'}")
    if restored:
        typer.echo("Checked: restored to a temporary folder, opened with the master key, audit log unbroken.")
    else:
        typer.echo("Checked: every file can be read; a PostgreSQL dump is restored by `mien restore` only.")
    if not made.has_key:
        typer.echo("The master key is not in it: keep a copy of it in another place.")
