"""A select field whose options are searched on the server while the visitor types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from nicegui.elements.mixins.disableable_element import DisableableElement
from nicegui.elements.mixins.label_element import LabelElement
from nicegui.elements.mixins.value_element import ValueElement
from nicegui.events import GenericEventArguments

from mien.portal.texts import t
from mien.portal.visitor import EXPECTED, Visitor
from mien.portal.widgets import hint

SHOWN: Final = 20
"""Maximum number of listed choices."""
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Choice:
    """An option.

    Attributes:
        value: id of the option.
        label: label of the option.
        about: text that distinguishes it from others of the same name.
    """

    value: str
    label: str
    about: str = ""


Find = Callable[[str], Sequence[Choice]]
"""Returns up to `SHOWN` + 1 options that match a text (one more shows that there are more); called in a thread."""


class SearchSelect(
    LabelElement,
    ValueElement[tuple[Choice, ...]],
    DisableableElement,
    component="static/search_select.js",
):
    """A field to choose one or several options.

    Args:
        visitor: the signed-in person.
        label: label of the field.
        find: searches the options.
        chosen: initial value.
        several: whether several can be chosen.
        about: a hint below the field.
    """

    def __init__(
        self,
        visitor: Visitor,
        label: str,
        find: Find,
        *,
        chosen: Sequence[Choice] = (),
        several: bool = False,
        about: str = "",
    ) -> None:
        self._visitor, self._find, self._several = visitor, find, several
        super().__init__(label=label, value=tuple(chosen))
        self._props["nothing"] = t("Nothing was found.")
        self._props["more"] = t("There are more: type more of the name.")
        self._props["for"] = self.html_id
        self._props.set_bool("multiple", several)
        self._props.set_bool("use-chips", several)
        self._props.set_bool("hide-selected", not several)
        self._props.set_bool("fill-input", not several)
        self._props.set_bool("clearable", not several)
        self.props(hint(about, "outlined") if about else "outlined")
        self.on("search", self._search)

    @property
    def values(self) -> tuple[str, ...]:
        """The ids of the chosen options."""
        return tuple(one.value for one in self.value)

    @property
    def only(self) -> str:
        """The id of the chosen option; empty without one."""
        return self.values[0] if self.value else ""

    async def _search(self, event: GenericEventArguments) -> None:
        number, text = event.args.get("number"), str(event.args.get("text") or "")[:_LONGEST].strip()
        if not self._several and self.value and text == self.value[0].label:
            text = ""  # the text is the chosen option; list all options when the field is opened
        visitor = self._visitor

        def find() -> Sequence[Choice]:
            # The session may have ended while the page was open.
            return self._find(text) if visitor.sessions.is_open(visitor.session) else ()

        try:
            found = await visitor.ask(find)
        except EXPECTED:
            found = ()
        if not self.is_deleted:
            self.run_method("answer", number, [asdict(one) for one in found[:SHOWN]], len(found) > SHOWN)

    def _event_args_to_value(self, e: GenericEventArguments) -> tuple[Choice, ...]:
        given = e.args if isinstance(e.args, list) else [e.args] if e.args else []
        return tuple(
            Choice(*(str(one.get(name, "")) for name in ("value", "label", "about")))
            for one in given
            if isinstance(one, dict)
        )

    def _value_to_model_value(self, value: tuple[Choice, ...]) -> Any:
        shown = [asdict(one) for one in value]
        return shown if self._several else next(iter(shown), None)


def plain_find(options: Sequence[Choice]) -> Find:
    """Return a search in a short list by a part of the label, ignoring case."""

    def find(text: str) -> Sequence[Choice]:
        wanted = text.casefold().replace(" ", "_")
        return [one for one in options if wanted in one.label.casefold().replace(" ", "_")][: SHOWN + 1]

    return find
