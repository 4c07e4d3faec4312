"""Every knob of the service: environment variables `MIEN_*`, typed, with the default that works out of the box."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def _default_data_dir() -> Path:
    return Path("~/.local/share/mien").expanduser()


class Settings(BaseSettings):
    """Settings of one server; the name of the environment variable is `MIEN_` and the field's name."""

    model_config = SettingsConfigDict(env_prefix="MIEN_", frozen=True, extra="forbid")

    data_dir: Path = Field(
        default_factory=_default_data_dir, description="Where the database, converted models and keys live."
    )
    database_url: str | None = Field(
        default=None, description="SQLAlchemy URL; when absent, SQLite in `data_dir` (`sqlite:///…/mien.db`)."
    )
