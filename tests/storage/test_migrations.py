import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from mien.storage import Database, migrate
from mien.storage.base import Base
from mien.storage.migrations import HEAD, MigrationError, alembic_config, current_revision


def test_the_steps_end_at_the_tables_of_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_head_names_the_last_step(database: Database) -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_heads() == [HEAD]
    assert current_revision(database) == HEAD


def test_a_second_start_changes_nothing_and_needs_no_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'mien.db'}"
    migrate(Database(url))
    code = (
        "import sys; from mien.storage import Database, migrate; "
        f"migrate(Database({url!r})); assert 'alembic' not in sys.modules"
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
    with pytest.raises(MigrationError, match="made by a newer one"):
        migrate(database)
