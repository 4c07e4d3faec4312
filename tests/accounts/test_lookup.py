"""What one process changes, another goes by at its next look-up."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event
from tests.accounts.conftest import TERMS
from tests.conftest import MASTER_KEY
from tests.manual_clock import ManualClock

from mien.accounts import AccessRequests, Accounts, Feature, Resource, ResourceChange
from mien.storage import Database, MasterKey, Vault


@pytest.fixture
def elsewhere(database_url: str, database: Database, clock: ManualClock) -> Iterator[Accounts]:
    """The accounts of another process, as far as the database can tell: with connections of its own."""
    opened = Database(database_url)
    yield Accounts(opened, Vault(opened, MasterKey.from_hex(MASTER_KEY), clock), clock)
    opened.close()


def test_a_replaced_key_is_refused_elsewhere_at_once(accounts: Accounts, elsewhere: Accounts) -> None:
    made = accounts.create("a", terms=TERMS)
    old = accounts.keys(made.id)
    for _ in range(5):
        assert elsewhere.find_by_key(old.key1) == made
        fresh = accounts.regenerate_key(made.id, 1)
        assert elsewhere.find_by_key(old.key1) is None
        assert elsewhere.find_by_key(fresh) == elsewhere.find_by_key(old.key2) == made
        old = accounts.keys(made.id)


def test_every_change_is_seen_elsewhere_at_once(
    accounts: Accounts, access: AccessRequests, elsewhere: Accounts, database: Database
) -> None:
    assert elsewhere.find_by_subdomain("sub") is None
    made = accounts.create("a", terms=TERMS, custom_subdomain="sub")
    key = accounts.keys(made.id).key1
    assert elsewhere.find_by_subdomain("SUB") == elsewhere.find_by_key(key) == elsewhere.get(made.id) == made
    accounts.update(made.id, ResourceChange(ip_rules=["10.0.0.1"], default_action="Deny"))
    seen = elsewhere.find_by_key(key)
    assert seen is not None
    assert (seen.ip_rules, seen.default_action) == (("10.0.0.1",), "Deny")
    request = access.submit(made.id, [Feature.LIVENESS], organisation="o", contact="c", use_case="u", actor="a")
    access.review(request.id, actor="b")
    assert features(elsewhere, key) == set()
    access.approve(request.id, actor="b")
    assert features(elsewhere, key) == {Feature.LIVENESS}
    access.revoke(request.id, actor="b", reason="r")
    assert features(elsewhere, key) == set()
    accounts.delete(made.id)
    assert elsewhere.find_by_key(key) is elsewhere.find_by_subdomain("sub") is elsewhere.get(made.id) is None
    accounts.restore(made.id)
    assert elsewhere.find_by_key(key) is not None


def features(accounts: Accounts, key: str) -> set[Feature]:
    found = accounts.find_by_key(key)
    assert found is not None
    return set(found.features)


def test_a_purge_elsewhere_makes_this_process_forget_the_data_keys(
    accounts: Accounts, elsewhere: Accounts, vault: Vault
) -> None:
    made = accounts.create("a", terms=TERMS)
    vault.seal(b"face", resource_id=made.id, what="w")
    assert vault.owners() == {made.id}
    elsewhere.delete(made.id)
    assert accounts.get(made.id) is None
    assert vault.owners() == {made.id}  # it may be restored
    elsewhere.purge(made.id)
    assert accounts.get(made.id) is None
    assert vault.owners() == set()


REGENERATE = """
import sys
from mien.accounts import Accounts
from mien.clock import SystemClock
from mien.storage import Database, MasterKey, Vault
database = Database(sys.argv[1])
accounts = Accounts(database, Vault(database, MasterKey.from_hex(sys.argv[2]), SystemClock()), SystemClock())
resource = accounts.named("a")
print(accounts.regenerate_key(resource.id, 1), flush=True)
database.close()
"""


def test_a_real_process_beside_this_one_is_noticed(accounts: Accounts, database_url: str) -> None:
    made = accounts.create("a", terms=TERMS)
    old = accounts.keys(made.id)
    assert accounts.find_by_key(old.key1) == made
    command = [sys.executable, "-c", REGENERATE, database_url, MASTER_KEY]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert accounts.find_by_key(old.key1) is None
    assert accounts.find_by_key(done.stdout.split()[-1]) == accounts.find_by_key(old.key2) == made


def test_look_ups_ask_the_database_nothing_until_something_changes(accounts: Accounts, database: Database) -> None:
    made = accounts.create("a", terms=TERMS)
    key = accounts.keys(made.id).key1
    asked: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda c, cursor, statement, *_: asked.append(statement))
    for _ in range(3):
        assert accounts.find_by_key(key) == made
        assert accounts.find_by_key("0" * 32) is None
        assert accounts.find_by_subdomain("nobody") is None
    first = len([one for one in asked if one.startswith("SELECT")])
    assert first == 4  # key and its approvals, wrong key, subdomain
    accounts.regenerate_key(made.id, 2)
    asked.clear()
    assert accounts.find_by_key(key) == made
    assert any("FROM keys" in one for one in asked)


def test_guessing_keys_does_not_push_out_those_of_callers(
    accounts: Accounts, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mien.accounts.lookup._REMEMBERED", 10)
    key = accounts.keys(accounts.create("a", terms=TERMS).id).key1
    assert accounts.find_by_key(key) is not None
    for number in range(25):
        assert accounts.find_by_key(f"{number:032x}") is None
    assert len(accounts._finder._memory.missing) <= 10
    assert len(accounts._finder._memory.found) == 1


def test_threads_find_the_right_resource_while_keys_change(accounts: Accounts, elsewhere: Accounts) -> None:
    made = [accounts.create(f"r{number}", terms=TERMS) for number in range(4)]
    keys = [accounts.keys(one.id).key2 for one in made]
    over = threading.Event()

    def look(number: int) -> int:
        rounds = 0
        while not over.is_set():
            found = elsewhere.find_by_key(keys[number])
            assert found is not None
            assert found.id == made[number].id
            rounds += 1
        return rounds

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(look, number) for number in range(4)]
        for _ in range(5):
            for one in made:
                old = accounts.keys(one.id).key1
                elsewhere.find_by_key(old)
                accounts.regenerate_key(one.id, 1)
                assert elsewhere.find_by_key(old) is None
        over.set()
        assert all(one.result() for one in running)


def test_a_lost_connection_is_made_anew(accounts: Accounts, database: Database) -> None:
    made = accounts.create("a", terms=TERMS)
    assert accounts.get(made.id) == made
    watch = accounts._finder._watch
    if database.is_sqlite:
        watch.close()
    else:
        watch._connection.close()
    accounts.update(made.id, ResourceChange(request_log=True))
    found = accounts.get(made.id)
    assert isinstance(found, Resource)
    assert found.request_log
