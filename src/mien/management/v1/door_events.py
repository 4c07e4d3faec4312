"""Routes for door events: list, export, stream, pictures, corrections."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from mien.accounts import Accounts
from mien.doors.events import Event, EventKind, Filter
from mien.doors.exporting import export
from mien.doors.reviews import Enrol
from mien.doors.service import DoorServices
from mien.gateway.exchange import ENDLESS
from mien.management.errors import ManagementError, invalid
from mien.management.roles import Permission
from mien.management.routing import MANAGERS, Allow, Manager
from mien.management.v1.door_bodies import Listed, ReviewBody
from mien.management.v1.fields import Moment, find
from mien.management.v1.subjects import Resource

POLL_SECONDS: Final = 1.0
QUIET_SECONDS: Final = 15.0
"""Interval of the comments that keep an idle connection open."""

_MANAGING: Final = Allow(Permission.MANAGE)


def _filter(  # noqa: PLR0917  FastAPI passes them by name
    door: Annotated[UUID | None, Query()] = None,
    person: Annotated[UUID | None, Query()] = None,
    camera: Annotated[str | None, Query(max_length=64)] = None,
    kind: Annotated[list[EventKind] | None, Query()] = None,
    granted: Annotated[bool | None, Query()] = None,
    duress: Annotated[bool | None, Query()] = None,
    since: Annotated[Moment | None, Query()] = None,
    until: Annotated[Moment | None, Query()] = None,
) -> Filter:
    """Read which events are wanted."""
    return Filter(
        kinds=tuple(kind or ()),
        door_id=door,
        person_id=person,
        camera=camera,
        granted=granted,
        duress=duress,
        since=since,
        until=until,
    )


Wanted = Annotated[Filter, Depends(_filter)]
Number = Annotated[int | None, Query(ge=0, le=2**62)]
EventNumber = Annotated[int, Path(ge=1, le=2**62, description="Number of an event.")]


def routes(doors: DoorServices, accounts: Accounts, enrol: Enrol | None) -> APIRouter:
    """Return the routes. Events name people, so they need the permission to change resources.

    Args:
        doors: the services.
        accounts: finds resources.
        enrol: adds an event's picture to a person; None without a gallery in this process.
    """
    router = APIRouter(prefix="/mien/v1/resources/{resource}/door-events", tags=["doors"])

    def owner(resource: str) -> UUID:
        return find(accounts, resource).id

    @router.get("", dependencies=MANAGERS)
    def list_events(
        resource: Resource,
        wanted: Wanted,
        before: Number = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> Listed:
        """List events, newest first; for the next page, `before` is the last one's number."""
        found = doors.events.page(owner(resource), wanted, before=before, limit=limit)
        return Listed(value=[one.to_json() for one in found])

    @router.get("/export", dependencies=MANAGERS)
    def export_events(
        resource: Resource, wanted: Wanted, as_: Annotated[Literal["json", "csv"], Query(alias="format")] = "json"
    ) -> StreamingResponse:
        """Export events, oldest first, as lines of JSON or as CSV."""
        lines = export(doors.events.all(owner(resource), wanted), as_csv=as_ == "csv")
        return StreamingResponse(lines, media_type="text/csv" if as_ == "csv" else "application/x-ndjson")

    @router.get("/stream", dependencies=MANAGERS)
    async def stream_events(
        request: Request, resource: Resource, wanted: Wanted, after: Number = None
    ) -> StreamingResponse:
        """Send events as they come, as server-sent events; `Last-Event-ID` or `after` resumes after a number.

        Browsers reconnect with the same address and the header, so the header counts.
        """
        resource_id = await anyio.to_thread.run_sync(owner, resource)
        last = request.headers.get("last-event-id", "")
        start = int(last) if last.isdecimal() and len(last) < 18 else after
        newest = await anyio.to_thread.run_sync(doors.events.last, resource_id)
        # A number that is not reached yet is of events that a restored backup has lost: new ones get it again.
        start = newest if start is None else min(start, newest)

        def read(number: int) -> tuple[list[Event], int]:
            newest = doors.events.last(resource_id)
            return doors.events.after(resource_id, number, wanted), newest

        async def allowed() -> bool:
            try:
                await _MANAGING.again(request)
                await anyio.to_thread.run_sync(owner, resource)
            except ManagementError:
                return False
            return True

        request.scope[ENDLESS] = True
        body = sent(read, start, allowed)
        return StreamingResponse(body, media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    @router.get("/{number}", dependencies=MANAGERS)
    def get_event(resource: Resource, number: EventNumber) -> dict[str, Any]:
        """Return an event."""
        return doors.events.get(owner(resource), number).to_json()

    @router.get("/{number}/picture")
    def picture(resource: Resource, number: EventNumber, actor: Manager) -> Response:
        """Return the picture of an event, where it is kept."""
        del actor
        return Response(
            doors.events.picture(owner(resource), number),
            media_type="image/jpeg",
            headers={"Cache-Control": "no-store"},
        )

    @router.post("/{number}/review")
    def review(resource: Resource, number: EventNumber, body: ReviewBody, actor: Manager) -> dict[str, Any]:
        """Confirm whom an event shows, or correct it; `enrol` adds its picture to the person's faces."""
        resource_id, reviews = owner(resource), doors.reviews
        if body.review == "confirmed":
            return reviews.confirm(resource_id, number, actor=actor.name).to_json()
        if body.review == "not_this_person":
            return reviews.not_this_person(resource_id, number, actor=actor.name).to_json()
        if body.place is None or body.person_id is None:
            raise invalid("this_is names a place and a personId.", "personId")
        if body.enrol and enrol is None:
            raise invalid("This server has no gallery to enrol in.", "enrol")
        done = reviews.this_is(
            resource_id,
            number,
            body.place,
            body.person_id,
            enrol=enrol if body.enrol else None,
            actor=actor.name,
        )
        return done.to_json()

    return router


async def sent(
    read: Callable[[int], tuple[list[Event], int]], number: int, allowed: Callable[[], Awaitable[bool]]
) -> AsyncGenerator[str, None]:
    """Yield server-sent events until the client disconnects or may not read them any more.

    Args:
        read: returns the wanted events after a number, and the number of the newest event of any kind before that.
        number: number of the last event that the client has.
        allowed: returns whether the client may still read; it is asked before events are sent, and while there are none
            at each comment.
    """
    quiet = 0.0
    yield "retry: 2000\n\n"
    while True:
        events, newest = await anyio.to_thread.run_sync(read, number)
        quiet = 0.0 if events else quiet + POLL_SECONDS
        due = quiet >= QUIET_SECONDS
        if (events or due) and not await allowed():
            return
        for event in events:
            yield f"id: {event.number}\nevent: {event.kind.value}\ndata: {json.dumps(event.to_json())}\n\n"
        # Events that were not wanted are not read again.
        number = events[-1].number if events else max(number, newest)
        if due:
            yield ": nothing new\n\n"
            quiet = 0.0
        await anyio.sleep(POLL_SECONDS)
