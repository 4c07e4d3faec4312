"""Errors of the control plane, with Azure's texts where they exist."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mien.storage.faults import fault_of

TERMS: Final = (
    "This subscription cannot create Face until you agree to Responsible AI terms for this resource. You can agree to "
    "Responsible AI terms by creating a resource through the Azure Portal then trying again. On this server: the "
    "portal, or POST /mien/v1/subscriptions/{{subscription}}/terms."
)
"""Azure's text (CONTRACT section 12) and this server's route; a template for `str.format`."""


class ManagementError(Exception):
    """An error that is returned as ARM's `{"error": {"code", "message"}}`.

    Attributes:
        status: HTTP status.
        code: error code for programs.
        message: message for people.
        target: name of the invalid field or parameter, if any.
        headers: further response headers.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        target: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.target = target
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """Return ARM's error object."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.target is not None:
            error["target"] = self.target
        return {"error": error}


def invalid(message: str, target: str | None = None) -> ManagementError:
    """Return the error for an invalid request body."""
    return ManagementError(400, "InvalidRequestContent", message, target=target)


def missing_account(name: str, group: str) -> ManagementError:
    """Return the error for an account that does not exist in a resource group."""
    return ManagementError(
        404,
        "ResourceNotFound",
        f"The Resource 'Microsoft.CognitiveServices/accounts/{name}' under resource group '{group}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    )


def not_found(what: str) -> ManagementError:
    """Return the error for an object of `/mien/v1` that does not exist."""
    return ManagementError(404, "NotFound", f"{what} was not found.")


def conflict(message: str, code: str = "Conflict") -> ManagementError:
    """Return the error for a request that conflicts with the current state."""
    return ManagementError(409, code, message)


def storage_error(error: Exception) -> ManagementError | None:
    """Return the error for a failure of the database or a full disk; None for other exceptions."""
    fault = fault_of(error)
    if fault is None:
        return None
    text = f"The service is temporarily unavailable: {fault.value}."
    return ManagementError(503, "ServiceUnavailable", text, headers={"Retry-After": "5"})


def internal_error() -> ManagementError:
    """Return the error for an unexpected exception, whose details are in the log."""
    text = "The server met an unforeseen error; its log tells more under the answer's x-ms-request-id."
    return ManagementError(500, "InternalServerError", text)
