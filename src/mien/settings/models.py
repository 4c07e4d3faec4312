"""Settings: what the contract's model names stand for."""

from __future__ import annotations

from pydantic import Field

from mien.settings.group import SettingsGroup


class ModelSettings(SettingsGroup):
    """Packs for the contract's model names."""

    recognition_01: str | None = Field(
        default=None,
        description="Recogniser pack for the label `recognition_01`. "
        "When absent, what `mien models bind` wrote, else the default recogniser.",
    )
    recognition_02: str | None = Field(
        default=None,
        description="Recogniser pack for the label `recognition_02`. "
        "When absent, what `mien models bind` wrote, else the default recogniser.",
    )
    recognition_03: str | None = Field(
        default=None,
        description="Recogniser pack for the label `recognition_03`. "
        "When absent, what `mien models bind` wrote, else the default recogniser.",
    )
    recognition_04: str | None = Field(
        default=None,
        description="Recogniser pack for the label `recognition_04`. "
        "When absent, what `mien models bind` wrote, else the default recogniser.",
    )
    detection_01: str | None = Field(
        default=None,
        description="Detector pack and operating point for the label `detection_01`. "
        "When absent, what `mien models bind` wrote, else `yunet@general`.",
    )
    detection_02: str | None = Field(
        default=None,
        description="Detector pack and operating point for the label `detection_02`. "
        "When absent, what `mien models bind` wrote, else `yunet@sensitive`.",
    )
    detection_03: str | None = Field(
        default=None,
        description="Detector pack and operating point for the label `detection_03`. "
        "When absent, what `mien models bind` wrote, else `yunet@best`.",
    )

    def bindings(self) -> dict[str, str | None]:
        """The packs that are set for `recognition_01` … `detection_03`, by label; see `mien.models.bindings`."""
        names = [name for name in type(self).model_fields if name.startswith(("recognition_0", "detection_0"))]
        return {name: getattr(self, name) for name in names}
