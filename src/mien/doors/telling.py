"""Sends the events of doors to the MQTT broker: in order, resuming where it stopped, by one server at a time."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from mien.doors.actuators.broker import Broker, BrokerError, MqttMessage
from mien.doors.doors import Doors
from mien.doors.errors import DoorsError
from mien.doors.events import Event
from mien.doors.home_assistant import discovery, forget, inside_topic, message, owner_topic, status_topic
from mien.doors.journal import DoorEvents
from mien.doors.roster import Roster
from mien.doors.types import Door
from mien.doors.webhooks import announced
from mien.storage import EVERY_RESOURCE, Database
from mien.storage.claims import ClaimLostError, Claims, Held
from mien.storage.tables import DoorCursorRow, DoorRow

CLAIM: Final = "doors/mqtt"
_CURSOR: Final = "mqtt"
_POLL_SECONDS: Final = 1.0
_CONFIRM_SECONDS: Final = 10.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Topics:
    """The names of topics at the broker.

    Attributes:
        prefix: prefix of all topics.
        discovery: prefix of Home Assistant's discovery topics; "" to publish none.
        names: whether persons' names are sent; their ids are in any case.
    """

    prefix: str = "mien"
    discovery: str = "homeassistant"
    names: bool = False

    @property
    def will(self) -> MqttMessage:
        """The message that the broker publishes when this server disconnects."""
        return MqttMessage(status_topic(self.prefix), "offline", retain=True)


class Teller:
    """Publishes events with quality of service 1: after a crash the last one may be sent twice, and none is lost.

    Args:
        database: the database with the cursor.
        doors: the doors to announce.
        events: the events to publish.
        roster: the people who are inside.
        broker: the broker to publish to.
        claims: one server tells.
        topics: the names.
        mark: identifies the database at the broker, which may also have doors of others.
    """

    def __init__(
        self,
        database: Database,
        doors: Doors,
        events: DoorEvents,
        roster: Roster,
        *,
        broker: Broker,
        claims: Claims,
        topics: Topics,
        mark: str,
    ) -> None:
        self._database = database
        self._doors = doors
        self._events = events
        self._roster = roster
        self._broker = broker
        self._claims = claims
        self._topics = topics
        self._known: dict[UUID, tuple[Door, ...]] = {}
        self._inside: dict[UUID, int] = {}
        self._unread: set[UUID] = set()
        """Resources whose doors cannot be read."""
        self._kept: set[UUID] = set()
        """Doors of this database that the broker knows of, and that may have been deleted since they were told."""
        self._mark = mark
        broker.listen(owner_topic(topics.prefix, "+"), self._keep)
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mien-door-events", daemon=True)

    def start(self) -> None:
        """Start."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the current message, then end."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def nudge(self) -> None:
        """Check for events now."""
        self._wake.set()

    def tell(self, held: Held) -> int:
        """Publish new events; return their number.

        Raises:
            BrokerError: the broker did not confirm; the rest is told later.
            ClaimLostError: another server tells now.
        """
        done = 0
        self._forget_deleted()
        for resource_id in self._owners():
            self._announce(resource_id)
            while events := self._events.after(resource_id, self._cursor(resource_id), limit=100):
                for event in events:
                    self._publish(event)
                    self._advance(resource_id, event.number, held)
                    done += 1
                    if self._stop.is_set():
                        return done
            if resource_id in self._known:
                self._tell_inside(resource_id)
        return done

    def rediscover(self) -> None:
        """Publish all doors again: the broker may have lost them, or another server may have told in the meantime."""
        self._kept.update(door.door_id for doors in self._known.values() for door in doors)
        self._known.clear()
        self._inside.clear()

    def _keep(self, topic: str, payload: bytes) -> None:
        if payload == self._mark.encode():
            with suppress(ValueError):  # not of a door
                self._kept.add(UUID(topic.split("/")[-2]))
                self.nudge()

    def _forget_deleted(self) -> None:
        """Remove the doors from the broker that were deleted while no server told, or with their resource."""
        if not (kept := set(self._kept)):
            return
        with self._database.read(EVERY_RESOURCE) as session:
            existing = set(session.scalars(select(DoorRow.door_id)))
        for door_id in kept - existing:
            self._forget(door_id)
        self._kept -= kept

    def _forget(self, door_id: UUID) -> None:
        for said in forget(door_id, self._topics.prefix, self._topics.discovery):
            self._broker.publish(said, _CONFIRM_SECONDS)
        self._inside.pop(door_id, None)

    def _publish(self, event: Event) -> None:
        said = message(event, self._topics.prefix, names=self._topics.names) if announced(event) else None
        if said is not None:
            self._broker.publish(said, _CONFIRM_SECONDS)

    def _tell_inside(self, resource_id: UUID) -> None:
        """Publish how many people are inside where that changed: also by an operator, or because a door stayed shut."""
        areas = Counter(one.area for one in self._roster.inside(resource_id))
        for door in self._known[resource_id]:
            if self._inside.get(door.door_id) != areas[door.area]:
                said = json.dumps(areas[door.area])
                topic = inside_topic(self._topics.prefix, door.door_id)
                self._broker.publish(MqttMessage(topic, said, retain=True), _CONFIRM_SECONDS)
                self._inside[door.door_id] = areas[door.area]

    def _announce(self, resource_id: UUID) -> None:
        try:
            doors = tuple(self._doors.of(resource_id))
        except DoorsError as error:  # such as a time zone that this machine does not have: events are told anyway
            if resource_id not in self._unread:
                _log.warning("the doors of a resource cannot be read", resource=str(resource_id), reason=str(error))
            self._unread.add(resource_id)
            return
        self._unread.discard(resource_id)
        before = self._known.get(resource_id, ())
        if before == doors and resource_id in self._known:
            return
        for gone in {door.door_id for door in before} - {door.door_id for door in doors}:
            self._forget(gone)
        said = [MqttMessage(owner_topic(self._topics.prefix, door.door_id), self._mark, retain=True) for door in doors]
        if self._topics.discovery:
            said += discovery(doors, self._topics.prefix, self._topics.discovery)
        for one in said:
            self._broker.publish(one, _CONFIRM_SECONDS)
        self._known[resource_id] = doors

    def _owners(self) -> Sequence[UUID]:
        with self._database.read(EVERY_RESOURCE) as session:
            found = session.scalars(select(DoorRow.resource_id).distinct()).all()
        return sorted({*found, *self._known})  # including resources whose last door was deleted

    def _cursor(self, resource_id: UUID) -> int:
        with self._database.read(resource_id) as session:
            return session.scalar(select(DoorCursorRow.number).where(DoorCursorRow.name == _CURSOR)) or 0

    def _advance(self, resource_id: UUID, number: int, held: Held) -> None:
        with self._database.write(resource_id) as session:
            held.fence(session)
            session.merge(DoorCursorRow(resource_id=resource_id, name=_CURSOR, number=number))

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with self._claims.hold(CLAIM) as held:
                    if held is not None:
                        self._tell_on(held)
            except Exception as error:  # the next round tries again
                _log.warning("events of doors could not be claimed", reason=type(error).__name__)
            self._stop.wait(2 * _POLL_SECONDS)

    def _tell_on(self, held: Held) -> None:
        told_on = None  # the connection on which all doors were told
        while not self._stop.is_set() and not held.lost.is_set():
            try:
                if self._broker.wait(_POLL_SECONDS):
                    connection = self._broker.connections
                    if connection != told_on:
                        self.rediscover()
                    self.tell(held)
                    told_on = connection
            except ClaimLostError:
                return
            except (BrokerError, SQLAlchemyError) as error:
                told_on = None
                _log.warning("events of doors could not be sent", reason=type(error).__name__)
            self._wake.wait(_POLL_SECONDS)
            self._wake.clear()


def greeting(topics: Topics) -> Callable[[], list[MqttMessage]]:
    """Return what is published after each connection."""
    return lambda: [MqttMessage(status_topic(topics.prefix), "online", retain=True)]
