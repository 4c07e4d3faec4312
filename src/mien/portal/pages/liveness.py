"""Liveness of a resource: whether people may do without flashing colours, and what that may conclude."""

from __future__ import annotations

from typing import Final

from nicegui import ui

from mien.accounts import ResourceChange
from mien.contract.flashes import AS_SERVER, WithoutFlashes
from mien.management.roles import Permission
from mien.portal.frame import Page
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, button, section, text

_CHOICES: Final = {
    WithoutFlashes.OFF: "No: everybody sees flashing colours",
    WithoutFlashes.UNCERTAIN: "Yes, but never as realface: your staff decides",
    WithoutFlashes.REAL: "Yes, and it may end as realface",
}


async def render(visitor: Visitor) -> None:
    """Draw the page."""
    resource, parts, may = visitor.resource, visitor.parts, visitor.may(Permission.MANAGE)
    about = "Flashing light can harm some people. They can turn their heads three times instead."
    with section("People who cannot take flashing light", about):
        own = _CHOICES[parts.without_flashes].partition(":")[0].partition(",")[0].lower()
        choices = {AS_SERVER: f"As the server is set, now: {own} ({parts.without_flashes})"}
        choices |= {policy.value: label for policy, label in _CHOICES.items()}
        policy = ui.radio(choices, value=(resource.without_flashes or AS_SERVER)).props(
            'aria-label="Liveness without flashing colours"'
        )
        text(
            "Without flashes the check is weaker: flashes bind a video to its session, and turns of the head do that "
            "far less. Such a result says so: its attempt has “flashes”: false.",
            "soft small",
        )

        async def save() -> None:
            change = ResourceChange(without_flashes=str(policy.value))
            await visitor.act(
                Permission.MANAGE,
                lambda: parts.accounts.update(resource.id, change, actor=visitor.name),
                "Saved: it holds for attempts that begin from now on.",
            )

        if not may:
            policy.disable()
        with Tag("div"):
            button("Save", save, "primary", may=may)


PAGE = Page(
    "/liveness",
    "Liveness",
    "What liveness sessions of the resource ask of people.",
    "Resource",
    "flash_off",
    render,
    needs=Permission.SEE,
)
