"""Errors of dossiers; the texts are written for the user."""

from __future__ import annotations

from mien.subjects.errors import InvalidDocumentError, SubjectError


class DossierError(SubjectError):
    """A dossier cannot be created as asked."""


class DossierNotFoundError(SubjectError):
    """There is no such dossier."""

    def __init__(self, name: str) -> None:
        super().__init__("there is no dossier {name}", name=name)


class InvalidDossierError(InvalidDocumentError):
    """A dossier was not signed by this server, or was changed since."""
