"""Collections, their persons and enrolled faces, and pending work of training and deletion."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Text,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, validates

from mien.storage.base import AnyText, Base, OrderedText, Owned
from mien.storage.names import NAME_KEY_LENGTH, name_key


def _of_collection() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["resource_id", "collection"], ["collections.resource_id", "collections.uid"], ondelete="CASCADE"
    )


class CollectionRow(Owned, Base):
    """A collection, and the state of its training.

    `uid` identifies it forever, even if another is created under the caller's id later. `revision` counts the changes
    of its templates; `trained_revision` is the one in the snapshot. `snapshot` names the folder in use: the pointer
    that training moves. `snapshot_key` is the encrypted key of the snapshots' files.
    """

    __tablename__ = "collections"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "kind", "collection_id"),
        Index("uq_collections_uid", "resource_id", "uid", unique=True),
        Index("ix_collections_training_status", "training_status"),
    )

    kind: Mapped[str] = mapped_column(String(20))
    collection_id: Mapped[str] = mapped_column(OrderedText(64))
    uid: Mapped[UUID]
    name: Mapped[str] = mapped_column(AnyText)
    user_data: Mapped[str | None] = mapped_column(AnyText)
    recognition_model: Mapped[str] = mapped_column(String(32))
    fingerprint: Mapped[str] = mapped_column(String(64))
    policy: Mapped[str | None] = mapped_column(String(2000))
    persons: Mapped[int] = mapped_column(BigInteger)
    faces: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    revision: Mapped[int] = mapped_column(BigInteger)
    trained_revision: Mapped[int] = mapped_column(BigInteger)
    snapshot: Mapped[str | None] = mapped_column(String(64))
    snapshot_key: Mapped[bytes] = mapped_column(LargeBinary)
    training_status: Mapped[str | None] = mapped_column(String(12))
    training_created_at: Mapped[datetime | None]
    training_action_at: Mapped[datetime | None]
    training_success_at: Mapped[datetime | None]
    training_message: Mapped[str | None] = mapped_column(String(1000))


def _key_of_name(context: Any) -> str:
    return name_key(context.get_current_parameters()["name"])


class PersonRow(Owned, Base):
    """A person of a collection; `seen_at` is when a face was last recognised as theirs, to the day.

    `name_key` is the name for searching and sorting (`storage.names`); it follows `name` automatically.
    """

    __tablename__ = "persons"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "collection", "person_id"),
        _of_collection(),
        Index("ix_persons_name", "resource_id", "collection", "name_key", "person_id"),
        Index("ix_persons_created", "resource_id", "collection", "created_at", "person_id"),
    )

    collection: Mapped[UUID] = mapped_column(Uuid)
    person_id: Mapped[UUID]
    name: Mapped[str] = mapped_column(AnyText)
    name_key: Mapped[str] = mapped_column(OrderedText(NAME_KEY_LENGTH), default=_key_of_name, server_default=text("''"))
    user_data: Mapped[str | None] = mapped_column(AnyText)
    faces: Mapped[int]
    created_at: Mapped[datetime | None]
    seen_at: Mapped[datetime | None]

    @validates("name")
    def _follow_name(self, _: str, name: str) -> str:
        self.name_key = name_key(name)
        return name


class PersistedFaceRow(Owned, Base):
    """An enrolled face; in face lists its person is itself. `sealed` is its encrypted template, computed at `revision`.

    `source` is the name of the file that it was enrolled from, if known. `seen_at` is stored in face lists only;
    elsewhere it belongs to the person.
    """

    __tablename__ = "persisted_faces"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "collection", "face_id"),
        _of_collection(),
        Index("ix_persisted_faces_person", "resource_id", "collection", "person_id"),
        Index("ix_persisted_faces_revision", "resource_id", "collection", "revision"),
        Index("ix_persisted_faces_photo", "resource_id", "collection", "photo"),
    )

    collection: Mapped[UUID] = mapped_column(Uuid)
    face_id: Mapped[UUID]
    person_id: Mapped[UUID]
    user_data: Mapped[str | None] = mapped_column(AnyText)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    photo: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    source: Mapped[str | None] = mapped_column(AnyText)
    revision: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime | None]
    seen_at: Mapped[datetime | None]


class RemovalRow(Owned, Base):
    """A face that was deleted and may still be in the snapshot; `face_id` is null for a whole person."""

    __tablename__ = "removals"
    __table_args__ = (
        _of_collection(),
        Index("ix_removals_collection", "resource_id", "collection", "revision"),
        Index("ix_removals_removed_at", "removed_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    collection: Mapped[UUID] = mapped_column(Uuid)
    person_id: Mapped[UUID]
    face_id: Mapped[UUID | None]
    revision: Mapped[int] = mapped_column(BigInteger)
    removed_at: Mapped[datetime]


class DuplicateRow(Owned, Base):
    """Two enrolled faces that may be one photo, or one person under two ids.

    `dismissed_at` is when somebody dismissed the pair: the row is kept, so that it is not suspected again.
    """

    __tablename__ = "duplicates"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "collection", "face_id", "other_face_id"),
        _of_collection(),
        Index("ix_duplicates_other", "resource_id", "collection", "other_face_id"),
    )

    collection: Mapped[UUID] = mapped_column(Uuid)
    face_id: Mapped[UUID]
    other_face_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(12))
    confidence: Mapped[float]
    found_at: Mapped[datetime]
    dismissed_at: Mapped[datetime | None]


class CorrectionRow(Owned, Base):
    """A merge or move of a person's faces that can be undone for some days.

    `person_id` is the person who had the faces, `into` the one who has them now; `faces` are their ids, one after the
    other. The data of a person that a merge deleted is in `name`, `user_data` and `before` (JSON: other columns, ids of
    consents).
    """

    __tablename__ = "corrections"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "collection", "id"),
        _of_collection(),
        Index("ix_corrections_made_at", "made_at"),
    )

    collection: Mapped[UUID] = mapped_column(Uuid)
    id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(12))
    person_id: Mapped[UUID]
    into: Mapped[UUID]
    faces: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(AnyText)
    user_data: Mapped[str | None] = mapped_column(AnyText)
    before: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime]


class TrainingRunRow(Owned, Base):
    """A requested training and its result, numbered within its collection; the newest are kept.

    `attempts` is the number of starts: more than one if a process ended during the training. `started_at` is the time
    of the last start. `unchanged` marks a training that had nothing to do.
    """

    __tablename__ = "training_runs"
    __table_args__ = (PrimaryKeyConstraint("resource_id", "collection", "number"), _of_collection())

    collection: Mapped[UUID] = mapped_column(Uuid)
    number: Mapped[int]
    status: Mapped[str] = mapped_column(String(12))
    asked_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    attempts: Mapped[int]
    unchanged: Mapped[bool]
    message: Mapped[str | None] = mapped_column(String(1000))
    persons: Mapped[int | None] = mapped_column(BigInteger)
    faces: Mapped[int | None] = mapped_column(BigInteger)


class CropRow(Owned, Base):
    """The encrypted enrolment crop of a face, if the operator stores crops."""

    __tablename__ = "enrolment_crops"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "collection", "face_id"),
        ForeignKeyConstraint(
            ["resource_id", "collection", "face_id"],
            ["persisted_faces.resource_id", "persisted_faces.collection", "persisted_faces.face_id"],
            name="fk_enrolment_crops_face",
            ondelete="CASCADE",
        ),
    )

    collection: Mapped[UUID] = mapped_column(Uuid)
    face_id: Mapped[UUID]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class ImportedPhotoRow(Owned, Base):
    """A photo that an import has filed in a collection, so that no later run files it again.

    `digest` is a keyed hash of the file's content and the person's name: it names nobody, and it stays when the face is
    deleted, so that a repeated import does not enrol an erased person again.
    """

    __tablename__ = "imported_photos"
    __table_args__ = (PrimaryKeyConstraint("resource_id", "collection", "digest"), _of_collection())

    collection: Mapped[UUID] = mapped_column(Uuid)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))


class EnrolmentPolicyRow(Owned, Base):
    """The enrolment policy of a resource, for collections without their own."""

    __tablename__ = "enrolment_policies"
    __table_args__ = (PrimaryKeyConstraint("resource_id"),)

    policy: Mapped[str] = mapped_column(String(2000))


class PersonNegativeRow(Owned, Base):
    """The template of a face that is similar to a person but is not theirs; deleted with the person.

    `origin` names the source of the answer: `review:CASE`, `event:NUMBER`, `photo` or `face`. `confidence` is the
    face's confidence for the person when it was added.
    """

    __tablename__ = "person_negatives"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "negative_id"),
        ForeignKeyConstraint(
            ["resource_id", "collection", "person_id"],
            ["persons.resource_id", "persons.collection", "persons.person_id"],
            name="fk_person_negatives_person",
            ondelete="CASCADE",
        ),
        Index("ix_person_negatives_person", "resource_id", "collection", "person_id"),
    )

    negative_id: Mapped[UUID]
    collection: Mapped[UUID] = mapped_column(Uuid)
    person_id: Mapped[UUID]
    fingerprint: Mapped[str] = mapped_column(String(64))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    confidence: Mapped[float]
    origin: Mapped[str] = mapped_column(String(80))
    created_by: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
