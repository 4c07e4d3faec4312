"""Settings: data, search and keys."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from mien.folders import NoHomeError, user_folder
from mien.settings.group import SettingsGroup

_DATABASE: Final = re.compile(r"(postgres|postgresql|postgresql\+psycopg|sqlite)://")
_THRESHOLD: Final = re.compile(r"[?&]prepare_threshold=([^&]*)")


def _default_model_dir(others: dict[str, object]) -> Path:
    try:
        return user_folder("MIEN_MODEL_DIR") / "models"
    except NoHomeError:
        if "data_dir" not in others:
            raise
        return Path(str(others["data_dir"])) / "models"  # a container that names one folder has room for both


class StorageSettings(SettingsGroup):
    """Data, search and keys."""

    data_dir: Path = Field(
        default_factory=lambda: user_folder("MIEN_DATA_DIR"),
        description="Folder of the database, the master key and the certificates. "
        "Default: `$XDG_DATA_HOME/mien` or `~/.local/share/mien`.",
    )
    model_dir: Path = Field(
        default_factory=_default_model_dir,
        description="Folder of downloaded and converted models; servers may share it. "
        "Default: `$XDG_DATA_HOME/mien/models` or `~/.local/share/mien/models`.",
    )
    database_url: str | None = Field(
        default=None,
        description="SQLAlchemy URL, such as `postgresql://user:password@host/mien`. "
        "When absent, SQLite in `data_dir` (`mien.db`).",
    )
    database_pool: int = Field(
        default=16, ge=1, le=500, description="Connections to the database that one process keeps at most."
    )
    disk_reserve_mb: int = Field(
        default=16,
        ge=0,
        le=10_000,
        description="Megabytes of `data_dir` that are reserved for deletions on a full disk; SQLite only. 0: none.",
    )
    search_engine: Literal["exact", "pgvector", "pgvector-hnsw", "milvus"] = Field(
        default="exact",
        description="The engine that searches trained collections. `exact`: this process, with encrypted files. "
        "`pgvector` (compares every template) and `pgvector-hnsw` (an index: faster in large collections, may miss a "
        "neighbour): PostgreSQL, which must read the templates, so they are stored there **unencrypted**. "
        "`milvus` (compares every template): the Milvus server of `milvus_url`, also **unencrypted**.",
    )
    milvus_url: str | None = Field(
        default=None,
        description="URL of the Milvus server, such as `http://milvus:19530`, without credentials. After a change of "
        "`search_engine`, keep it until the indexes there are deleted.",
    )
    milvus_token: SecretStr | None = Field(
        default=None, description="`user:password` or the API key for Milvus, if it requires one."
    )
    master_key: SecretStr | None = Field(
        default=None,
        description="The master key that wraps the data keys: 32 bytes as 64 hexadecimal characters. "
        "When absent, the key is read from `master_key_file`.",
    )
    master_key_file: Path | None = Field(
        default=None,
        description="File with the master key, as 64 hexadecimal characters. When absent, `master.key` in `data_dir`, "
        "created on first start and readable by its owner only. Without it, the templates cannot be decrypted.",
    )

    @field_validator("database_url")
    @classmethod
    def _is_database_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not _DATABASE.match(value):
            raise ValueError("must begin with postgresql:// or sqlite:///")
        threshold = _THRESHOLD.search(value)
        if threshold is not None and threshold[1] != "none" and not threshold[1].isdecimal():
            raise ValueError("has a prepare_threshold that is neither a whole number nor none")
        return value

    @field_validator("milvus_url")
    @classmethod
    def _is_plain_url(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "")
        if value is not None and (parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc):
            raise ValueError("must begin with http:// or https://, without credentials (set MIEN_MILVUS_TOKEN)")
        return value

    @property
    def master_key_text(self) -> str | None:
        """The master key in `master_key`; None if it is not set or empty."""
        return self.master_key.get_secret_value() if self.master_key else None

    @property
    def master_key_is_elsewhere(self) -> bool:
        """Whether the settings say where the master key is, instead of the data folder."""
        return self.master_key is not None or self.master_key_file is not None

    @property
    def index_dir(self) -> Path:
        """The folder of trained indexes that are files."""
        return self.data_dir / "snapshots"

    @property
    def milvus_login(self) -> tuple[str, str] | None:
        """The URL and the token of Milvus; None when no server is set."""
        if self.milvus_url is None:
            return None
        return self.milvus_url, self.milvus_token.get_secret_value() if self.milvus_token else ""

    @property
    def sqlalchemy_url(self) -> str:
        """The database's URL with the driver that Mien uses (psycopg 3 for PostgreSQL)."""
        url = self.database_url
        if url is None:
            return f"sqlite:///{(self.data_dir / 'mien.db').absolute()}"
        scheme, separator, rest = url.partition("://")
        return f"postgresql+psycopg{separator}{rest}" if scheme in {"postgres", "postgresql"} else url
