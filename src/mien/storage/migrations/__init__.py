"""The database's schema, step by step; every start brings it up to date.

A step is a module in `versions/`, written by hand or started with `python tools/new_migration.py "what it does"`. A
test checks that the steps result in the tables of `mien.storage.tables`, on SQLite and PostgreSQL, and that `HEAD`
names the last one.

Servers are upgraded one at a time, so for a while two versions use one database. A step therefore either expands, which
older servers do not notice (a table, or a column that may be null or has a default), or contracts (`contract = True` in
its module): it removes or requires things that they do not know. A contracting step waits until no older server runs;
those hold claims named `server/<their HEAD>/…`. Until then `schema_state` allows older servers to start.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import structlog
from sqlalchemy import Connection, TypeDecorator, inspect, text
from sqlalchemy.exc import DatabaseError, OperationalError

from mien.storage.database import Database

if TYPE_CHECKING:
    from alembic.config import Config

HEAD: Final = "0031"
"""The last step; an up-to-date database needs no Alembic, whose import takes as long as a small start."""

FOLDER: Final = Path(__file__).parent

_STATE: Final = "schema_state"
_ATTEMPTS: Final = 30
_PAUSE_SECONDS: Final = 1.0
_LOCK_MILLISECONDS: Final = 3_000
_log = structlog.get_logger(__name__)


class MigrationError(Exception):
    """The database cannot be brought to this version of Mien."""


def current_revision(database: Database) -> str | None:
    """Return the step that the database is at, None when it is new."""
    with database.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return revision


def migrate(database: Database) -> None:
    """Bring the database to `HEAD`, all steps in one transaction; safe when several processes start at once.

    Contracting steps are left for a later start while servers of an older version run.

    Raises:
        MigrationError: the database is of a newer Mien that this one cannot work with, not in UTF8, or damaged.
    """
    _check_encoding(database)
    for attempt in range(_ATTEMPTS):
        current = _readable_revision(database)
        if current == HEAD or (current is not None and current > HEAD and _may_start(database)):
            return
        try:
            _upgrade(database)
        except OperationalError as error:
            # A transaction of a running server has a table locked. Waiting longer would keep all others waiting behind.
            if attempt + 1 == _ATTEMPTS or "lock timeout" not in str(error.orig):
                raise MigrationError(f"the database could not be brought up to date: {error}") from error
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _readable_revision(database: Database) -> str | None:
    try:
        return current_revision(database)
    except OperationalError:  # it does not answer, which is another matter
        raise
    except DatabaseError as error:
        name = f"the database file {database.url.database}" if database.is_sqlite else "the database"
        raise MigrationError(f"{name} cannot be read ({error.orig}): restore a backup") from error


def _check_encoding(database: Database) -> None:
    if database.is_sqlite:
        return
    with database.engine.connect() as connection:
        encoding = connection.execute(text("SHOW server_encoding")).scalar()
    if encoding != "UTF8":
        raise MigrationError(
            f"the database has the encoding {encoding}, which does not keep every name: create one with "
            "CREATE DATABASE mien ENCODING 'UTF8' TEMPLATE template0"
        )


def _upgrade(database: Database) -> None:
    from alembic import command  # noqa: PLC0415  only the first start needs it
    from alembic.util import CommandError  # noqa: PLC0415  only the first start needs it

    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        with database.writing_connection() as connection:
            if not database.is_sqlite:  # another process may take long over it: wait
                connection.execute(text("SET LOCAL lock_timeout = 0"))
            database.lock(connection, "migrations")
            if not database.is_sqlite:
                connection.execute(text(f"SET LOCAL lock_timeout = {_LOCK_MILLISECONDS}"))
            config = alembic_config()
            config.attributes["connection"] = connection
            target = _target(config, connection)
            command.upgrade(config, target.revision)
            if target.contracted is not None and inspect(connection).has_table(_STATE):
                connection.execute(text(f"UPDATE {_STATE} SET oldest = :oldest"), {"oldest": target.contracted})  # noqa: S608  a constant
    except CommandError as error:
        raise MigrationError(
            f"the database is at step {current_revision(database)}, which this version of Mien does not know: "
            f"it was made by a newer one ({error})"
        ) from error
    except OperationalError:
        raise
    except DatabaseError as error:
        raise MigrationError(f"the database could not be brought up to date: {error}") from error


class _Target(NamedTuple):
    """How far to go.

    Attributes:
        revision: the last step to take.
        contracted: the last contracting step among those; None without any.
    """

    revision: str
    contracted: str | None


def _target(config: Config, connection: Connection) -> _Target:
    """Return how far to go now: before the first contracting step while servers of an older version run."""
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415  only the first start needs it
    from alembic.script import ScriptDirectory  # noqa: PLC0415  likewise

    current = MigrationContext.configure(connection).get_current_revision()
    script = ScriptDirectory.from_config(config)
    steps = [step for step in script.walk_revisions("base", "head") if current is None or step.revision > current]
    contracting = [step for step in reversed(steps) if getattr(step.module, "contract", False)]
    if not contracting:
        return _Target("head", None)
    if current is not None and older_servers(connection):
        before = contracting[0].down_revision
        _log.warning("servers of an older version run: a step of the database waits for a later start")
        return _Target(str(before), None)
    return _Target("head", contracting[-1].revision)


def older_servers(connection: Connection) -> bool:
    """Whether a server of an older version holds its claim."""
    if not inspect(connection).has_table("claims"):
        return False
    now = (
        "(julianday('now') - 2440587.5) * 86400000"
        if connection.dialect.name == "sqlite"
        else "extract(epoch FROM clock_timestamp()) * 1000"
    )
    names = connection.execute(text(f"SELECT name FROM claims WHERE name LIKE 'server/%' AND until > {now}"))  # noqa: S608  constants
    return any(name.split("/")[1] < HEAD for name in names.scalars())


def _may_start(database: Database) -> bool:
    """Whether the database, which a newer version has expanded, still suits this one."""
    with database.engine.connect() as connection:
        if not inspect(connection).has_table(_STATE):
            return False
        oldest: str | None = connection.execute(text(f"SELECT oldest FROM {_STATE}")).scalar()  # noqa: S608  a constant
    if oldest is None or oldest > HEAD:
        return False
    _log.warning("the database is of a newer version, which is being rolled out")
    return True


def alembic_config() -> Config:
    """Return Alembic's configuration for the steps in this folder."""
    from alembic.config import Config  # noqa: PLC0415  only the first start needs it

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
    return config


def render_type(kind: str, item: object, context: object) -> str | Literal[False]:  # noqa: ARG001  Alembic calls it
    """Render one of our column types in a step as its underlying SQLAlchemy type, and leave the rest to Alembic.

    So a step does not import the product, whose types may change later.
    """
    if kind == "type" and isinstance(item, TypeDecorator) and type(item).__module__.startswith("mien."):
        return f"sa.{item.impl_instance!r}"
    return False
