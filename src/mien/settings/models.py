"""Settings: the packs of the contract's model names."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from mien.settings.group import SettingsGroup


def _pack(label: str, what: str, default: str) -> Any:
    text = f"{what} for the label `{label}`. When absent, the binding of `mien models bind`; without one, {default}."
    return Field(default=None, description=text)


class ModelSettings(SettingsGroup):
    """Packs for the contract's model names."""

    recognition_01: str | None = _pack("recognition_01", "Recogniser pack", "the default recogniser")
    recognition_02: str | None = _pack("recognition_02", "Recogniser pack", "the default recogniser")
    recognition_03: str | None = _pack("recognition_03", "Recogniser pack", "the default recogniser")
    recognition_04: str | None = _pack("recognition_04", "Recogniser pack", "the default recogniser")
    detection_01: str | None = _pack("detection_01", "Detector pack and operating point", "`yunet@general`")
    detection_02: str | None = _pack("detection_02", "Detector pack and operating point", "`yunet@sensitive`")
    detection_03: str | None = _pack("detection_03", "Detector pack and operating point", "`yunet@best`")

    def bindings(self) -> dict[str, str | None]:
        """The packs that are set for `recognition_01` … `detection_03`, by label; see `mien.models.bindings`."""
        names = [name for name in type(self).model_fields if name.startswith(("recognition_0", "detection_0"))]
        return {name: getattr(self, name) for name in names}
