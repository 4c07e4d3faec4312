"""Errors of resources and approvals; the messages are written for the operator of the service."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from mien.messages import Message, MessageError


class AccountError(MessageError):
    """Base of the errors of this package."""


class InvalidValueError(AccountError):
    """A name, location, address or text is not of the form that it must have.

    Attributes:
        field: which, such as `name` or `ip_rules`.
    """

    def __init__(self, field: str, template: str, /, **values: object) -> None:
        super().__init__(template, **values)
        self.field = field


class ResourceNotFoundError(AccountError):
    """There is no such resource, or it is deleted."""

    def __init__(self, what: str | UUID) -> None:
        super().__init__("there is no resource {what!r}", what=str(what))


class NameTakenError(AccountError):
    """There is a resource of that name already."""

    def __init__(self, name: str) -> None:
        super().__init__("there is a resource named {name!r} already", name=name)


class SubdomainTakenError(AccountError):
    """Another resource has that custom subdomain; a deleted one keeps its own until it is purged."""

    def __init__(self, subdomain: str) -> None:
        super().__init__("the custom subdomain {subdomain!r} is taken by another resource already", subdomain=subdomain)


class SubdomainFixedError(AccountError):
    """A custom subdomain, once given, stays: clients have it in their settings."""

    def __init__(self, subdomain: str) -> None:
        super().__init__(
            "the custom subdomain {subdomain!r} cannot be changed or removed: make another resource",
            subdomain=subdomain,
        )


class SoftDeletedError(AccountError):
    """A deleted resource still has that name; Azure answers `FlagMustBeSetForRestore`."""

    def __init__(self, name: str) -> None:
        super().__init__("a deleted resource is named {name!r}: restore it, or purge it and make a new one", name=name)
        self.name = name


class NotDeletedError(AccountError):
    """Only a deleted resource can be restored or purged."""

    def __init__(self, name: str) -> None:
        super().__init__("the resource {name!r} is not deleted: delete it first", name=name)


class TermsNotAcceptedError(AccountError):
    """A resource cannot be made before somebody acknowledged the terms.

    Attributes:
        code: error code of Azure's control plane.
        missing: the declarations that are missing.
    """

    code: Final = "ResourceKindRequireAcceptTerms"

    def __init__(self, missing: tuple[str, ...]) -> None:
        super().__init__("a resource needs somebody who acknowledges: {missing}", missing=Message.listed(missing))
        self.missing = missing


class ResourceQuotaError(AccountError):
    """The server has as many resources of that tier as it may.

    Attributes:
        limit: how many that is.
    """

    def __init__(self, message: str, limit: int) -> None:
        super().__init__(message)
        self.limit = limit


class AccessError(AccountError):
    """Base of what can go wrong with requests for limited access."""


class AccessRequestNotFoundError(AccessError):
    """There is no request with that id."""

    def __init__(self, request_id: UUID | str) -> None:
        super().__init__("there is no access request {request_id}", request_id=request_id)


class AlreadyRequestedError(AccessError):
    """A request for one of the features is under way or approved.

    Attributes:
        request_id: id of the existing request.
    """

    def __init__(self, feature: str, state: str, request_id: UUID) -> None:
        super().__init__(
            "{feature} is requested already: request {request_id} is {state}",
            feature=feature,
            request_id=request_id,
            state=state,
        )
        self.request_id = request_id


class TransitionError(AccessError):
    """A request cannot go from its state to the one that was requested.

    Attributes:
        state: its state.
        action: the requested action.
    """

    def __init__(self, request_id: UUID, state: str, action: str, advice: str) -> None:
        super().__init__(
            "access request {request_id} is {state} and cannot be {action}: {advice}",
            request_id=request_id,
            state=state,
            action=action,
            advice=advice,
        )
        self.state = state
        self.action = action


class OwnRequestError(AccessError):
    """Somebody tried to approve or renew their own request, and the server has other people who may decide."""

    def __init__(self, request_id: UUID) -> None:
        super().__init__(
            "access request {request_id} is your own: another administrator must approve it. "
            "Approving one's own request is possible only if the server has one administrator.",
            request_id=request_id,
        )


class ReasonMissingError(AccessError):
    """A rejection or revocation needs a reason, which the applicant can read."""

    def __init__(self, action: str) -> None:
        super().__init__("a request is only {action} with a reason: the applicant reads it", action=action)
