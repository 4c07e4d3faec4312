"""The base of the groups of settings."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Final

from pydantic import AfterValidator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX: Final = "MIEN_"


class SettingsGroup(BaseSettings):
    """Settings of one theme; the name of an environment variable is `MIEN_` and the field's name."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", protected_namespaces=())


def check_networks(value: str) -> str:
    """Check a comma-separated list of networks and return it unchanged.

    Raises:
        ValueError: a part is not a network.
    """
    for part in value.split(","):
        if part.strip():
            ip_network(part.strip())
    return value


Networks = Annotated[str, AfterValidator(check_networks)]
"""Comma-separated networks. The check is part of the type: if several groups had a validator with the same name,
`Settings` would keep only the first."""
