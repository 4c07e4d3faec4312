"""Networking: public access, rules by address, and whether an address would get in."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

from nicegui import ui

from mien.accounts import ResourceChange
from mien.gateway.errors import NetworkDeniedError
from mien.management.roles import Permission
from mien.portal.frame import Page
from mien.portal.visitor import Visitor, sentence, tell
from mien.portal.widgets import Tag, banner, button, section, text

_CHOICES: Final = {
    "all": "Everybody: from all networks",
    "rules": "Only the addresses below",
    "none": "Only this server's private networks",
}


async def render(visitor: Visitor) -> None:
    """Draw the page."""
    resource, parts = visitor.resource, visitor.parts
    may = visitor.may(Permission.MANAGE)
    now = "none" if not resource.public_network_access else "all" if resource.default_action == "Allow" else "rules"
    with section("Allowed callers", "Calls from other addresses are refused with 403, even with a valid key."):
        access = ui.radio(_CHOICES, value=now).props('aria-label="Allowed callers"')
        rules = ui.textarea("Addresses and networks, one a line", value="\n".join(resource.ip_rules)).props(
            'outlined autogrow hint="Such as 203.0.113.7 or 198.51.100.0/24; IPv6 as well"'
        )
        rules.bind_visibility_from(access, "value", backward=lambda value: value == "rules")

        async def save() -> None:
            lines = [line.strip() for line in str(rules.value or "").splitlines() if line.strip()]
            change = ResourceChange(
                public_network_access=access.value != "none",
                default_action="Allow" if access.value == "all" else "Deny" if access.value == "rules" else None,
                ip_rules=lines if access.value == "rules" else None,
            )
            await visitor.act(
                Permission.MANAGE,
                lambda: parts.accounts.update(resource.id, change, actor=visitor.name),
                "Saved: it holds on every server within seconds.",
            )

        if not may:
            access.disable()
            rules.disable()
        with Tag("div"):
            button("Save", save, "primary", may=may)
    _web_pages(visitor)
    with section("Test an address", "Uses the gateway's own check and the saved rules."):
        address = ui.input("IP address of a caller").props("outlined").classes("grow")
        answer = Tag("div", role="status")

        async def look() -> None:
            answer.clear()
            try:
                caller = ip_address(str(address.value or "").strip())
            except ValueError:
                tell("That is not an IP address.", "bad")
                return
            current = await visitor.ask(lambda: parts.accounts.get(resource.id))
            with answer:
                if current is None:
                    banner("bad", "The resource is gone")
                    return
                try:
                    parts.network.check_address(current, caller)
                except NetworkDeniedError as error:
                    banner("bad", f"No, calls from {caller} are refused", sentence(str(error)))
                else:
                    banner("good", f"Yes, calls from {caller} are accepted", "A valid key or token is needed, too.")

        address.on("keydown.enter", look)
        with Tag("div"):
            button("Check", look)
    text(
        "Behind a reverse proxy the caller's address is what the proxy says, if it is one of the trusted proxies.",
        "soft small",
    )


def _web_pages(visitor: Visitor) -> None:
    """Draw the origins of web pages that may call the resource."""
    resource, parts, may = visitor.resource, visitor.parts, visitor.may(Permission.MANAGE)
    about = "Scripts of pages from these origins may call the resource (CORS). Visitors can read the key in a script."
    with section("Web pages", about):
        origins = ui.textarea("Origins, one a line", value="\n".join(resource.cors_origins)).props(
            'outlined autogrow hint="Such as https://shop.example; * for all; empty for none"'
        )

        async def save() -> None:
            lines = [line.strip() for line in str(origins.value or "").splitlines() if line.strip()]
            await visitor.act(
                Permission.MANAGE,
                lambda: parts.accounts.update(resource.id, ResourceChange(cors_origins=lines), actor=visitor.name),
                "Saved: browsers see it within seconds.",
            )

        if not may:
            origins.disable()
        with Tag("div"):
            button("Set origins", save, "primary", may=may)


PAGE = Page(
    "/networking",
    "Networking",
    "The networks that may call the resource.",
    "Resource",
    "lan",
    render,
    needs=Permission.SEE,
)
