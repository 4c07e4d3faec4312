"""Shared parts of the commands about cameras and doors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from mien.cli._administration import opened_by_settings, resource_named
from mien.cli._ids import name_or_id

if TYPE_CHECKING:
    from datetime import datetime

    from mien.doors.kiosks import Kiosk
    from mien.doors.service import DoorServices
    from mien.doors.types import Camera, Door, Person
    from mien.services import Services

Place = Annotated[
    str,
    typer.Argument(help="Where the person is: personGroup/ID, largePersonGroup/ID, dynamicGroup/ID or directory."),
]
PersonId = Annotated[UUID, typer.Argument(help="The personId.")]
DoorName = Annotated[str, typer.Argument(help="Name or id of the door, or the beginning of its id.")]


@contextmanager
def opened_doors(name: str, data_dir: Path | None) -> Iterator[tuple[Services, DoorServices, UUID]]:
    """Open the doors of a resource; what goes wrong on purpose becomes one sentence and exit code 1."""
    from mien.doors.errors import DoorsError
    from mien.doors.service import open_doors

    with opened_by_settings(data_dir, DoorsError) as (_, services):
        doors = open_doors(
            services.database, services.vault, services.clock, services.audit, accounts=services.accounts
        )
        yield services, doors, resource_named(services, name).id


def door_named(doors: DoorServices, owner: UUID, text: str) -> Door:
    """Return a door by its name, its id or the beginning of its id."""
    known = ((one.door_id, one.name) for one in doors.doors.of(owner))
    return doors.doors.named(owner, name_or_id(text, known, "door"))


def camera_named(doors: DoorServices, owner: UUID, text: str) -> Camera:
    """Return a camera by its name, its id or the beginning of its id."""
    known = ((one.camera_id, one.name) for one in doors.cameras.of(owner))
    return doors.cameras.named(owner, name_or_id(text, known, "camera"))


def kiosk_named(doors: DoorServices, owner: UUID, text: str) -> Kiosk:
    """Return a kiosk by its name, its id or the beginning of its id."""
    known = ((one.kiosk_id, one.name) for one in doors.kiosks.of(owner))
    return doors.kiosks.named(owner, name_or_id(text, known, "kiosk"))


def person_text(person: Person) -> str:
    """Return a person as tables show them."""
    return f"{person.name or person.person_id} ({person.place})"


def local_moment(text: str | None, zone: str, now: datetime) -> datetime:
    """Read a moment; one without a zone is in the door's.

    Raises:
        typer.BadParameter: it is no moment.
    """
    from datetime import datetime

    from mien.doors.types import zone_of

    if text is None:
        return now
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a moment such as 2026-12-24T18:30") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone_of(zone))
