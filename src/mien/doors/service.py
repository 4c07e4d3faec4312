"""The stateful services of doors; starts no thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from mien.accounts import Accounts, Feature
from mien.clock import Clock
from mien.doors.cameras import Cameras
from mien.doors.decisions import Decisions
from mien.doors.doors import Doors
from mien.doors.journal import DoorEvents
from mien.doors.kiosks import Kiosks
from mien.doors.places import Places
from mien.doors.reviews import DoorReviews
from mien.doors.roster import Roster
from mien.doors.webhooks import deliver
from mien.events import AuditLog
from mien.storage import Database, Vault


@dataclass(frozen=True, slots=True)
class DoorServices:
    """The state of cameras and doors.

    Attributes:
        cameras: the cameras.
        doors: doors, rules and holidays.
        events: the events of doors.
        roster: visitors, badges, who is inside.
        decisions: decides who may pass.
        reviews: corrections of events by operators.
        kiosks: the kiosk pages.
        places: groups by name.
        approved: whether a resource is approved for video identification.
    """

    cameras: Cameras
    doors: Doors
    events: DoorEvents
    roster: Roster
    decisions: Decisions
    reviews: DoorReviews
    kiosks: Kiosks
    places: Places
    approved: Callable[[UUID], bool]

    def purge(self) -> int:
        """Delete what is over; for the retention worker."""
        return self.events.purge() + self.roster.purge() + self.kiosks.purge()


def open_doors(database: Database, vault: Vault, clock: Clock, audit: AuditLog, *, accounts: Accounts) -> DoorServices:
    """Return the services of cameras and doors.

    Args:
        database: the database.
        vault: encrypts secrets.
        clock: the clock.
        audit: the audit log; records every change.
        accounts: looks up approvals.
    """

    def approved(resource_id: UUID) -> bool:
        resource = accounts.get(resource_id)
        if resource is None or resource.deleted_at is not None:
            return False
        return Feature.VIDEO_IDENTIFICATION in resource.features

    events = DoorEvents(database, vault, clock, (deliver,))
    roster = Roster(database, vault, clock, audit, events)
    return DoorServices(
        cameras=Cameras(database, vault, clock, audit),
        doors=Doors(database, vault, clock, audit),
        events=events,
        roster=roster,
        decisions=Decisions(database, clock, events, roster, approved),
        reviews=DoorReviews(database, clock, audit, events),
        kiosks=Kiosks(database, vault, clock, audit),
        places=Places(database),
        approved=approved,
    )
