"""Errors of model packs; every message names the command that fixes it."""

from __future__ import annotations

from mien.messages import MessageError


class ModelError(MessageError):
    """Base of the errors of `models`."""


class ManifestError(ModelError):
    """A manifest is incomplete or invalid."""


class UnknownPackError(ModelError):
    """There is no pack of that name, built in or added."""


class MissingFileError(ModelError):
    """A pack's file is not in the store."""


class CorruptFileError(ModelError):
    """A file in the store has changed since it was written."""


class PackFetchError(ModelError):
    """A file could not be fetched from its source."""


class WrongHashError(PackFetchError):
    """A source returned other bytes than the manifest pins; they were discarded."""


class UnsupportedCpuError(ModelError):
    """The processor lacks instructions that the runtime needs."""


class BindingError(ModelError):
    """A label or its binding is invalid."""
