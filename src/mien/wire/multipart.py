"""Parses `multipart/form-data` into parts by name.

Only the name tells a file from a field, because clients differ: some send files without a file name, or texts with the
media type of a file.
"""

from __future__ import annotations

from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

_MOST_PARTS: Final = 50


class MultipartError(ValueError):
    """The body is not a valid form; the message gives the reason."""


class _Collector:
    """Collects parts from the parser's events."""

    def __init__(self) -> None:
        self.parts: list[tuple[str, bytes]] = []
        self.ended = False
        self._headers: dict[bytes, bytes] = {}
        self._field = bytearray()
        self._value = bytearray()
        self._data: list[bytes] = []

    def on_part_begin(self) -> None:
        if len(self.parts) >= _MOST_PARTS:
            raise MultipartError(f"The form has more than {_MOST_PARTS} parts.")
        self._headers, self._data = {}, []

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        self._headers[bytes(self._field).lower()] = bytes(self._value)
        self._field.clear()
        self._value.clear()

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._data.append(data[start:end])

    def on_part_end(self) -> None:
        _kind, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"name")
        if name is None:
            raise MultipartError("A part of the form has no name.")
        self.parts.append((name.decode("utf-8", "replace"), b"".join(self._data)))

    def on_end(self) -> None:
        self.ended = True


def parse_multipart(content_type: str, body: bytes) -> dict[str, bytes]:
    """Return the parts of a form by name in lower case; the last one of equal names.

    Args:
        content_type: value of the request's header, with the boundary.
        body: the whole body.

    Raises:
        MultipartError: there is no boundary, or the body is truncated or malformed.
    """
    _kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise MultipartError("The Content-Type names no boundary: let your HTTP library set it.")
    collector = _Collector()
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": collector.on_part_begin,
                "on_header_field": collector.on_header_field,
                "on_header_value": collector.on_header_value,
                "on_header_end": collector.on_header_end,
                "on_part_data": collector.on_part_data,
                "on_part_end": collector.on_part_end,
                "on_end": collector.on_end,
            },
        )
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise MultipartError(f"The form is malformed: {error}.") from error
    if not collector.ended:
        raise MultipartError("The form is cut short: its last boundary is missing.")
    return {name.lower(): data for name, data in collector.parts}
