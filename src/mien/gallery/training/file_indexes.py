"""Trained indexes in files, for exact search in this process.

A collection's folder has one folder for each training. A new training creates a new folder, whose unchanged files are
hard links. Machines that share a database each have their own folder.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from uuid import UUID

from mien.search import TrainedIndexFiles
from mien.storage import Vault
from mien.storage.tables import CollectionRow


def key_name(uid: UUID) -> str:
    """Return the associated data of the encrypted key of a collection's files."""
    return f"collections/{uid}/snapshots"


class FileIndexes:
    """The trained indexes of all collections in files; an `IndexEngine`.

    Args:
        folder: the folder, shared by the processes of a server.
        vault: decrypts the files' keys.
    """

    rebuilds = True
    elsewhere = False
    may_miss = False

    def __init__(self, folder: Path, vault: Vault) -> None:
        self._folder = folder
        self._vault = vault

    @staticmethod
    def is_name(name: str) -> bool:
        """Whether a name belongs to an index in files; these names are hexadecimal."""
        return "-" not in name

    @staticmethod
    def fresh_name(fingerprint: str) -> str:
        """Return an unused name."""
        del fingerprint
        return secrets.token_hex(8)

    def store(self, row: CollectionRow, name: str, guard: object = None) -> TrainedIndexFiles:
        """Return the index of a collection under this name, which need not exist."""
        del guard  # each training has its own folder, which no server reads before the row contains its name
        key = self._vault.open(row.snapshot_key, resource_id=row.resource_id, what=key_name(row.uid))
        return TrainedIndexFiles(self.of(row.uid) / name, key)

    def branch(self, row: CollectionRow, old: str, new: str, guard: object = None) -> TrainedIndexFiles:
        """Start the index `new` with the content of `old`.

        Raises:
            TrainedIndexError: `old` is not usable.
        """
        del guard
        return self.store(row, old).branch(self.of(row.uid) / new)

    def tidy(self, uid: UUID, name: str | None) -> None:
        """Delete a collection's indexes except `name` (None: delete all, with the folder)."""
        if name is None:
            shutil.rmtree(self.of(uid), ignore_errors=True)
            return
        for path in self.outdated(uid, name):
            shutil.rmtree(path, ignore_errors=True)

    def prepare_tidy(self, uid: UUID, name: str) -> Callable[[], object]:
        """Return a function that deletes a collection's indexes except `name`."""
        return partial(self.tidy, uid, name)

    def outdated(self, uid: UUID, name: str | None) -> list[Path]:
        """Return the folders of a collection's indexes except `name`."""
        return [path for path in _paths(self.of(uid)) if path.is_dir() and path.name != name]

    def collections(self) -> Collection[UUID]:
        """Return the collections that have a folder here."""
        return {uid for path in _paths(self._folder) if (uid := _uid_of(path)) is not None}

    def of(self, uid: UUID) -> Path:
        """Return the folder of a collection."""
        return self._folder / uid.hex


def _paths(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _uid_of(path: Path) -> UUID | None:
    try:
        return UUID(hex=path.name)
    except ValueError:
        return None
