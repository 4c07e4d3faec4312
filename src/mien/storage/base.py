"""Common parts of all tables: the declarative base, UTC timestamps, rows that belong to a resource."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import DateTime, Dialect, ForeignKey, LargeBinary, MetaData, String, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column
from sqlalchemy.types import TypeEngine


class UtcDateTime(TypeDecorator[datetime]):
    """A time, to the microsecond; accepts and returns time-zone aware UTC on every database.

    SQLite stores text without a zone, which this type writes and reads as UTC.

    Raises:
        ValueError: a naive datetime was given.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  SQLAlchemy names it
        """Convert an aware time to UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  SQLAlchemy names it
        """Return an aware time in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class AnyText(TypeDecorator[str]):
    """Text exactly as a caller sent it, stored as bytes.

    JSON may contain characters that a database's text type refuses: U+0000 (PostgreSQL) and lone surrogates (both).
    """

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002  SQLAlchemy names it
        """Turn text into bytes."""
        return None if value is None else value.encode("utf-8", "surrogatepass")

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:  # noqa: ARG002  SQLAlchemy names it
        """Turn bytes back into text."""
        return None if value is None else bytes(value).decode("utf-8", "surrogatepass")


def OrderedText(length: int) -> TypeEngine[str]:  # noqa: N802  it stands where a type's name would
    """Text that compares by its bytes on every database, as the contract's pages are ordered."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


class Base(DeclarativeBase):
    """Base of all tables; constraints are named by rule so that migrations can address them on any database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {datetime: UtcDateTime}


class Owned:
    """Mixin of tables whose rows belong to one resource and are deleted with it.

    A session for a resource sees only that resource's rows of these tables (`mien.storage.database`). Their primary
    keys start with `resource_id`, so that the database finds a resource's rows without another index.
    """

    @declared_attr
    @classmethod
    def resource_id(cls) -> Mapped[UUID]:
        """The resource that the row belongs to."""
        return mapped_column(ForeignKey("resources.id", ondelete="CASCADE"))
