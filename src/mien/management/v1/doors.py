"""Routes for cameras, doors, rules, visitors, badges, holidays and presence."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from mien.accounts import Accounts
from mien.clock import Clock
from mien.doors.doors import read_actuator
from mien.doors.sentences import sentence
from mien.doors.service import DoorServices
from mien.doors.types import Rule
from mien.management.routing import ENROLLERS, MANAGERS, READERS, Enroller, Manager
from mien.management.v1.door_bodies import (
    BadgeRead,
    BadgeSeen,
    BadgeWanted,
    CameraChange,
    CameraSeen,
    CameraWanted,
    CheckBody,
    DoorChange,
    DoorSeen,
    DoorWanted,
    Emptied,
    HolidayBody,
    HolidaySeen,
    InsideSeen,
    Listed,
    RuleBody,
    RuleSeen,
    VerdictSeen,
    VisitorSeen,
    VisitorWanted,
    camera_spec,
    door_spec,
)
from mien.management.v1.fields import find
from mien.management.v1.subjects import Resource

Area = Annotated[str, Path(max_length=64, description="Name of an area.")]


def routes(doors: DoorServices, accounts: Accounts) -> APIRouter:
    """Return the routes of cameras and doors."""
    router = APIRouter(prefix="/mien/v1/resources/{resource}", tags=["doors"])

    def owner(resource: str) -> UUID:
        return find(accounts, resource).id

    @router.get("/cameras", dependencies=READERS)
    def list_cameras(resource: Resource) -> Listed:
        """List the cameras."""
        return Listed(value=[CameraSeen.of(one) for one in doors.cameras.of(owner(resource))])

    @router.post("/cameras", status_code=201)
    def add_camera(resource: Resource, body: CameraWanted, actor: Manager) -> CameraSeen:
        """Add a camera."""
        made = doors.cameras.create(owner(resource), body.name, body.source, camera_spec(body), actor=actor.name)
        return CameraSeen.of(made)

    @router.patch("/cameras/{camera_id}")
    def change_camera(resource: Resource, camera_id: UUID, body: CameraChange, actor: Manager) -> CameraSeen:
        """Change a camera."""
        resource_id = owner(resource)
        spec = camera_spec(body, doors.cameras.get(resource_id, camera_id).spec)
        fields = {"name": body.name, "source": body.source}
        return CameraSeen.of(doors.cameras.change(resource_id, camera_id, **fields, spec=spec, actor=actor.name))

    @router.delete("/cameras/{camera_id}", status_code=204)
    def delete_camera(resource: Resource, camera_id: UUID, actor: Manager) -> None:
        """Delete a camera."""
        doors.cameras.delete(owner(resource), camera_id, actor=actor.name)

    @router.get("/doors", dependencies=READERS)
    def list_doors(resource: Resource) -> Listed:
        """List the doors."""
        return Listed(value=[DoorSeen.of(one) for one in doors.doors.of(owner(resource))])

    @router.post("/doors", status_code=201)
    def add_door(resource: Resource, body: DoorWanted, actor: Manager) -> DoorSeen:
        """Add a door; without a rule it opens for nobody."""
        actuator = read_actuator(body.actuator.text())
        return DoorSeen.of(doors.doors.create(owner(resource), body.name, door_spec(body), actuator, actor=actor.name))

    @router.patch("/doors/{door_id}")
    def change_door(resource: Resource, door_id: UUID, body: DoorChange, actor: Manager) -> DoorSeen:
        """Change a door."""
        resource_id = owner(resource)
        spec = door_spec(body, doors.doors.get(resource_id, door_id).spec)
        actuator = None if body.actuator is None else read_actuator(body.actuator.text())
        done = doors.doors.change(resource_id, door_id, name=body.name, spec=spec, actuator=actuator, actor=actor.name)
        return DoorSeen.of(done)

    @router.delete("/doors/{door_id}", status_code=204)
    def delete_door(resource: Resource, door_id: UUID, actor: Manager) -> None:
        """Delete a door; its events stay."""
        doors.doors.delete(owner(resource), door_id, actor=actor.name)

    return router


def rule_routes(doors: DoorServices, accounts: Accounts) -> APIRouter:
    """Return the routes of rules and holidays."""
    router = APIRouter(prefix="/mien/v1/resources/{resource}", tags=["doors"])

    def owner(resource: str) -> UUID:
        return find(accounts, resource).id

    def seen(resource_id: UUID, rule: Rule) -> RuleSeen:
        names = {one.door_id: one.name for one in doors.doors.of(resource_id)}
        return RuleSeen.of(rule, sentence(rule.spec, names))

    @router.get("/door-rules", dependencies=READERS)
    def list_rules(resource: Resource, door: Annotated[UUID | None, Query()] = None) -> Listed:
        """List the rules in the order in which they are tried."""
        resource_id = owner(resource)
        return Listed(value=[seen(resource_id, one) for one in doors.doors.rules(resource_id, door)])

    @router.post("/door-rules", status_code=201)
    def add_rule(resource: Resource, body: RuleBody, actor: Manager) -> RuleSeen:
        """Add a rule."""
        resource_id = owner(resource)
        rule = doors.doors.add_rule(resource_id, body.spec(), position=body.position, actor=actor.name)
        return seen(resource_id, rule)

    @router.put("/door-rules/{rule_id}")
    def change_rule(resource: Resource, rule_id: UUID, body: RuleBody, actor: Manager) -> RuleSeen:
        """Replace a rule."""
        resource_id = owner(resource)
        rule = doors.doors.change_rule(resource_id, rule_id, body.spec(), position=body.position, actor=actor.name)
        return seen(resource_id, rule)

    @router.delete("/door-rules/{rule_id}", status_code=204)
    def delete_rule(resource: Resource, rule_id: UUID, actor: Manager) -> None:
        """Delete a rule."""
        doors.doors.delete_rule(owner(resource), rule_id, actor=actor.name)

    @router.get("/door-holidays", dependencies=READERS)
    def list_holidays(resource: Resource) -> Listed:
        """List the holidays."""
        return Listed(value=[HolidaySeen.model_validate(one) for one in doors.doors.holidays(owner(resource))])

    @router.put("/door-holidays/{day}", status_code=204)
    def set_holiday(resource: Resource, day: date, body: HolidayBody, actor: Manager) -> None:
        """Add a holiday, or rename it."""
        doors.doors.set_holiday(owner(resource), day, body.name, actor=actor.name)

    @router.delete("/door-holidays/{day}", status_code=204)
    def delete_holiday(resource: Resource, day: date, actor: Manager) -> None:
        """Delete a holiday."""
        doors.doors.delete_holiday(owner(resource), day, actor=actor.name)

    return router


def people_routes(doors: DoorServices, accounts: Accounts, clock: Clock) -> APIRouter:
    """Return the routes for people at doors, which need the permission to see or change people."""
    router = APIRouter(prefix="/mien/v1/resources/{resource}", tags=["doors"])

    def owner(resource: str) -> UUID:
        return find(accounts, resource).id

    @router.post("/doors/{door_id}/check", dependencies=ENROLLERS)
    def check(resource: Resource, door_id: UUID, body: CheckBody) -> VerdictSeen:
        """Tell whether a door would open for a person; changes nothing."""
        verdict = doors.decisions.check(
            owner(resource),
            door_id,
            body.place,
            body.person_id,
            body.at or clock.now(),
            direction=body.direction,
            badge=body.badge,
            second=body.second,
            live=body.live,
        )
        return VerdictSeen(
            granted=verdict.granted,
            code=verdict.code.value,
            rule=verdict.rule.spec.name if verdict.rule else None,
            reasons=[one.text for one in verdict.failed],
            duress=verdict.duress,
        )

    @router.post("/doors/{door_id}/badge-reads", status_code=204)
    def read_badge(resource: Resource, door_id: UUID, body: BadgeRead, actor: Manager) -> None:
        """Record that a badge was presented at a door; the answer does not tell whether it is known."""
        del actor
        resource_id = owner(resource)
        doors.doors.get(resource_id, door_id)
        doors.decisions.badge(resource_id, door_id, body.badge(), reader=body.reader)

    @router.get("/door-visitors", dependencies=ENROLLERS)
    def list_visitors(resource: Resource) -> Listed:
        """List the visits that are not over."""
        return Listed(value=[VisitorSeen.model_validate(one) for one in doors.roster.visitors(owner(resource))])

    @router.post("/door-visitors", status_code=201)
    def add_visitor(resource: Resource, body: VisitorWanted, actor: Enroller) -> VisitorSeen:
        """Register a person as a visitor for a time."""
        starts_at = body.starts_at or clock.now()
        made = doors.roster.add_visitor(
            owner(resource),
            body.place,
            body.person_id,
            starts_at=starts_at,
            ends_at=body.ends_at,
            host=body.host,
            actor=actor.name,
        )
        return VisitorSeen.model_validate(made)

    @router.delete("/door-visitors/{visitor_id}", status_code=204)
    def end_visit(resource: Resource, visitor_id: UUID, actor: Enroller) -> None:
        """End a visit."""
        doors.roster.end_visit(owner(resource), visitor_id, actor=actor.name)

    @router.get("/door-badges", dependencies=ENROLLERS)
    def list_badges(resource: Resource) -> Listed:
        """List the badges, without their numbers."""
        return Listed(value=[BadgeSeen.model_validate(one) for one in doors.roster.badges(owner(resource))])

    @router.post("/door-badges", status_code=201)
    def add_badge(resource: Resource, body: BadgeWanted, actor: Enroller) -> BadgeSeen:
        """Register a badge of a person."""
        made = doors.roster.add_badge(
            owner(resource),
            body.place,
            body.person_id,
            body.badge(),
            duress=body.duress,
            ends_at=body.ends_at,
            actor=actor.name,
        )
        return BadgeSeen.model_validate(made)

    @router.delete("/door-badges/{badge_id}", status_code=204)
    def delete_badge(resource: Resource, badge_id: UUID, actor: Enroller) -> None:
        """Delete a badge."""
        doors.roster.delete_badge(owner(resource), badge_id, actor=actor.name)

    @router.get("/door-presence", dependencies=MANAGERS)
    def list_inside(resource: Resource) -> Listed:
        """List who is inside."""
        return Listed(value=[InsideSeen.model_validate(one) for one in doors.roster.inside(owner(resource))])

    @router.post("/door-presence/{area}/empty")
    def empty(resource: Resource, area: Area, actor: Manager) -> Emptied:
        """Record that nobody is inside an area."""
        return Emptied(persons=doors.roster.empty(owner(resource), area, actor=actor.name))

    return router
