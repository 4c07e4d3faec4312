"""`mien restore`: bring a backup back into an empty data folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mien.cli._administration import As, AsJson, DataDir, actor, fail, opened_by_settings, print_json
from mien.cli._passphrase import PassphraseFile, read_passphrase


def command(
    file: Annotated[Path, typer.Argument(help="File that `mien backup` wrote.", exists=True, dir_okay=False)],
    *,
    key: Annotated[
        Path | None,
        typer.Option(help="File of the master key, for a backup without it.", exists=True, dir_okay=False),
    ] = None,
    passphrase_file: PassphraseFile = None,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Restore a backup to a data folder without a database, or to an empty PostgreSQL database (MIEN_DATABASE_URL)."""
    from mien.settings import Settings
    from mien.storage.backups import BackupError, read_backup, restore_database, restore_key, working_folder
    from mien.storage.crypto import MasterKey, MasterKeyError, load_master_key
    from mien.storage.sealed_files import is_sealed

    settings = Settings(data_dir=data_dir.absolute()) if data_dir else Settings()
    with file.open("rb") as stream:
        sealed = is_sealed(stream)
    passphrase = read_passphrase(passphrase_file, confirm=False) if sealed else None
    own = settings.data_dir / "master.key"
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        with working_folder(settings.data_dir) as folder:
            manifest = read_backup(file, folder, passphrase)
            if settings.master_key is not None or settings.master_key_file is not None:
                given = settings.master_key.get_secret_value() if settings.master_key else None
                master = load_master_key(settings.data_dir, given=given, file=settings.master_key_file)
            elif key is not None:
                master = MasterKey.from_hex(key.read_text("ascii"))
                (folder / "master.key").write_text(master.secret.hex() + "\n", "ascii")
            elif manifest.has_key:
                master = MasterKey.from_hex((folder / "master.key").read_text("ascii"))
            elif own.exists():
                master = load_master_key(settings.data_dir)
            else:
                raise BackupError("the backup has no master key: give its file with --key, or copy it to " + str(own))
            if master.name != manifest.master_key:
                raise BackupError("this is not the master key that the backup was made with")
            if settings.master_key is None and settings.master_key_file is None and (folder / "master.key").exists():
                restore_key(folder, own)
            restore_database(manifest, folder, str(settings.sqlalchemy_url))
    except (BackupError, MasterKeyError, OSError, UnicodeDecodeError) as error:
        fail(str(error))
    with opened_by_settings(data_dir) as (_, services):
        found = services.audit.verify()
        if found.broken is not None:
            fail(f"the backup was restored, but its audit log is broken: entry {found.broken}: {found.reason}")
        services.audit.record(
            actor=actor(as_name),
            action="backup.restore",
            resource_id=None,
            details={"made_at": manifest.made_at, "version": manifest.version},
        )
        names = [resource.name for resource in services.accounts.resources()]
    if as_json:
        print_json({"made_at": manifest.made_at, "data_dir": str(settings.data_dir), "resources": names})
        return
    typer.echo(f"restored the backup of {manifest.made_at} to {settings.data_dir}; audit log unbroken")
    typer.echo(f"resources: {', '.join(names) or 'none'}")
    typer.echo("Trained indexes are rebuilt when the server starts.")
