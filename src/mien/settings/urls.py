"""Settings: images from URLs."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from mien.settings.group import Networks, SettingsGroup


class UrlSettings(SettingsGroup):
    """Images from URLs."""

    url_allow_private: bool = Field(
        default=False,
        description="Whether an image URL may lead to private and loopback addresses (link-local ones, where cloud "
        "metadata is served, are always refused). Leave it off if callers must not reach the server's network.",
    )
    url_allowed_networks: Networks = Field(
        default="",
        description="Networks that an image URL may always lead to, separated by commas: `10.1.0.0/16,fd00::/64`.",
    )
    url_connect_seconds: float = Field(default=5.0, gt=0, description="Time-out of the connection to an image URL.")
    url_read_seconds: float = Field(default=5.0, gt=0, description="Longest wait for the next bytes of an image URL.")
    url_total_seconds: float = Field(default=20.0, gt=0, description="Time-out of the whole download of an image URL.")
    url_max_redirects: int = Field(default=5, ge=0, le=20, description="Redirects followed from an image URL.")
    url_credentials: bool = Field(
        default=False,
        description="Whether an image URL may hold a user name and password. They are sent to that URL's own host "
        "only, within private networks and `MIEN_URL_ALLOWED_NETWORKS`, and never logged.",
    )
    url_proxy: SecretStr | None = Field(
        default=None,
        description="HTTP proxy to fetch image URLs through, such as `http://user:password@proxy:3128`. The proxy "
        "then resolves the names: deny it the networks that clients must not reach.",
    )
    url_ca_file: Path | None = Field(
        default=None,
        description="PEM file of the certificate authorities to trust for image URLs, instead of the system's.",
    )

    @field_validator("url_proxy")
    @classmethod
    def _is_proxy(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parts = urlsplit(value.get_secret_value())
            if parts.scheme not in {"http", "https"} or not parts.hostname:
                raise ValueError("must be the http:// or https:// URL of a proxy")
        return value
