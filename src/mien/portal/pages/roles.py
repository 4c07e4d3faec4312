"""Role assignments for tokens of the issuer, and admin tokens."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from nicegui import ui

from mien.accounts.role_assignments import Assignee, RoleAssignment
from mien.accounts.roles import ROLE_NAMES, AdminRole
from mien.management.roles import Permission
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.pages.admin_tokens import tokens
from mien.portal.texts import mark, t, translated
from mien.portal.visitor import Visitor, tell
from mien.portal.widgets import Tag, badge, button, empty, hint, section, table, typed

ASSIGNEES: Final = {
    Assignee.PRINCIPAL: mark("Person or service principal (oid)"),
    Assignee.APPLICATION: mark("Application (appid, azp)"),
    Assignee.GROUP: mark("Group (groups)"),
    Assignee.ROLE: mark("Role name of the issuer (roles)"),
}
_ALL: Final = mark("All resources")


async def render(visitor: Visitor) -> None:
    """Render the page."""
    await tokens(visitor)
    found = await visitor.ask(visitor.parts.assignments.list)
    with section(t("Assign a role"), t("The role takes effect with the token's next call, on every server.")):
        _form(visitor)
    with section(t("Role assignments")):
        if not found:
            empty("group", t("No role is assigned yet"), t("Tokens have only the roles in their own claims."))
            return
        table(
            t("Role assignments"),
            [t("Assigned to"), t("Role"), t("Resource"), ""],
            [
                [
                    partial(_show_assignee, one),
                    partial(badge, one.role, "warn" if one.role in set(AdminRole) else "info"),
                    one.resource or t(_ALL),
                    partial(button, t("Remove"), _remover(visitor, one), "quiet"),
                ]
                for one in found
            ],
        )


def _show_assignee(one: RoleAssignment) -> None:
    Tag("div", t(ASSIGNEES[one.assignee]), "small soft")
    Tag("div", one.value)


def _form(visitor: Visitor) -> None:
    names = [one.name for one in visitor.resources]
    assignee = ui.select(translated(ASSIGNEES), value=Assignee.PRINCIPAL, label=t("Assign to")).props("outlined")
    value = ui.input(t("Value")).props(hint(t("Exactly as in the token, including case"), "outlined maxlength=300"))
    role = ui.select(list(ROLE_NAMES), value=ROLE_NAMES[0], label=t("Role")).props("outlined")
    place = ui.select([t(_ALL), *names], value=t(_ALL), label=t("Resource")).props("outlined")

    async def assign() -> None:
        if not typed(value):
            tell(t("Fill in: Value."), "bad")
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
        button(t("Assign role"), assign, "primary")


def _remover(visitor: Visitor, one: RoleAssignment) -> Callable[[], Any]:
    async def remove() -> None:
        assignments = visitor.parts.assignments

        def work() -> bool:
            assignments.delete(one.id, actor=visitor.name)
            return True

        if await visitor.act(Permission.TOKENS, work, on=None):
            ui.navigate.to(visitor.link("/roles"))

    return remove


PAGE = Page(
    "/roles",
    mark("Roles and tokens"),
    mark("Admin tokens, and the roles that tokens of your issuer have here."),
    mark("Server"),
    "group",
    render,
    needs_resource=False,
    needs=Permission.TOKENS,
    whole_server=True,
    help=Help(
        mark("Decides who may do what: by tokens that are created here, and by roles of your issuer's tokens."),
        "identity.md#roles-of-administrators",
        (Term.ROLE,),
    ),
)
