"""Errors of the data-subject tools; the texts are written for the user."""

from __future__ import annotations

from mien.messages import MessageError


class SubjectError(MessageError):
    """Base of them all."""


class InvalidSubjectError(SubjectError):
    """The request is invalid: no criteria, a text that is too long, an impossible time."""


class ConsentNotFoundError(SubjectError):
    """There is no such consent."""


class RuleNotFoundError(SubjectError):
    """There is no such rule of retention."""


class ReceiptNotFoundError(SubjectError):
    """There is no such receipt."""


class InvalidDocumentError(SubjectError):
    """A signed document was not signed by this server, or was changed since."""


class InvalidReceiptError(InvalidDocumentError):
    """A receipt was not signed by this server, or was changed since."""


class UnfinishedError(SubjectError):
    """An erasure could not be finished now: a collection is being trained. It goes on by itself."""
