"""The visitor of a page: person, chosen resource, permissions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeVar
from urllib.parse import urlencode
from uuid import UUID

import structlog
from anyio import to_thread
from nicegui import ui

from mien.accounts import AccountError, Resource
from mien.doors.errors import DoorsError
from mien.events import MetricError
from mien.events.alerts.conditions import AlertError
from mien.events.audit import AuditValueError
from mien.gallery.errors import GalleryError
from mien.management.errors import ManagementError
from mien.management.roles import Permission
from mien.management.routing import Detail, Journal
from mien.management.tokens import TokenError
from mien.messages import as_sentence, message_of
from mien.models import ModelError
from mien.portal.parts import PortalParts
from mien.portal.session import PortalSession, PortalSessions
from mien.portal.texts import said, t
from mien.subjects.errors import SubjectError
from mien.vision.errors import VisionError

EXPECTED = (
    AccountError,
    DoorsError,
    GalleryError,
    AlertError,
    AuditValueError,
    MetricError,
    ModelError,
    SubjectError,
    TokenError,
    VisionError,
)
"""Expected errors of services, whose message is shown to the visitor."""

Chosen = Literal["chosen"]
CHOSEN: Final[Chosen] = "chosen"
"""Stands for the page's resource."""

_T = TypeVar("_T")
_log = structlog.get_logger("mien.portal")


@dataclass(frozen=True, slots=True)
class Visitor:
    """A signed-in person on a page.

    Attributes:
        parts: the services.
        sessions: the open sessions.
        session: the person's session.
        resources: all resources that the person may see.
        chosen: the page's resource; None if there are no resources.
        query: the other query parameters.
        missing: the resource that the address names, if the person sees none of that name.
    """

    parts: PortalParts
    sessions: PortalSessions
    session: PortalSession
    resources: tuple[Resource, ...]
    chosen: Resource | None
    query: dict[str, str]
    missing: str = ""

    @property
    def name(self) -> str:
        """The name in the audit log."""
        return self.session.actor.name

    @property
    def resource(self) -> Resource:
        """The page's resource, on pages with `needs_resource`."""
        assert self.chosen is not None
        return self.chosen

    def may(self, permission: Permission, *, on: UUID | Chosen | None = CHOSEN) -> bool:
        """Return whether the person has a permission on a resource, or with None on the whole server."""
        return self.session.actor.may(permission, self._place(on))

    def _place(self, on: UUID | Chosen | None) -> UUID | None:
        if on != CHOSEN:
            return on
        return self.chosen.id if self.chosen else None

    def link(self, path: str, **query: str) -> str:
        """Return the URL of a page for the same resource."""
        found = {"resource": self.chosen.name, **query} if self.chosen else query
        return f"{path}?{urlencode(found)}" if found else path

    def note(self, action: str, **details: Detail) -> None:
        """Write an audit entry about the resource, for actions that the service does not record itself."""
        Journal(self.parts.audit).did(self.session.actor, action, self.resource.id if self.chosen else None, **details)

    async def ask(self, work: Callable[[], _T]) -> _T:
        """Run blocking or computing work in a thread, and return its result; errors are those of the work.

        It is for drawing a page, whose session has just been read; see `look` for what is read later.
        """
        return await to_thread.run_sync(work)

    async def look(self, work: Callable[[], _T]) -> _T | None:
        """Read something for the person after the page was drawn, and show why if that is not possible.

        Args:
            work: reads, in a thread; called only while the session is open.

        Returns:
            The result of `work`; None if it failed, which is shown to the person.
        """

        def checked() -> _T:
            self._check_session()
            return work()

        try:
            return await to_thread.run_sync(checked)
        except Exception as error:
            log_error(error)
            tell_error(error)
        return None

    async def act(
        self,
        permission: Permission,
        work: Callable[[], _T],
        done: str | None = None,
        *,
        on: UUID | Chosen | None = CHOSEN,
    ) -> _T | None:
        """Run an action for the person, and show the outcome.

        The session, the permission and the resource are checked again, because they may have ended while the page was
        open.

        Args:
            permission: the required permission.
            work: the action, called in a thread.
            done: message on success.
            on: resource on which the permission is needed; None for the whole server.

        Returns:
            The result of `work`; None if it was refused or failed, which is shown to the person.
        """

        def checked() -> _T:
            self._check_session()
            self.session.actor.require(permission, done or t("this"), self._place(on))
            if on == CHOSEN and self.chosen is not None and self.parts.accounts.get(self.chosen.id) is None:
                raise ManagementError(
                    404, "ResourceNotFound", t("The resource {name} has been deleted.", name=self.chosen.name)
                )
            return work()

        try:
            result = await to_thread.run_sync(checked)
        except Exception as error:
            log_error(error)
            tell_error(error)
            return None
        if done:
            tell(done, "good")
        return result

    def _check_session(self) -> None:
        if not self.sessions.is_open(self.session):
            raise ManagementError(401, "Unauthorized", t("Your session has ended: sign in again."))


def sentence(text: str) -> str:
    """Return a service's message as a sentence in the visitor's language, with a remedy if it lacks one."""
    told = said(text).strip()
    if not told:
        return t("That is not possible.")
    told = as_sentence(told)
    if text.strip().rstrip(".").endswith("is not supported"):
        told += " " + t("Save the photo as JPEG or PNG and drop it again.")
    return told


def check_unchanged(drawn: object, now: object) -> None:
    """Check, in a thread, that nobody else has changed what a form was filled with, which saving it would undo.

    Raises:
        ManagementError: somebody has.
    """
    if drawn != now:
        message = t("Somebody has changed this since the page was opened. Reload the page, then change it again.")
        raise ManagementError(409, "Conflict", message)


def tell_error(error: Exception) -> None:
    """Show why something failed."""
    if isinstance(error, ManagementError):
        tell(error.message, "bad")
    elif isinstance(error, EXPECTED):
        tell(sentence(message_of(error)), "bad")
    else:
        tell(t("That failed because of an internal error; the service log has the details."), "bad")


def log_error(error: Exception) -> None:
    """Log an error, unless it is an expected one."""
    if not isinstance(error, (ManagementError, *EXPECTED)):
        _log.error("the portal could not do what was asked", exc_info=error)


def tell(text: str, tone: str) -> None:
    """Show a temporary message, which screen readers announce; a message of a service is translated."""
    kind = {"good": "positive", "bad": "negative", "warn": "warning"}.get(tone, "info")
    seconds = 8000 if tone == "bad" else 4000
    words = said(text)
    ui.notify(words, type=kind, position="top", multi_line=True, timeout=seconds, close_button=t("Close"), icon=None)  # type: ignore[arg-type]  # a valid type
