"""Networking: public access, IP rules, CORS origins, and a test of an address."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

from nicegui import ui

from mien.accounts import ResourceChange
from mien.gateway.errors import NetworkDeniedError
from mien.management.roles import Permission
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.resource_forms import resource_changer
from mien.portal.texts import mark, t, translated
from mien.portal.visitor import Visitor, sentence, tell
from mien.portal.widgets import Tag, banner, button, hint, section, text, typed

_CHOICES: Final = {
    "all": mark("Everybody: from all networks"),
    "rules": mark("Only the addresses below"),
    "none": mark("Only this server's private networks"),
}


async def render(visitor: Visitor) -> None:
    """Render the page."""
    _callers(visitor)
    _web_pages(visitor)
    _address_test(visitor)
    text(
        t("Behind a reverse proxy the caller's address is what the proxy says, if it is one of the trusted proxies."),
        "soft small",
    )


def _callers(visitor: Visitor) -> None:
    """Draw the networks that may call the resource."""
    resource, may = visitor.resource, visitor.may(Permission.MANAGE)
    now = "none" if not resource.public_network_access else "all" if resource.default_action == "Allow" else "rules"
    with section(t("Allowed callers"), t("Calls from other addresses are refused with 403, even with a valid key.")):
        access = ui.radio(translated(_CHOICES), value=now)
        access.props["aria-label"] = t("Allowed callers")
        rules = ui.textarea(t("Addresses and networks, one a line"), value="\n".join(resource.ip_rules)).props(
            hint(t("Such as 203.0.113.7 or 198.51.100.0/24; IPv6 as well"), "outlined autogrow")
        )
        rules.bind_visibility_from(access, "value", backward=lambda value: value == "rules")

        change_networks = resource_changer(
            visitor, lambda one: (one.public_network_access, one.default_action, one.ip_rules)
        )

        async def save() -> None:
            change = ResourceChange(
                public_network_access=access.value != "none",
                default_action="Allow" if access.value == "all" else "Deny" if access.value == "rules" else None,
                ip_rules=_lines(rules) if access.value == "rules" else None,
            )
            await change_networks(change, t("Saved: it applies on every server within seconds."))

        if not may:
            access.disable()
            rules.disable()
        with Tag("div"):
            button(t("Save"), save, "primary", may=may)


def _web_pages(visitor: Visitor) -> None:
    """Draw the origins of web pages that may call the resource."""
    resource, may = visitor.resource, visitor.may(Permission.MANAGE)
    about = t(
        "Scripts of pages from these origins may call the resource (CORS). Visitors can read the key in a script."
    )
    with section(t("Web pages"), about):
        origins = ui.textarea(t("Origins, one a line"), value="\n".join(resource.cors_origins)).props(
            hint(t("Such as https://shop.example; * for all; empty for none"), "outlined autogrow")
        )

        change_origins = resource_changer(visitor, lambda one: one.cors_origins)

        async def save() -> None:
            await change_origins(
                ResourceChange(cors_origins=_lines(origins)), t("Saved: browsers see it within seconds.")
            )

        if not may:
            origins.disable()
        with Tag("div"):
            button(t("Set origins"), save, "primary", may=may)


def _address_test(visitor: Visitor) -> None:
    """Draw the test of an address."""
    resource, parts = visitor.resource, visitor.parts
    with section(t("Test an address"), t("Uses the gateway's own check and the saved rules.")):
        address = ui.input(t("IP address of a caller")).props("outlined").classes("grow")
        answer = Tag("div", role="status")

        async def look() -> None:
            answer.clear()
            try:
                caller = ip_address(typed(address))
            except ValueError:
                tell(t("That is not an IP address."), "bad")
                return
            found = await visitor.look(lambda: (parts.accounts.get(resource.id),))
            if found is None:
                return
            (current,) = found
            answer.clear()  # of another test of an address that was running, too
            with answer:
                if current is None:
                    banner("bad", t("The resource {name} has been deleted.", name=resource.name))
                    return
                try:
                    parts.network.check_address(current, caller)
                except NetworkDeniedError as error:
                    banner("bad", t("No, calls from {caller} are refused", caller=caller), sentence(error.hint))
                else:
                    banner(
                        "good",
                        t("Yes, calls from {caller} are accepted", caller=caller),
                        t("A valid key or token is needed, too."),
                    )

        address.on("keydown.enter", look)
        with Tag("div"):
            button(t("Check"), look)


def _lines(field: ui.textarea) -> list[str]:
    """Return the lines of a field that are not empty, without spaces around them."""
    return [line.strip() for line in typed(field).splitlines() if line.strip()]


PAGE = Page(
    "/networking",
    mark("Networking"),
    mark("The networks that may call the resource."),
    mark("Resource"),
    "lan",
    render,
    needs=Permission.SEE,
    help=Help(
        mark(
            "Limits who may call the resource by the network that a call comes from, and "
            "whether scripts of web pages may."
        ),
        "front-door.md#networks",
        (Term.CORS,),
    ),
)
