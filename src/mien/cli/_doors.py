"""Shared parts of the commands about cameras and doors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from mien.cli._administration import opened_by_settings, resource_named

if TYPE_CHECKING:
    from datetime import datetime

    from mien.doors.service import DoorServices
    from mien.doors.types import Person
    from mien.services import Services

Place = Annotated[
    str,
    typer.Argument(help="Where the person is: personGroup/ID, largePersonGroup/ID, dynamicGroup/ID or directory."),
]
PersonId = Annotated[UUID, typer.Argument(help="The personId.")]
DoorName = Annotated[str, typer.Argument(help="Name or id of the door.")]


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
