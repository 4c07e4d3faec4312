"""Maps exceptions to error responses, so that no framework's format is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from mien.accounts import AccountError
from mien.accounts.errors import (
    AccessRequestNotFoundError,
    AlreadyRequestedError,
    InvalidValueError,
    NameTakenError,
    NotDeletedError,
    OwnRequestError,
    ResourceNotFoundError,
    ResourceQuotaError,
    SoftDeletedError,
    SubdomainTakenError,
    TermsNotAcceptedError,
    TransitionError,
)
from mien.doors.errors import DoorsError, EventNotFoundError, NameInUseError, NoSuchPersonError, NotConfiguredError
from mien.dossier.errors import DossierNotFoundError
from mien.events import AlertError, AuditValueError, MetricError
from mien.gallery.errors import (
    AlreadyAnsweredError,
    CalibrationMismatchError,
    CollectionNotFoundError,
    ConflictError,
    EvaluationExistsError,
    EvaluationNotFoundError,
    GalleryError,
    NegativeNotFoundError,
    NegativesOffError,
    NothingToUndoError,
    NotMeasuredError,
    OwnCaseError,
    PersistedFaceNotFoundError,
    PersonNotFoundError,
    ReviewDecidedError,
    ReviewNotFoundError,
    TooManyNegativesError,
    TrainingNotFinishedError,
)
from mien.management.errors import TERMS, ManagementError
from mien.management.tokens import TokenError
from mien.subjects.errors import (
    ConsentNotFoundError,
    ReceiptNotFoundError,
    RuleNotFoundError,
    SubjectError,
    UnfinishedError,
)
from mien.value_errors import predicate
from mien.vision.errors import VisionError

KNOWN: Final[tuple[type[Exception], ...]] = (
    ManagementError,
    RequestValidationError,
    HTTPException,
    AccountError,
    AlertError,
    AuditValueError,
    MetricError,
    TokenError,
    GalleryError,
    SubjectError,
    DoorsError,
    VisionError,
)
"""Exceptions that `explain` maps; any other is an internal error."""

_OURS: Final[dict[type[Exception], tuple[int, str, str]]] = {
    InvalidValueError: (400, "InvalidRequestContent", ""),
    TermsNotAcceptedError: (409, TermsNotAcceptedError.code, TERMS),
    NameTakenError: (409, "ResourceNameInUse", ""),
    SoftDeletedError: (409, "FlagMustBeSetForRestore", ""),
    SubdomainTakenError: (
        409,
        "CustomDomainInUse",
        "Please pick a different name. The subdomain name is not available as it's already used by a resource. If the "
        "resource using the name was deleted in the last 48 hours, you may need to purge the deleted resource.",
    ),
    ResourceQuotaError: (409, "QuotaExceeded", ""),
    ResourceNotFoundError: (404, "ResourceNotFound", ""),
    AccessRequestNotFoundError: (404, "NotFound", ""),
    AlreadyRequestedError: (409, "Conflict", ""),
    OwnRequestError: (403, "OwnRequest", ""),
    TransitionError: (409, "Conflict", ""),
    NotDeletedError: (409, "Conflict", ""),
    TokenError: (409, "Conflict", ""),
    CollectionNotFoundError: (404, "NotFound", ""),
    PersonNotFoundError: (404, "NotFound", ""),
    PersistedFaceNotFoundError: (404, "NotFound", ""),
    ConsentNotFoundError: (404, "NotFound", ""),
    ReceiptNotFoundError: (404, "NotFound", ""),
    RuleNotFoundError: (404, "NotFound", ""),
    DossierNotFoundError: (404, "NotFound", ""),
    NegativeNotFoundError: (404, "NotFound", ""),
    NegativesOffError: (409, "Conflict", ""),
    TooManyNegativesError: (409, "Conflict", ""),
    ConflictError: (409, "Conflict", ""),
    EvaluationNotFoundError: (404, "NotFound", ""),
    EvaluationExistsError: (409, "Conflict", ""),
    NotMeasuredError: (409, "Conflict", ""),
    CalibrationMismatchError: (409, "Conflict", ""),
    NothingToUndoError: (409, "Conflict", ""),
    ReviewNotFoundError: (404, "NotFound", ""),
    ReviewDecidedError: (409, "Conflict", ""),
    AlreadyAnsweredError: (409, "Conflict", ""),
    OwnCaseError: (409, "Conflict", ""),
    TrainingNotFinishedError: (409, "Conflict", ""),
    UnfinishedError: (409, "Conflict", ""),
    NotConfiguredError: (404, "NotFound", ""),
    NoSuchPersonError: (404, "NotFound", ""),
    EventNotFoundError: (404, "NotFound", ""),
    NameInUseError: (409, "Conflict", ""),
}
"""Status, code, and Azure's text; None for the exception's own text."""

_TARGETS: Final = {
    "custom_subdomain": "properties.customSubDomainName",
    "default_action": "properties.networkAcls.defaultAction",
    "ip_rules": "properties.networkAcls.ipRules",
    "use_case": "useCase",
}

_HTTP: Final = {
    404: ("NotFound", "There is nothing at this address."),
    405: ("MethodNotAllowed", "This address does not know that method."),
}


def explain(error: Exception) -> ManagementError:
    """Return the error response for an exception."""
    if isinstance(error, ManagementError):
        return error
    if isinstance(error, RequestValidationError):
        return _validation_error(error.errors())
    if isinstance(error, HTTPException):
        code, message = _HTTP.get(error.status_code, ("BadRequest", "The request cannot be understood."))
        return ManagementError(error.status_code, code, message, headers=dict(error.headers or {}))
    status, code, words = next((row for kind, row in _OURS.items() if isinstance(error, kind)), (400, "BadRequest", ""))
    target = _TARGETS.get(error.field, error.field) if isinstance(error, InvalidValueError) else None
    return ManagementError(status, code, words.format(error) or _sentence(error), target=target)


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def _validation_error(errors: Sequence[Any]) -> ManagementError:
    """Return the first error of a pydantic validation."""
    first = errors[0]
    where, *path = first["loc"]
    target = ".".join(str(part) for part in path)
    text = predicate(first)
    if where == "body":
        name = f"the property '{target}'" if target else "it"
        return ManagementError(
            400,
            "InvalidRequestContent",
            f"The request content was invalid and could not be deserialized: {name} {text}.",
            target=target or None,
        )
    kind = "header" if where == "header" else "parameter"
    return ManagementError(400, "InvalidParameter", f"The {kind} '{target}' {text}.", target=target or None)
