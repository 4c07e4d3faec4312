"""Claims on work that one server does at a time, and which versions may use the database."""

from __future__ import annotations

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from mien.storage.base import Base


class ClaimRow(Base):
    """A lease; see `mien.storage.claims`. Times are milliseconds since 1970 by the database's clock.

    `until` is when the lease ends, `lease` how long one lasts. `token` grows with every change of hands. `holder` says
    which process has it, for operators and so that a process that died on this machine is not waited for.
    """

    __tablename__ = "claims"

    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    holder: Mapped[str] = mapped_column(String(200))
    token: Mapped[int] = mapped_column(BigInteger)
    until: Mapped[int] = mapped_column(BigInteger)
    lease: Mapped[int] = mapped_column(BigInteger)


class SchemaStateRow(Base):
    """The step of the oldest version that may use the database; see `mien.storage.migrations`. There is one row."""

    __tablename__ = "schema_state"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    oldest: Mapped[str] = mapped_column(String(32))
