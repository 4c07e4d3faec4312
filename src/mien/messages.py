"""Texts for people that can be translated later: a template in English and its values, kept together.

A service raises `NameTakenError("there is a resource named {name!r} already", name=name)`. The text of the error is
English, as the wire, the command line and the log need it; the portal looks the template up in the catalogue of a
language and fills in the same values (`mien.portal.texts.said`). `make texts` finds the templates in the code.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self


class Message(str):
    """A text in English that knows its template and values.

    Args:
        template: the text, with a named place for each value; without values braces are plain characters. A message
            stays what it is.
        values: for the places; a message among them is translated too.

    Attributes:
        template: as it was given.
        values: as they were given.
        parts: the messages that it is a list of, see `listed`; empty for any other.
        separator: between them.
        whole: the text that it is as a sentence, see `sentence`; None for any other.
    """

    template: str
    values: dict[str, object]
    parts: tuple[str, ...]
    separator: str
    whole: str | None

    def __new__(cls, template: str = "", /, **values: object) -> Self:
        """Return a text; a message without values as it is."""
        if isinstance(template, cls) and not values:
            return template
        made = super().__new__(cls, template.format(**values) if values else template)
        made.template, made.values, made.parts, made.separator = str(template), values, (), ""
        made.whole = None
        return made

    @classmethod
    def listed(cls, parts: Iterable[str], separator: str = "; ") -> Self:
        """Return messages as one, with a separator between them."""
        found = tuple(parts)
        made = cls(separator.join(found))
        made.parts, made.separator = found, separator
        return made

    @classmethod
    def sentence(cls, text: str) -> Self:
        """Return a text as a sentence: with a capital letter and a full stop."""
        made = cls(as_sentence(text))
        made.whole = text
        return made


def as_sentence(text: str) -> str:
    """Return a text with a capital letter and a full stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


class MessageError(Exception):
    """Base of errors whose text people read, perhaps in another language than English.

    Args:
        template: as of `Message`.
        values: as of `Message`.

    Attributes:
        message: the text with its template and values.
    """

    def __init__(self, template: str = "", /, **values: object) -> None:
        self.message = Message(template, **values)
        super().__init__(*([self.message] if template else []))


def message_of(error: BaseException) -> str:
    """Return the text of any error; a `Message` where it can be translated."""
    if isinstance(error, MessageError):
        return error.message
    return str(error)
