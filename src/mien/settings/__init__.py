"""All settings of the service: typed environment variables `MIEN_*` with defaults that work out of the box.

Each group of settings is a module; `Settings` has the fields of all groups. `docs/settings.md` is generated from the
groups (`make docs`), and a test checks that it is up to date.
"""

from __future__ import annotations

from typing import Final

from mien.settings.doors import DoorSettings
from mien.settings.group import SettingsGroup
from mien.settings.housekeeping import HousekeepingSettings
from mien.settings.listening import ListeningSettings
from mien.settings.liveness import LivenessSettings
from mien.settings.models import ModelSettings
from mien.settings.requests import RequestSettings, usable_cores
from mien.settings.resources import ResourceSettings
from mien.settings.sign_in import SignInSettings
from mien.settings.storage import StorageSettings
from mien.settings.urls import UrlSettings

__all__ = ["GROUPS", "Settings", "usable_cores"]

GROUPS: Final[tuple[type[SettingsGroup], ...]] = (
    StorageSettings,
    ListeningSettings,
    SignInSettings,
    ResourceSettings,
    RequestSettings,
    UrlSettings,
    LivenessSettings,
    DoorSettings,
    ModelSettings,
    HousekeepingSettings,
)
"""The groups in the order of the documentation."""


class Settings(
    StorageSettings,
    ListeningSettings,
    SignInSettings,
    ResourceSettings,
    RequestSettings,
    UrlSettings,
    LivenessSettings,
    DoorSettings,
    ModelSettings,
    HousekeepingSettings,
):
    """Settings of one server."""
