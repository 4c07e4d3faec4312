"""The audit log of a database: append-only, chained by hashes (`mien.events.audit_chain`) with a key of the vault.

The last entry's number and hash are encrypted and stored next to the log (`AuditHeadRow`), so that truncation is
detected too. An attacker who can write the database and restores older copies of both the log and the seal is detected
only with a number and hash stored elsewhere; therefore every entry also goes to the service's log.
"""

from __future__ import annotations

import hmac
import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import event, or_, select
from sqlalchemy.orm import Session

from mien.clock import Clock
from mien.events.audit_chain import FIRST, AuditEntry, ChainVerification, Details, canonical, seal, verify_entries
from mien.logs import REDACTED, is_secret_name, redact
from mien.messages import MessageError
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.tables import AuditHeadRow, AuditRow

MAX_TEXT: Final = 500
"""Longest text of a detail, in characters."""

_KEY_PURPOSE: Final = "audit log"
_HEAD: Final = 1
_BATCH: Final = 500
_ACTION: Final = re.compile(r"[A-Za-z0-9][\w ./:-]{0,99}", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z]\w{0,63}", re.ASCII)
_ENCODED: Final = re.compile(r"[0-9A-Za-z+/=_-]{100,}")  # a hash has 64 hexadecimal characters; templates are longer

_log = structlog.get_logger("mien.audit")


class AuditValueError(MessageError, ValueError):
    """A detail is not allowed in the audit log, because it may be an image, a template or a key."""


class AuditLog:
    """The audit log of a database, shared by all processes on it.

    Args:
        database: the database with the log.
        clock: the clock.
        vault: holds the key of the hashes.
    """

    def __init__(self, database: Database, clock: Clock, vault: Vault) -> None:
        self._database = database
        self._clock = clock
        self.mark: Final = vault.subject_mark
        self.key: Final = vault.derived_key(_KEY_PURPOSE)

    def record(self, *, actor: str, action: str, resource_id: UUID | None, details: Details | None = None) -> None:
        """Append an entry, in its own transaction; inside a writing session use `record_in`.

        Args:
            actor: name of the actor; anything that looks like a key is redacted.
            action: the action, such as `key.regenerate`; ASCII letters, digits and ` ./:-_`, 100 at most.
            resource_id: the resource concerned; None for the service.
            details: names (letters, digits, `_`) and plain values; texts have at most `MAX_TEXT` characters.

        Raises:
            AuditValueError: a name or a value is not allowed.
        """
        checked = _checked(action, details or {})
        with self._database.write(EVERY_RESOURCE) as session:
            self._append(session, actor, action, resource_id, checked)

    def record_in(
        self, session: Session, *, actor: str, action: str, resource_id: UUID | None, details: Details | None = None
    ) -> None:
        """Append an entry in the transaction of the change that it records.

        Call it last: other writers of the log wait until the session ends.

        Raises:
            AuditValueError: a name or a value is not allowed.
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
        text = canonical(details)
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
        sealed = seal(self.key, row.sequence, row.hash)
        session.merge(AuditHeadRow(id=_HEAD, sequence=row.sequence, hash=row.hash, seal=sealed))
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
        """Return entries, newest first; for the next page, pass the sequence of the last one as `before`.

        Args:
            resource_id: only entries about this resource.
            actor: only entries of this actor.
            action: this action and those that start with it and a dot (`access` is also `access.approve`); a trailing
                `*` is a wildcard (`key.re*`).
            since: earliest time.
            until: end of the period, exclusive.
            before: only entries with a lower sequence.
            about: only entries with one of these ids among the details, in lower case; all entries when empty.
            limit: maximum number of entries, 1 to 1000.
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
            # Details are canonical JSON: an id is a quoted string.
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

    def verify(self, *, known: tuple[int, str] | None = None) -> ChainVerification:
        """Check every link of the chain and name the first broken one.

        Args:
            known: sequence and hash of an entry, stored elsewhere, that the log must still contain.
        """
        with self._database.read(EVERY_RESOURCE) as session:
            # Read the seal first: entries appended in the meantime come after it.
            head = session.get(AuditHeadRow, _HEAD)
        found = verify_entries(self.entries(), known=known, key=self.key, sealed=_sealed(head))
        if found.broken is not None:
            return found
        if head is None:
            if found.keyed_from is None:
                return found
            return replace(found, broken=found.entries, reason="the seal of the log's end is missing")
        if not hmac.compare_digest(head.seal, seal(self.key, head.sequence, head.hash)):
            return replace(found, broken=found.entries + 1, reason="the seal of the log's end was changed")
        return found


def _sealed(head: AuditHeadRow | None) -> tuple[int, str] | None:
    return None if head is None else (head.sequence, head.hash)


def _checked(action: str, details: Details) -> dict[str, object]:
    """Validate an action and its details, and return the details to store.

    Raises:
        AuditValueError: an action, name or value is not allowed.
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
        raise AuditValueError("{name!r} is not a finite number", name=name)
    if value is None or isinstance(value, bool | int | float):
        return value
    if not isinstance(value, str):
        raise AuditValueError(
            "{name!r} is a {kind}; details are texts, numbers, booleans and None", name=name, kind=type(value).__name__
        )
    if len(value) > MAX_TEXT or _ENCODED.search(value):
        raise AuditValueError("{name!r} is too long for the audit log, or encodes something", name=name)
    return REDACTED if is_secret_name(name) else redact(str(value))


def clean_actor(actor: str) -> str:
    """Return an actor's name as it is logged: printable, keys redacted, at most 200 characters."""
    return "".join(sign if sign.isprintable() else "?" for sign in redact(actor))[:200]


def _entry(row: AuditRow) -> AuditEntry:
    details = json.loads(row.details)
    return AuditEntry(row.sequence, row.at, row.actor, row.action, row.resource_id, details, row.previous, row.hash)
