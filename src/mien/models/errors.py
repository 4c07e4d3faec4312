"""Errors of model packs; every message names the command that fixes it."""

from __future__ import annotations


class ModelError(Exception):
    """Base of the errors of `models`."""


class ManifestError(ModelError):
    """A manifest does not say what it must, or says something impossible."""


class UnknownPackError(ModelError):
    """No pack of that name is built in or was added."""


class MissingFileError(ModelError):
    """A pack's file is not in the store."""


class CorruptFileError(ModelError):
    """A file in the store is not the one that was put there."""


class PackFetchError(ModelError):
    """A file could not be fetched from its source."""


class WrongHashError(PackFetchError):
    """A source gave other bytes than the manifest pins; they were thrown away."""


class UnsupportedCpuError(ModelError):
    """This processor lacks instructions that the runtime needs."""


class BindingError(ModelError):
    """A label is bound to something that cannot serve it."""
