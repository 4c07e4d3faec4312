"""Challenges without flashing colours: whether people may ask for one, and the most that it may conclude."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class WithoutFlashes(StrEnum):
    """Whether people may ask for a challenge without flashes, and the most that it may conclude."""

    OFF = "off"
    UNCERTAIN = "uncertain"
    REAL = "realface"


AS_SERVER: Final = "server"
"""In place of one of these: a resource follows the setting of its server."""
