"""Kiosk pages: list, add, delete."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from mien.accounts import Accounts
from mien.doors.kiosks import Kiosk, KioskSpec
from mien.doors.service import DoorServices
from mien.management.routing import READERS, Manager, Shown, Strict
from mien.management.v1.door_bodies import ConfiguredName, Place
from mien.management.v1.fields import find
from mien.management.v1.subjects import Resource


class KioskWanted(Strict):
    """A kiosk to be added."""

    name: ConfiguredName
    group: Place
    notice: Annotated[str, Field(max_length=4000, description="Consent notice, shown before the camera is used.")]
    greeting: Annotated[str, Field(max_length=200, description="`{name}` is replaced.")] = ""
    reception: Annotated[str, Field(max_length=200, description="For everybody who is not recognised.")] = ""
    liveness: bool = True
    door: UUID | None = None


class KioskSeen(Shown):
    """A kiosk, without its key."""

    id: UUID
    name: str
    group: str
    notice: str
    notice_version: str
    greeting: str
    reception: str
    liveness: bool
    door: UUID | None
    created_at: datetime
    acceptances: int

    @classmethod
    def fields_of(cls, kiosk: Kiosk, acceptances: int) -> dict[str, object]:
        """Return the values of a kiosk."""
        spec = kiosk.spec
        return {
            "id": kiosk.kiosk_id,
            "name": kiosk.name,
            "group": spec.group,
            "notice": spec.notice,
            "notice_version": spec.version,
            "greeting": spec.greeting,
            "reception": spec.reception,
            "liveness": spec.liveness,
            "door": spec.door,
            "created_at": kiosk.created_at,
            "acceptances": acceptances,
        }


class KioskMade(KioskSeen):
    """A kiosk that was just added: the only answer that shows its key."""

    key: str
    path: str


class KioskList(Shown):
    """Kiosks."""

    value: list[KioskSeen]


def routes(doors: DoorServices, accounts: Accounts) -> APIRouter:
    """Return the routes of kiosks."""
    router = APIRouter(prefix="/mien/v1/resources/{resource}", tags=["doors"])

    @router.get("/kiosks", dependencies=READERS)
    def list_kiosks(resource: Resource) -> KioskList:
        """List the kiosks, and how often each one's notice was accepted."""
        owner = find(accounts, resource).id
        counts = doors.kiosks.acceptances(owner)
        found = [KioskSeen.fields_of(one, counts.get(one.kiosk_id, 0)) for one in doors.kiosks.of(owner)]
        return KioskList(value=[KioskSeen.model_validate(one) for one in found])

    @router.post("/kiosks", status_code=201)
    def add_kiosk(resource: Resource, body: KioskWanted, actor: Manager) -> KioskMade:
        """Add a kiosk. Its key is in this answer only; the page is at `path` on the data port."""
        spec = KioskSpec(
            group=body.group,
            notice=body.notice,
            greeting=body.greeting,
            reception=body.reception,
            liveness=body.liveness,
            door=body.door,
        )
        kiosk, key = doors.kiosks.create(find(accounts, resource).id, body.name, spec, actor=actor.name)
        return KioskMade.model_validate({**KioskSeen.fields_of(kiosk, 0), "key": key, "path": f"/kiosk#{key}"})

    @router.delete("/kiosks/{kiosk_id}", status_code=204)
    def delete_kiosk(resource: Resource, kiosk_id: UUID, actor: Manager) -> None:
        """Delete a kiosk; its key opens nothing from then on."""
        doors.kiosks.delete(find(accounts, resource).id, kiosk_id, actor=actor.name)

    return router
