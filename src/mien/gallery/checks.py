"""Checks of callers' values: names, user data and pages."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, false, true
from sqlalchemy.orm import InstrumentedAttribute

from mien.contract.limits import ID_LENGTH, NAME_LENGTH, TOP, USER_DATA_LENGTH
from mien.gallery.errors import (
    InvalidTopError,
    NameEmptyError,
    NameTooLongError,
    NothingToUpdateError,
    StartTooLongError,
    UserDataTooLongError,
)
from mien.gallery.types import UNSET, Unset

_FIRST: Final = "0"
_SHAPE: Final = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"


def check_name(name: str | None) -> str:
    """Return a name, checked.

    Raises:
        NameEmptyError: missing or white space.
        NameTooLongError: more than 128 characters.
    """
    if name is None or not name.strip():
        raise NameEmptyError("a name is required")
    if len(name) > NAME_LENGTH:
        raise NameTooLongError(
            "a name has at most {most} characters, this one {count}", most=NAME_LENGTH, count=len(name)
        )
    return name


def check_user_data(user_data: str | None, limit: int = USER_DATA_LENGTH) -> str | None:
    """Return user data, checked.

    Raises:
        UserDataTooLongError: more than `limit` characters.
    """
    if user_data is not None and len(user_data) > limit:
        raise UserDataTooLongError(
            "user data has at most {most} characters here, this one {count}", most=limit, count=len(user_data)
        )
    return user_data


def check_update(name: str | Unset | None, user_data: str | Unset | None) -> dict[str, str | None]:
    """Return the columns that an update changes; an absent or null property is not changed.

    Raises:
        NothingToUpdateError: neither is given.
        NameEmptyError: the name is given and empty.
        NameTooLongError: more than 128 characters.
        UserDataTooLongError: more than 16384 characters.
    """
    values: dict[str, str | None] = {}
    if name is not UNSET and name is not None:
        values["name"] = check_name(name)
    if user_data is not UNSET and user_data is not None:
        values["user_data"] = check_user_data(user_data)
    if not values:
        raise NothingToUpdateError("give a name or user data")
    return values


def check_page(start: str, top: int) -> None:
    """Check the parameters of a page.

    Raises:
        StartTooLongError: `start` has more than 64 characters.
        InvalidTopError: `top` is not 1 to 1000.
    """
    if len(start) > ID_LENGTH:
        raise StartTooLongError("start has at most {most} characters", most=ID_LENGTH)
    if not TOP[0] <= top <= TOP[1]:
        raise InvalidTopError("top is {least} to {most}", least=TOP[0], most=TOP[1])


def comes_after(column: InstrumentedAttribute[UUID], start: str) -> ColumnElement[bool]:
    """Return the condition that an id comes after `start` in string order; true for all ids if it is empty."""
    if not start:
        return true()
    first = first_id_after(start)
    return false() if first is None else column >= first


def first_id_after(start: str) -> UUID | None:
    """Return the lowest id that comes after `start` in string order; None if there is none.

    Ids are compared as lower-case hyphenated GUIDs; a `start` that is a GUID may have any case.
    """
    text = start.lower() if len(start) == len(_SHAPE) else start
    hexadecimal = ""
    for position, place in enumerate(_SHAPE):
        if position >= len(text):
            return _filled(hexadecimal)
        given = text[position]
        digits = "-" if place == "-" else "0123456789abcdef"
        if given in digits:
            hexadecimal += "" if place == "-" else given
            continue
        larger = [digit for digit in digits if digit > given]
        if not larger:
            return _filled_after(hexadecimal)
        return _filled(hexadecimal if place == "-" else hexadecimal + larger[0])
    return _filled_after(hexadecimal)


def _filled(prefix: str) -> UUID:
    return UUID(prefix.ljust(32, _FIRST))


def _filled_after(prefix: str) -> UUID | None:
    """Return the lowest id after all that begin with `prefix`."""
    if not prefix.strip("f"):
        return None
    return _filled(f"{int(prefix, 16) + 1:0{len(prefix)}x}")
