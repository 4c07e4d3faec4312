"""Registers the pages with the user-interface library, which updates them over a WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, cast

import structlog
from fastapi import FastAPI
from nicegui import app as library
from nicegui import background_tasks, context, ui
from nicegui.language import Language
from starlette.formparsers import MultiPartParser
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mien.management.roles import ABOUT, Permission, Role
from mien.messages import message_of
from mien.portal.cameras import serve_pictures
from mien.portal.early import unblock_rendering
from mien.portal.frame import THEME, Page, frame
from mien.portal.pages import PAGES
from mien.portal.parts import PortalParts
from mien.portal.session import SESSION, UPLOAD_FRAME, PortalSession, PortalSessions
from mien.portal.texts import SOURCE, STORE_ZONE, language, t
from mien.portal.visitor import EXPECTED, Visitor, log_error, sentence, tell_error
from mien.portal.widgets import Tag, banner, empty, section, skeleton

_STYLE: Final = (Path(__file__).parent / "static" / "portal.css").read_text(encoding="utf-8")
_SCRIPT: Final = (Path(__file__).parent / "static" / "portal.js").read_text(encoding="utf-8")
_ICON: Final = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'><rect width='32' height='32' rx='8' fill='#0e6675'/>"
    "<path d='M8 22V11l8 7 8-7v11' fill='none' stroke='white' stroke-width='3'/></svg>"
)
_READ_OUT: Final = (  # screen readers announce the library's message about a lost connection
    "<script>addEventListener('DOMContentLoaded', () => "
    "document.getElementById('popup').setAttribute('role', 'alert'))</script>"
)
_BUILD_SECONDS: Final = 30.0

FIRST: Final = "/"
"""Path of the page after sign-in."""

_PATIENCE: Final = 0.25
"""Seconds after which a page is sent without its content, with a loading indicator."""

_log = structlog.get_logger("mien.portal")


def build_interface(parts: PortalParts, sessions: PortalSessions) -> FastAPI:
    """Return the application with all pages, which relies on the checks of `Portal`.

    The library has a global application, so there is one interface per process.

    Args:
        parts: dependencies of the pages.
        sessions: the open sessions.
    """
    MultiPartParser.spool_max_size = parts.image_limit + UPLOAD_FRAME  # do not write photos of faces to disk
    application = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    ui.add_css(_STYLE, shared=True)
    ui.add_head_html(_READ_OUT, shared=True)
    ui.add_head_html(f"<script>{STORE_ZONE}\n{_SCRIPT}</script>", shared=True)
    # While a list fades out, the library would take the focus from the next field.
    ui.select.default_props("transition-duration=0")
    serve_pictures(application, parts)
    for page in PAGES:
        _LocalPage(page.path, response_timeout=_BUILD_SECONDS)(_handler(page, parts, sessions))
    ui.run_with(
        application,
        title="Mien",
        favicon=_ICON,
        language="en-US",
        tailwind=False,
        show_welcome_message=False,
        reconnect_timeout=20.0,
    )
    library.on_exception(log_error)
    return application


class _LocalPage(ui.page):
    """A page whose `lang` attribute and library texts are in the language of the request."""

    def resolve_language(self) -> Language | None:
        return cast("Language", "en-US" if language() == SOURCE else language())


def _handler(
    page: Page, parts: PortalParts, sessions: PortalSessions
) -> Callable[[Request], Awaitable[Response | None]]:
    async def show(request: Request) -> Response | None:
        build = context.client.build_response
        # The library calls it when it sends the page, possibly before the content is drawn.
        context.client.build_response = lambda *given: unblock_rendering(build(*given))  # type: ignore[method-assign]
        ui.on_exception(tell_error)  # whatever a handler of the page does not catch
        visitor = await visit(request, parts, sessions)
        if page.path == FIRST and not page.is_open_to(visitor) and (other := _first_open(visitor)) is not None:
            return RedirectResponse(visitor.link(other.path), 303)  # after sign-in
        theme = request.cookies.get(THEME)
        with frame(visitor, page, PAGES, theme if theme in {"light", "dark"} else None):
            if not page.is_open_to(visitor):
                _refuse(visitor, page)
                return context.client.build_response(request, 403)
            if page.needs_resource and visitor.missing:
                _no_such_resource(visitor)
                return None
            if page.needs_resource and visitor.chosen is None:
                about = t("Applications call a resource: it has an endpoint, two keys and a tier.")
                may = visitor.may(Permission.MANAGE, on=None)
                empty(
                    "add_box",
                    t("No resources yet"),
                    about if may else t("Ask an operator or owner of this server to create one."),
                    (t("Create a resource"), "/resources/new") if may else None,
                )
                return None
            place = Tag("div", classes="parts")
            drawing = background_tasks.create(_draw(page, visitor, place))
            done, _ = await asyncio.wait({drawing}, timeout=_PATIENCE)
            if not done:  # send the page now; the rest follows over the WebSocket
                with place:
                    waiting = skeleton()
                drawing.add_done_callback(lambda _: None if waiting.is_deleted else waiting.delete())
        return None

    return show


def _first_open(visitor: Visitor) -> Page | None:
    """Return the first page in the navigation that a visitor may open."""
    return next((one for one in PAGES if one.listed and one.is_open_to(visitor)), None)


def _no_such_resource(visitor: Visitor) -> None:
    """Say that the address names a resource that is not there, so that nobody takes another one for it."""
    title = t("There is no resource {name}", name=visitor.missing)
    about = t("It may have been deleted, or you may not see it. Choose another one, or restore it.")
    banner("bad", title, about, (t("All resources"), "/resources"))


def _refuse(visitor: Visitor, page: Page) -> None:
    """Explain why a visitor may not open a page, and what they can do."""
    actor = visitor.session.actor
    title = t(page.title)
    if visitor.chosen is None or not page.needs_resource:
        said = t("Your role does not include the page {title}", title=title)
    else:
        name = visitor.chosen.name
        said = t("Your role does not include the page {title} on {resource}", title=title, resource=name)
    roles = " / ".join(role for role in Role if role is not Role.ADMIN and role.may(page.needs))
    if page.whole_server:
        needed = t("It needs the role {roles} for the whole server.", roles=roles)
    else:
        needed = t("It needs the role {roles}.", roles=roles)
    banner(
        "warn",
        said,
        needed
        + " "
        + t("You are {role}: a person with that role {does}.", role=actor.role, does=t(ABOUT[actor.role]))
        + " "
        + t("Ask an owner of this server for another role, or sign in with another token."),
    )
    with section(t("Pages that you can open")), Tag("ul", classes="bullets"):
        for one in PAGES:
            if one.listed and one.is_open_to(visitor):
                with Tag("li"):
                    Tag("a", t(one.title), href=visitor.link(one.path))


async def _draw(page: Page, visitor: Visitor, place: Tag) -> None:
    """Draw the content of a page, or the error that prevents it."""
    with place:
        try:
            await page.render(visitor)
        except EXPECTED as error:
            banner("bad", t("This page cannot be shown"), sentence(message_of(error)))
        except Exception:
            _log.exception("a page could not be drawn", page=page.path)
            banner(
                "bad", t("This page cannot be shown"), t("An internal error occurred; the service log has the details.")
            )


async def visit(request: Request, parts: PortalParts, sessions: PortalSessions) -> Visitor:
    """Return the visitor of a request."""
    session: PortalSession = request.scope[SESSION]
    given = {**request.query_params, **{name: str(value) for name, value in request.path_params.items()}}
    query = {name: value.replace("\0", "") for name, value in given.items()}  # databases cannot store it
    wanted = query.pop("resource", "")
    visitor = Visitor(parts, sessions, session, (), None, query)
    every = await visitor.ask(parts.accounts.resources)
    resources = tuple(one for one in every if session.actor.sees(one.id))
    named = next((one for one in resources if one.name.lower() == wanted.lower()), None)
    missing = wanted if named is None else ""
    return Visitor(parts, sessions, session, resources, named or next(iter(resources), None), query, missing)
