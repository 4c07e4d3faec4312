"""Replace the master key, so that a crash at any time leaves a key that decrypts the database."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from mien.clock import Clock
from mien.storage.crypto import KEY_FILE, MasterKey, MasterKeyError, Vault, load_master_key
from mien.storage.database import Database


def open_vault(
    database: Database, clock: Clock, data_dir: Path, *, given: str | None = None, file: Path | None = None
) -> Vault:
    """Open the vault with the master key of `load_master_key`; finish a rotation that was interrupted.

    Raises:
        MasterKeyError: the key is malformed, missing although the database was created with one, or another one.
    """
    own, following = data_dir / KEY_FILE, _following(data_dir)
    if given is None and file is None and not own.exists() and Vault.was_used(database):
        raise MasterKeyError(
            f"the master key {own} is missing, and nothing that was stored opens without it: restore the file, or "
            "name the key by MIEN_MASTER_KEY_FILE or MIEN_MASTER_KEY"
        )
    master = load_master_key(data_dir, given=given, file=file)
    try:
        return Vault(database, master, clock)
    except MasterKeyError:
        if given is not None or file is not None or not following.exists():
            raise
        vault = Vault(database, load_master_key(data_dir, file=following), clock)
        following.replace(own)
        return vault


def rotate_master_key(vault: Vault, data_dir: Path) -> int:
    """Create a new master key, wrap every data key with it, and replace `data_dir/master.key`.

    Other running processes keep the old key in memory: restart them.

    Returns:
        The number of rewrapped data keys.
    """
    following = _following(data_dir)
    following.unlink(missing_ok=True)  # of a rotation that stopped before it wrapped anything
    wrapped = rotate_to(vault, following)
    following.replace(data_dir / KEY_FILE)
    return wrapped


def rotate_to(vault: Vault, file: Path) -> int:
    """Make a new master key in a file of its own, and wrap every data key with it.

    The key is on the disk before anything is wrapped.

    Returns:
        The number of rewrapped data keys.

    Raises:
        FileExistsError: the file is there; it may hold a key that is in use.
        OSError: it cannot be written.
    """
    secret = secrets.token_hex(32)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        out.write(secret + "\n")
        out.flush()
        os.fsync(out.fileno())
    return vault.rewrap(MasterKey.from_hex(secret))


def _following(data_dir: Path) -> Path:
    return data_dir / "master.key.next"
