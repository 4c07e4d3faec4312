"""The parts that pages are made of: plain HTML where HTML has it, the library's elements where they do more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from inspect import iscoroutine
from typing import Any, Final

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from mien.portal.texts import Dated, figure, mark, t
from mien.portal.texts import moment as moment  # noqa: PLC0414  pages take it from here

_LONG = 45

NOT_THEIRS: Final = mark("Your role does not allow this.")

Handler = Callable[[], Awaitable[Any] | Any]
Cell = str | int | float | None | Callable[[], object]
"""Text, a number, or what draws the cell."""


class Tag(TextElement):
    """An HTML element.

    Args:
        element: its name, such as `section`.
        text: in it.
        classes: classes of the style sheet.
        attributes: attributes of HTML; `_` stands for `-`, and one at the end is dropped (`for_`).
    """

    def __init__(self, element: str, /, text: str = "", classes: str = "", **attributes: str | bool) -> None:
        super().__init__(tag=element, text=text)
        if isinstance(text, Dated):
            self.props["title"] = text.utc
        if classes:
            self.classes(classes)
        for attribute, value in attributes.items():
            inside = attribute in {"href", "action"} and isinstance(value, str) and value.startswith("/")
            self.props[attribute.rstrip("_").replace("_", "-")] = f"{base_path()}{value}" if inside else value


def base_path() -> str:
    """Return the base path below which a proxy serves the portal, such as `/mien`; usually nothing.

    The portal's door leaves the header to trusted proxies only. The library adds it to addresses of its own.
    """
    request = ui.context.client.request
    return request.headers.get("x-forwarded-prefix", "") if request else ""


def text(content: str, classes: str = "") -> Tag:
    """A paragraph."""
    return Tag("p", content, classes)


def icon(name: str) -> ui.icon:
    """A drawing that says nothing which is not in words beside it."""
    return ui.icon(name).props("aria-hidden=true")


def section(title: str, about: str = "", classes: str = "card") -> Tag:
    """A part of a page under a heading; used as a context."""
    box = Tag("section", classes=classes)
    with box, Tag("div"):
        Tag("h2", title, dir="auto")  # it may be a name, of any direction
        if about:
            text(about, "soft small")
    return box


def button(label: str, on_click: Handler | None = None, kind: str = "plain", *, image: str | None = None,
           may: bool = True, why_not: str = "") -> ui.button:  # fmt: skip
    """A button.

    Args:
        label: its words.
        on_click: called when it is pressed; pressed again only when that is done.
        kind: `primary`, `plain`, `quiet` or `danger`.
        image: name of an icon before the words.
        may: whether the person may press it.
        why_not: said when they may not; by default that their role does not allow it.
    """
    made = ui.button(label, color=None, icon=image).props("no-caps unelevated").classes(f"btn {kind}")
    if not may:
        made.disable()
        made.tooltip(why_not or t(NOT_THEIRS))
    elif on_click is not None:
        made.on_click(_once(made, on_click))
    return made


def icon_button(name: str, label: str, on_click: Handler | None = None) -> ui.button:
    """A button with an icon alone; the label is read out and shown as a hint."""
    made = ui.button(color=None, icon=name).props("flat unelevated").classes("btn quiet icon")
    made.props["aria-label"] = label
    made.tooltip(label)
    if on_click is not None:
        made.on_click(_once(made, on_click))
    return made


def _once(pressed: ui.button, handler: Handler) -> Handler:
    async def handle() -> None:
        pressed.props("loading")
        try:
            result = handler()
            if iscoroutine(result):
                await result
        finally:
            if not pressed.is_deleted:
                pressed.props(remove="loading")

    return handle


def link_button(label: str, target: str, kind: str = "plain") -> Tag:
    """A link that looks like a button."""
    return Tag("a", label, f"btn {kind}", href=target)


def badge(label: str, tone: str = "") -> Tag:
    """A word on a coloured ground: tone `good`, `warn`, `bad`, `info` or none."""
    return Tag("span", label, f"badge {tone}".strip())


def banner(tone: str, title: str, about: str = "", action: tuple[str, str] | None = None) -> None:
    """A message across the page: tone `good`, `info`, `warn` or `bad`; action: words and address of a link."""
    pictures = {"good": "check_circle", "info": "info", "warn": "warning", "bad": "error"}
    with Tag("div", classes=f"banner {tone}", role="note"):
        icon(pictures[tone])
        with Tag("div", classes="grow"):
            Tag("strong", title)
            if about:
                text(about)
            if action:
                Tag("a", action[0], href=action[1])


def empty(picture: str, title: str, about: str = "", action: tuple[str, str] | None = None) -> None:
    """An empty state: the reason, and what to do."""
    with Tag("div", classes="empty"):
        icon(picture)
        Tag("strong", title)
        if about:
            text(about)
        if action:
            link_button(*action, kind="primary")


def loading(what: str) -> Tag:
    """A loading indicator; delete it when the content is ready."""
    box = Tag("div", classes="row soft", role="status")
    with box:
        ui.spinner(size="1.4rem", color=None).props("aria-hidden=true")
        Tag("span", what)
    return box


def skeleton() -> Tag:
    """The place of content that is on its way; delete it when the content is ready."""
    box = Tag("div", classes="skeleton", role="status")
    with box:
        Tag("span", t("Loading …"), "soft small")
        for _ in range(3):
            Tag("span", classes="bone", aria_hidden="true")
    return box


def facts(pairs: Iterable[tuple[str, Cell]]) -> None:
    """Names and values."""
    with Tag("dl", classes="facts"):
        for name, value in pairs:
            Tag("dt", name)
            _fill(Tag("dd"), value)


def table(label: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]], numbers: Iterable[int] = ()) -> None:
    """A table, which scrolls sideways by itself where it is too wide; also by keyboard.

    Args:
        label: description of the content, for people who cannot see it.
        columns: their headings.
        rows: rows of cells.
        numbers: which columns hold numbers.
    """
    right = frozenset(numbers)
    with Tag("div", classes="sheet", tabindex="0", role="region", aria_label=label), Tag("table"):
        with Tag("thead"), Tag("tr"):
            for place, name in enumerate(columns):
                if name:
                    Tag("th", name, "number" if place in right else "", scope="col")
                else:
                    with Tag("td"):
                        Tag("span", t("Actions"), "sr")
        with Tag("tbody"):
            for row in rows:
                with Tag("tr"):
                    for place, cell in enumerate(row):
                        _fill(Tag("td", classes="number" if place in right else ""), cell)


def _fill(place: Tag, value: Cell) -> None:
    if callable(value):
        with place:
            value()
    else:
        place.text = "–" if value is None or value == "" else str(value)
        if isinstance(value, Dated):
            place.props["title"] = value.utc
        if len(place.text) > _LONG:
            place.classes("long")


def tile(name: str, value: str, note: str = "") -> None:
    """A number and what it is."""
    with Tag("div", classes="tile"):
        Tag("div", value, "value")
        Tag("div", name, "name")
        if note:
            Tag("div", note, "small soft")


def meter(label: str, share: float, words: str) -> None:
    """How full something is; share in [0, 1]."""
    tone = "bad" if share >= 1 else "warn" if share >= 0.8 else ""
    with Tag("div", classes="stack", style="gap:.25rem"):
        with Tag("div", classes="row between small"):
            Tag("span", label)
            Tag("span", words, "soft")
        part = f"{100 * min(1.0, share):.1f}"
        with Tag("div", classes=f"bar {tone}".strip(), role="meter", aria_label=label, aria_valuenow=part,
                 aria_valuemin="0", aria_valuemax="100", aria_valuetext=words):  # fmt: skip
            Tag("div", style=f"width:{part}%")


def copy_button(content: str, what: str) -> None:
    """A button that copies; without a secure connection, where browsers refuse that, by the old way."""
    made = icon_button("content_copy", t("Copy {what}", what=what))
    made.on("click", js_handler=_COPY % (_quoted(content), _quoted(t("Copied {what}.", what=what))))


def code(content: str, what: str) -> None:
    """A piece of code to copy."""
    with Tag("div", classes="code"):
        Tag("pre", content, tabindex="0", role="region", aria_label=what)
        copy_button(content, what)


def hint(said: str, *others: str) -> str:
    """Return properties of a field with a hint below it, for `props`; the text may have any characters."""
    quoted = said.replace("\\", "\\\\").replace('"', '\\"')
    return " ".join((f'hint="{quoted}"', *others))


def choice(label: str, options: dict[str, str], value: str, on_change: str = "") -> Tag:
    """A list to choose from, the browser's own.

    Args:
        label: label of the field, for screen readers.
        options: words by value.
        value: initial value.
        on_change: JavaScript, a function of the event.
    """
    box = Tag("select", classes="native", aria_label=label)
    with box:
        for key, words in options.items():
            option = Tag("option", words, value=key)
            if key == value:
                option.props["selected"] = True
    if on_change:
        box.on("change", js_handler=on_change)
    return box


def modal(title: str) -> ui.dialog:
    """A dialog of the page, opened by the caller; it outlives the dialog that led to it and is deleted when closed."""
    with ui.context.client.content:
        dialog = ui.dialog()
    dialog.props["aria-label"] = title
    dialog.on("hide", dialog.delete)
    return dialog


def confirm(title: str, about: str, label: str, on_yes: Handler, *, kind: str = "danger") -> ui.dialog:
    """A question before what cannot be undone; opens at once."""
    dialog = modal(title)

    async def agreed() -> None:
        result = on_yes()
        if iscoroutine(result):
            await result
        dialog.close()

    with dialog, Tag("div", classes="card"):
        Tag("h2", title)
        text(about)
        with Tag("div", classes="row", style="justify-content:flex-end"):
            button(t("Cancel"), dialog.close)
            button(label, agreed, kind)
    dialog.open()
    return dialog


def size(count: float) -> str:
    """A number of bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{figure(count, '.0f')} {unit}" if unit == "B" else f"{figure(count, '.1f')} {unit}"
        count /= 1000
    return ""


def _quoted(content: str) -> str:
    escaped = content.replace("\\", "\\\\").replace("`", "\\`").replace("$", "\\$")
    return f"`{escaped}`"


_COPY = """async () => {
    const content = %s;
    try { await navigator.clipboard.writeText(content); }
    catch {
        const area = Object.assign(document.createElement("textarea"), { value: content });
        document.body.append(area); area.select(); document.execCommand("copy"); area.remove();
    }
    Quasar.Notify.create({ message: %s, position: "top", type: "positive", timeout: 1500 });
}"""
