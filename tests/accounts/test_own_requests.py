"""Nobody approves their own request, unless the server has one administrator; then the approval says so."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.conftest import MASTER_KEY
from tests.manual_clock import ManualClock

from mien.accounts import AccessRequest, AccessRequests, Accounts, Acknowledgement, Feature
from mien.accounts.errors import OwnRequestError
from mien.events import AuditLog
from mien.management import AdminTokens, Role
from mien.management.administrators import approvers
from mien.storage import Database, MasterKey, Vault


class Office:
    """A server with its tokens and one request by `token:anna`, which is in review."""

    def __init__(self, database: Database, *, has_issuer: bool = False) -> None:
        self.clock = ManualClock()
        vault = Vault(database, MasterKey.from_hex(MASTER_KEY), self.clock)
        self.tokens = AdminTokens(database, vault, self.clock)
        self.audit = AuditLog(database, self.clock, vault)
        count = approvers(database, self.clock, has_issuer=has_issuer)
        self.access = AccessRequests(database, self.clock, self.audit, approvers=count)
        accounts = Accounts(database, vault, self.clock)
        terms = Acknowledgement("Anna", responsible_ai=True, not_for_police=True)
        self.front, self.back = (accounts.create(name, terms=terms) for name in ("front", "back"))
        self.tokens.create("anna", Role.OWNER, created_by="test")
        self.made = self.access.submit(
            self.front.id, [Feature.VERIFICATION], organisation="o", contact="c", use_case="u", actor="token:anna"
        )
        self.access.review(self.made.id, actor="token:anna")

    def approve(self, actor: str = "token:anna") -> AccessRequest:
        return self.access.approve(self.made.id, actor=actor)


def test_the_only_administrator_approves_and_that_is_marked(sqlite: Database) -> None:
    office = Office(sqlite)
    for role in (Role.OPERATOR, Role.ENROLLER, Role.AUDITOR, Role.READER):
        office.tokens.create(f"a {role}", role, created_by="test")
    office.tokens.create("ben", Role.APPROVER, created_by="test", resource=office.back.id)
    office.tokens.create("cleo", Role.APPROVER, created_by="test", life=timedelta(days=1))
    office.tokens.revoke(office.tokens.create("dan", Role.OWNER, created_by="test").token.id)
    office.clock.advance(timedelta(days=2))
    assert office.approve().by_requester
    assert office.audit.search(action="access.approve")[0].details["note"] == "approved by the requester"
    office.tokens.create("eve", Role.APPROVER, created_by="test")
    with pytest.raises(OwnRequestError):
        office.access.renew(office.made.id, actor="token:anna")
    renewed = office.access.renew(office.made.id, actor="token:eve")
    assert not renewed.by_requester
    assert "note" not in office.audit.search(action="access.renew")[0].details


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN, Role.APPROVER])
@pytest.mark.parametrize("limited", [False, True])
def test_with_another_approver_it_is_refused_and_theirs_counts(sqlite: Database, role: Role, limited: bool) -> None:
    office = Office(sqlite)
    office.tokens.create("ben", role, created_by="test", resource=office.front.id if limited else None)
    with pytest.raises(OwnRequestError, match="another administrator"):
        office.approve()
    assert office.access.get(office.made.id).state == "in_review"
    assert not office.approve("token:ben").by_requester


def test_people_of_an_issuer_cannot_be_counted_so_nobody_is_the_only_one(sqlite: Database) -> None:
    office = Office(sqlite, has_issuer=True)
    with pytest.raises(OwnRequestError):
        office.approve()
