"""The audit log: append-only, each entry hashed together with the previous one, under a key of the vault.

A hash covers the JSON array of sequence, moment, actor, action, resource id, details and the previous hash. It is
HMAC-SHA-256 (`hmac-…`), so that the owner of the database, who can drop its triggers, cannot compute a chain anew. The
last entry's number and hash are sealed beside the log (`AuditHeadRow`), so that a cut end is noticed, too. Entries of
versions before have plain SHA-256; none may follow a keyed one.

Whoever can write the database *and* puts back an older copy of log and seal together is detected only by comparison
with a number and hash stored elsewhere, so every entry also goes to the service's log.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import event, or_, select
from sqlalchemy.orm import Session

from mien.clock import Clock
from mien.logs import REDACTED, is_secret_name, redact
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.tables import AuditHeadRow, AuditRow

Details = Mapping[str, str | int | float | bool | None]

FIRST: Final = "0" * 64
"""The previous hash of the first entry."""

MAX_TEXT: Final = 500
"""Longest text of a detail, in characters."""

KEYED: Final = "hmac-"
"""Prefix of the hash of an entry that was hashed under the key."""

_KEY_PURPOSE: Final = "audit log"
_HEAD: Final = 1
_BATCH: Final = 500
_ACTION: Final = re.compile(r"[A-Za-z0-9][\w ./:-]{0,99}", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z]\w{0,63}", re.ASCII)
_ENCODED: Final = re.compile(r"[0-9A-Za-z+/=_-]{100,}")  # a hash has 64 hexadecimal characters; templates are longer

_log = structlog.get_logger("mien.audit")


class AuditValueError(ValueError):
    """A detail does not belong in the audit log: it may be an image, a template or a key."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry.

    Attributes:
        sequence: 1, 2, 3 …, without gaps.
        at: when, UTC.
        actor: who, such as `cli:anna`, `admin:token`, `resource:front-desk`.
        action: what, such as `key.regenerate`.
        resource_id: which resource; None when it is about the service. The resource may be gone.
        details: what else there is to know.
        previous: hash of the entry before.
        hash: the entry's own: `hmac-` and 43 characters, or 64 hexadecimal ones of versions before.
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
        """Whether it was hashed under the key."""
        return self.hash.startswith(KEYED)

    def expected_hash(self, key: bytes | None) -> str:
        """Return the hash that the entry must have by its contents; the plain one of versions before without a key."""
        resource = None if self.resource_id is None else str(self.resource_id)
        covered = [self.sequence, _moment(self.at), self.actor, self.action, resource, self.details, self.previous]
        text = _canonical(covered).encode("ascii")
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
        """Read an exported line.

        Raises:
            ValueError: it is not one.
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
class Verification:
    """The result of verifying the whole chain.

    Attributes:
        entries: how many entries are sound, counted from the first.
        head: hash of the last sound one.
        broken: sequence of the first entry that does not fit, None when all do.
        reason: what is wrong with it.
        keyed_from: sequence of the first entry that was hashed under the key; None when none was.
        unchecked: how many keyed entries were checked only for their order, as the key was not at hand.
    """

    entries: int
    head: str
    broken: int | None = None
    reason: str | None = None
    keyed_from: int | None = None
    unchecked: int = 0


class AuditLog:
    """The audit log of a database, which all processes on it share.

    Args:
        database: where it is kept.
        clock: stamps the entries.
        vault: has the key of their hashes.
    """

    def __init__(self, database: Database, clock: Clock, vault: Vault) -> None:
        self._database = database
        self._clock = clock
        self.key: Final = vault.derived_key(_KEY_PURPOSE)

    def record(self, *, actor: str, action: str, resource_id: UUID | None, details: Details | None = None) -> None:
        """Append an entry, in a transaction of its own; not to be called inside a writing session (`record_in` is).

        Args:
            actor: who; anything that looks like a key is redacted.
            action: what, such as `key.regenerate`; ASCII letters, digits and ` ./:-_`, 100 at most.
            resource_id: to which resource; None for the service.
            details: names (letters, digits, `_`) and plain values; texts up to `MAX_TEXT`, keys redacted.

        Raises:
            AuditValueError: a name or a value does not belong here.
        """
        checked = _checked(action, details or {})
        with self._database.write(EVERY_RESOURCE) as session:
            self._append(session, actor, action, resource_id, checked)

    def record_in(
        self, session: Session, *, actor: str, action: str, resource_id: UUID | None, details: Details | None = None
    ) -> None:
        """Append an entry within a writing session, so that it is there if and only if what it tells of is.

        Other writers of the log wait until the session ends: call it last.

        Raises:
            AuditValueError: as `record`.
        """
        self._append(session, actor, action, resource_id, _checked(action, details or {}))

    def _append(
        self, session: Session, actor: str, action: str, resource_id: UUID | None, details: dict[str, object]
    ) -> None:
        self._database.lock(session, "audit log")
        session.flush()
        last = session.execute(
            select(AuditRow.sequence, AuditRow.hash).order_by(AuditRow.sequence.desc()).limit(1)
        ).first()
        text = _canonical(details)
        draft = AuditEntry(
            1 if last is None else last.sequence + 1,
            self._clock.now().astimezone(UTC),
            clean_actor(actor),
            action,
            resource_id,
            json.loads(text),
            FIRST if last is None else last.hash,
            "",
        )
        row = AuditRow(
            sequence=draft.sequence,
            at=draft.at,
            actor=draft.actor,
            action=action,
            resource_id=resource_id,
            details=text,
            previous=draft.previous,
            hash=draft.expected_hash(self.key),
        )
        session.add(row)
        seal = _seal(self.key, row.sequence, row.hash)
        session.merge(AuditHeadRow(id=_HEAD, sequence=row.sequence, hash=row.hash, seal=seal))
        session.flush()
        said = {"sequence": draft.sequence, "action": action, "actor": draft.actor, "hash": row.hash}
        event.listen(session, "after_commit", lambda _: _log.info("audit", **said), once=True)

    def search(
        self,
        *,
        resource_id: UUID | None = None,
        actor: str | None = None,
        action: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: int | None = None,
        about: Sequence[str] = (),
        limit: int = 100,
    ) -> list[AuditEntry]:
        """Return entries, newest first; for the next page, give the last one's sequence as `before`.

        Args:
            resource_id: of this resource only.
            actor: by this actor only.
            action: this action and those that begin with it and a dot (`access` is also `access.approve`); a `*` at the
                end stands for anything (`key.re*`).
            since: not before this moment.
            until: before this moment.
            before: with a lower sequence than this.
            about: with one of these ids among the details, in lower case; any entry when there are none.
            limit: how many at most, 1 to 1000.
        """
        query = select(AuditRow).order_by(AuditRow.sequence.desc()).limit(max(1, min(limit, 1000)))
        if resource_id is not None:
            query = query.where(AuditRow.resource_id == resource_id)
        if actor is not None:
            query = query.where(AuditRow.actor == actor)
        if action is not None:
            if action.endswith("*"):
                query = query.where(AuditRow.action.startswith(action.removesuffix("*"), autoescape=True))
            else:
                below = AuditRow.action.startswith(f"{action}.", autoescape=True)
                query = query.where(or_(AuditRow.action == action, below))
        if since is not None:
            query = query.where(AuditRow.at >= since)
        if until is not None:
            query = query.where(AuditRow.at < until)
        if before is not None:
            query = query.where(AuditRow.sequence < before)
        if about:
            # Details are canonical JSON, in which an id stands between quotation marks.
            query = query.where(or_(*(AuditRow.details.contains(f'"{one}"', autoescape=True) for one in about)))
        with self._database.read(EVERY_RESOURCE) as session:
            return [_entry(row) for row in session.scalars(query)]

    def entries(self, *, after: int = 0) -> Iterator[AuditEntry]:
        """Yield all entries with a higher sequence than `after`, oldest first, in short transactions."""
        while True:
            query = select(AuditRow).where(AuditRow.sequence > after).order_by(AuditRow.sequence).limit(_BATCH)
            with self._database.read(EVERY_RESOURCE) as session:
                rows = [_entry(row) for row in session.scalars(query)]
            yield from rows
            if len(rows) < _BATCH:
                return
            after = rows[-1].sequence

    def export(self, *, after: int = 0) -> Iterator[str]:
        """Yield the entries as lines of JSON, oldest first; `verify_entries` checks such a file without a database."""
        return (entry.to_json() for entry in self.entries(after=after))

    def verify(self, *, known: tuple[int, str] | None = None) -> Verification:
        """Check every link of the chain and name the first broken one.

        Args:
            known: sequence and hash of an entry, noted elsewhere; the log must still have it.
        """
        with self._database.read(EVERY_RESOURCE) as session:
            # The seal first: what is appended meanwhile only follows.
            head = session.get(AuditHeadRow, _HEAD)
        found = verify_entries(self.entries(), known=known, key=self.key, sealed=_sealed(head))
        if found.broken is not None:
            return found
        if head is None:
            if found.keyed_from is None:
                return found
            return replace(found, broken=found.entries, reason="the seal of the log's end is missing")
        if not hmac.compare_digest(head.seal, _seal(self.key, head.sequence, head.hash)):
            return replace(found, broken=found.entries + 1, reason="the seal of the log's end was changed")
        return found


def _seal(key: bytes, sequence: int, head: str) -> bytes:
    return hmac.digest(key, f"head|{sequence}|{head}".encode("ascii"), "sha256")


def _sealed(head: AuditHeadRow | None) -> tuple[int, str] | None:
    return None if head is None else (head.sequence, head.hash)


def verify_entries(
    entries: Iterable[AuditEntry],
    *,
    known: tuple[int, str] | None = None,
    key: bytes | None = None,
    sealed: tuple[int, str] | None = None,
) -> Verification:
    """Check entries from the first on, in their order; see `AuditLog.verify`.

    Args:
        entries: all of a log.
        known: sequence and hash of an entry that was noted elsewhere.
        key: of the hashes (`AuditLog.key`); without it keyed entries are checked only for their order.
        sealed: sequence and hash of an entry that the log must have by its seal.
    """
    so_far = Verification(0, FIRST)
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


def _hash_fault(entry: AuditEntry, before: Verification, key: bytes | None) -> str | None:
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


def _checked(action: str, details: Details) -> dict[str, object]:
    """Return the details as they may be stored.

    Raises:
        AuditValueError: action, name or value does not belong in the log.
    """
    if not _ACTION.fullmatch(action):
        raise AuditValueError("an action is up to 100 ASCII letters, digits, blanks and ./:-_")
    checked: dict[str, object] = {}
    for name, value in details.items():
        if not _NAME.fullmatch(name):
            raise AuditValueError("the name of a detail is up to 64 letters, digits and underscores")
        checked[name] = _checked_value(name, value)
    return checked


def _checked_value(name: str, value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        raise AuditValueError(f"{name!r} is not a finite number")
    if value is None or isinstance(value, bool | int | float):
        return value
    if not isinstance(value, str):
        raise AuditValueError(f"{name!r} is a {type(value).__name__}; details are texts, numbers, booleans and None")
    if len(value) > MAX_TEXT or _ENCODED.search(value):
        raise AuditValueError(f"{name!r} is too long for the audit log, or encodes something")
    return REDACTED if is_secret_name(name) else redact(str(value))


def clean_actor(actor: str) -> str:
    """Return an actor's name as the log has it: printable, without keys, 200 characters at most."""
    return "".join(sign if sign.isprintable() else "?" for sign in redact(actor))[:200]


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _canonical(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _entry(row: AuditRow) -> AuditEntry:
    details = json.loads(row.details)
    return AuditEntry(row.sequence, row.at, row.actor, row.action, row.resource_id, details, row.previous, row.hash)
