"""Settings: rates, resources and approvals."""

from __future__ import annotations

from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from mien.settings.group import SettingsGroup

_REDIS_SCHEMES: Final = ("redis", "rediss", "valkey", "valkeys")


class ResourceSettings(SettingsGroup):
    """Rates, resources and approvals."""

    rate_limits: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="Whether calls are counted against the tiers' rates and the free tier's monthly volume; "
        "`auto` is off under `mien serve --dev`, else on.",
    )
    rate_free_per_minute: int = Field(
        default=20, ge=0, description="Calls a minute of a resource of tier F0; 0 for any number."
    )
    rate_paid_per_second: int = Field(
        default=10, ge=0, description="Calls a second of a resource of tier S0 or E0; 0 for any number."
    )
    free_calls_per_month: int = Field(
        default=30_000, ge=0, description="Calls a calendar month (UTC) of a resource of tier F0; 0 for any number."
    )
    redis_url: SecretStr | None = Field(
        default=None,
        description="Redis or Valkey that counts calls for all servers of a database: `redis://`, `rediss://` (TLS), "
        "`valkey://` or `valkeys://`. When absent, each server counts for itself.",
    )
    free_resources: int = Field(default=1, ge=0, description="How many resources of tier F0 there may be.")
    paid_resources: int | None = Field(
        default=None,
        ge=1,
        description="How many resources of tiers S0 and E0 there may be in a location. "
        "When absent, what Azure allows: 10, and 5 in UAE North, Brazil South and Qatar Central.",
    )
    keep_deleted_hours: float = Field(
        default=48.0, ge=0, description="How long a deleted resource can be restored before it is purged for good."
    )
    approval_days: float = Field(
        default=365.0,
        gt=0,
        description="How long an approval for limited access lasts unless its reviewer says otherwise.",
    )

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and urlsplit(value.get_secret_value()).scheme not in _REDIS_SCHEMES:
            raise ValueError(f"must begin with {', '.join(f'{scheme}://' for scheme in _REDIS_SCHEMES)}")
        return value
