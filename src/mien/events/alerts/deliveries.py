"""Sends alerts to webhooks: in order, with retries, from one server at a time.

A message is written to the database together with the change of its rule's state, so neither exists without the other,
and is sent by the server that claims it. A message is sent twice only if a server dies between the receiver's response
and the record of it; the id is the same.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, delete, func, or_, select, update

from mien.clock import Clock
from mien.events.alerts.rules import AlertRules
from mien.storage import EVERY_RESOURCE, Database
from mien.storage.tables import AlertDeliveryRow

Post = Callable[[str, bytes, Mapping[str, str]], int]
"""Posts a body with headers to a URL and returns the status; raises OSError, with a reason, if it cannot."""

Complete = Callable[[str, str], str]
"""Returns the body to send for a message's event and stored body, with what is only looked up when it is sent."""

CLAIM: Final = timedelta(seconds=60)
"""How long a message stays claimed by the server that sends it; longer than a `Post` may take."""

FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(hours=1)
GIVE_UP: Final = timedelta(hours=24)
KEPT: Final = timedelta(days=30)

_log = structlog.get_logger("mien.alerts")


class Deliveries:
    """The queue of webhook messages.

    Args:
        database: the database.
        rules: source of the webhooks' URLs and secrets.
        post: sends one message.
        clock: the clock.
        complete: completes stored bodies when they are sent; None to send them as they are.
    """

    def __init__(
        self, database: Database, rules: AlertRules, post: Post, clock: Clock, complete: Complete | None = None
    ) -> None:
        self._database = database
        self._rules = rules
        self._post = post
        self._clock = clock
        self._complete = complete

    def send_due(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Send the due messages that no other server has claimed.

        Args:
            stopping: called before each message; True leaves the rest for later.

        Returns:
            How many messages were delivered or given up.
        """
        done = 0
        for number in self._due():
            if stopping():
                break
            if self._claim(number):
                done += self._send(number)
        return done

    def _due(self) -> list[int]:
        """Return the oldest message of each rule, if it is due: messages of one rule are sent in order."""
        now = self._clock.now()
        oldest = (
            select(func.min(AlertDeliveryRow.number))
            .where(AlertDeliveryRow.state == "pending")
            .group_by(AlertDeliveryRow.rule_id)
        )
        query = select(AlertDeliveryRow.number).where(
            AlertDeliveryRow.number.in_(oldest), AlertDeliveryRow.due_at <= now, _unclaimed(now)
        )
        with self._database.read(EVERY_RESOURCE) as session:
            return sorted(session.scalars(query))

    def _claim(self, number: int) -> bool:
        now = self._clock.now()
        statement = (
            update(AlertDeliveryRow)
            .where(
                AlertDeliveryRow.number == number,
                AlertDeliveryRow.state == "pending",
                AlertDeliveryRow.due_at <= now,
                _unclaimed(now),
            )
            .values(claimed_until=now + CLAIM)
            .returning(AlertDeliveryRow.number)
        )
        with self._database.write(EVERY_RESOURCE) as session:
            return session.execute(statement).first() is not None

    def _send(self, number: int) -> int:
        with self._database.read(EVERY_RESOURCE) as session:
            row = session.get(AlertDeliveryRow, number)
        if row is None:
            return 0
        body = row.body if self._complete is None else self._complete(row.event, row.body)
        outcome = self.attempt(row.rule_id, row.id, row.event, body)
        now = self._clock.now()
        state, due = "pending", now + pause(row.attempts)
        if outcome is None:
            state = "delivered"
        elif due > row.created_at + GIVE_UP:
            state = "failed"
            _log.error("an alert could not be delivered", rule=str(row.rule_id), delivery=str(row.id), reason=outcome)
        values = {
            "state": state,
            "due_at": due,
            "claimed_until": None,
            "attempts": row.attempts + 1,
            "outcome": (outcome or "delivered")[:300],
        }
        with self._database.write(EVERY_RESOURCE) as session:
            session.execute(update(AlertDeliveryRow).where(AlertDeliveryRow.number == number).values(**values))
        return int(state != "pending")

    def attempt(self, rule_id: UUID, delivery_id: UUID, event: str, body: str) -> str | None:
        """Send a message once.

        Returns:
            The error; None if the receiver accepted it.
        """
        address = self._rules.address(rule_id)
        if address is None:
            return "the rule has no webhook"
        url, secret = address
        stamp = str(int(self._clock.now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "Mien-Event": event,
            "Mien-Delivery": str(delivery_id),
            "Mien-Signature": f"t={stamp},v1={signature(secret, stamp, body.encode())}",
        }
        try:
            status = self._post(url, body.encode(), headers)
        except OSError as error:
            return str(error) or type(error).__name__
        return None if 200 <= status < 300 else f"the receiver answered with status {status}"

    def purge(self) -> int:
        """Delete old messages that were delivered or given up; for the retention worker."""
        old = AlertDeliveryRow.created_at < self._clock.now() - KEPT
        with self._database.write(EVERY_RESOURCE) as session:
            found = session.execute(
                delete(AlertDeliveryRow)
                .where(AlertDeliveryRow.state != "pending", old)
                .returning(AlertDeliveryRow.number)
            )
            return len(found.all())


def signature(secret: str, stamp: str, body: bytes) -> str:
    """Return the signature of a message: HMAC-SHA-256, in hexadecimal, over `{stamp}.{body}`.

    Args:
        secret: the rule's signing secret.
        stamp: time of sending, in seconds since 1970; receivers should reject old ones.
        body: the bytes that are sent.
    """
    return hmac.digest(secret.encode(), stamp.encode() + b"." + body, "sha256").hex()


def pause(attempts: int) -> timedelta:
    """Return the delay after that many failed attempts: 5 s, 10 s, 20 s … up to an hour."""
    return min(FIRST_PAUSE * (1 << min(attempts, 20)), LONGEST_PAUSE)


def _unclaimed(now: datetime) -> ColumnElement[bool]:
    return or_(AlertDeliveryRow.claimed_until.is_(None), AlertDeliveryRow.claimed_until < now)
