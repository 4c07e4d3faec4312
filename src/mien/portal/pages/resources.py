"""The resources, and the form to create one, with the responsible-AI terms."""

from __future__ import annotations

from functools import partial

from nicegui import ui

from mien.accounts import Acknowledgement, Resource, Sku
from mien.accounts.terms import TERMS
from mien.management.arm.shapes import TIERS
from mien.management.roles import Permission
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.texts import mark, t
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, badge, button, confirm, empty, hint, link_button, moment, section, table, text


async def render(visitor: Visitor) -> None:
    """Render the list."""
    every = await visitor.ask(visitor.parts.accounts.deleted)
    deleted = [one for one in every if visitor.session.actor.sees(one.id)]
    if visitor.may(Permission.MANAGE, on=None):
        with Tag("div"):
            link_button(t("Create a resource"), "/resources/new", "primary")

    def may(resource: Resource) -> bool:
        return visitor.may(Permission.MANAGE, on=resource.id)

    with section(t("Resources")):
        if visitor.resources:
            table(
                t("Resources"),
                [t("Name"), t("State"), t("Tier"), t("Location"), t("Created"), ""],
                [
                    [
                        partial(Tag, "a", one.name, href=f"/?resource={one.name}"),
                        partial(badge, *((t("Blocked"), "bad") if one.blocked else (t("Running"), "good"))),
                        f"{one.sku.value} ({t(TIERS[one.sku])})",
                        one.location,
                        moment(one.created_at),
                        partial(button, t("Delete"), partial(_ask, visitor, one), "quiet", may=may(one)),
                    ]
                    for one in visitor.resources
                ],
            )
        else:
            empty("add_box", t("No resources yet"))
    if deleted:
        with section(t("Deleted"), t("They can be restored until they are purged.")):
            table(
                t("Deleted resources"),
                [t("Name"), t("Deleted"), t("Purged"), ""],
                [
                    [
                        one.name,
                        moment(one.deleted_at),
                        moment(visitor.parts.accounts.purge_at(one)),
                        partial(button, t("Restore"), partial(_restore, visitor, one), "quiet", may=may(one)),
                    ]
                    for one in deleted
                ],
            )


def _ask(visitor: Visitor, resource: Resource) -> None:
    async def delete() -> None:
        accounts = visitor.parts.accounts
        if await visitor.act(
            Permission.MANAGE, lambda: accounts.delete(resource.id, actor=visitor.name), on=resource.id
        ):
            ui.navigate.to("/resources")

    hours = visitor.parts.accounts.rules.keep_deleted.total_seconds() / 3600
    about = t(
        "Its keys are refused immediately. It can be restored for {hours:.0f} hours; then all its data is purged.",
        hours=hours,
    )
    confirm(
        t("Delete {resource}?", resource=resource.name), about, t("Delete {resource}", resource=resource.name), delete
    )


async def _restore(visitor: Visitor, resource: Resource) -> None:
    accounts = visitor.parts.accounts
    if await visitor.act(Permission.MANAGE, lambda: accounts.restore(resource.id, actor=visitor.name), on=resource.id):
        ui.navigate.to("/resources")


async def create(visitor: Visitor) -> None:
    """Render the form for a new resource."""
    accounts = visitor.parts.accounts
    with section(t("Resource")):
        name = ui.input(t("Name")).props(hint(t("1 to 64 letters, digits, hyphens, dots, underscores"), "outlined"))
        subdomain = ui.input(t("Custom subdomain (optional)")).props(
            hint(t("The first part of its own host name; it cannot be changed later"), "outlined")
        )
        location = ui.input(t("Location"), value="local").props(
            hint(t("A region's name, such as westeurope"), "outlined")
        )
        Tag("strong", t("Tier"))
        tiers = {sku.value: f"{sku.value} ({t(TIERS[sku])})" for sku in Sku}
        sku = ui.radio(tiers, value=Sku.STANDARD.value).props("inline")
        sku.props["aria-label"] = t("Tier")
    with section(t("Responsible AI terms")):
        text(t("Face data is biometric data. Anyone who creates a resource acknowledges that they"))
        with Tag("ul", classes="bullets"):
            for term in TERMS:
                Tag("li", t(term))
        person = ui.input(t("Acknowledged by"), value=visitor.name.partition(":")[2]).props(
            hint(t("Name of a person who can be contacted later"), "outlined")
        )
        terms = ui.checkbox(t("I acknowledge the responsible-AI terms of this service."))
        police = ui.checkbox(t("The resource is not used by or for a police department in the United States."))

    async def make() -> None:
        acknowledged = Acknowledgement(str(person.value or ""), bool(terms.value), bool(police.value))
        made = await visitor.act(
            Permission.MANAGE,
            lambda: accounts.create(
                str(name.value or ""),
                terms=acknowledged,
                location=str(location.value or ""),
                sku=Sku(str(sku.value)),
                custom_subdomain=str(subdomain.value) if subdomain.value else None,
                actor=visitor.name,
            ),
            on=None,
        )
        if made is not None:
            ui.navigate.to(f"/?resource={made.name}")

    with Tag("div"):
        button(t("Create"), make, "primary", may=visitor.may(Permission.MANAGE, on=None))


PAGE = Page(
    "/resources",
    mark("All resources"),
    mark("Each resource has an endpoint, keys, a tier and its own data."),
    mark("Server"),
    "dns",
    render,
    needs_resource=False,
    needs=Permission.SEE,
    help=Help(
        mark("All resources that you may see. A deleted one can be restored until it is purged."),
        "resources.md",
        (Term.RESOURCE,),
    ),
)
CREATE = Page(
    "/resources/new",
    mark("Create a resource"),
    mark("It gets an endpoint and two keys immediately."),
    mark("Server"),
    "add_box",
    create,
    needs_resource=False,
    listed=False,
    needs=Permission.MANAGE,
    whole_server=True,
    help=Help(
        mark("Creates a resource for an application or a department; its people and keys are its own."),
        "resources.md#create-a-resource",
        (Term.RESOURCE,),
    ),
)
