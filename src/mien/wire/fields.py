"""JSON fields and query options that operations share.

Each object both parses a value and documents it in OpenAPI.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from mien.contract.catalogue import row
from mien.contract.limits import FACE_USER_DATA_LENGTH, ID_LENGTH, TOP
from mien.gallery import UNSET, TargetFace, Unset
from mien.gallery.kinds import parse_id
from mien.gateway.exchange import Request
from mien.wire import schemas
from mien.wire.schemas import Json

BODY_INVALID = row("common.body_invalid")
_TOP = row("common.top_invalid")
_START = row("common.start_too_long")
_RETURN_MODEL = row("mien.return_model_invalid")
_TARGET_FACE = row("common.target_face_invalid")
_USER_DATA = row("common.user_data_too_long")

# Databases cannot store NUL, nor lone surrogates, which JSON allows.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_WHOLE = re.compile(r"[+-]?[0-9]{1,9}")

Body = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Field(Generic[T]):
    """A property of a JSON body.

    Attributes:
        name: the contract's name.
        schema: its JSON schema.
        reader: returns its value from a body with names in lower case.
    """

    name: str
    schema: Json
    reader: Callable[[Body, str], T]

    def read(self, body: Body) -> T:
        """Return the value from a body.

        Raises:
            Problem: the value is not valid.
        """
        return self.reader(body, self.name)


@dataclass(frozen=True, slots=True)
class QueryOptions(Generic[T]):
    """Query parameters that are read together.

    Attributes:
        parameters: their OpenAPI objects.
        reader: returns their value from a request.
    """

    parameters: tuple[Json, ...]
    reader: Callable[[Request], T]

    def read(self, request: Request) -> T:
        """Return the value from a request.

        Raises:
            Problem: the value is not valid.
        """
        return self.reader(request)


def body_of(*fields: Field[Any], optional: Iterable[Field[Any]] = ()) -> Json:
    """Return the OpenAPI object of a JSON body with these fields."""
    properties = {field.name: field.schema for field in fields}
    return schemas.json_body(schemas.record(properties, optional=[field.name for field in optional]))


def text(body: Body, name: str) -> str | None:
    """Return a text from a body with names in lower case; None if absent or null.

    Raises:
        Problem: it is not a text, or has characters that cannot be stored.
    """
    value = body.get(name.lower())
    if value is None:
        return None
    if not isinstance(value, str):
        raise BODY_INVALID.problem(hint=f"{name} must be a text.")
    if _UNSTORABLE.search(value):
        raise BODY_INVALID.problem(hint=f"{name} has a character that cannot be kept (NUL or half a surrogate pair).")
    return value


def changed_text(body: Body, name: str) -> str | Unset:
    """Return a text; UNSET if absent or null, so that an update does not change it."""
    value = text(body, name)
    return UNSET if value is None else value


def ids(body: Body, name: str) -> list[str]:
    """Return a list of GUIDs; empty if absent.

    Raises:
        Problem: it is not a list of GUIDs.
    """
    value = body.get(name.lower())
    if value is None:
        return []
    if not isinstance(value, list):
        raise BODY_INVALID.problem(hint=f"{name} must be an array of ids.")
    for entry in value:
        if not isinstance(entry, str) or parse_id(entry) is None:
            raise BODY_INVALID.problem(hint=f"{name} has {shown(entry)}, which is not a GUID.")
    return value


def id_of(body: Body, name: str) -> str:
    """Return a GUID.

    Raises:
        Problem: it is absent or not a GUID.
    """
    value = text(body, name)
    if value is None:
        raise BODY_INVALID.problem(hint=f"{name} is missing.")
    if parse_id(value) is None:
        raise BODY_INVALID.problem(hint=f"{name} is {shown(value)}, which is not a GUID.")
    return value


def whole(value: Any) -> int | None:
    """Return a whole number, given as a JSON number or text; None if it is not one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, str) and _WHOLE.fullmatch(value.strip()) else None


def shown(value: Any) -> str:
    """Return a value that the caller sent, shortened for a hint."""
    return repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:60]}…"


@dataclass(frozen=True, slots=True)
class PageRange:
    """The requested part of a list: at most `top` entries after the id `start`."""

    start: str
    top: int


def parse_page(request: Request) -> PageRange:
    """Return `start` and `top`; empty values count as absent.

    Raises:
        Problem: `start` has more than 64 characters, or `top` is not 1 to 1000.
    """
    start = request.query_value("start") or ""
    if len(start) > ID_LENGTH:
        raise _START.problem(hint=f"It is the id of the last entry before the page, at most {ID_LENGTH} characters.")
    given = request.query_value("top")
    top = TOP[1] if not given else whole(given)
    if top is None or not TOP[0] <= top <= TOP[1]:
        raise _TOP.problem(hint=f"It is a whole number from {TOP[0]} to {TOP[1]}.")
    return PageRange(start.replace("\x00", ""), top)


def parse_return_model(request: Request) -> bool:
    """Return `returnRecognitionModel`; false if absent or empty."""
    value = boolean(request.query_value("returnrecognitionmodel"), default=False)
    if value is None:
        raise _RETURN_MODEL.problem(hint="Write true or false.")
    return value


def boolean(given: str | None, *, default: bool) -> bool | None:
    """Parse a boolean; return the default if absent or empty, None if it is neither true nor false."""
    if not given:
        return default
    return {"true": True, "false": False}.get(given.strip().lower())


def parse_target_face(request: Request) -> TargetFace | None:
    """Return `targetFace=left,top,width,height`; None if absent or empty.

    Raises:
        Problem: it is not four whole numbers that form a rectangle.
    """
    given = request.query_value("targetface")
    if not given:
        return None
    numbers = [whole(part) for part in given.strip().removeprefix("[").removesuffix("]").split(",")]
    if len(numbers) == 4:
        left, top, width, height = numbers
        if left is not None and top is not None and width is not None and height is not None:
            if left >= 0 and top >= 0 and width > 0 and height > 0:
                return TargetFace(left, top, width, height)
            raise _TARGET_FACE.problem(hint="left and top may not be negative, width and height must be positive.")
    raise _TARGET_FACE.problem(hint="Write targetFace=left,top,width,height in whole pixels.")


def parse_face_user_data(request: Request) -> str | None:
    """Return the `userData` of a new face.

    Raises:
        Problem: it has more than 1024 characters, or characters that cannot be stored.
    """
    given = request.query_value("userdata")
    if given and len(given) > FACE_USER_DATA_LENGTH:
        raise _USER_DATA.problem(hint=f"A face has at most {FACE_USER_DATA_LENGTH} characters of user data.")
    if given and _UNSTORABLE.search(given):
        raise BODY_INVALID.problem(hint="userData has a character that cannot be kept (NUL).")
    return given


NAME: Final = Field("name", schemas.NAME, text)
USER_DATA: Final = Field("userData", schemas.USER_DATA, text)
FACE_DATA: Final = Field("userData", schemas.FACE_DATA, text)
NEW_NAME: Final = Field("name", schemas.NAME, changed_text)
NEW_USER_DATA: Final = Field("userData", schemas.USER_DATA, changed_text)

CREATE_BODY: Final = body_of(NAME, USER_DATA, optional=[USER_DATA])
CHANGE_BODY: Final = body_of(NEW_NAME, NEW_USER_DATA, optional=[NEW_NAME, NEW_USER_DATA])
FACE_BODY: Final = body_of(FACE_DATA, optional=[FACE_DATA])

PAGE: Final = QueryOptions(
    (
        schemas.query("start", {"type": "string", "maxLength": ID_LENGTH}, "Id of the last entry of the page before."),
        schemas.query(
            "top",
            {"type": "integer", "minimum": TOP[0], "maximum": TOP[1], "default": TOP[1]},
            "How many entries to return at most.",
        ),
    ),
    parse_page,
)
RETURN_MODEL: Final = QueryOptions(
    (
        schemas.query(
            "returnRecognitionModel", {**schemas.BOOLEAN, "default": False}, "Whether to name the recognition model."
        ),
    ),
    parse_return_model,
)
TARGET_FACE: Final = QueryOptions(
    (
        {
            **schemas.query(
                "targetFace",
                schemas.array({"type": "integer"}, 4, 4),
                "left,top,width,height in pixels: which face to take; needed when the image has several.",
            ),
            "explode": False,
        },
    ),
    parse_target_face,
)
USER_DATA_OF_FACE: Final = QueryOptions(
    (schemas.query("userData", schemas.FACE_DATA, "What to attach to the face."),), parse_face_user_data
)
