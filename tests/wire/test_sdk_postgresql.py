"""The vendor's Python SDKs against a server on PostgreSQL: the main ways, which on SQLite are all walked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text
from tests.conftest import Server, StartServer, stop
from tests.wire.test_sdk_recognition import (
    pytestmark,
    test_find_similar_verify_and_group,
    test_large_person_group_and_identify,
    test_the_new_sdk_asynchronously,
    test_the_old_sdk,
)

__all__ = [
    "pytestmark",
    "test_find_similar_verify_and_group",
    "test_large_person_group_and_identify",
    "test_the_new_sdk_asynchronously",
    "test_the_old_sdk",
]


@pytest.fixture(scope="module")
def server(
    start_server: StartServer, postgresql_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server on a database of its own."""
    folder: Path = tmp_path_factory.mktemp("postgresql")
    url = postgresql_url.replace("postgresql://", "postgresql+psycopg://")
    admin, name = create_engine(url, isolation_level="AUTOCOMMIT"), f"mien_{uuid4().hex}"
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    database_url = admin.url.set(database=name).render_as_string(hide_password=False)
    started = start_server(data_dir=folder, database_url=database_url, url_allow_private="true")
    yield started
    stop(started.process)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()
