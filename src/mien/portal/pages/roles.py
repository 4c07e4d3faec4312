"""Role assignments: which roles the tokens of the issuer have here."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from nicegui import ui

from mien.accounts.role_assignments import Assignee, RoleAssignment
from mien.accounts.roles import ROLE_NAMES, AdminRole
from mien.management.roles import Permission
from mien.portal.frame import Page
from mien.portal.pages.admin_tokens import tokens
from mien.portal.visitor import Visitor, tell
from mien.portal.widgets import Tag, badge, button, empty, section, table

ASSIGNEES: Final = {
    Assignee.PRINCIPAL: "Person or service principal (oid)",
    Assignee.APPLICATION: "Application (appid, azp)",
    Assignee.GROUP: "Group (groups)",
    Assignee.ROLE: "Role name of the issuer (roles)",
}
_ALL: Final = "All resources"


async def render(visitor: Visitor) -> None:
    """Draw the page."""
    await tokens(visitor)
    found = await visitor.ask(visitor.parts.assignments.list)
    with section("Assign a role", "The role takes effect with the token's next call, on every server."):
        _form(visitor)
    with section("Role assignments"):
        if not found:
            empty("group", "No role is assigned yet", "Tokens have only the roles in their own claims.")
            return
        table(
            "Role assignments",
            ["Assigned to", "Role", "Resource", ""],
            [
                [
                    partial(_show_assignee, one),
                    partial(badge, one.role, "warn" if one.role in set(AdminRole) else "info"),
                    one.resource or _ALL,
                    partial(button, "Remove", _remover(visitor, one), "quiet"),
                ]
                for one in found
            ],
        )


def _show_assignee(one: RoleAssignment) -> None:
    Tag("div", ASSIGNEES[one.assignee], "small soft")
    Tag("div", one.value)


def _form(visitor: Visitor) -> None:
    names = [one.name for one in visitor.resources]
    assignee = ui.select(dict(ASSIGNEES), value=Assignee.PRINCIPAL, label="Assign to").props("outlined")
    value = ui.input("Value").props('outlined maxlength=300 hint="Exactly as in the token, including case"')
    role = ui.select(list(ROLE_NAMES), value=ROLE_NAMES[0], label="Role").props("outlined")
    place = ui.select([_ALL, *names], value=_ALL, label="Resource").props("outlined")

    async def assign() -> None:
        if not str(value.value or "").strip():
            tell("Fill in: Value.", "bad")
            return
        chosen = next((one.id for one in visitor.resources if one.name == place.value), None)

        made = await visitor.act(
            Permission.TOKENS,
            lambda: visitor.parts.assignments.create(
                assignee.value, str(value.value), str(role.value), resource_id=chosen, actor=visitor.name
            ),
            on=None,
        )
        if made is not None:
            ui.navigate.to(visitor.link("/roles"))

    with Tag("div"):
        button("Assign role", assign, "primary")


def _remover(visitor: Visitor, one: RoleAssignment) -> Callable[[], Any]:
    async def remove() -> None:
        assignments = visitor.parts.assignments
        await visitor.act(Permission.TOKENS, lambda: assignments.delete(one.id, actor=visitor.name), on=None)
        ui.navigate.to(visitor.link("/roles"))

    return remove


PAGE = Page(
    "/roles",
    "Roles and tokens",
    "Admin tokens, and the roles that tokens of your issuer have here.",
    "Server",
    "group",
    render,
    needs_resource=False,
    needs=Permission.TOKENS,
    whole_server=True,
)
