"""Databases on the PostgreSQL server of the tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import uuid4

from sqlalchemy import Connection, NullPool, create_engine, text


@contextmanager
def administrator(server: str) -> Iterator[Connection]:
    """A connection that commits every statement."""
    url = server.replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


@contextmanager
def empty_postgresql(server: str, template: str = "template1") -> Iterator[str]:
    """Create an empty database, or one with the tables of another, on a PostgreSQL server; drop it in the end."""
    url = _create(server, template)
    try:
        yield url
    finally:
        _drop(server, url)


class MigratedDatabases:
    """Databases with Mien's tables: one that a test leaves is emptied for the next, which is faster than a new one.

    Args:
        server: where they are.
        template: the name of a migrated database that nobody has used, to create others from.

    Attributes:
        template: likewise.
    """

    def __init__(self, server: str, template: str) -> None:
        self._server = server
        self.template = template
        self._free: list[str] = []
        self._schema: str | None = None

    @contextmanager
    def one(self) -> Iterator[str]:
        """A database in the state after the migration, until the block ends."""
        url = self._free.pop() if self._free else self._create()
        try:
            yield url
        finally:
            if self._empty(url):
                self._free.append(url)
            else:
                _drop(self._server, url)

    def _create(self) -> str:
        url = _create(self._server, self.template)
        with administrator(url) as connection:
            connection.execute(text(_KEEP))
            if self._schema is None:
                self._schema = str(connection.scalar(text(_SCHEMA)))
        return url

    def _empty(self, url: str) -> bool:
        """Restore the rows of the migration; False for a database whose tables, indexes or triggers were changed."""
        with administrator(url) as connection:
            connection.execute(text(_DISCONNECT))
            if connection.scalar(text(_SCHEMA)) != self._schema:
                return False
            connection.execute(text(_EMPTY))
        return True


def _create(server: str, template: str) -> str:
    name = f"mien_{uuid4().hex}"
    with administrator(server) as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        return connection.engine.url.set(database=name).render_as_string(hide_password=False)


def _drop(server: str, url: str) -> None:
    with administrator(server) as connection:
        connection.execute(text(f"DROP DATABASE {url.rpartition('/')[2].partition('?')[0]} WITH (FORCE)"))


_DISCONNECT: Final = (
    "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)

_SCHEMA: Final = """
SELECT md5(string_agg(line, '\n' ORDER BY line)) FROM (
  SELECT format('%s %s %s %s %s', attrelid::regclass, attname, atttypid, attnotnull, attisdropped) AS line
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace AND attnum > 0
  UNION ALL SELECT format('%s %s %s', tgrelid::regclass, tgname, tgenabled) FROM pg_trigger WHERE NOT tgisinternal
  UNION ALL SELECT format('%s %s', conrelid::regclass, conname) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
  UNION ALL SELECT extname FROM pg_extension
  UNION ALL SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_'
) AS lines
"""

# What the migration wrote is kept in a schema of its own, in the order of no table: the triggers and keys that would
# refuse are off for the session that empties.
_KEEP: Final = """
DO $$
DECLARE one record; has boolean;
BEGIN
  CREATE SCHEMA migrated;
  CREATE TABLE migrated.sequences AS
    SELECT sequencename AS name, coalesce(last_value, start_value) AS value, last_value IS NOT NULL AS used
    FROM pg_sequences WHERE schemaname = 'public';
  FOR one IN SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', one.name) INTO has;
    IF has THEN EXECUTE format('CREATE TABLE migrated.%I AS TABLE public.%I', one.name, one.name); END IF;
  END LOOP;
END $$
"""

_EMPTY: Final = """
DO $$
DECLARE one record; has boolean;
BEGIN
  SET LOCAL session_replication_role = replica;
  FOR one IN SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', one.name) INTO has;
    IF has THEN EXECUTE format('DELETE FROM public.%I', one.name); END IF;
  END LOOP;
  FOR one IN SELECT tablename AS name FROM pg_tables WHERE schemaname = 'migrated' AND tablename <> 'sequences' LOOP
    EXECUTE format('INSERT INTO public.%I SELECT * FROM migrated.%I', one.name, one.name);
  END LOOP;
  PERFORM setval(format('public.%I', name), value, used) FROM migrated.sequences;
END $$
"""
