"""All resources, and making one: there the responsible-AI terms are acknowledged."""

from __future__ import annotations

from functools import partial

from nicegui import ui

from mien.accounts import Acknowledgement, Resource, Sku
from mien.accounts.terms import TERMS
from mien.management.arm.shapes import TIERS
from mien.management.roles import Permission
from mien.portal.frame import Page
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, badge, button, confirm, empty, link_button, moment, section, table, text


async def render(visitor: Visitor) -> None:
    """Draw the list."""
    every = await visitor.ask(visitor.parts.accounts.deleted)
    deleted = [one for one in every if visitor.session.actor.sees(one.id)]
    if visitor.may(Permission.MANAGE, on=None):
        with Tag("div"):
            link_button("Create a resource", "/resources/new", "primary")

    def may(resource: Resource) -> bool:
        return visitor.may(Permission.MANAGE, on=resource.id)

    with section("Resources"):
        if visitor.resources:
            table(
                "Resources",
                ["Name", "State", "Tier", "Location", "Created", ""],
                [
                    [
                        partial(Tag, "a", one.name, href=f"/?resource={one.name}"),
                        partial(badge, *(("Blocked", "bad") if one.blocked else ("Running", "good"))),
                        f"{one.sku.value} ({TIERS[one.sku]})",
                        one.location,
                        moment(one.created_at),
                        partial(button, "Delete", partial(_ask, visitor, one), "quiet", may=may(one)),
                    ]
                    for one in visitor.resources
                ],
            )
        else:
            empty("add_box", "No resources yet")
    if deleted:
        with section("Deleted", "They can be restored until they are purged."):
            table(
                "Deleted resources",
                ["Name", "Deleted", "Purged", ""],
                [
                    [
                        one.name,
                        moment(one.deleted_at),
                        moment(visitor.parts.accounts.purge_at(one)),
                        partial(button, "Restore", partial(_restore, visitor, one), "quiet", may=may(one)),
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
    about = f"Its keys are refused at once. It can be restored for {hours:.0f} hours; then all that it holds is purged."
    confirm(f"Delete {resource.name}?", about, f"Delete {resource.name}", delete)


async def _restore(visitor: Visitor, resource: Resource) -> None:
    accounts = visitor.parts.accounts
    if await visitor.act(Permission.MANAGE, lambda: accounts.restore(resource.id, actor=visitor.name), on=resource.id):
        ui.navigate.to("/resources")


async def create(visitor: Visitor) -> None:
    """Draw the form of a new resource."""
    accounts = visitor.parts.accounts
    with section("Resource"):
        name = ui.input("Name").props('outlined hint="1 to 64 letters, digits, hyphens, dots, underscores"')
        subdomain = ui.input("Custom subdomain (optional)").props(
            'outlined hint="The first part of its own host name; it cannot be changed later"'
        )
        location = ui.input("Location", value="local").props('outlined hint="A region\'s name, such as westeurope"')
        Tag("strong", "Tier")
        tiers = {sku.value: f"{sku.value} ({TIERS[sku]})" for sku in Sku}
        sku = ui.radio(tiers, value=Sku.STANDARD.value).props('inline aria-label="Tier"')
    with section("Responsible AI terms"):
        text("Face data is biometric data. Anyone who creates a resource acknowledges that they")
        with Tag("ul", classes="bullets"):
            for term in TERMS:
                Tag("li", term)
        person = ui.input("Acknowledged by", value=visitor.name.partition(":")[2]).props(
            'outlined hint="Name of a person who can be contacted later"'
        )
        terms = ui.checkbox("I acknowledge the responsible-AI terms of this service.")
        police = ui.checkbox("The resource is not used by or for a police department in the United States.")

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
        button("Create", make, "primary", may=visitor.may(Permission.MANAGE, on=None))


PAGE = Page(
    "/resources",
    "All resources",
    "Each resource has an endpoint, keys, a tier and its own data.",
    "Server",
    "dns",
    render,
    needs_resource=False,
    needs=Permission.SEE,
)
CREATE = Page(
    "/resources/new", "Create a resource", "It gets an endpoint and two keys at once.", "Server", "add_box", create,
    needs_resource=False, listed=False, needs=Permission.MANAGE, whole_server=True,
)  # fmt: skip
