"""Errors of the control plane, in Azure's words where they exist."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mien.storage.faults import fault_of

TERMS: Final = (
    "This subscription cannot create Face until you agree to Responsible AI terms for this resource. You can agree to "
    "Responsible AI terms by creating a resource through the Azure Portal then trying again. On this server: the "
    "portal, or POST /mien/v1/subscriptions/{{subscription}}/terms."
)
"""Azure's words (CONTRACT section 12) and where to go here; a template, for `str.format`."""


class ManagementError(Exception):
    """An error answer: it leaves as ARM's `{"error": {"code", "message"}}`.

    Attributes:
        status: HTTP status.
        code: a word for programs.
        message: a sentence for people.
        target: which field or parameter is wrong, if one is.
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
    """A request body that says something impossible."""
    return ManagementError(400, "InvalidRequestContent", message, target=target)


def missing_account(name: str, group: str) -> ManagementError:
    """No account of that name in that resource group."""
    return ManagementError(
        404,
        "ResourceNotFound",
        f"The Resource 'Microsoft.CognitiveServices/accounts/{name}' under resource group '{group}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    )


def not_found(what: str) -> ManagementError:
    """Something of `/mien/v1` is not there."""
    return ManagementError(404, "NotFound", f"{what} was not found.")


def conflict(message: str, code: str = "Conflict") -> ManagementError:
    """The request does not fit the state of things."""
    return ManagementError(409, code, message)


def of_storage(error: Exception) -> ManagementError | None:
    """The database does not answer, or the disk is full; None for any other error."""
    fault = fault_of(error)
    if fault is None:
        return None
    text = f"The service is temporarily unavailable: {fault.value}."
    return ManagementError(503, "ServiceUnavailable", text, headers={"Retry-After": "5"})


def unforeseen() -> ManagementError:
    """An internal error; the log has the details."""
    text = "The server met an unforeseen error; its log tells more under the answer's x-ms-request-id."
    return ManagementError(500, "InternalServerError", text)
