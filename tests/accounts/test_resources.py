from uuid import uuid4

import pytest
from sqlalchemy import select

from mien.accounts import AccountError, Accounts, Sku
from mien.clock import ManualClock
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.tables import KeyRow


@pytest.fixture
def accounts(database: Database, vault: Vault, clock: ManualClock) -> Accounts:
    return Accounts(database, vault, clock)


def test_a_new_resource_has_two_keys_and_both_find_it(accounts: Accounts) -> None:
    made = accounts.create("front-desk", location="westeurope", sku=Sku.FREE, custom_subdomain="Front-Desk")
    keys = accounts.keys(made.id)
    assert keys.key1 != keys.key2
    assert all(len(key) == 32 and set(key) <= set("0123456789abcdef") for key in (keys.key1, keys.key2))
    assert accounts.find_by_key(keys.key1) == made
    assert accounts.find_by_key(keys.key2) == made
    assert accounts.get("front-desk") == made
    assert accounts.resources() == [made]
    assert made.custom_subdomain == "front-desk"


@pytest.mark.parametrize("change", [str.upper, lambda k: k + " ", lambda k: k[:-1], lambda k: "", lambda k: "\udcff"])
def test_only_the_exact_key_is_accepted(accounts: Accounts, change: object) -> None:
    made = accounts.create("a")
    key = accounts.keys(made.id).key1
    while key.isdigit():  # one in three million
        key = accounts.regenerate_key(made.id, 1)
    assert callable(change)
    assert accounts.find_by_key(change(key)) is None
    assert accounts.find_by_key(key) == made


def test_regenerating_one_key_refuses_the_old_at_once_and_leaves_the_other(accounts: Accounts) -> None:
    made = accounts.create("a")
    before = accounts.keys(made.id)
    assert accounts.find_by_key(before.key1) == made
    fresh = accounts.regenerate_key(made.id, 1)
    assert accounts.find_by_key(before.key1) is None
    assert accounts.find_by_key(fresh) == made
    assert accounts.find_by_key(before.key2) == made
    assert accounts.keys(made.id).key2 == before.key2


def test_another_process_refuses_a_replaced_key_when_its_memory_runs_out(
    accounts: Accounts, database: Database, vault: Vault, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = accounts.create("a")
    other = Accounts(database, vault, clock)
    old = accounts.keys(made.id).key1
    moment = 1000.0
    monkeypatch.setattr("mien.accounts.resources.time.monotonic", lambda: moment)
    assert other.find_by_key(old) == made
    accounts.regenerate_key(made.id, 1)
    moment += 5.0
    assert other.find_by_key(old) is None


def test_keys_are_not_in_the_database_in_clear(accounts: Accounts, database: Database) -> None:
    keys = accounts.keys(accounts.create("a").id)
    with database.read(EVERY_RESOURCE) as session:
        stored = [(row.lookup, row.sealed) for row in session.scalars(select(KeyRow))]
    for key in (keys.key1, keys.key2):
        for lookup, sealed in stored:
            assert key.encode() not in lookup + sealed
            assert bytes.fromhex(key) not in lookup + sealed


def test_the_text_form_of_keys_hides_them(accounts: Accounts) -> None:
    keys = accounts.keys(accounts.create("a").id)
    assert keys.key1 not in f"{keys!r} {keys}"


def test_names_are_unique_and_well_formed(accounts: Accounts) -> None:
    accounts.create("a", custom_subdomain="sub")
    with pytest.raises(AccountError, match="already"):
        accounts.create("a")
    with pytest.raises(AccountError, match="already"):
        accounts.create("b", custom_subdomain="SUB")
    for name in ("", "-a", "a-", "a b", "a" * 65, "ä"):
        with pytest.raises(AccountError, match="letters"):
            accounts.create(name)


def test_a_deleted_resource_is_gone_with_its_keys(accounts: Accounts) -> None:
    made = accounts.create("a")
    key = accounts.keys(made.id).key1
    assert accounts.find_by_key(key) == made
    accounts.delete(made.id)
    assert accounts.find_by_key(key) is None
    assert accounts.resources() == []
    with pytest.raises(AccountError):
        accounts.keys(made.id)
    with pytest.raises(AccountError):
        accounts.regenerate_key(uuid4(), 1)
