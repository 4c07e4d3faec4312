"""The doors of all resources, their rules and holidays. Every change is audited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from mien.clock import Clock
from mien.doors.actuators.config import ActuatorConfig, MqttActuator, NoActuator, OsdpActuator, RelayActuator
from mien.doors.checks import between, check_name, check_zone
from mien.doors.codec import dump, load
from mien.doors.errors import InvalidDoorError, NameInUseError, NotConfiguredError
from mien.doors.existing import check_doors, check_persons, check_places
from mien.doors.naming import find_named
from mien.doors.types import CameraSpec, Door, DoorSpec, Lack, Rule, RuleSpec
from mien.events import AuditLog
from mien.messages import Message
from mien.storage import Database, Vault
from mien.storage.tables import CameraRow, DoorHolidayRow, DoorRow, DoorRuleRow

_LAST_POSITION: Final = 100_000
"""Largest position of a rule, so that the one after it still fits in every database's column."""
_KINDS: Final[dict[str, type[ActuatorConfig]]] = {
    "none": NoActuator,
    "osdp": OsdpActuator,
    "relay": RelayActuator,
    "mqtt": MqttActuator,
}


@dataclass(frozen=True, slots=True)
class Holiday:
    """A day that is a holiday at all doors of a resource.

    Attributes:
        day: the local day.
        name: name of the holiday.
    """

    day: date
    name: str


class Doors:
    """The doors on a database.

    Args:
        database: the database.
        vault: encrypts the configurations of actuators.
        clock: the clock.
        audit: the audit log; records every change.
    """

    def __init__(self, database: Database, vault: Vault, clock: Clock, audit: AuditLog) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._audit = audit

    def create(self, resource_id: UUID, name: str, spec: DoorSpec, actuator: ActuatorConfig, *, actor: str) -> Door:
        """Add a door. It opens for nobody until a rule names it.

        Raises:
            InvalidDoorError: the name or the time zone is not valid, or a person does not exist.
            NameInUseError: another door has it.
        """
        check_zone(spec.time_zone)
        name, door_id, now = check_name("name", name), uuid4(), self._clock.now()
        row = DoorRow(
            resource_id=resource_id,
            door_id=door_id,
            name=name,
            spec=dump(spec),
            actuator=self._seal(resource_id, door_id, actuator),
            created_at=now,
            changed_at=now,
        )
        try:
            with self._database.write(resource_id) as session:
                check_persons(session, spec.duress)
                session.add(row)
                session.flush()
                self._record(session, "door.create", resource_id, actor, door=name, actuator=actuator.shown[:90])
        except IntegrityError:
            raise NameInUseError("there is a door {name!r} already", name=name) from None
        return self._door(row)

    def change(
        self,
        resource_id: UUID,
        door_id: UUID,
        *,
        actor: str,
        name: str | None = None,
        spec: DoorSpec | None = None,
        actuator: ActuatorConfig | None = None,
    ) -> Door:
        """Change a door; None leaves a setting unchanged.

        Raises:
            NotConfiguredError: there is none.
            InvalidDoorError: the name or the new time zone is not valid, or a new person does not exist.
            NameInUseError: another door has it.
        """
        name = None if name is None else check_name("name", name)
        sealed = None if actuator is None else self._seal(resource_id, door_id, actuator)
        try:
            with self._database.write(resource_id) as session:
                row = find_door(session, door_id)
                session.refresh(row, with_for_update=True)  # an erasure may take a person out of it at the moment
                row.name = row.name if name is None else name
                if spec is not None:
                    before = load(DoorSpec, row.spec)
                    if spec.time_zone != before.time_zone:
                        check_zone(spec.time_zone)
                    check_persons(session, spec.duress, before.duress)
                    row.spec = dump(spec)
                row.actuator = row.actuator if sealed is None else sealed
                row.changed_at = self._clock.now()
                session.flush()
                about = {} if actuator is None else {"actuator": actuator.shown[:90]}
                self._record(session, "door.change", resource_id, actor, door=row.name, **about)
        except IntegrityError:
            raise NameInUseError("there is a door {name!r} already", name=name) from None
        return self._door(row)

    def delete(self, resource_id: UUID, door_id: UUID, *, actor: str) -> None:
        """Delete a door; its cameras and rules lose it, its events stay.

        Raises:
            NotConfiguredError: there is none.
        """
        with self._database.write(resource_id) as session:
            row = find_door(session, door_id)
            for camera in session.scalars(select(CameraRow)):
                spec = load(CameraSpec, camera.spec)
                if spec.door == door_id:
                    fields = {name: getattr(spec, name) for name in CameraSpec.__slots__}
                    camera.spec = dump(CameraSpec(**fields | {"door": None}))
                    camera.changed_at = self._clock.now()
            for rule in session.scalars(select(DoorRuleRow).with_for_update()):
                said = load(RuleSpec, rule.spec)
                if door_id in said.doors:
                    fields = {name: getattr(said, name) for name in RuleSpec.__slots__}
                    left = tuple(one for one in said.doors if one != door_id)
                    rule.spec = dump(RuleSpec(**fields | {"doors": left}))
            self._record(session, "door.delete", resource_id, actor, door=row.name)
            session.delete(row)

    def get(self, resource_id: UUID, door_id: UUID) -> Door:
        """Return a door.

        Raises:
            NotConfiguredError: there is none.
        """
        with self._database.read(resource_id) as session:
            return self._door(find_door(session, door_id))

    def named(self, resource_id: UUID, name: str) -> Door:
        """Return a door by its name or its id.

        Raises:
            NotConfiguredError: there is none.
        """
        return find_named(Message("door"), name, self.of(resource_id), lambda door: door.door_id)

    def of(self, resource_id: UUID) -> list[Door]:
        """Return the doors of a resource by name."""
        with self._database.read(resource_id) as session:
            return [self._door(row) for row in session.scalars(select(DoorRow).order_by(DoorRow.name))]

    def actuator(self, resource_id: UUID, door_id: UUID) -> ActuatorConfig:
        """Return the actuator's configuration with its secrets, for the process that runs it; never show or log it.

        Raises:
            NotConfiguredError: there is no such door.
        """
        with self._database.read(resource_id) as session:
            row = find_door(session, door_id)
        return self._actuator(row)

    def add_rule(self, resource_id: UUID, spec: RuleSpec, *, actor: str, position: int | None = None) -> Rule:
        """Add a rule, as the last one unless a position is given.

        Raises:
            InvalidDoorError: it refers to a door, group or person that does not exist, or the position is out of range.
            NameInUseError: another rule has its name.
        """
        _check_position(position)
        now = self._clock.now()
        with self._database.write(resource_id) as session:
            self._database.lock(session, f"door rules {resource_id}")
            _check_rule(session, spec)
            last = session.scalar(select(func.max(DoorRuleRow.position))) or 0
            row = DoorRuleRow(
                resource_id=resource_id,
                rule_id=uuid4(),
                position=last + 1 if position is None else position,
                spec=dump(spec),
                created_at=now,
                changed_at=now,
            )
            session.add(row)
            session.flush()
            self._record(session, "door.rule.create", resource_id, actor, rule=spec.name, rule_id=str(row.rule_id))
        return _rule(row)

    def change_rule(
        self, resource_id: UUID, rule_id: UUID, spec: RuleSpec, *, actor: str, position: int | None = None
    ) -> Rule:
        """Replace the configuration of a rule.

        Raises:
            NotConfiguredError: there is none.
            InvalidDoorError: it refers to a door that does not exist, or to a new group or person that does not, it
                allows nothing any more, or the position is out of range.
            NameInUseError: another rule has its new name.
        """
        _check_position(position)
        with self._database.write(resource_id) as session:
            self._database.lock(session, f"door rules {resource_id}")
            row = _find_rule(session, rule_id)
            _check_rule(session, spec, load(RuleSpec, row.spec))
            row.spec, row.changed_at = dump(spec), self._clock.now()
            row.position = row.position if position is None else position
            session.flush()
            self._record(session, "door.rule.change", resource_id, actor, rule=spec.name, rule_id=str(rule_id))
        return _rule(row)

    def delete_rule(self, resource_id: UUID, rule_id: UUID, *, actor: str) -> None:
        """Delete a rule.

        Raises:
            NotConfiguredError: there is none.
        """
        with self._database.write(resource_id) as session:
            row = _find_rule(session, rule_id)
            name = load(RuleSpec, row.spec).name
            self._record(session, "door.rule.delete", resource_id, actor, rule=name, rule_id=str(rule_id))
            session.delete(row)

    def rules(self, resource_id: UUID, door_id: UUID | None = None) -> list[Rule]:
        """Return the rules of a resource, or of one door, in the order in which they are tried."""
        with self._database.read(resource_id) as session:
            found = rules_of(session)
        return [rule for rule in found if door_id is None or door_id in rule.spec.doors]

    def set_holiday(self, resource_id: UUID, day: date, name: str, *, actor: str) -> None:
        """Add a holiday, or rename it.

        Raises:
            InvalidDoorError: the name is empty or too long.
        """
        text = name.strip()
        if not 1 <= len(text) <= 100 or not text.isprintable():
            raise InvalidDoorError("a holiday's name has 1 to 100 printable characters")
        with self._database.write(resource_id) as session:
            session.merge(DoorHolidayRow(resource_id=resource_id, day=day, name=text))
            session.flush()
            self._record(session, "door.holiday.set", resource_id, actor, day=day.isoformat(), name=text[:90])

    def delete_holiday(self, resource_id: UUID, day: date, *, actor: str) -> None:
        """Delete a holiday.

        Raises:
            NotConfiguredError: there is none on that day.
        """
        with self._database.write(resource_id) as session:
            gone = session.execute(
                delete(DoorHolidayRow).where(DoorHolidayRow.day == day).returning(DoorHolidayRow.day)
            )
            if gone.first() is None:
                raise NotConfiguredError("there is no holiday on {day}", day=day.isoformat())
            self._record(session, "door.holiday.delete", resource_id, actor, day=day.isoformat())

    def holidays(self, resource_id: UUID) -> list[Holiday]:
        """Return the holidays of a resource by day."""
        with self._database.read(resource_id) as session:
            query = select(DoorHolidayRow).order_by(DoorHolidayRow.day)
            return [Holiday(row.day, row.name) for row in session.scalars(query)]

    def _seal(self, resource_id: UUID, door_id: UUID, actuator: ActuatorConfig) -> bytes:
        return self._vault.seal(dump(actuator).encode(), resource_id=resource_id, what=_what(door_id))

    def _actuator(self, row: DoorRow) -> ActuatorConfig:
        text = self._vault.open(row.actuator, resource_id=row.resource_id, what=_what(row.door_id))
        return read_actuator(text)

    def _door(self, row: DoorRow) -> Door:
        return door_of(row, self._actuator(row).shown)

    def _record(self, session: Session, action: str, resource_id: UUID, actor: str, **details: str) -> None:
        self._audit.record_in(session, actor=actor, action=action, resource_id=resource_id, details=details)


def read_actuator(text: str | bytes) -> ActuatorConfig:
    """Parse an actuator's configuration from JSON by its `kind`.

    Raises:
        InvalidDoorError: the configuration is invalid.
    """
    kind = load(_Kinded, text).kind
    if kind not in _KINDS:
        raise InvalidDoorError("an actuator is {kinds}", kinds=", ".join(_KINDS))
    return load(_KINDS[kind], text)


@dataclass(frozen=True, slots=True)
class _Kinded:
    kind: str = "none"


def door_of(row: DoorRow, actuator: str) -> Door:
    """Return a door from its row and what may be shown of its actuator."""
    return Door(
        door_id=row.door_id,
        resource_id=row.resource_id,
        name=row.name,
        spec=load(DoorSpec, row.spec),
        actuator=actuator,
        created_at=row.created_at,
        changed_at=row.changed_at,
    )


def find_door(session: Session, door_id: UUID) -> DoorRow:
    """Return the row of a door.

    Raises:
        NotConfiguredError: there is none.
    """
    row = session.scalar(select(DoorRow).where(DoorRow.door_id == door_id))
    if row is None:
        raise NotConfiguredError("there is no door {door_id}", door_id=door_id)
    return row


def rules_of(session: Session) -> list[Rule]:
    """Return the rules of the session's resource in their order."""
    query = select(DoorRuleRow).order_by(DoorRuleRow.position, DoorRuleRow.created_at, DoorRuleRow.rule_id)
    return [_rule(row) for row in session.scalars(query)]


def _rule(row: DoorRuleRow) -> Rule:
    return Rule(rule_id=row.rule_id, position=row.position, spec=load(RuleSpec, row.spec))


def _find_rule(session: Session, rule_id: UUID) -> DoorRuleRow:
    # Locked: an erasure may take a person out of it at the moment.
    row = session.scalar(select(DoorRuleRow).where(DoorRuleRow.rule_id == rule_id).with_for_update())
    if row is None:
        raise NotConfiguredError("there is no rule {rule_id}", rule_id=rule_id)
    return row


def _check_position(position: int | None) -> None:
    if position is not None:
        between("position", position, -_LAST_POSITION, _LAST_POSITION)


def _check_rule(session: Session, spec: RuleSpec, before: RuleSpec | None = None) -> None:
    """Check a rule's name and references; groups, persons and doors that it named before may be gone."""
    name = spec.name.strip()
    renamed = before is None or name != before.name.strip()
    if renamed and any(one.spec.name.strip() == name for one in rules_of(session)):
        raise NameInUseError("there is a rule {name!r} already", name=name)
    check_doors(session, spec.doors)
    check_places(session, spec.groups, before.groups if before is not None else ())
    check_persons(session, spec.persons, before.persons if before is not None else ())
    _check_effect(spec, before)


def _check_effect(spec: RuleSpec, before: RuleSpec | None) -> None:
    """Check that a rule names somebody, a door and a time, or lacked it before: what it named may have been deleted."""
    lacks = spec.lacks
    if before is not None and lacks is before.lacks:
        return
    if lacks is Lack.WHO:
        raise InvalidDoorError("the rule allows nobody: name a group, a person, or visitors")
    if lacks is Lack.WHERE:
        raise InvalidDoorError("the rule names no door and direction")
    if lacks is Lack.WHEN:
        raise InvalidDoorError("the rule names no time: give a schedule, such as 'Mon-Fri 07:00-19:00' or 'always'")


def _what(door_id: UUID) -> str:
    return f"doors/{door_id}"
