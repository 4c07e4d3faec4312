"""Begins a migration: compares the tables of the code with the newest step and writes the difference as the next one.

python tools/new_migration.py "what it does"     then read what it wrote, and set HEAD in mien/storage/migrations.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from alembic import command

from mien.storage import Database, migrate
from mien.storage.migrations import FOLDER, HEAD, alembic_config


def begin(what: str, folder: Path = FOLDER / "versions") -> None:
    """Write the next step into a folder.

    Args:
        what: description of the step, for its name and docstring.
        folder: folder to write to; another one to look at a step without adding it.
    """
    with tempfile.TemporaryDirectory() as data:
        database = Database(f"sqlite:///{Path(data) / 'mien.db'}")
        migrate(database)
        config = alembic_config()
        config.set_main_option("file_template", "v%%(rev)s_%%(slug)s")
        places = {FOLDER / "versions", folder}
        config.set_main_option("version_locations", os.pathsep.join(map(str, places)))
        with database.writing_connection() as connection:
            config.attributes["connection"] = connection
            command.revision(
                config, what, autogenerate=True, rev_id=f"{int(HEAD) + 1:04d}", head=HEAD, version_path=str(folder)
            )
        database.close()


if __name__ == "__main__":
    begin(sys.argv[1])
