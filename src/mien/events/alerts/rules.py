"""Alert rules in the database, with the encrypted URLs and secrets of their webhooks."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from difflib import get_close_matches
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from sqlalchemy import delete, func, select

from mien.clock import Clock
from mien.contract.operations import OPERATIONS, operation_named
from mien.events.alerts.conditions import DOOR_EVENTS, AlertError, Condition
from mien.events.alerts.types import AlertRule, Delivery
from mien.messages import Message
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.tables import AlertDeliveryRow, AlertRuleRow


class AlertRules:
    """The rules on a database.

    Args:
        database: the database.
        vault: encrypts URLs and secrets.
        clock: the clock.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        refuses: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._refuses = refuses

    def create(
        self,
        name: str,
        condition: Condition,
        *,
        resource_id: UUID | None = None,
        url: str | None = None,
        secret: str | None = None,
    ) -> tuple[AlertRule, str | None]:
        """Create a rule.

        Args:
            name: display name, 1 to 100 printable characters.
            condition: when the rule fires.
            resource_id: watch this resource only; None for all.
            url: URL of the webhook; None to write to the log only.
            secret: signs the messages, at least 16 characters; created when None.

        Returns:
            The rule and its secret, which is shown only once; the secret is None without a webhook.

        Raises:
            AlertError: the name, URL or secret is not valid, the condition needs a URL, or there is no such operation.
        """
        operation = condition.operation
        if operation is not None:
            if (known := operation_named(operation)) is None:
                raise AlertError(
                    "there is no operation {operation!r}; {near}", operation=operation[:80], near=_like(operation)
                )
            condition = replace(condition, operation=known)
        if not 1 <= len(name.strip()) <= 100 or not name.isprintable():
            raise AlertError("a rule's name has 1 to 100 printable characters")
        rule_id = uuid4()
        sealed_url = sealed_secret = None
        if url is None:
            if condition.metric == DOOR_EVENTS:
                raise AlertError("{metric} needs a webhook, which receives the events", metric=DOOR_EVENTS)
            secret = None
        else:
            _host(url)
            if refusal := self._refuses(urlsplit(url).hostname or ""):
                raise AlertError("nobody would be told: the webhook's host {refusal}", refusal=refusal)
            secret = secret or secrets.token_hex(32)
            if len(secret) < 16:
                raise AlertError("a secret has at least 16 characters")
            sealed_url = self._vault.seal(url.encode(), resource_id=None, what=_what(rule_id, "url"))
            sealed_secret = self._vault.seal(secret.encode(), resource_id=None, what=_what(rule_id, "secret"))
        row = AlertRuleRow(
            id=rule_id,
            resource_id=resource_id,
            name=name.strip(),
            condition=condition.to_json(),
            url=sealed_url,
            secret=sealed_secret,
            created_at=self._clock.now(),
            firing=False,
        )
        with self._database.write(EVERY_RESOURCE) as session:
            session.add(row)
        return self._rule(row), secret

    def rules(self, resource_id: UUID | None = None) -> list[AlertRule]:
        """Return the rules, of one resource or all, oldest first."""
        query = select(AlertRuleRow).order_by(AlertRuleRow.created_at, AlertRuleRow.id)
        if resource_id is not None:
            query = query.where(AlertRuleRow.resource_id == resource_id)
        with self._database.read(EVERY_RESOURCE) as session:
            return [self._rule(row) for row in session.scalars(query)]

    def get(self, rule_id: UUID) -> AlertRule:
        """Return a rule.

        Raises:
            AlertError: there is none.
        """
        with self._database.read(EVERY_RESOURCE) as session:
            row = session.get(AlertRuleRow, rule_id)
        if row is None:
            raise AlertError("there is no such rule")
        return self._rule(row)

    def delete(self, rule_id: UUID) -> None:
        """Delete a rule and its unsent messages.

        Raises:
            AlertError: there is none.
        """
        with self._database.write(EVERY_RESOURCE) as session:
            statement = delete(AlertRuleRow).where(AlertRuleRow.id == rule_id).returning(AlertRuleRow.id)
            if session.execute(statement).first() is None:
                raise AlertError("there is no such rule")

    def deliveries(self, rule_id: UUID, limit: int = 20) -> list[Delivery]:
        """Return the newest messages of a rule, newest first."""
        query = (
            select(AlertDeliveryRow)
            .where(AlertDeliveryRow.rule_id == rule_id)
            .order_by(AlertDeliveryRow.number.desc())
            .limit(limit)
        )
        with self._database.read(EVERY_RESOURCE) as session:
            return [
                Delivery(row.id, row.event, row.state, row.created_at, row.attempts, row.outcome)
                for row in session.scalars(query)
            ]

    def undelivered(self) -> dict[UUID, Delivery]:
        """Return the newest message of each rule, by rule id, where that message failed."""
        newest = select(func.max(AlertDeliveryRow.number)).group_by(AlertDeliveryRow.rule_id)
        query = select(AlertDeliveryRow).where(
            AlertDeliveryRow.number.in_(newest), AlertDeliveryRow.state != "delivered", AlertDeliveryRow.attempts > 0
        )
        with self._database.read(EVERY_RESOURCE) as session:
            return {
                row.rule_id: Delivery(row.id, row.event, row.state, row.created_at, row.attempts, row.outcome)
                for row in session.scalars(query)
            }

    def address(self, rule_id: UUID) -> tuple[str, str] | None:
        """Return the webhook URL and signing secret of a rule; None if the rule has no webhook or was deleted."""
        with self._database.read(EVERY_RESOURCE) as session:
            row = session.get(AlertRuleRow, rule_id)
        if row is None or row.url is None or row.secret is None:
            return None
        return self._open(row.url, rule_id, "url"), self._open(row.secret, rule_id, "secret")

    def _rule(self, row: AlertRuleRow) -> AlertRule:
        return AlertRule(
            row.id,
            row.name,
            row.resource_id,
            Condition.from_json(row.condition),
            None if row.url is None else _host(self._open(row.url, row.id, "url")),
            row.created_at,
            row.firing,
            row.value,
            row.changed_at,
        )

    def _open(self, sealed: bytes, rule_id: UUID, field: str) -> str:
        return self._vault.open(sealed, resource_id=None, what=_what(rule_id, field)).decode()


def _like(operation: str) -> str:
    """Return a message that names the operations with the most similar names."""
    near = get_close_matches(operation, sorted(OPERATIONS), n=3, cutoff=0.5) or ["Face - Detect"]
    if len(near) == 1:
        return Message("there is {name}", name=near[0])
    return Message("there are {names}", names=", ".join(near))


def _host(url: str) -> str:
    """Return the host of a webhook's URL, the only part that may be shown.

    Raises:
        AlertError: it is not a valid URL of a webhook.
    """
    try:
        parts = urlsplit(url)
        host, port, scheme = parts.hostname, parts.port, parts.scheme
    except ValueError as error:
        raise AlertError("the webhook's address is malformed: {reason}", reason=error) from None
    if scheme not in {"http", "https"} or not host or parts.username is not None:
        raise AlertError("a webhook's address begins with http:// or https:// and has no user name in it")
    if len(url) > 2000 or not url.isprintable() or " " in url:
        raise AlertError("a webhook's address has at most 2000 printable characters")
    return f"{scheme}://{host}" + (f":{port}" if port else "")


def _what(rule_id: UUID, field: str) -> str:
    return f"alerts/{rule_id}/{field}"
