"""The frame of every page: skip link, resource chooser, navigation, heading, theme switch, signed-in person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from nicegui import ui

from mien.management.roles import Permission
from mien.portal.early import early
from mien.portal.help import Help
from mien.portal.sign_in import SIGN_OUT
from mien.portal.texts import COOKIE, LANGUAGES, language, listed, t
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, choice, icon, icon_button

_DRAWER: Final = "show-if-above width=252 breakpoint=1023"

THEME: Final = "mien_theme"
"""Cookie with the chosen theme; without it, the browser's preference applies."""

LOGO: Final = (
    '<svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" fill="#0e6675"/>'
    '<path d="M8 22V11l8 7 8-7v11" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round" '
    'stroke-linejoin="round"/></svg>'
)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the portal.

    Attributes:
        path: path of the page.
        title: title in the navigation, the heading and the window.
        about: a sentence under the heading.
        group: heading in the navigation.
        icon: icon in the navigation.
        render: draws the content.
        needs_resource: whether it shows one resource.
        listed: whether it is in the navigation.
        needs: required permission, on the chosen resource if the page shows one, else on any.
        whole_server: whether the permission is needed on the whole server.
        for_everybody: whether any signed-in person may see it.
        help: its purpose, terms and documentation.
    """

    path: str
    title: str
    about: str
    group: str
    icon: str
    render: Callable[[Visitor], Awaitable[None]]
    needs_resource: bool = True
    listed: bool = True
    needs: Permission = Permission.MANAGE
    whole_server: bool = False
    for_everybody: bool = False
    help: Help | None = None

    def is_open_to(self, visitor: Visitor) -> bool:
        """Return whether a visitor may see the page."""
        if self.for_everybody:
            return True
        if self.whole_server:
            return visitor.may(self.needs, on=None)
        if self.needs_resource and visitor.chosen is not None:
            return visitor.may(self.needs)
        return visitor.session.actor.reach(self.needs) != frozenset()


@contextmanager
def frame(visitor: Visitor, page: Page, pages: Iterable[Page], theme: str | None) -> Iterator[None]:
    """Draw the frame; use it as a context in which to draw the content.

    Args:
        visitor: the signed-in person.
        page: the page.
        pages: the pages in the menu.
        theme: `light`, `dark`, or None for the browser's preference.
    """
    title = t(page.title)
    about = f"{title} · {visitor.chosen.name} · Mien" if visitor.chosen else f"{title} · Mien"
    ui.page_title(about)
    ui.add_body_html(early(title, theme))
    theme_switch = ui.dark_mode({"dark": True, "light": False}.get(theme or ""))
    with ui.left_drawer(value=False, elevated=False).classes("side").props(_DRAWER) as drawer:
        _navigate(visitor, page, pages)
    with ui.header(elevated=False).classes("top"):
        menu = icon_button("menu", t("Menu"), drawer.toggle).classes("lt-md")
        menu.props["aria-controls"] = f"c{drawer.id}"
        with Tag("a", classes="brand", href=visitor.link("/"), aria_label=t("Mien, overview")):
            ui.html(LOGO, sanitize=False)
            Tag("span", "Mien")
        Tag("div", classes="grow")
        if visitor.chosen is not None:
            _choose(visitor, visitor.chosen.name)
        box = choice(t("Language"), LANGUAGES, language(), _SPEAK).classes("languages")
        for option in box.default_slot.children:
            option.props["lang"] = option.props["value"]
        switch = icon_button("contrast", t("Light or dark"))
        # Also set it on the page's element, which sets the theme again with every update of the page.
        switch.on("click", lambda event: theme_switch.set_value(bool(event.args)), js_handler=_SWITCH)
        _who(visitor)
    with Tag("div", classes="page") as content:
        with Tag("div", classes="head"), Tag("div"):
            Tag("h1", title)
            Tag("p", t(page.about))
            if page.help is not None:
                _help(visitor, page.help)
        yield
    ui.skip_link(t("Skip to the page"), target=content)


def _help(visitor: Visitor, told: Help) -> None:
    """Draw the collapsed help, which opens without a script."""
    with Tag("details", classes="help"):
        with Tag("summary", title=t("Help")):
            icon("help_outline")
            Tag("span", t("Help"), "sr")
        with Tag("div", classes="card"):
            Tag("p", t(told.about))
            if told.terms:
                with Tag("dl", classes="facts small"):
                    for term in told.terms:
                        name, sentence = term.name_and_sentence
                        Tag("dt", name)
                        Tag("dd", sentence)
            Tag("a", t("Read more in the documentation"), href=visitor.link(told.path) + told.heading)


def _navigate(visitor: Visitor, current: Page, pages: Iterable[Page]) -> None:
    groups: dict[str, list[Page]] = {}
    for page in pages:
        if page.listed and page.is_open_to(visitor):
            groups.setdefault(page.group, []).append(page)
    with Tag("nav", aria_label=t("Pages")):
        for number, (group, members) in enumerate(groups.items()):
            name = f"nav-group-{number}"
            Tag("div", t(group), "group", id=name)
            with Tag("ul", aria_labelledby=name):
                for page in members:
                    with Tag("li"), Tag("a", href=visitor.link(page.path)) as link:
                        icon(page.icon)
                        Tag("span", t(page.title))
                    if current.path == page.path:
                        link.props["aria-current"] = "page"
                    elif page.path != "/" and current.path.startswith(page.path + "/"):
                        link.props["aria-current"] = "true"


def _choose(visitor: Visitor, name: str) -> None:
    with Tag("div", classes="chooser"):
        Tag("label", t("Resource"), "small soft", for_="resource")
        box = choice(t("Resource"), {one.name: one.name for one in visitor.resources}, name, _GO)
        box.props["id"] = "resource"


def _who(visitor: Visitor) -> None:
    actor = visitor.session.actor
    with Tag("div", classes="who"):
        Tag("div", actor.name.partition(":")[2] or actor.name)
        roles = dict.fromkeys(one.role.value for one in actor.grants)
        names = listed(roles)
        Tag("div", names if actor.everywhere else t("{roles} · limited to resources", roles=names), "soft")
    with Tag("form", method="post", action=SIGN_OUT):
        button = icon_button("logout", t("Sign out"))
        button.props["type"] = "submit"


_GO: Final = """(event) => {
    const address = new URL(location.href);
    const page = address.pathname.slice(window.path_prefix.length).split("/")[1];
    location.href = window.path_prefix + "/" + page + "?" + new URLSearchParams({ resource: event.target.value });
}"""
_SPEAK: Final = f"""(event) => {{
    document.cookie = "{COOKIE}=" + event.target.value + "; path=/; max-age=31536000; samesite=strict";
    location.reload();
}}"""
_SWITCH: Final = f"""() => {{
    const dark = !document.body.classList.contains("body--dark");
    Quasar.Dark.set(dark);
    document.cookie = "{THEME}=" + (dark ? "dark" : "light") + "; path=/; max-age=31536000; samesite=strict";
    emit(dark);
}}"""
