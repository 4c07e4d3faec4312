"""Envelope encryption: a master key wraps data keys, and a data key of the resource encrypts stored data.

AES-256-GCM throughout (NIST SP 800-38D), with random 96-bit nonces: a data key is replaced after 30 days, long before
the 2^32 messages at which random nonces stop being safe. The associated data of an encrypted value names the kind and
the owner, so that a ciphertext that is moved to another row or resource cannot be decrypted.

An encrypted value is: version (1 byte, = 1), data key id (4 bytes, big endian), nonce (12), ciphertext and tag (n +
16).
"""

from __future__ import annotations

import hmac
import os
import secrets
import struct
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import select

from mien.clock import Clock
from mien.storage.database import EVERY_RESOURCE, Database
from mien.storage.faults import StorageFault, StorageFaultError
from mien.storage.tables import DataKeyRow

_HEADER: Final = struct.Struct(">BI12s")
_VERSION: Final = 1
_SEAL: Final = "seal"
_LOOKUP: Final = "lookup"
_DATA_KEYS: Final = "data_keys"  # the lock that rewrapping and adding take
DATA_KEY_AGE: Final = timedelta(days=30)
KEY_FILE: Final = "master.key"
"""Name of the master key's file, in the data folder and in backups."""


class CryptoError(Exception):
    """An encrypted value cannot be decrypted: it was changed, moved, or encrypted under another master key."""


class MasterKeyError(Exception):
    """The master key is missing, malformed, or not the one that the database was created with."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """The key that wraps the data keys.

    Attributes:
        secret: 32 bytes.
        name: 16 hexadecimal characters that identify the master key and reveal nothing.
    """

    secret: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """A one-way name of the key, stored next to what it wraps."""
        return hmac.digest(self.secret, b"mien master key name", "sha256").hex()[:16]

    @classmethod
    def from_hex(cls, text: str) -> MasterKey:
        """Read a key from 64 hexadecimal characters.

        Raises:
            MasterKeyError: it has another form.
        """
        try:
            secret = bytes.fromhex(text.strip())
        except ValueError:
            secret = b""
        if len(secret) != 32:
            raise MasterKeyError("a master key is 32 bytes, written as 64 hexadecimal characters")
        return cls(secret)


def load_master_key(data_dir: Path, *, given: str | None = None, file: Path | None = None) -> MasterKey:
    """Return the master key: the given one, or that of `file`, or `data_dir/master.key`, created if it is missing.

    Args:
        data_dir: the server's folder.
        given: 64 hexadecimal characters.
        file: a file with them; it must exist.

    Raises:
        MasterKeyError: the key is malformed, or `file` cannot be read.
    """
    if given is not None:
        return MasterKey.from_hex(given)
    path = file or data_dir / KEY_FILE
    if file is None and not path.exists():
        _create_key_file(path)
    try:
        return MasterKey.from_hex(path.read_text("ascii"))
    except (OSError, UnicodeDecodeError) as error:
        raise MasterKeyError(f"cannot read the master key from {path}: {error}") from error


def _create_key_file(path: Path) -> None:
    """Create a key file that appears complete or not at all; the first of several processes wins."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        out.write(secrets.token_hex(32) + "\n")
        out.flush()
        os.fsync(out.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was first: its key is the one
    finally:
        draft.unlink()


@dataclass(frozen=True, slots=True)
class _DataKey:
    id: int
    resource_id: UUID | None
    cipher: AESGCM = field(repr=False)
    made: float


class Vault:
    """Encrypts and decrypts stored data, with the data keys of its resource.

    Args:
        database: the database with the wrapped data keys; its tables must exist.
        master: the key that wraps them.
        clock: the clock.

    Raises:
        MasterKeyError: the database has data keys that another master key wrapped.
    """

    def __init__(self, database: Database, master: MasterKey, clock: Clock) -> None:
        self._database = database
        self._master = master
        self._clock = clock
        self._lock = threading.Lock()
        self._by_id: dict[int, _DataKey] = {}
        self._newest: dict[UUID | None, _DataKey] = {}
        self._check_master()
        self._lookup_secret = self._load_lookup_secret()

    @staticmethod
    def was_used(database: Database) -> bool:
        """Return whether a database has data keys, which only the master key that wrapped them decrypts."""
        with database.read(EVERY_RESOURCE) as session:
            return session.scalar(select(DataKeyRow.id).limit(1)) is not None

    def seal(self, plain: bytes, *, resource_id: UUID | None, what: str) -> bytes:
        """Encrypt `plain` for a resource (None: for the service itself).

        Encrypt before you open a writing session: the first value of a resource writes its data key in a separate
        transaction, which would wait for yours.

        Args:
            plain: the bytes to keep secret.
            resource_id: id of the resource that owns it.
            what: the row and column of the value, e.g. `"detected_faces/<id>"`; decryption needs the same.
        """
        key = self._newest.get(resource_id)
        if key is None or self._clock.now().timestamp() - key.made > DATA_KEY_AGE.total_seconds():
            key = self._sealing_key(resource_id)
        nonce = os.urandom(12)
        header = _HEADER.pack(_VERSION, key.id, nonce)
        return header + key.cipher.encrypt(nonce, plain, _associated(resource_id, what))

    def open(self, sealed: bytes, *, resource_id: UUID | None, what: str) -> bytes:
        """Decrypt the output of `seal` for the same resource and the same `what`.

        Raises:
            CryptoError: it was changed, moved from another row, or its data key is gone.
            StorageFaultError: its data key is not in memory, and another master key wraps it since this server started.
        """
        try:
            version, key_id, nonce = _HEADER.unpack_from(sealed)
        except struct.error as error:
            raise CryptoError("a sealed value is cut short") from error
        key = self._by_id.get(key_id) or self._load_key(key_id)
        if version != _VERSION or key is None or key.resource_id != resource_id:
            raise CryptoError("a sealed value is of an unknown version or of a key that is not this resource's")
        try:
            return key.cipher.decrypt(nonce, sealed[_HEADER.size :], _associated(resource_id, what))
        except InvalidTag as error:
            raise CryptoError("a sealed value was changed or moved") from error

    def keyed_hash(self, text: str) -> bytes:
        """Return the 32 bytes by which a secret is found: HMAC-SHA256 under a secret of this database."""
        return hmac.digest(self._lookup_secret, text.encode("utf-8", "surrogatepass"), "sha256")

    def subject_mark(self, some_id: str) -> str:
        """Return what stands for the id of a person in the audit log: it is meaningless once the id is deleted."""
        return self.keyed_hash(f"subject/{some_id}").hex()[:16]

    def derived_key(self, purpose: str) -> bytes:
        """Return a key of 32 bytes for one purpose of the service itself; the same as long as the database lives."""
        return hmac.digest(self._lookup_secret, f"mien derived key|{purpose}".encode(), "sha256")

    def forget(self, resource_id: UUID) -> None:
        """Drop a resource's data keys from memory, after it was deleted."""
        with self._lock:
            self._newest.pop(resource_id, None)
            self._by_id = {number: key for number, key in self._by_id.items() if key.resource_id != resource_id}

    def owners(self) -> set[UUID]:
        """Return the resources whose data keys are in memory."""
        with self._lock:
            return {key.resource_id for key in list(self._by_id.values()) if key.resource_id}

    def rewrap(self, new_master: MasterKey) -> int:
        """Wrap every data key under another master key, all or none; the encrypted data does not change.

        Returns:
            The number of rewrapped data keys.
        """
        with self._lock, self._database.write(EVERY_RESOURCE) as session:
            self._database.lock(session, _DATA_KEYS)
            rows = session.scalars(select(DataKeyRow).with_for_update()).all()
            for row in rows:
                secret = self._unwrap(row)
                row.wrapped = _wrap(new_master, secret, row.resource_id, row.purpose)
                row.master = new_master.name
        self._master = new_master
        return len(rows)

    def _check_master(self) -> None:
        with self._database.read(EVERY_RESOURCE) as session:
            names = set(session.scalars(select(DataKeyRow.master).distinct()))
        if names - {self._master.name}:
            raise MasterKeyError(
                "the database was made with another master key; put that key back (MIEN_MASTER_KEY, "
                "MIEN_MASTER_KEY_FILE or master.key in the data folder): without it what is stored cannot be read"
            )

    def _load_lookup_secret(self) -> bytes:
        with self._database.read(EVERY_RESOURCE) as session:
            row = session.scalar(select(DataKeyRow).where(DataKeyRow.purpose == _LOOKUP))
        if row is None:
            row = self._create_key(None, _LOOKUP)
        return self._unwrap(row)

    def _sealing_key(self, resource_id: UUID | None) -> _DataKey:
        with self._lock:
            with self._database.read(EVERY_RESOURCE) as session:
                row = session.scalar(
                    select(DataKeyRow)
                    .where(DataKeyRow.purpose == _SEAL, DataKeyRow.resource_id == resource_id)
                    .order_by(DataKeyRow.id.desc())
                    .limit(1)
                )
            if row is None or self._clock.now() - row.created_at > DATA_KEY_AGE:
                row = self._create_key(resource_id, _SEAL)
            key = self._remember(row)
            self._newest[resource_id] = key
            return key

    def _load_key(self, key_id: int) -> _DataKey | None:
        with self._database.read(EVERY_RESOURCE) as session:
            row = session.get(DataKeyRow, key_id)
        return None if row is None or row.purpose != _SEAL else self._remember(row)

    def _remember(self, row: DataKeyRow) -> _DataKey:
        key = _DataKey(row.id, row.resource_id, AESGCM(self._unwrap(row)), row.created_at.timestamp())
        self._by_id[key.id] = key
        return key

    def _create_key(self, resource_id: UUID | None, purpose: str) -> DataKeyRow:
        """Insert a data key, unless another process has just inserted one of the kind of which there is but one.

        Raises:
            StorageFaultError: the master key was replaced since this server started. A data key that the old one wraps
                beside those of the new one would leave a database that no key opens.
        """
        secret = AESGCM.generate_key(256)
        with self._database.write(EVERY_RESOURCE) as session:
            self._database.lock(session, _DATA_KEYS)
            if set(session.scalars(select(DataKeyRow.master).distinct())) - {self._master.name}:
                raise StorageFaultError(StorageFault.KEY)
            if purpose == _LOOKUP and (row := session.scalar(select(DataKeyRow).where(DataKeyRow.purpose == _LOOKUP))):
                return row
            row = DataKeyRow(
                resource_id=resource_id,
                purpose=purpose,
                master=self._master.name,
                wrapped=_wrap(self._master, secret, resource_id, purpose),
                created_at=self._clock.now(),
            )
            session.add(row)
        return row

    def _unwrap(self, row: DataKeyRow) -> bytes:
        nonce, wrapped = row.wrapped[:12], row.wrapped[12:]
        try:
            return AESGCM(self._master.secret).decrypt(nonce, wrapped, _wrapping_data(row.resource_id, row.purpose))
        except InvalidTag as error:
            if row.master != self._master.name:
                raise StorageFaultError(StorageFault.KEY) from error
            raise CryptoError("a data key was changed or wrapped by another master key") from error


def _wrap(master: MasterKey, secret: bytes, resource_id: UUID | None, purpose: str) -> bytes:
    nonce = os.urandom(12)
    return nonce + AESGCM(master.secret).encrypt(nonce, secret, _wrapping_data(resource_id, purpose))


def _wrapping_data(resource_id: UUID | None, purpose: str) -> bytes:
    return f"mien data key|{purpose}|{resource_id or ''}".encode()


def _associated(resource_id: UUID | None, what: str) -> bytes:
    return f"mien sealed|{resource_id or ''}|{what}".encode()
