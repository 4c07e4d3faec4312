"""Begins a migration: compares the tables of the code with the newest step and writes the difference as the next one.

python tools/new_migration.py "what it does"     then read what it wrote, and set HEAD in mien/storage/migrations.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command

from mien.storage import Database, migrate
from mien.storage.migrations import HEAD, alembic_config

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'mien.db'}")
        migrate(database)
        config = alembic_config()
        number = f"{int(HEAD) + 1:04d}"
        config.set_main_option("file_template", "v%%(rev)s_%%(slug)s")
        with database.writing_connection() as connection:
            config.attributes["connection"] = connection
            command.revision(config, sys.argv[1], autogenerate=True, rev_id=number)
        database.close()
