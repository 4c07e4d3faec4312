"""`mien restore`: bring a backup back into an empty data folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli._administration import As, AsJson, DataDir, actor, fail, opened_by_settings, print_json
from mien.cli._passphrase import PassphraseFile, read_passphrase

if TYPE_CHECKING:
    from mien.settings import Settings
    from mien.storage.backups import BackupManifest
    from mien.storage.crypto import MasterKey


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
    from mien.storage.crypto import KEY_FILE, MasterKeyError
    from mien.storage.sealed_files import is_sealed

    settings = Settings(data_dir=data_dir.absolute()) if data_dir else Settings()
    with file.open("rb") as stream:
        sealed = is_sealed(stream)
    passphrase = read_passphrase(passphrase_file, confirm=False) if sealed else None
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        with working_folder(settings.data_dir) as folder:
            manifest = read_backup(file, folder, passphrase)
            if _master_key(settings, manifest, folder, key).name != manifest.master_key:
                raise BackupError("this is not the master key that the backup was made with")
            if not settings.master_key_is_elsewhere and (folder / KEY_FILE).exists():
                restore_key(folder, settings.data_dir / KEY_FILE)
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


def _master_key(settings: Settings, manifest: BackupManifest, folder: Path, given: Path | None) -> MasterKey:
    """Return the master key of the settings, or else the given one, that of the backup, or that of the data folder.

    Args:
        settings: the settings.
        manifest: contents of the backup.
        folder: files of the backup; a given key is written there, too.
        given: file of the given key.

    Raises:
        BackupError: there is no key.
        MasterKeyError: the key is malformed, or cannot be read.
        OSError, UnicodeDecodeError: the file of the key cannot be read, or is not ASCII.
    """
    from mien.storage.backups import BackupError
    from mien.storage.crypto import KEY_FILE, MasterKey, load_master_key

    own = settings.data_dir / KEY_FILE
    if settings.master_key_is_elsewhere:
        return load_master_key(settings.data_dir, given=settings.master_key_text, file=settings.master_key_file)
    if given is not None:
        master = MasterKey.from_hex(given.read_text("ascii"))
        (folder / KEY_FILE).write_text(master.secret.hex() + "\n", "ascii")
        return master
    if manifest.has_key:
        return MasterKey.from_hex((folder / KEY_FILE).read_text("ascii"))
    if own.exists():
        return load_master_key(settings.data_dir)
    raise BackupError(f"the backup has no master key: give its file with --key, or copy it to {own}")
