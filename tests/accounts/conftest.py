from __future__ import annotations

import pytest
from tests.manual_clock import ManualClock

from mien.accounts import AccessRequests, AccountRules, Accounts, Acknowledgement
from mien.events import AuditLog
from mien.storage import Database, Vault

TERMS = Acknowledgement("Anna Admin", responsible_ai=True, not_for_police=True)


@pytest.fixture
def accounts(database: Database, vault: Vault, clock: ManualClock) -> Accounts:
    return Accounts(database, vault, clock, rules=AccountRules(free_resources=2))


@pytest.fixture
def access(database: Database, clock: ManualClock, vault: Vault) -> AccessRequests:
    return AccessRequests(database, clock, AuditLog(database, clock, vault))


@pytest.fixture
def audit(database: Database, clock: ManualClock, vault: Vault) -> AuditLog:
    return AuditLog(database, clock, vault)


on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For tests of rules that no database has a part in: once is enough."""
