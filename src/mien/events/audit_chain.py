"""The hash chain of the audit log, and its verification.

A hash covers the JSON array of sequence, time, actor, action, resource id, details and the previous hash. It is
HMAC-SHA-256 (`hmac-…`), so that the database's owner, who can drop its triggers, cannot compute a new chain.
Entries of earlier versions have a plain SHA-256 hash; no such entry may follow a keyed one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

Details = Mapping[str, str | int | float | bool | None]

FIRST: Final = "0" * 64
"""Value of `previous` in the first entry."""

KEYED: Final = "hmac-"
"""Prefix of keyed hashes."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An entry of the audit log.

    Attributes:
        sequence: 1, 2, 3 …, without gaps.
        at: time, UTC.
        actor: the actor, such as `cli:anna`, `admin:token`, `resource:front-desk`.
        action: the action, such as `key.regenerate`.
        resource_id: id of the resource, which may have been deleted; None if the entry is about the service.
        details: further details.
        previous: hash of the previous entry.
        hash: the entry's hash: `hmac-` and 43 characters, or 64 hexadecimal digits in entries of earlier versions.
    """

    sequence: int
    at: datetime
    actor: str
    action: str
    resource_id: UUID | None
    details: Details
    previous: str
    hash: str

    @property
    def keyed(self) -> bool:
        """Whether the hash is keyed."""
        return self.hash.startswith(KEYED)

    def expected_hash(self, key: bytes | None) -> str:
        """Compute the hash of the entry's contents; without a key, the plain hash of earlier versions."""
        resource = None if self.resource_id is None else str(self.resource_id)
        covered = [self.sequence, _moment(self.at), self.actor, self.action, resource, self.details, self.previous]
        text = canonical(covered).encode("ascii")
        if key is None:
            return hashlib.sha256(text).hexdigest()
        return KEYED + base64.urlsafe_b64encode(hmac.digest(key, text, "sha256")).decode("ascii").rstrip("=")

    def to_json(self) -> str:
        """Return the entry as one line of JSON."""
        fields = {
            "sequence": self.sequence,
            "at": _moment(self.at),
            "actor": self.actor,
            "action": self.action,
            "resource_id": None if self.resource_id is None else str(self.resource_id),
            "details": dict(self.details),
            "previous": self.previous,
            "hash": self.hash,
        }
        return json.dumps(fields, ensure_ascii=True)

    @classmethod
    def from_json(cls, line: str) -> AuditEntry:
        """Parse an exported line.

        Raises:
            ValueError: it is not an entry.
        """
        try:
            fields = json.loads(line)
            resource = fields["resource_id"]
            return cls(
                int(fields["sequence"]),
                datetime.fromisoformat(fields["at"]),
                str(fields["actor"]),
                str(fields["action"]),
                None if resource is None else UUID(resource),
                dict(fields["details"]),
                str(fields["previous"]),
                str(fields["hash"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not an audit entry: {error!r}") from error


@dataclass(frozen=True, slots=True)
class ChainVerification:
    """The result of verifying the whole chain.

    Attributes:
        entries: number of valid entries before the first invalid one.
        head: hash of the last valid entry.
        broken: sequence of the first invalid entry; None if all are valid.
        reason: why that entry is invalid.
        keyed_from: sequence of the first entry with a keyed hash; None if there is none.
        unchecked: number of keyed entries whose hash could not be checked without the key.
    """

    entries: int
    head: str
    broken: int | None = None
    reason: str | None = None
    keyed_from: int | None = None
    unchecked: int = 0


def verify_entries(
    entries: Iterable[AuditEntry],
    *,
    known: tuple[int, str] | None = None,
    key: bytes | None = None,
    sealed: tuple[int, str] | None = None,
) -> ChainVerification:
    """Verify the chain of all entries; see `mien.events.audit.AuditLog.verify`.

    Args:
        entries: all entries of a log, in order.
        known: sequence and hash of an entry, stored elsewhere, that the log must contain.
        key: key of the hashes (`AuditLog.key`); without it, only the order of keyed entries is checked.
        sealed: sequence and hash of the last entry according to the seal.
    """
    so_far = ChainVerification(0, FIRST)
    for entry in entries:
        number = so_far.entries + 1
        reason = _fault(entry, number, so_far.head, known) or _hash_fault(entry, so_far, key)
        if reason is None and sealed is not None and sealed[0] == number and sealed[1] != entry.hash:
            reason = "its hash is not the one that was sealed"
        if reason is not None:
            return replace(so_far, broken=number, reason=reason)
        so_far = replace(
            so_far,
            entries=number,
            head=entry.hash,
            keyed_from=so_far.keyed_from or (number if entry.keyed else None),
            unchecked=so_far.unchecked + (entry.keyed and key is None),
        )
    least = max((one[0] for one in (known, sealed) if one is not None), default=0)
    if so_far.entries < least:
        return replace(so_far, broken=so_far.entries + 1, reason="the last entries are missing")
    return so_far


def _hash_fault(entry: AuditEntry, before: ChainVerification, key: bytes | None) -> str | None:
    if not entry.keyed and before.keyed_from is not None:
        return "it was not written with the key, as entries before it were"
    if entry.keyed and key is None:
        return None
    if not hmac.compare_digest(entry.hash.encode(), entry.expected_hash(key if entry.keyed else None).encode()):
        return "its contents do not have its hash"
    return None


def _fault(entry: AuditEntry, sequence: int, head: str, known: tuple[int, str] | None) -> str | None:
    if entry.sequence != sequence:
        return f"entry {sequence} is missing"
    if entry.previous != head:
        return "it does not follow the entry before it"
    if known is not None and known[0] == sequence and known[1] != entry.hash:
        return "its hash is not the one that was noted"
    return None


def seal(key: bytes, sequence: int, head: str) -> bytes:
    """Return the seal of the log's end: a keyed hash of the last sequence and hash."""
    return hmac.digest(key, f"head|{sequence}|{head}".encode("ascii"), "sha256")


def canonical(value: object) -> str:
    """Return a value as canonical JSON, the form that is hashed."""
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
