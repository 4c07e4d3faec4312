"""The widgets of pages: plain HTML elements where possible, otherwise the library's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from inspect import iscoroutine
from typing import Any, Final

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from mien.portal.texts import Dated, figure, mark, said, t
from mien.portal.texts import moment as moment  # noqa: PLC0414  pages take it from here

_LONG = 45

NOT_THEIRS: Final = mark("Your role does not allow this.")

Handler = Callable[[], Awaitable[Any] | Any]
Cell = str | int | float | None | Callable[[], object]
"""A text, a number, or a function that draws the cell."""


class Tag(TextElement):
    """An HTML element.

    Args:
        element: name of the element, such as `section`.
        text: its text; a message of a service is translated.
        classes: classes of the style sheet.
        attributes: HTML attributes; `_` stands for `-`, and a final `_` is dropped (`for_`).
    """

    def __init__(self, element: str, /, text: str = "", classes: str = "", **attributes: str | bool) -> None:
        super().__init__(tag=element, text=said(text))
        if isinstance(text, Dated):
            self.props["title"] = text.utc
        if classes:
            self.classes(classes)
        for attribute, value in attributes.items():
            inside = attribute in {"href", "action"} and isinstance(value, str) and value.startswith("/")
            self.props[attribute.rstrip("_").replace("_", "-")] = f"{base_path()}{value}" if inside else value


def base_path() -> str:
    """Return the base path of a proxy, such as `/mien`; usually empty.

    `Portal` accepts the header from trusted proxies only. The library adds the path to its own URLs.
    """
    request = ui.context.client.request
    return request.headers.get("x-forwarded-prefix", "") if request else ""


def text(content: str, classes: str = "") -> Tag:
    """Draw a paragraph."""
    return Tag("p", content, classes)


def icon(name: str) -> ui.icon:
    """Draw a decorative icon, which screen readers ignore."""
    return ui.icon(name).props("aria-hidden=true")


def section(title: str, about: str = "", classes: str = "card") -> Tag:
    """Draw a section with a heading; use it as a context."""
    box = Tag("section", classes=classes)
    with box, Tag("div"):
        Tag("h2", title, dir="auto")  # the title may be a name in a right-to-left script
        if about:
            text(about, "soft small")
    return box


def button(label: str, on_click: Handler | None = None, kind: str = "plain", *, image: str | None = None,
           may: bool = True, why_not: str = "") -> ui.button:  # fmt: skip
    """Draw a button.

    Args:
        label: its label.
        on_click: called when it is pressed; it cannot be pressed again before the call ends.
        kind: `primary`, `plain`, `quiet` or `danger`.
        image: name of an icon before the label.
        may: whether the visitor may press it.
        why_not: reason if they may not; by default, that their role does not allow it.
    """
    made = ui.button(label, color=None, icon=image).props("no-caps unelevated").classes(f"btn {kind}")
    if not may:
        made.disable()
        made.tooltip(why_not or t(NOT_THEIRS))
    elif on_click is not None:
        _press(made, on_click)
    return made


def icon_button(name: str, label: str, on_click: Handler | None = None) -> ui.button:
    """Draw a button with only an icon; the label is its tooltip and accessible name."""
    made = ui.button(color=None, icon=name).props("flat unelevated").classes("btn quiet icon")
    made.props["aria-label"] = label
    made.tooltip(label)
    if on_click is not None:
        _press(made, on_click)
    return made


def _press(pressed: ui.button, handler: Handler) -> None:
    """Call a handler when a button is pressed; a double click counts once.

    While the handler runs, the library ignores clicks on the button; `aria-disabled` says so to screen readers.
    """

    async def handle() -> None:
        pressed.props("loading aria-disabled=true")
        try:
            result = handler()
            if iscoroutine(result):
                await result
        finally:
            if not pressed.is_deleted:
                pressed.props(remove="loading aria-disabled")

    pressed.on("click", once(handle), js_handler="(event) => event.detail > 1 || emit()")


def once(handler: Handler) -> Callable[[], Awaitable[None]]:
    """Return a handler that does nothing while an earlier call of it runs, such as for a key that is held down."""
    running = False

    async def handle() -> None:
        nonlocal running
        if running:
            return
        running = True
        try:
            result = handler()
            if iscoroutine(result):
                await result
        finally:
            running = False

    return handle


def link_button(label: str, target: str, kind: str = "plain") -> Tag:
    """Draw a link that looks like a button."""
    return Tag("a", label, f"btn {kind}", href=target)


def badge(label: str, tone: str = "") -> Tag:
    """Draw a coloured label; tone is `good`, `warn`, `bad`, `info` or empty."""
    return Tag("span", label, f"badge {tone}".strip())


def banner(tone: str, title: str, about: str = "", action: tuple[str, str] | None = None) -> None:
    """Draw a message across the page; tone is `good`, `info`, `warn` or `bad`, action the label and URL of a link."""
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
    """Draw an empty state: the reason, and what to do."""
    with Tag("div", classes="empty"):
        icon(picture)
        Tag("strong", title)
        if about:
            text(about)
        if action:
            link_button(*action, kind="primary")


def loading(what: str) -> Tag:
    """Draw a loading indicator; delete it when the content is ready."""
    box = Tag("div", classes="row soft", role="status")
    with box:
        ui.spinner(size="1.4rem", color=None).props("aria-hidden=true")
        Tag("span", what)
    return box


def skeleton() -> Tag:
    """Draw a skeleton of the content; delete it when the content is ready."""
    box = Tag("div", classes="skeleton", role="status")
    with box:
        Tag("span", t("Loading …"), "soft small")
        for _ in range(3):
            Tag("span", classes="bone", aria_hidden="true")
    return box


def facts(pairs: Iterable[tuple[str, Cell]]) -> None:
    """Draw names and values."""
    with Tag("dl", classes="facts"):
        for name, value in pairs:
            Tag("dt", name)
            _fill(Tag("dd"), value)


def table(label: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]], numbers: Iterable[int] = ()) -> None:
    """Draw a table, which scrolls sideways if it is too wide.

    Args:
        label: description of the content, for screen readers.
        columns: headings of the columns.
        rows: rows of cells.
        numbers: indices of columns with numbers.
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
        place.text = "–" if value is None or value == "" else said(value) if isinstance(value, str) else str(value)
        if isinstance(value, Dated):
            place.props["title"] = value.utc
        if len(place.text) > _LONG:
            place.classes("long")


def tile(name: str, value: str, note: str = "") -> None:
    """Draw a number with its name."""
    with Tag("div", classes="tile"):
        Tag("div", value, "value")
        Tag("div", name, "name")
        if note:
            Tag("div", note, "small soft")


def meter(label: str, share: float, words: str) -> None:
    """Draw a usage bar; share is in [0, 1]."""
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
    """Draw a button that copies a text; without HTTPS, where the clipboard API is blocked, by `execCommand`."""
    made = icon_button("content_copy", t("Copy {what}", what=what))
    made.on("click", js_handler=_COPY % (_quoted(content), _quoted(t("Copied {what}.", what=what))))


def code(content: str, what: str) -> None:
    """Draw a code block with a copy button."""
    with Tag("div", classes="code"):
        Tag("pre", content, tabindex="0", role="region", aria_label=what)
        copy_button(content, what)


def hint(said: str, *others: str) -> str:
    """Return `props` of a field with a hint below it; the text may contain any characters."""
    quoted = said.replace("\\", "\\\\").replace('"', '\\"')
    return " ".join((f'hint="{quoted}"', *others))


def typed(field: ui.input) -> str:
    """Return what was typed into a text field, without spaces around it."""
    return str(field.value or "").strip()


def choice(label: str, options: dict[str, str], value: str, on_change: str = "") -> Tag:
    """Draw the browser's select element.

    Args:
        label: label of the field, for screen readers.
        options: labels by value.
        value: initial value.
        on_change: JavaScript function of the event.
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
    """Return a dialog, which the caller opens; it outlives the dialog that created it, and is deleted when closed."""
    with ui.context.client.content:
        dialog = ui.dialog()
    dialog.props["aria-label"] = title
    dialog.on("hide", dialog.delete)
    return dialog


def confirm(title: str, about: str, label: str, on_yes: Handler, *, kind: str = "danger") -> ui.dialog:
    """Open a dialog that asks for confirmation."""
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
    """Format a number of bytes."""
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
