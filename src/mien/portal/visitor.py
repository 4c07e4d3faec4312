"""The visitor of a page: the person, the chosen resource, and their permissions."""

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
"""Expected errors of services: their text is shown to the visitor."""

Chosen = Literal["chosen"]
CHOSEN: Final[Chosen] = "chosen"
"""Stands for the resource that the page is about."""

_T = TypeVar("_T")
_log = structlog.get_logger("mien.portal")


@dataclass(frozen=True, slots=True)
class Visitor:
    """A signed-in person on a page.

    Attributes:
        parts: the services.
        sessions: tell whether the session goes on.
        session: session of the person.
        resources: all resources that they see, for choosing.
        chosen: the one that the page is about; None when there is none at all.
        query: the rest of the address.
    """

    parts: PortalParts
    sessions: PortalSessions
    session: PortalSession
    resources: tuple[Resource, ...]
    chosen: Resource | None
    query: dict[str, str]

    @property
    def name(self) -> str:
        """The name in the audit log."""
        return self.session.actor.name

    @property
    def resource(self) -> Resource:
        """The resource that the page is about; only pages that need one ask."""
        assert self.chosen is not None
        return self.chosen

    def may(self, permission: Permission, *, on: UUID | Chosen | None = CHOSEN) -> bool:
        """Whether they have a permission: on the chosen resource, on another one, or, for None, on the whole server."""
        return self.session.actor.may(permission, self._place(on))

    def _place(self, on: UUID | Chosen | None) -> UUID | None:
        if on != CHOSEN:
            return on
        return self.chosen.id if self.chosen else None

    def link(self, path: str, **query: str) -> str:
        """Return the address of a page about the same resource."""
        found = {"resource": self.chosen.name, **query} if self.chosen else query
        return f"{path}?{urlencode(found)}" if found else path

    def note(self, action: str, **details: Detail) -> None:
        """Write into the audit log what was done to the resource; for what the service does not record itself."""
        Journal(self.parts.audit).did(self.session.actor, action, self.resource.id if self.chosen else None, **details)

    async def ask(self, work: Callable[[], _T]) -> _T:
        """Run what asks the database or computes in a thread, and return its answer."""
        return await to_thread.run_sync(work)

    async def act(
        self,
        permission: Permission,
        work: Callable[[], _T],
        done: str | None = None,
        *,
        on: UUID | Chosen | None = CHOSEN,
    ) -> _T | None:
        """Do something on a person's behalf, and tell them how it went.

        The session and the role are checked again: a page can stay open longer than a token is valid.

        Args:
            permission: the required permission.
            work: does it, in a thread.
            done: said when it went well.
            on: the resource that the permission is needed on; None for the whole server.

        Returns:
            What `work` returned; None when it was refused or failed, which they were told then.
        """

        def checked() -> _T:
            if not self.sessions.is_open(self.session):
                raise ManagementError(401, "Unauthorized", t("Your session has ended: sign in again."))
            self.session.actor.require(permission, done or t("this"), self._place(on))
            return work()

        try:
            result = await to_thread.run_sync(checked)
        except ManagementError as error:
            tell(said(error.message), "bad")
        except EXPECTED as error:
            tell(sentence(message_of(error)), "bad")
        except Exception:
            _log.exception("the portal could not do what was asked")
            tell(t("That failed because of an internal error; the service log has the details."), "bad")
        else:
            if done:
                tell(done, "good")
            return result
        return None


def sentence(text: str) -> str:
    """Return a service's message as a sentence in the visitor's language, with a remedy where it has none."""
    told = said(text).strip()
    if not told:
        return t("That is not possible.")
    told = as_sentence(told)
    if text.strip().rstrip(".").endswith("is not supported"):
        told += " " + t("Save the photo as JPEG or PNG and drop it again.")
    return told


def tell(text: str, tone: str) -> None:
    """Show a message for a while, and read it to who cannot see it."""
    kind = {"good": "positive", "bad": "negative", "warn": "warning"}.get(tone, "info")
    seconds = 8000 if tone == "bad" else 4000
    ui.notify(text, type=kind, position="top", multi_line=True, timeout=seconds, close_button=t("Close"), icon=None)  # type: ignore[arg-type]  # one of its words
