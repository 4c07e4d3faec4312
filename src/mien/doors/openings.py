"""Execute decisions of the database: once, in order, before they expire, by the holder of the claim.

A decision is taken in a transaction that is fenced by the door's claim, and only then sent to the actuator. If a
process dies between the two, the door stays shut, and the decision is not taken again. Pending decisions of an earlier
holder of the claim are not executed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, Protocol
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from mien.clock import Clock
from mien.doors.events import Act, Event, events_of_rows
from mien.doors.rules import AHEAD
from mien.doors.unopened import take_back
from mien.storage import Database
from mien.storage.claims import ClaimLostError, Held, elapsed
from mien.storage.tables import DoorEventRow

POLL_SECONDS: Final = 0.5
"""How often to check for decisions of other processes, such as those of kiosks."""

_log = structlog.get_logger(__name__)


class ActuatorError(Exception):
    """The actuator did not confirm; the text says why, without addresses or keys."""


class Actuator(Protocol):
    """Opens a door."""

    def open(self, event: Event, until: float) -> str:
        """Open for a decision.

        Args:
            event: the decision.
            until: latest time, by `mien.storage.claims.elapsed`; an opening that is not done by then must never happen.

        Returns:
            The message of the actuator, for the event.

        Raises:
            ActuatorError: it did not confirm.
        """

    def close(self) -> None:
        """Close ports and connections."""


class Openings:
    """Executes the opening decisions of one door, in its own thread.

    Args:
        database: the database with the decisions.
        clock: the clock.
        door: the resource's id and the door's.
        actuator: opens it.
        held: the claim of the door.
        told: called after the actuator has responded.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        door: tuple[UUID, UUID],
        actuator: Actuator,
        held: Held,
        *,
        told: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._resource_id, self._door_id = door
        self._actuator = actuator
        self._held = held
        self._told = told
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mien-door", daemon=True)

    def start(self) -> None:
        """Discard the pending decisions of an earlier holder, then start.

        Raises:
            ClaimLostError, SQLAlchemyError: it could not be discarded.
        """
        self.discard()
        self._thread.start()

    def stop(self) -> None:
        """Finish the current opening, then end."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        self._actuator.close()

    def nudge(self) -> None:
        """Check for decisions now."""
        self._wake.set()

    def discard(self) -> int:
        """Mark all pending decisions as expired."""
        query = select(DoorEventRow).where(DoorEventRow.door_id == self._door_id, DoorEventRow.act == Act.WAITING.value)
        with self._database.write(self._resource_id) as session:
            self._held.fence(session, brief=True)
            rows = session.scalars(query.order_by(DoorEventRow.number.desc()).with_for_update()).all()
            for row in rows:
                _expire(session, row, "another process took the door over")
            return len(rows)

    def work(self) -> int:
        """Execute the pending decisions; return their number.

        Raises:
            ClaimLostError, SQLAlchemyError: nothing more can be done.
        """
        done = 0
        while (event := self._take()) is not None:
            done += 1
            self._act(event)
        return done

    def _take(self) -> Event | None:
        """Take the oldest pending decision; expired ones are marked."""
        query = select(DoorEventRow).where(DoorEventRow.door_id == self._door_id, DoorEventRow.act == Act.WAITING.value)
        with self._database.read(self._resource_id) as session:
            if session.scalar(query.with_only_columns(DoorEventRow.number).limit(1)) is None:
                return None
        with self._database.write(self._resource_id) as session:
            self._held.fence(session, brief=True)
            now = self._clock.now()
            for row in session.scalars(query.order_by(DoorEventRow.number).with_for_update()):
                row.acted_at = now
                if row.expires_at is None or row.expires_at <= now:
                    _expire(session, row, "it was too late")
                    continue
                if row.at > now + AHEAD:
                    _expire(session, row, "its time is ahead of the clock, so its age is not known")
                    continue
                row.act = Act.TOLD.value
                session.flush()
                return events_of_rows(session, [row])[0]
        return None

    def _act(self, event: Event) -> None:
        left = event.seconds_left(self._clock.now())
        until = elapsed() + left
        try:
            if left <= 0 or not self._held.sure:
                raise ActuatorError("the claim of the door or the decision ran out before the actuator was told")
            state, note = Act.DONE, self._actuator.open(event, until)
        except ActuatorError as error:
            state, note = Act.FAILED, str(error)
            _log.warning("a door did not open", door=str(self._door_id), number=event.number, reason=note)
        except Exception as error:  # an actuator's exception must not end the door's thread
            state, note = Act.FAILED, type(error).__name__
            _log.exception("an actuator failed", door=str(self._door_id), number=event.number)
        values = {"act": state.value, "acted_at": self._clock.now(), "act_note": note[:300]}
        mine = DoorEventRow.number == event.number
        with self._database.write(self._resource_id) as session:
            session.execute(update(DoorEventRow).where(mine).values(**values))
            if state is Act.FAILED and (row := session.scalar(select(DoorEventRow).where(mine))) is not None:
                take_back(session, row)
        self._told()

    def _run(self) -> None:
        while not self._stop.is_set() and not self._held.lost.is_set():
            self._wake.wait(POLL_SECONDS)
            self._wake.clear()
            if self._stop.is_set():
                return
            try:
                self.work()
            except ClaimLostError:
                return
            except SQLAlchemyError as error:  # the door stays shut; the next round tries again
                _log.warning("decisions could not be read", door=str(self._door_id), reason=type(error).__name__)


def _expire(session: Session, row: DoorEventRow, why: str) -> None:
    row.act, row.act_note = Act.EXPIRED.value, why
    take_back(session, row)
