"""Liveness settings of a resource: checks without flashing colours, and their possible results."""

from __future__ import annotations

from typing import Final

from nicegui import ui

from mien.accounts import ResourceChange
from mien.contract.flashes import AS_SERVER, WithoutFlashes
from mien.management.roles import Permission
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.resource_forms import resource_changer
from mien.portal.texts import mark, t
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, button, section, text

_CHOICES: Final = {
    WithoutFlashes.OFF: mark("No, everybody sees flashing colours"),
    WithoutFlashes.UNCERTAIN: mark("Yes, but never as realface: your staff decides"),
    WithoutFlashes.REAL: mark("Yes, and it may end as realface"),
}


async def render(visitor: Visitor) -> None:
    """Render the page."""
    resource, parts, may = visitor.resource, visitor.parts, visitor.may(Permission.MANAGE)
    about = t("Flashing light can harm some people. They can turn their heads three times instead.")
    with section(t("People who cannot take flashing light"), about):
        own = t(_CHOICES[parts.without_flashes])
        choices = {AS_SERVER: t("As the server is set: {choice}", choice=own)}
        choices |= {policy.value: t(label) for policy, label in _CHOICES.items()}
        policy = ui.radio(choices, value=(resource.without_flashes or AS_SERVER))
        policy.props["aria-label"] = t("Liveness without flashing colours")
        text(
            t(
                "Without flashes the check is weaker: flashes bind a video to its session, and turns of the head do "
                "that far less. Such a result says so: its attempt has “flashes”: false."
            ),
            "soft small",
        )

        change = resource_changer(visitor, lambda one: one.without_flashes)

        async def save() -> None:
            wanted = ResourceChange(without_flashes=str(policy.value))
            await change(wanted, t("Saved: it applies to attempts that start from now on."))

        if not may:
            policy.disable()
        with Tag("div"):
            button(t("Save"), save, "primary", may=may)


PAGE = Page(
    "/liveness",
    mark("Liveness"),
    mark("Requirements of the resource's liveness sessions."),
    mark("Resource"),
    "flash_off",
    render,
    needs=Permission.SEE,
    help=Help(
        mark("Decides whether people who cannot take flashing light may do the check by turning their heads instead."),
        "liveness.md#without-flashing-colours",
        (Term.LIVENESS,),
    ),
)
