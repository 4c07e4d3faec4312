"""Settings: metrics, alerts, logs and expired data."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mien.settings.group import Networks, SettingsGroup


class HousekeepingSettings(SettingsGroup):
    """Metrics, alerts, logs and expired data."""

    purge_seconds: float = Field(
        default=60.0, gt=0, description="How often expired rows (face ids) are deleted from the database."
    )
    metrics_seconds: float = Field(
        default=5.0, gt=0, le=300, description="How often counts are written to the database."
    )
    metrics_days: int = Field(
        default=93, ge=1, le=3660, description="How long metrics per minute are kept (Azure keeps them 93 days)."
    )
    drift: bool = Field(
        default=True,
        description="Whether scores, quality and images without a face are counted by day, to find drift "
        "(counts only: no template, no person).",
    )
    alert_seconds: float = Field(default=15.0, ge=1, le=3600, description="How often the alert rules are evaluated.")
    webhook_allow_private: bool = Field(
        default=False,
        description="Whether alerts may be sent to private and loopback addresses (link-local ones, where cloud "
        "metadata is served, are always refused).",
    )
    webhook_allowed_networks: Networks = Field(
        default="",
        description="Networks to which alerts may always be sent, private ones included, separated by commas.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Lowest level of log messages that are written."
    )
    log_format: Literal["auto", "console", "json"] = Field(
        default="auto", description="`json` for machines, `console` for people; `auto` is console on a terminal."
    )
