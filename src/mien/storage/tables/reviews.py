"""Tables for the review of matches: policies, cases, their candidates and answers."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, LargeBinary, PrimaryKeyConstraint, String, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from mien.storage.base import AnyText, Base, Owned


class ReviewPolicyRow(Owned, Base):
    """How many people must confirm identifications in a collection; `collection` is null for all of a resource.

    `rule_id` is the alert rule whose webhook is told of decisions.
    """

    __tablename__ = "review_policies"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "policy_id"),
        ForeignKeyConstraint(
            ["resource_id", "collection"],
            ["collections.resource_id", "collections.uid"],
            name="fk_review_policies_collection",
            ondelete="CASCADE",
        ),
        Index("ix_review_policies_collection", "resource_id", "collection"),
    )

    policy_id: Mapped[UUID]
    collection: Mapped[UUID | None] = mapped_column(Uuid)
    reviewers: Mapped[int]
    identify: Mapped[bool]
    keep_days: Mapped[int]
    rule_id: Mapped[UUID | None] = mapped_column(Uuid)
    set_by: Mapped[str] = mapped_column(String(200))
    set_at: Mapped[datetime]


class ReviewCaseRow(Owned, Base):
    """A match that counts only when it is confirmed.

    `reference` is JSON: which collection was searched, in which version. `probe` is the sealed picture, deleted some
    days after the decision; `digest` binds all that was filed to the audit log.
    """

    __tablename__ = "review_cases"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "case_id"),
        ForeignKeyConstraint(
            ["resource_id", "collection"],
            ["collections.resource_id", "collections.uid"],
            name="fk_review_cases_collection",
            ondelete="CASCADE",
        ),
        Index("ix_review_cases_state", "resource_id", "state", "filed_at"),
        Index("ix_review_cases_probe_until", "probe_until"),
    )

    case_id: Mapped[UUID]
    collection: Mapped[UUID] = mapped_column(Uuid)
    state: Mapped[str] = mapped_column(String(10))
    reviewers: Mapped[int]
    keep_days: Mapped[int]
    rule_id: Mapped[UUID | None] = mapped_column(Uuid)
    filed_by: Mapped[str] = mapped_column(String(200))
    filed_at: Mapped[datetime]
    used_from: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    chosen: Mapped[int | None]
    reference: Mapped[str] = mapped_column(Text)
    purpose: Mapped[str | None] = mapped_column(AnyText)
    input_sha256: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    digest: Mapped[str] = mapped_column(String(64))
    probe: Mapped[bytes | None] = mapped_column(LargeBinary)
    probe_until: Mapped[datetime | None]


class ReviewCandidateRow(Owned, Base):
    """A person whom the probe may show; the row goes when the person is deleted, and the number stays in the log."""

    __tablename__ = "review_candidates"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "case_id", "number"),
        ForeignKeyConstraint(
            ["resource_id", "case_id"],
            ["review_cases.resource_id", "review_cases.case_id"],
            name="fk_review_candidates_case",
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["resource_id", "collection", "person_id"],
            ["persons.resource_id", "persons.collection", "persons.person_id"],
            name="fk_review_candidates_person",
            ondelete="CASCADE",
        ),
        Index("ix_review_candidates_person", "resource_id", "collection", "person_id"),
    )

    case_id: Mapped[UUID]
    number: Mapped[int]
    collection: Mapped[UUID] = mapped_column(Uuid)
    person_id: Mapped[UUID]
    confidence: Mapped[float]


class ReviewAnswerRow(Owned, Base):
    """A reviewer's answer: one a case and reviewer, never changed. `chosen` is a candidate's number; 0 is nobody."""

    __tablename__ = "review_answers"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "case_id", "reviewer"),
        ForeignKeyConstraint(
            ["resource_id", "case_id"],
            ["review_cases.resource_id", "review_cases.case_id"],
            name="fk_review_answers_case",
            ondelete="CASCADE",
        ),
    )

    case_id: Mapped[UUID]
    reviewer: Mapped[str] = mapped_column(String(200))
    position: Mapped[int]
    chosen: Mapped[int | None]
    reason: Mapped[str | None] = mapped_column(AnyText)
    answered_at: Mapped[datetime]
