"""Errors of the data-subject tools; the texts are written for the user."""

from __future__ import annotations

from mien.messages import MessageError


class SubjectError(MessageError):
    """Base of the errors of this package."""


class InvalidSubjectError(SubjectError):
    """The request is invalid: no criteria, a text that is too long, an impossible time."""


class ConsentNotFoundError(SubjectError):
    """There is no such consent."""


class RuleNotFoundError(SubjectError):
    """There is no such retention rule."""


class ReceiptNotFoundError(SubjectError):
    """There is no such receipt."""


class InvalidDocumentError(SubjectError):
    """A signed document was not signed by this server, or was changed afterwards."""


class InvalidReceiptError(InvalidDocumentError):
    """A receipt was not signed by this server, or was changed afterwards."""


class UnfinishedError(SubjectError):
    """An erasure cannot be completed now because a collection is being trained. It continues automatically."""
