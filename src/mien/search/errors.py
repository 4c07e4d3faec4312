"""Errors of trained indexes."""

from __future__ import annotations

from pathlib import Path

REPAIR_COMMAND = "mien gallery rebuild"
"""The command that rebuilds every unusable trained index from the database."""


class SearchEngineError(OSError):
    """The configured search engine is not available; the message says why and how to fix it."""


class SearchServerError(ConnectionError):
    """The search engine's server does not respond; a later attempt may succeed."""


class TrainedIndexError(Exception):
    """A trained index cannot be used. The message says why and names the command that repairs it."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"trained index {path}: {problem}; the enrolled faces are safe in the database, run `{REPAIR_COMMAND}`"
        )
        self.path = path
        self.problem = problem


class TrainedIndexMissingError(TrainedIndexError):
    """There is no trained index: the collection was never trained, or the index's folder is gone."""


class TrainedIndexCorruptError(TrainedIndexError):
    """A file is truncated, altered or from another version of the format."""


class TrainedIndexKeyError(TrainedIndexError):
    """The index is encrypted and the key is missing or wrong, or it is not encrypted and a key was given."""
