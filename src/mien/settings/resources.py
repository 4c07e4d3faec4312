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
        "`auto` is off under `mien serve --dev`, otherwise on.",
    )
    rate_free_per_minute: int = Field(
        default=20, ge=0, description="Calls a minute for a resource of tier F0; 0 for no limit."
    )
    rate_paid_per_second: int = Field(
        default=10, ge=0, description="Calls a second for a resource of tier S0 or E0; 0 for no limit."
    )
    free_calls_per_month: int = Field(
        default=30_000, ge=0, description="Calls a calendar month (UTC) for a resource of tier F0; 0 for no limit."
    )
    redis_url: SecretStr | None = Field(
        default=None,
        description="Redis or Valkey that counts calls for all servers of a database: `redis://`, `rediss://` (TLS), "
        "`valkey://` or `valkeys://`. When absent, each server counts separately.",
    )
    free_resources: int = Field(default=1, ge=0, description="Maximum number of resources of tier F0.")
    paid_resources: int | None = Field(
        default=None,
        ge=1,
        description="Maximum number of resources of tiers S0 and E0 in a location. "
        "When absent, what Azure allows: 10, and 5 in UAE North, Brazil South and Qatar Central.",
    )
    keep_deleted_hours: float = Field(
        default=48.0, ge=0, description="How long a deleted resource can be restored before it is purged permanently."
    )
    approval_days: float = Field(
        default=365.0,
        gt=0,
        description="How long an approval for limited access lasts unless its reviewer sets another duration.",
    )

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and urlsplit(value.get_secret_value()).scheme not in _REDIS_SCHEMES:
            raise ValueError(f"must begin with {', '.join(f'{scheme}://' for scheme in _REDIS_SCHEMES)}")
        return value
