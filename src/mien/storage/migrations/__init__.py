"""The database's schema, step by step; every start brings it up to date.

A step is a module in `versions/`, written by hand or begun with `python tools/new_migration.py "what it does"`. A test
holds that the steps end at the tables of `mien.storage.tables`, on SQLite and PostgreSQL,
and that `HEAD` names the last one.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from sqlalchemy import TypeDecorator, inspect, text
from sqlalchemy.exc import DatabaseError

from mien.storage.database import Database

if TYPE_CHECKING:
    from alembic.config import Config

HEAD: Final = "0023"
"""The last step; a database that is there already needs no Alembic, whose import takes as long as a small start."""

FOLDER: Final = Path(__file__).parent


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

    Raises:
        MigrationError: the database is of a newer Mien.
    """
    if current_revision(database) == HEAD:
        return
    from alembic import command  # noqa: PLC0415  only the first start needs it
    from alembic.util import CommandError  # noqa: PLC0415  only the first start needs it

    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        with database.writing_connection() as connection:
            if not database.is_sqlite:  # another process may take long over it: wait
                connection.execute(text("SET LOCAL lock_timeout = 0"))
            database.lock(connection, "migrations")
            config = alembic_config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        raise MigrationError(
            f"the database is at step {current_revision(database)}, which this version of Mien does not know: "
            f"it was made by a newer one ({error})"
        ) from error
    except DatabaseError as error:
        raise MigrationError(f"the database could not be brought up to date: {error}") from error


def alembic_config() -> Config:
    """Return Alembic's configuration for the steps in this folder."""
    from alembic.config import Config  # noqa: PLC0415  only the first start needs it

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
    return config


def render_type(kind: str, item: object, context: object) -> str | Literal[False]:  # noqa: ARG001  Alembic calls it
    """Write one of our column types into a step as the SQLAlchemy type below it, and leave everything else to Alembic.

    So a step needs no import of the product, whose types may change after it.
    """
    if kind == "type" and isinstance(item, TypeDecorator) and type(item).__module__.startswith("mien."):
        return f"sa.{item.impl_instance!r}"
    return False
