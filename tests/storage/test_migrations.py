import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Table, inspect, text
from tests.conftest import sqlite_database
from tests.postgresql import empty_postgresql
from tools.new_migration import begin

from mien.storage import Database, migrate
from mien.storage.base import AnyText, Base, UtcDateTime
from mien.storage.migrations import HEAD, MigrationError, alembic_config, current_revision


def test_the_steps_end_at_the_tables_of_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_does_not_keep_every_name_is_refused(encoding: str, postgresql_url: str) -> None:
    """`initdb` in a locale without an encoding makes the first; names came back as bytes, and the start failed."""
    with empty_postgresql(postgresql_url, f"template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'") as url:
        database = Database(url)
        with pytest.raises(MigrationError, match=f"encoding {encoding}"):
            migrate(database)
        database.close()


@pytest.mark.parametrize("content", [bytes(range(1, 255)) * 40, None])
def test_a_damaged_file_is_named_with_what_to_do(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "mien.db"
    database = sqlite_database(file)
    database.close()
    file.write_bytes(file.read_bytes()[:20_000] if content is None else content)
    database = Database(f"sqlite:///{file}")
    with pytest.raises(MigrationError, match=r"mien\.db cannot be read .*: restore a backup"):
        migrate(database)
    database.close()


def test_head_names_the_last_step(database: Database) -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_heads() == [HEAD]
    assert current_revision(database) == HEAD


def test_a_second_start_changes_nothing_and_needs_no_alembic(sqlite: Database) -> None:
    code = (
        "import sys; from mien.storage import Database, migrate; "
        f"migrate(Database({str(sqlite.url)!r})); assert 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_several_processes_may_start_at_once(database_url: str) -> None:
    code = f"from mien.storage import Database, migrate; migrate(Database({database_url!r}))"
    processes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4)]
    assert [process.wait() for process in processes] == [0, 0, 0, 0]
    opened = Database(database_url)
    assert current_revision(opened) == HEAD
    opened.close()


def test_a_database_of_a_newer_version_is_refused(database: Database) -> None:
    with database.writing_connection() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("UPDATE schema_state SET oldest = '9998'"))
    with pytest.raises(MigrationError, match="made by a newer one"):
        migrate(database)


def test_a_step_that_is_begun_imports_what_it_uses(tmp_path: Path) -> None:
    table = Table("invented", Base.metadata, Column("said", AnyText, primary_key=True), Column("at", UtcDateTime))
    try:
        begin("Invent a table", tmp_path)
    finally:
        Base.metadata.remove(table)
    (step,) = tmp_path.glob("*.py")
    assert step.name == f"v{int(HEAD) + 1:04d}_invent_a_table.py"
    database = Database(f"sqlite:///{tmp_path / 'mien.db'}")
    names = runpy.run_path(str(step))
    with database.writing_connection() as connection, Operations.context(MigrationContext.configure(connection)):
        names["upgrade"]()
        kinds = {
            column["name"]: type(column["type"]).__name__ for column in inspect(connection).get_columns("invented")
        }
    database.close()
    assert kinds == {"said": "BLOB", "at": "DATETIME"}
