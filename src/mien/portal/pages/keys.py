"""Keys and endpoint: show, copy, replace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from nicegui import ui

from mien.accounts import KeyPair
from mien.management.roles import Permission
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.texts import mark, t
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, banner, button, code, confirm, copy_button, facts, section, text


async def render(visitor: Visitor) -> None:
    """Render the page."""
    resource, parts = visitor.resource, visitor.parts
    with section(t("Endpoint"), t("Pass one of these to the SDK as its endpoint.")):
        addresses = [
            (t("Subdomain"), parts.addresses.of(resource)),
            (t("On this machine"), f"{parts.local_endpoint}/"),
        ]
        facts((name, _address(address)) for name, address in addresses)
        text(t("A custom subdomain needs a DNS or hosts-file entry that points to this server."), "soft small")
    if not resource.local_auth:
        banner(
            "warn", t("Keys are refused"), t("Local authentication is off for this resource: only tokens are accepted.")
        )
    with section(t("Keys"), t("Both are valid. Replace one while applications use the other.")):
        shown = Tag("div", classes="stack")
        may = visitor.may(Permission.KEYS)

        async def show() -> None:
            keys = await visitor.act(Permission.KEYS, lambda: parts.accounts.keys(resource.id, actor=visitor.name))
            if keys is not None:
                _draw(visitor, shown, keys)

        with shown:
            button(
                t("Show the keys"),
                show,
                "primary",
                image="visibility",
                may=may,
                why_not=t("Only administrators see keys."),
            )
            text(t("Showing keys is recorded in the audit log."), "soft small")
    with section(t("In an application"), t("Keep the key out of the code: in the environment, or in a secret store.")):
        code(f'export FACE_ENDPOINT="{parts.local_endpoint}"\nexport FACE_KEY="…"', t("Environment"))


def _address(address: str) -> Callable[[], None]:
    def draw() -> None:
        with Tag("div", classes="row", style="gap:.2rem;flex-wrap:nowrap"):
            Tag("code", address)
            copy_button(address, t("the endpoint"))

    return draw


def _draw(visitor: Visitor, place: ui.element, keys: KeyPair) -> None:
    place.clear()
    slots: tuple[tuple[Literal[1, 2], str], ...] = ((1, keys.key1), (2, keys.key2))
    with place:
        for slot, key in slots:
            with Tag("div", classes="row"):
                Tag("strong", t("Key {slot}", slot=slot))
                Tag("span", key, "secret grow", data_key=str(slot))
                copy_button(key, t("key {slot}", slot=slot))
                button(t("Regenerate"), _asker(visitor, place, slot), "danger", image="autorenew")


def _asker(visitor: Visitor, place: ui.element, slot: Literal[1, 2]) -> Callable[[], None]:
    async def regenerate() -> None:
        accounts, resource = visitor.parts.accounts, visitor.resource

        def replace() -> KeyPair:
            accounts.regenerate_key(resource.id, slot, actor=visitor.name)
            return accounts.keys(resource.id, actor=visitor.name)

        keys = await visitor.act(Permission.KEYS, replace, t("Key {slot} was replaced.", slot=slot))
        if keys is not None:
            _draw(visitor, place, keys)

    def ask() -> None:
        confirm(
            t("Regenerate key {slot}?", slot=slot),
            t(
                "The present key {slot} of {resource} is refused immediately, everywhere. This cannot be undone.",
                slot=slot,
                resource=visitor.resource.name,
            ),
            t("Regenerate key {slot}", slot=slot),
            regenerate,
        )

    return ask


PAGE = Page(
    "/keys",
    mark("Keys and endpoint"),
    mark("Endpoint and keys for applications."),
    mark("Resource"),
    "key",
    render,
    needs=Permission.SEE,
    help=Help(
        mark("Applications need the endpoint and one of the two keys. Replace one key while they use the other."),
        "resources.md#keys",
        (Term.RESOURCE,),
    ),
)
