import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, func, select
from tests.conftest import sqlite_database
from tests.manual_clock import ManualClock

from mien.storage import EVERY_RESOURCE, Database, MasterKey, Vault, load_master_key, migrate
from mien.storage.crypto import DATA_KEY_AGE, CryptoError, MasterKeyError
from mien.storage.faults import StorageFault, StorageFaultError, fault_of
from mien.storage.rotation import open_vault, rotate_master_key
from mien.storage.tables import DataKeyRow, ResourceRow


@pytest.fixture
def owner(database: Database, clock: ManualClock) -> UUID:
    return add_resource(database, clock, "owner")


def add_resource(database: Database, clock: ManualClock, name: str) -> UUID:
    resource_id = uuid4()
    with database.write(EVERY_RESOURCE) as session:
        session.add(ResourceRow(id=resource_id, name=name, location="l", sku="S0", created_at=clock.now()))
    return resource_id


def test_what_was_sealed_opens_and_does_not_show(vault: Vault, owner: UUID) -> None:
    plain = b"a template nobody may read" * 10
    sealed = vault.seal(plain, resource_id=owner, what="faces/1")
    assert plain[:8] not in sealed
    assert vault.open(sealed, resource_id=owner, what="faces/1") == plain
    assert vault.seal(plain, resource_id=owner, what="faces/1") != sealed


def test_every_changed_byte_is_noticed(vault: Vault, owner: UUID) -> None:
    sealed = vault.seal(b"template", resource_id=owner, what="faces/1")
    for position in range(len(sealed)):
        changed = sealed[:position] + bytes([sealed[position] ^ 1]) + sealed[position + 1 :]
        with pytest.raises(CryptoError):
            vault.open(changed, resource_id=owner, what="faces/1")
    for length in range(len(sealed)):
        with pytest.raises(CryptoError):
            vault.open(sealed[:length], resource_id=owner, what="faces/1")


def test_a_value_moved_to_another_row_or_resource_does_not_open(
    vault: Vault, owner: UUID, database: Database, clock: ManualClock
) -> None:
    other = add_resource(database, clock, "other")
    sealed = vault.seal(b"template", resource_id=owner, what="faces/1")
    for resource_id, what in ((owner, "faces/2"), (other, "faces/1"), (None, "faces/1")):
        with pytest.raises(CryptoError):
            vault.open(sealed, resource_id=resource_id, what=what)


def test_another_process_opens_what_this_one_sealed(vault: Vault, owner: UUID, database: Database) -> None:
    sealed = vault.seal(b"template", resource_id=owner, what="w")
    again = Vault(database, vault._master, ManualClock())
    assert again.open(sealed, resource_id=owner, what="w") == b"template"
    assert again.keyed_hash("k") == vault.keyed_hash("k")


def test_data_keys_are_replaced_by_age_and_old_ones_still_open(
    vault: Vault, owner: UUID, database: Database, clock: ManualClock
) -> None:
    first = vault.seal(b"old", resource_id=owner, what="w")
    clock.advance(DATA_KEY_AGE + timedelta(seconds=1))
    second = vault.seal(b"new", resource_id=owner, what="w")
    assert first[:5] != second[:5]
    assert vault.open(first, resource_id=owner, what="w") == b"old"
    with database.read(EVERY_RESOURCE) as session:
        assert session.scalar(select(func.count()).where(DataKeyRow.resource_id == owner)) == 2


def test_without_its_data_key_a_value_is_lost(vault: Vault, owner: UUID, database: Database) -> None:
    sealed = vault.seal(b"template", resource_id=owner, what="w")
    with database.write(EVERY_RESOURCE) as session:
        session.execute(delete(ResourceRow).where(ResourceRow.id == owner))
    vault.forget(owner)
    with pytest.raises(CryptoError):
        vault.open(sealed, resource_id=owner, what="w")


def test_another_master_key_is_refused_at_start(vault: Vault, database: Database, clock: ManualClock) -> None:
    assert vault.keyed_hash("x")
    with pytest.raises(MasterKeyError, match="another master key"):
        Vault(database, MasterKey(bytes(32)), clock)


def test_rotation_keeps_what_was_sealed_and_retires_the_old_key(
    database: Database, clock: ManualClock, owner: UUID, tmp_path: Path
) -> None:
    old = load_master_key(tmp_path)
    vault = open_vault(database, clock, tmp_path)
    sealed = vault.seal(b"template", resource_id=owner, what="w")
    hashed = vault.keyed_hash("key")
    assert rotate_master_key(vault, tmp_path) == 2
    assert vault.open(sealed, resource_id=owner, what="w") == b"template"
    again = open_vault(database, clock, tmp_path)
    assert again.open(sealed, resource_id=owner, what="w") == b"template"
    assert again.keyed_hash("key") == hashed
    with pytest.raises(MasterKeyError):
        Vault(database, old, clock)


def test_a_server_with_the_old_key_adds_no_data_key_that_the_new_one_does_not_open(
    vault: Vault, owner: UUID, database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    """It runs until the operator restarts it; before, no server started any more after it had added one."""
    old = Vault(database, vault._master, clock)
    sealed = vault.seal(b"template", resource_id=owner, what="a")
    known = old.seal(b"template", resource_id=owner, what="b")
    late = add_resource(database, clock, "late")
    later = vault.seal(b"template", resource_id=late, what="c")
    rotate_master_key(vault, tmp_path)
    assert old.open(sealed, resource_id=owner, what="a") == b"template"
    with pytest.raises(StorageFaultError) as caught:
        old.open(later, resource_id=late, what="c")
    assert fault_of(caught.value) is StorageFault.KEY
    with pytest.raises(StorageFaultError):
        old.seal(b"template", resource_id=add_resource(database, clock, "new"), what="d")
    again = open_vault(database, clock, tmp_path)
    assert again.open(known, resource_id=owner, what="b") == b"template"


def test_a_rotation_that_was_cut_off_is_finished_at_the_next_start(
    database: Database, clock: ManualClock, owner: UUID, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = open_vault(database, clock, tmp_path)
    sealed = vault.seal(b"template", resource_id=owner, what="w")

    def power_cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Path, "replace", power_cut)
        rotate_master_key(vault, tmp_path)
    again = open_vault(database, clock, tmp_path)
    assert again.open(sealed, resource_id=owner, what="w") == b"template"
    assert not (tmp_path / "master.key.next").exists()


def test_the_key_file_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first = load_master_key(folder)
    assert load_master_key(folder) == first
    assert stat.S_IMODE((folder / "master.key").stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == ["master.key"]
    assert first.secret.hex() not in repr(first)


def test_processes_that_start_together_agree_on_the_key(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from mien.storage import load_master_key; "
        f"print(load_master_key(Path({str(tmp_path)!r})).name)"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(4)]
    assert len({process.communicate()[0] for process in processes}) == 1


def test_a_key_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(MasterKeyError, match="cannot read"):
        load_master_key(tmp_path, file=tmp_path / "missing")


@given(st.text().filter(lambda text: len(text.strip()) != 64))
def test_a_malformed_master_key_is_refused(text: str) -> None:
    with pytest.raises(MasterKeyError, match="64 hexadecimal"):
        MasterKey.from_hex(text)


def test_two_vaults_on_a_new_database_agree_on_the_lookup_secret(database_url: str, clock: ManualClock) -> None:
    opened = Database(database_url)
    migrate(opened)
    master = MasterKey(bytes(range(32)))
    assert Vault(opened, master, clock).keyed_hash("k") == Vault(opened, master, clock).keyed_hash("k")
    opened.close()


def test_a_missing_master_key_is_said_and_no_new_one_is_left_behind(tmp_path: Path, clock: ManualClock) -> None:
    opened = sqlite_database(tmp_path / "mien.db")
    open_vault(opened, clock, tmp_path).seal(b"x", resource_id=None, what="x")
    key = tmp_path / "master.key"
    saved = key.read_text()
    key.unlink()
    with pytest.raises(MasterKeyError, match=r"master\.key is missing"):
        open_vault(opened, clock, tmp_path)
    assert not key.exists()
    assert [path.name for path in tmp_path.glob("*.key*")] == []
    key.write_text("f" * 64)
    with pytest.raises(MasterKeyError, match="another master key"):
        open_vault(opened, clock, tmp_path)
    key.write_text(saved)
    open_vault(opened, clock, tmp_path)
    opened.close()
