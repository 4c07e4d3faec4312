"""Shared parts of the commands about cameras and doors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Generic, Protocol, TypeVar
from uuid import UUID

import typer

from mien.cli._administration import actor, confirm, opened_by_settings, print_json, resource_named
from mien.cli._ids import name_or_id, whole_id
from mien.cli._subjects import place_ref
from mien.cli._times import checked

if TYPE_CHECKING:
    from datetime import datetime

    from mien.doors.kiosks import Kiosk
    from mien.doors.roster_types import RosterPerson
    from mien.doors.service import DoorServices
    from mien.doors.types import Camera, Door
    from mien.services import Services

Place = Annotated[
    str,
    typer.Argument(help="Where the person is: personGroup/ID, largePersonGroup/ID, dynamicGroup/ID or directory."),
]
PersonId = Annotated[str, typer.Argument(help="The personId, or its beginning.")]
DoorName = Annotated[str, typer.Argument(help="Name or id of the door, or the beginning of its id.")]


@contextmanager
def opened_doors(name: str, data_dir: Path | None) -> Iterator[tuple[Services, DoorServices, UUID]]:
    """Open the doors of a resource; an expected error becomes one sentence and exit code 1."""
    from mien.doors.errors import DoorsError
    from mien.doors.service import open_doors

    with opened_by_settings(data_dir, DoorsError) as (_, services):
        doors = open_doors(
            services.database, services.vault, services.clock, services.audit, accounts=services.accounts
        )
        yield services, doors, resource_named(services, name).id


def person_in(services: Services, owner: UUID, text: str, place: str | None = None) -> UUID:
    """Return the id of a person from it or its beginning; exits when there is not exactly one.

    Args:
        services: have the database.
        owner: the resource.
        text: as the operator wrote it.
        place: KIND/ID, `dynamicGroup/ID` or `directory`; None for anywhere in the resource.
    """
    from mien.doors.types import DIRECTORY, DYNAMIC_GROUP
    from mien.gallery.short_ids import ShortIds

    ids = ShortIds(services.database)
    if place is None:
        return whole_id(text, ids.persons(owner, text), "person")
    ref = place_ref(owner, DIRECTORY if place.partition("/")[0] == DYNAMIC_GROUP else place)
    return whole_id(text, ids.persons(owner, text, ref), "person")


class _Named(Protocol):
    """A configured thing with a name."""

    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=_Named)
T_co = TypeVar("T_co", bound=_Named, covariant=True)


class _Service(Protocol[T_co]):
    """The service that keeps one kind of things."""

    def of(self, resource_id: UUID, /) -> Sequence[T_co]: ...
    def named(self, resource_id: UUID, name: str, /) -> T_co: ...
    def delete(self, resource_id: UUID, thing_id: UUID, /, *, actor: str) -> None: ...


@dataclass(frozen=True, slots=True)
class ThingKind(Generic[T]):
    """A kind of things that commands name and delete in one way.

    Attributes:
        word: name of the kind.
        service: the service that stores the things.
        id_of: identifies a thing.
    """

    word: str
    service: Callable[[DoorServices], _Service[T]]
    id_of: Callable[[T], UUID]

    def named(self, doors: DoorServices, owner: UUID, text: str) -> T:
        """Return a thing by its name, its id or the beginning of its id."""
        service = self.service(doors)
        known = ((self.id_of(one), one.name) for one in service.of(owner))
        return service.named(owner, name_or_id(text, known, self.word))

    def delete(
        self, name: str, text: str, *, yes: bool, as_name: str | None, as_json: bool, data_dir: Path | None
    ) -> None:
        """Delete a thing after a confirmation, and say so.

        Args:
            name: the resource's name.
            text: name, id or beginning of the id of the thing.
            yes: do not ask.
            as_name: name of the actor; the system's user when None.
            as_json: print JSON.
            data_dir: the data folder; from the settings when None.
        """
        with opened_doors(name, data_dir) as (_, doors, owner):
            found = self.named(doors, owner, text)
            confirm(f"Delete the {self.word} {found.name}?", yes)
            self.service(doors).delete(owner, self.id_of(found), actor=actor(as_name))
        if as_json:
            print_json({"deleted": self.id_of(found)})
        else:
            typer.echo(f"deleted {found.name}")


CAMERAS: ThingKind[Camera] = ThingKind("camera", lambda doors: doors.cameras, lambda one: one.camera_id)
DOORS: ThingKind[Door] = ThingKind("door", lambda doors: doors.doors, lambda one: one.door_id)
KIOSKS: ThingKind[Kiosk] = ThingKind("kiosk", lambda doors: doors.kiosks, lambda one: one.kiosk_id)


def person_text(person: RosterPerson) -> str:
    """Return a person as tables show them."""
    return f"{person.name or person.person_id} ({person.place})"


def local_moment(text: str | None, zone: str, now: datetime) -> datetime:
    """Read a moment; one without a zone is in the door's.

    Raises:
        typer.BadParameter: it is not a time, or in a year that databases cannot store.
    """
    from datetime import datetime

    from mien.doors.checks import zone_of

    if text is None:
        return now
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a moment such as 2026-12-24T18:30") from None
    return checked(moment if moment.tzinfo is not None else moment.replace(tzinfo=zone_of(zone)))
