"""Review policies: set, listed, and cached for identifications."""

from __future__ import annotations

from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, delete, select

from mien.events.audit import AuditLog
from mien.gallery.errors import InvalidReviewPolicyError
from mien.gallery.kinds import CollectionRef
from mien.gallery.remembered import Remembered
from mien.gallery.reviews.types import ReviewPolicy
from mien.gallery.rows import Rows, find, ref_of
from mien.storage.tables import AlertRuleRow, CollectionRow, ReviewPolicyRow

DEFAULT_REVIEWERS: Final = 2
DEFAULT_DAYS: Final = 30


class ReviewPolicies:
    """The review policies of resources; a collection's own policy takes precedence over its resource's.

    Args:
        rows: opens sessions.
        audit: the audit log.
    """

    def __init__(self, rows: Rows, audit: AuditLog) -> None:
        self._rows = rows
        self._audit = audit
        self._remembered = Remembered(rows.clock, self._read)

    def set(
        self,
        resource_id: UUID,
        ref: CollectionRef | None = None,
        *,
        actor: str,
        reviewers: int = DEFAULT_REVIEWERS,
        identify: bool = True,
        keep_days: int = DEFAULT_DAYS,
        rule_id: UUID | None = None,
    ) -> ReviewPolicy:
        """Set the policy of a resource or a collection; open cases keep the policy they were filed under.

        Raises:
            InvalidReviewPolicyError: a value is out of range, or there is no such alert rule.
            CollectionNotFoundError: there is no such collection.
        """
        if reviewers not in {1, 2} or not 0 <= keep_days <= 3650:
            raise InvalidReviewPolicyError("one or two people can be asked for, and pictures are kept 0 to 3,650 days")
        with self._rows.database.write(resource_id) as session:
            row = None if ref is None else find(session, ref)
            if rule_id is not None:
                rule = session.get(AlertRuleRow, rule_id)
                if rule is None or rule.resource_id not in {None, resource_id}:
                    raise InvalidReviewPolicyError(
                        "there is no alert rule {rule_id} for this resource", rule_id=rule_id
                    )
            collection = None if row is None else row.uid
            session.execute(delete(ReviewPolicyRow).where(_scope(collection)))
            made = ReviewPolicyRow(
                resource_id=resource_id,
                policy_id=uuid4(),
                collection=collection,
                reviewers=reviewers,
                identify=identify,
                keep_days=keep_days,
                rule_id=rule_id,
                set_by=actor[:200],
                set_at=self._rows.clock.now(),
            )
            session.add(made)
            name = None if row is None else ref_of(row).path
            self._audit.record_in(
                session,
                actor=actor,
                action="review.policy",
                resource_id=resource_id,
                details={"collection": name, "reviewers": reviewers, "identify": identify, "keep_days": keep_days},
            )
        self._remembered.forget(resource_id)
        return _policy(made, name)

    def remove(self, resource_id: UUID, ref: CollectionRef | None = None, *, actor: str) -> bool:
        """Remove a policy; open cases remain. Returns whether there was one.

        Raises:
            CollectionNotFoundError: there is no such collection.
        """
        with self._rows.database.write(resource_id) as session:
            row = None if ref is None else find(session, ref)
            scope = _scope(None if row is None else row.uid)
            gone = bool(
                session.execute(delete(ReviewPolicyRow).where(scope).returning(ReviewPolicyRow.policy_id)).all()
            )
            if gone:
                name = None if row is None else ref_of(row).path
                self._audit.record_in(
                    session,
                    actor=actor,
                    action="review.policy_removed",
                    resource_id=resource_id,
                    details={"collection": name},
                )
        self._remembered.forget(resource_id)
        return gone

    def all(self, resource_id: UUID) -> list[ReviewPolicy]:
        """Return the policies of a resource and its collections."""
        return sorted(self._read(resource_id).values(), key=lambda one: one.collection or "")

    def holding(self, row: CollectionRow) -> ReviewPolicy | None:
        """Return the policy in effect for a collection; None if there is none. Costs a query every ten seconds."""
        known = self._remembered.of(row.resource_id)
        return known.get(row.uid) or known.get(None)

    def of(self, row: CollectionRow) -> ReviewPolicy:
        """Return the policy for a case filed by a call; by default two people must agree."""
        found = self.holding(row)
        return found or ReviewPolicy(None, DEFAULT_REVIEWERS, False, DEFAULT_DAYS, None, "", self._rows.clock.now())

    def _read(self, resource_id: UUID) -> dict[UUID | None, ReviewPolicy]:
        with self._rows.database.read(resource_id) as session:
            rows = list(session.scalars(select(ReviewPolicyRow)))
            if not rows:
                return {}
            names = {row.uid: ref_of(row).path for row in session.scalars(select(CollectionRow))}
        return {row.collection: _policy(row, None if row.collection is None else names[row.collection]) for row in rows}


def _scope(collection: UUID | None) -> ColumnElement[bool]:
    column = ReviewPolicyRow.collection
    return column.is_(None) if collection is None else column == collection


def _policy(row: ReviewPolicyRow, name: str | None) -> ReviewPolicy:
    return ReviewPolicy(name, row.reviewers, row.identify, row.keep_days, row.rule_id, row.set_by, row.set_at)
