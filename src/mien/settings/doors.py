"""Settings: cameras and doors."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from mien.settings.group import Networks, SettingsGroup


class DoorSettings(SettingsGroup):
    """Cameras and doors."""

    cameras: bool = Field(
        default=True,
        description="Whether this server runs cameras and doors. Each runs on one server at a time; another takes over "
        "within 15 seconds.",
    )
    mqtt_url: SecretStr | None = Field(
        default=None,
        description="MQTT broker for the events of doors and for MQTT commands: `mqtt://user:password@host:1883` or "
        "`mqtts://…`.",
    )
    mqtt_prefix: str = Field(
        default="mien",
        pattern=r"^[^+#\s/]{1,60}$",
        description="First part of all MQTT topics; databases that share a broker need different ones.",
    )
    mqtt_discovery: str = Field(
        default="homeassistant",
        pattern=r"^[^+#\s]{0,60}$",
        description="First part of Home Assistant's discovery topics; empty to publish none.",
    )
    mqtt_names: bool = Field(
        default=False, description="Whether MQTT messages contain the names of persons; they always contain the ids."
    )
    relay_allow_private: bool = Field(
        default=False,
        description="Whether HTTP relays of doors may be at private and loopback addresses (link-local ones, where "
        "cloud metadata is served, are always refused).",
    )
    relay_allowed_networks: Networks = Field(
        default="",
        description="Networks in which HTTP relays of doors are always allowed, separated by commas.",
    )

    @field_validator("mqtt_url")
    @classmethod
    def _is_broker(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        try:
            parts = urlsplit(value.get_secret_value())
            fine = parts.scheme in {"mqtt", "mqtts"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            fine = False
        if not fine:
            raise ValueError("must be mqtt://HOST:PORT or mqtts://HOST:PORT")
        return value
