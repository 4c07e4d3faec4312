"""Role assignments: who has which role, and from when on."""

from __future__ import annotations

import pytest
from tests.accounts.conftest import TERMS
from tests.manual_clock import ManualClock

from mien.accounts import Accounts
from mien.accounts.errors import InvalidValueError, ResourceNotFoundError
from mien.accounts.role_assignments import Assignee, RoleAssignments
from mien.events import AuditLog
from mien.storage import Database

USER, ADMIN = "Cognitive Services User", "Mien.Admin"
OBJECT = "c2a9d5c7-4c1f-4f1e-9d53-7a3b1f0e6d11"


@pytest.fixture
def assignments(database: Database, clock: ManualClock, audit: AuditLog) -> RoleAssignments:
    return RoleAssignments(database, clock, audit)


def test_a_role_holds_from_the_next_look_on_and_in_every_process(
    assignments: RoleAssignments, accounts: Accounts, database: Database, clock: ManualClock, audit: AuditLog
) -> None:
    other = RoleAssignments(database, clock, audit)  # as on another server
    shown = [(Assignee.PRINCIPAL, OBJECT.upper()), (Assignee.GROUP, "Desk"), (Assignee.APPLICATION, "app")]
    assert other.roles_of(shown) == ()
    desk = accounts.create("front-desk", terms=TERMS)
    one = assignments.create(Assignee.PRINCIPAL, OBJECT, USER.lower(), resource_id=desk.id, actor="anna")
    two = assignments.create(Assignee.GROUP, " Desk ", ADMIN, actor="anna")
    assert other.roles_of(shown) == (f"{USER}@front-desk", ADMIN)
    assert other.roles_of([(Assignee.GROUP, "desk"), (Assignee.ROLE, "Desk"), (Assignee.PRINCIPAL, "Desk")]) == ()
    assert {one.id: one for one in other.list()} == {one.id: one, two.id: two}
    assert assignments.create(Assignee.GROUP, "Desk", ADMIN, actor="ben").id == two.id
    assert assignments.delete(two.id, actor="ben") == two
    assert assignments.delete(two.id, actor="ben") is None
    assert other.roles_of(shown) == (f"{USER}@front-desk",)
    told = [(entry.actor, entry.action, entry.details["value"]) for entry in audit.search(action="role.*", limit=10)]
    assert ("ben", "role.remove", "Desk") in told
    assert ("anna", "role.assign", OBJECT) in told


def test_the_roles_of_a_purged_resource_go_with_it(assignments: RoleAssignments, accounts: Accounts) -> None:
    desk = accounts.create("front-desk", terms=TERMS)
    assignments.create(Assignee.APPLICATION, "app", USER, resource_id=desk.id, actor="anna")
    accounts.delete(desk.id)
    with pytest.raises(ResourceNotFoundError):
        assignments.create(Assignee.APPLICATION, "other", USER, resource_id=desk.id, actor="anna")
    accounts.purge(desk.id)
    assert assignments.list() == []
    assert assignments.roles_of([(Assignee.APPLICATION, "app")]) == ()


@pytest.mark.parametrize(
    ("value", "role", "field"),
    [
        (" ", USER, "value"),
        ("x\n", "No such role", "role"),
        ("x" * 301, USER, "value"),
        ("a\x00b", USER, "value"),
    ],
)
def test_what_cannot_be_assigned(assignments: RoleAssignments, value: str, role: str, field: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        assignments.create(Assignee.GROUP, value, role, actor="anna")
    assert caught.value.field == field


def test_a_role_of_the_control_plane_holds_for_one_resource_or_all(
    assignments: RoleAssignments, accounts: Accounts
) -> None:
    desk = accounts.create("front-desk", terms=TERMS)
    for wanted, named in ((desk.id, "front-desk"), (None, None)):
        made = assignments.create(Assignee.GROUP, "admins", ADMIN, resource_id=wanted, actor="anna")
        assert made.resource == named
    assert {one.resource for one in assignments.list()} == {"front-desk", None}
