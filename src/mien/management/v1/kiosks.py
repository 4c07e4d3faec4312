"""Routes for kiosk pages and their keys."""

from __future__ import annotations

from dataclasses import replace
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
    acceptance_days: Annotated[int, Field(description="Days for which acceptances of the notice are kept.")] = 365
    enabled: Annotated[bool, Field(description="Whether the page works.")] = True

    def spec(self) -> KioskSpec:
        """Return the kiosk's configuration."""
        return KioskSpec(**self.model_dump(exclude={"name"}))


class KioskChange(Strict):
    """A change of a kiosk; what is absent keeps its value. `door` is null for a kiosk that only greets."""

    name: ConfiguredName | None = None
    group: Place | None = None
    notice: Annotated[str, Field(max_length=4000)] | None = None
    greeting: Annotated[str, Field(max_length=200)] | None = None
    reception: Annotated[str, Field(max_length=200)] | None = None
    liveness: bool | None = None
    door: UUID | None = None
    acceptance_days: int | None = None
    enabled: bool | None = None

    def spec(self, before: KioskSpec) -> KioskSpec:
        """Return the kiosk's configuration after the change."""
        fields = self.model_dump(exclude_unset=True, exclude={"name"})
        return replace(before, **{name: value for name, value in fields.items() if value is not None or name == "door"})


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
    acceptance_days: int
    enabled: bool
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
            "acceptance_days": spec.acceptance_days,
            "enabled": spec.enabled,
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
        kiosk, key = doors.kiosks.create(find(accounts, resource).id, body.name, body.spec(), actor=actor.name)
        return KioskMade.model_validate({**KioskSeen.fields_of(kiosk, 0), "key": key, "path": f"/kiosk#{key}"})

    @router.patch("/kiosks/{kiosk_id}")
    def change_kiosk(resource: Resource, kiosk_id: UUID, body: KioskChange, actor: Manager) -> KioskSeen:
        """Change a kiosk. Its key stays; a new notice must be accepted again."""
        owner = find(accounts, resource).id
        before = doors.kiosks.named(owner, str(kiosk_id))
        kiosk = doors.kiosks.change(owner, kiosk_id, actor=actor.name, name=body.name, spec=body.spec(before.spec))
        count = doors.kiosks.acceptances(owner).get(kiosk_id, 0)
        return KioskSeen.model_validate(KioskSeen.fields_of(kiosk, count))

    @router.post("/kiosks/{kiosk_id}/key")
    def renew_key(resource: Resource, kiosk_id: UUID, actor: Manager) -> KioskMade:
        """Give a kiosk another key, which is in this answer only; the one that it had opens nothing from then on."""
        owner = find(accounts, resource).id
        kiosk, key = doors.kiosks.renew_key(owner, kiosk_id, actor=actor.name)
        count = doors.kiosks.acceptances(owner).get(kiosk_id, 0)
        return KioskMade.model_validate({**KioskSeen.fields_of(kiosk, count), "key": key, "path": f"/kiosk#{key}"})

    @router.delete("/kiosks/{kiosk_id}", status_code=204)
    def delete_kiosk(resource: Resource, kiosk_id: UUID, actor: Manager) -> None:
        """Delete a kiosk; its key opens nothing from then on."""
        doors.kiosks.delete(find(accounts, resource).id, kiosk_id, actor=actor.name)

    return router
