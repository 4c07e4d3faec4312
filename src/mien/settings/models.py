"""Settings: what the contract's model names stand for."""

from __future__ import annotations

from pydantic import Field

from mien.settings.group import SettingsGroup


class ModelSettings(SettingsGroup):
    """What the contract's model names stand for."""

    recognition_01: str | None = Field(
        default=None,
        description="Recogniser pack that `recognition_01` stands for. "
        "When absent, what `mien models bind` wrote, else the default recogniser.",
    )
    recognition_02: str | None = Field(
        default=None,
        description="Recogniser pack that `recognition_02` stands for. "
        "When absent, what `mien models bind` wrote, else the default recogniser.",
    )
    recognition_03: str | None = Field(
        default=None,
        description="Recogniser pack that `recognition_03` stands for. "
        "When absent, what `mien models bind` wrote, else the default recogniser.",
    )
    recognition_04: str | None = Field(
        default=None,
        description="Recogniser pack that `recognition_04` stands for. "
        "When absent, what `mien models bind` wrote, else the default recogniser.",
    )
    detection_01: str | None = Field(
        default=None,
        description="Detector pack and operating point that `detection_01` stands for. "
        "When absent, what `mien models bind` wrote, else `yunet@general`.",
    )
    detection_02: str | None = Field(
        default=None,
        description="Detector pack and operating point that `detection_02` stands for. "
        "When absent, what `mien models bind` wrote, else `yunet@sensitive`.",
    )
    detection_03: str | None = Field(
        default=None,
        description="Detector pack and operating point that `detection_03` stands for. "
        "When absent, what `mien models bind` wrote, else `yunet@best`.",
    )

    def bindings(self) -> dict[str, str | None]:
        """What `recognition_01` … `detection_03` are set to, by label; see `mien.models.bindings`."""
        names = [name for name in type(self).model_fields if name.startswith(("recognition_0", "detection_0"))]
        return {name: getattr(self, name) for name in names}
