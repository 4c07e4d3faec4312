"""Erases a person everywhere in a resource, and completes erasures after interruptions.

The erasure is recorded before anything is deleted. Every step is one transaction that deletes and counts, so a repeated
step deletes and counts nothing twice. A server's retention worker, or repeating the command, completes an interrupted
erasure.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID, uuid4

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from mien.clock import Clock
from mien.events import AuditLog
from mien.events.audit_chain import Details
from mien.gallery.detected_faces import DetectedFaces
from mien.gallery.errors import ConflictError, TrainingNotFinishedError
from mien.gallery.kinds import place_name
from mien.gallery.negatives.service import Negatives
from mien.gallery.rows import Rows
from mien.gallery.training.compaction import Compaction
from mien.storage import EVERY_RESOURCE, Database
from mien.storage.tables import CollectionRow, ErasureRow, PersistedFaceRow, PersonRow, ResourceRow
from mien.subjects.errors import ReceiptNotFoundError, UnfinishedError
from mien.subjects.receipts import TYPE, Receipts, hash_of
from mien.subjects.removing import Removed, Rest, lock_home, remove_faces, remove_members
from mien.subjects.sessions import HeldSessions
from mien.subjects.types import SubjectData, Whom

LEFT_ALONE: Final = timedelta(minutes=2)
"""An erasure without progress for this long counts as interrupted."""
PATIENCE: Final = 120.0
"""Seconds to wait for a training to end."""
_SHORT: Final = 2.0
"""Seconds that a retention worker waits, as it has other work."""

_MEMBERS_AT_ONCE: Final = 20
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Erased:
    """The result of an erasure.

    Attributes:
        receipt_id: id of the receipt.
        counts: number of deleted items by kind.
        receipt: the signed document.
    """

    receipt_id: UUID
    counts: Mapping[str, int]
    receipt: str


@dataclass(frozen=True, slots=True)
class KnownReceipt:
    """A stored receipt, or an erasure that is not complete yet (`finished_at` is None)."""

    receipt_id: UUID
    actor: str
    started_at: datetime
    finished_at: datetime | None


class Eraser:
    """Erases people.

    Args:
        rows: opens sessions on collections.
        compaction: removes templates from trained indexes.
        probes: the short-lived faces.
        negatives: the negatives, which may show the person (`mien.gallery.negatives`).
        sessions: the liveness sessions.
        receipts: signs receipts.
        audit: the audit log, whose entries contain no ids.
        sleep: waits for a number of seconds.
    """

    def __init__(
        self,
        rows: Rows,
        compaction: Compaction,
        *,
        probes: DetectedFaces,
        negatives: Negatives,
        sessions: HeldSessions,
        receipts: Receipts,
        audit: AuditLog,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rows = rows
        self._compaction = compaction
        self._probes = probes
        self._negatives = negatives
        self._sessions = sessions
        self._receipts = receipts
        self._audit = audit
        self._sleep = sleep

    @property
    def _database(self) -> Database:
        return self._rows.database

    @property
    def _clock(self) -> Clock:
        return self._rows.clock

    def erase(self, found: SubjectData, whom: Whom, *, actor: str) -> Erased:
        """Permanently delete all data found of a person.

        Args:
            found: the data to delete, without possible matches (`SubjectData.certain`).
            whom: the kind of search, for the receipt: whether by photo, and by how many ids.
            actor: name of the actor, for the audit log.

        Raises:
            UnfinishedError: a training takes too long; the erasure continues automatically.
        """
        return self.finish(found.resource_id, self.begin(found, whom, actor=actor))

    def begin(self, found: SubjectData, whom: Whom, *, actor: str) -> UUID:
        """Record the data to delete; return the erasure's id, for `finish`."""
        now = self._clock.now()
        members: dict[str, list[str]] = {}
        for holding in found.holdings:
            members.setdefault(str(holding.home), []).append(holding.member_id)
        plan = {
            "members": members,
            "faces": [face.face_id for holding in found.holdings if holding.person_id for face in holding.faces],
            "probes": [one.face_id for one in found.probes],
            "sessions": [one.session_id for one in found.sessions],
            "negatives": [one.negative_id for one in found.negatives],
            "users": [self._sessions.users_digest(user).hex() for user in sorted(whom.users)],
            "asked": {"photo": whom.photo is not None, "ids": len(whom.ids), "texts": len(whom.texts),
                      "users": len(whom.users)},
            "not_searched": [{"collection": one.collection, "faces": one.faces} for one in found.not_searched],
            "salt": secrets.token_hex(16),
        }  # fmt: skip
        erasure_id = uuid4()
        with self._database.write(found.resource_id) as session:
            session.add(
                ErasureRow(
                    resource_id=found.resource_id,
                    erasure_id=erasure_id,
                    actor=actor[:200],
                    started_at=now,
                    touched_at=now,
                    finished_at=None,
                    plan=json.dumps(plan),
                    progress=json.dumps({"collections": {}, "counts": {}, "id_hashes": []}),
                    receipt=None,
                )
            )
            session.flush()
            details: Details = {"receipt": str(erasure_id), "holdings": len(found.holdings)}
            self._audit.record_in(
                session, actor=actor, action="subject.erase.begin", resource_id=found.resource_id, details=details
            )
        return erasure_id

    def finish(self, resource_id: UUID, erasure_id: UUID, *, patience: float = PATIENCE) -> Erased:
        """Complete an erasure; a completed one returns its receipt again.

        Args:
            resource_id: the resource.
            erasure_id: from `begin`.
            patience: seconds to wait for trainings to end.

        Raises:
            ReceiptNotFoundError: there is no such erasure.
            UnfinishedError: a training takes too long.
        """
        row = self._get(resource_id, erasure_id)
        if row.receipt is None:
            plan = json.loads(row.plan or "{}")
            until = time.monotonic() + patience
            for uid, members in plan["members"].items():
                for start in range(0, len(members), _MEMBERS_AT_ONCE):
                    some = [UUID(one) for one in members[start : start + _MEMBERS_AT_ONCE]]
                    self._waiting(until, partial(self._remove, row, plan, UUID(uid), some))
            for uid, copied in self._copied(resource_id, plan["members"]).items():  # by a v1.0 snapshot meanwhile
                self._waiting(until, partial(self._remove, row, plan, uid, copied))
            moved = self._moved(resource_id, plan.get("faces", []))
            for uid, theirs in moved.items():  # to another person meanwhile
                self._waiting(until, partial(self._remove, row, plan, uid, theirs, only_faces=True))
            self._remove_rest(row, plan)
            for uid in self._with_faces(resource_id, {*plan["members"], *map(str, moved)}):
                self._waiting(until, partial(self._compaction.take_out, resource_id, uid))
            row = self._sign(row, plan)
            self._database.empty_log()  # last, because the database's log contains the plan with the ids
        assert row.receipt is not None
        return Erased(erasure_id, json.loads(row.receipt)["receipt"]["counts"], row.receipt)

    def finish_killed(self, resource_id: UUID | None = None, *, at_once: bool = False) -> list[Erased]:
        """Complete interrupted erasures; those that cannot be completed now are retried next time.

        Args:
            resource_id: id of the resource; None for all resources.
            at_once: also complete erasures that may still be in progress elsewhere, which does no harm.
        """
        query = select(ErasureRow.resource_id, ErasureRow.erasure_id).where(ErasureRow.finished_at.is_(None))
        if not at_once:
            query = query.where(ErasureRow.touched_at <= self._clock.now() - LEFT_ALONE)
        with self._database.read(resource_id or EVERY_RESOURCE) as session:
            killed = session.execute(query.order_by(ErasureRow.started_at)).all()
        done = []
        for owner, erasure_id in killed:
            try:
                done.append(self.finish(owner, erasure_id, patience=_SHORT))
            except (UnfinishedError, ConflictError) as error:
                _log.warning("an erasure is not finished yet", receipt=str(erasure_id), reason=str(error))
        return done

    def receipts(self, resource_id: UUID) -> list[KnownReceipt]:
        """Return the receipts and unfinished erasures of a resource, oldest first."""
        with self._database.read(resource_id) as session:
            rows = session.scalars(select(ErasureRow).order_by(ErasureRow.started_at))
            return [KnownReceipt(row.erasure_id, row.actor, row.started_at, row.finished_at) for row in rows]

    def receipt(self, resource_id: UUID, receipt_id: UUID) -> str:
        """Return a stored receipt.

        Raises:
            ReceiptNotFoundError: there is no such receipt, or its erasure is not finished.
        """
        row = self._get(resource_id, receipt_id)
        if row.receipt is None:
            raise ReceiptNotFoundError("the erasure is not finished")
        return row.receipt

    # Steps

    def _remove(
        self, row: ErasureRow, plan: Mapping[str, Any], home: UUID, members: list[UUID], *, only_faces: bool = False
    ) -> bool:
        """Delete persons, faces of a list, or single faces of persons; False if the collection is being trained."""
        try:
            with self._rows.transaction(row.resource_id, str(row.erasure_id)) as session:
                collection = lock_home(session, home)
                if collection is None:  # deleted with all its contents
                    return True
                now = self._clock.now()
                if only_faces:
                    done = remove_faces(session, collection, collection, members, now)
                else:
                    done = remove_members(session, collection, members, now)
                if done.ids or done.consents:
                    place = place_name(collection.kind, collection.collection_id)
                    self._note(session, row, done, place, salt=plan["salt"])
        except TrainingNotFinishedError:
            return False
        return True

    def _remove_rest(self, row: ErasureRow, plan: Mapping[str, Any]) -> None:
        """Delete short-lived faces and liveness sessions."""
        with self._rows.transaction(row.resource_id, str(row.erasure_id)) as session:
            probes = self._probes.forget(session, [UUID(one) for one in plan["probes"]])
            users = [bytes.fromhex(one) for one in plan["users"]]
            sessions, images = self._sessions.erase(session, [UUID(one) for one in plan["sessions"]], users)
            # Plans of earlier versions contain no negatives.
            negatives = self._negatives.forget(session, [UUID(one) for one in plan.get("negatives", ())])
            ids = [*map(str, probes), *map(str, sessions), *map(str, negatives)]
            done = Rest(len(probes), len(sessions), images, len(negatives), ids)
            self._note(session, row, done, salt=plan["salt"])

    def _note(
        self,
        session: Session,
        row: ErasureRow,
        done: Removed | Rest,
        place: str | None = None,
        *,
        salt: str,
    ) -> None:
        """Record the deletions of a step, in the step's transaction."""
        fresh = session.scalars(
            select(ErasureRow).where(ErasureRow.erasure_id == row.erasure_id).with_for_update()
        ).one()
        if fresh.progress is None:  # another process has completed it
            return
        progress = json.loads(fresh.progress)
        places = [progress["counts"]] + ([progress["collections"].setdefault(place, {})] if place else [])
        for into in places:
            for name, number in done.counts().items():
                into[name] = into.get(name, 0) + number
        known = set(progress["id_hashes"])
        progress["id_hashes"] = sorted(known | {hash_of(one, salt) for one in done.ids})
        fresh.progress = json.dumps(progress)
        fresh.touched_at = self._clock.now()

    def _copied(self, resource_id: UUID, homes: Mapping[str, list[str]]) -> dict[UUID, list[UUID]]:
        """Return the collections that still have these persons and faces; copies of collections keep ids."""
        wanted = [UUID(one) for members in homes.values() for one in members]
        found: dict[UUID, list[UUID]] = {}
        with self._database.read(resource_id) as session:
            for start in range(0, len(wanted), 500):
                some = wanted[start : start + 500]
                persons = select(PersonRow.collection, PersonRow.person_id).where(PersonRow.person_id.in_(some))
                faces = select(PersistedFaceRow.collection, PersistedFaceRow.face_id)
                faces = faces.where(PersistedFaceRow.face_id.in_(some))
                for collection, member in [*session.execute(persons), *session.execute(faces)]:
                    found.setdefault(collection, []).append(member)
        return found

    def _moved(self, resource_id: UUID, faces: Sequence[str]) -> dict[UUID, list[UUID]]:
        """Return the collections that still have these faces; merging persons or moving faces keeps ids."""
        found: dict[UUID, list[UUID]] = {}
        with self._database.read(resource_id) as session:
            for start in range(0, len(faces), 500):
                some = [UUID(one) for one in faces[start : start + 500]]
                query = select(PersistedFaceRow.collection, PersistedFaceRow.face_id)
                for collection, face in session.execute(query.where(PersistedFaceRow.face_id.in_(some))):
                    found.setdefault(collection, []).append(face)
        return found

    def _with_faces(self, resource_id: UUID, homes: Collection[str]) -> list[UUID]:
        """Return the collections whose trained indexes may contain the deleted templates."""
        wanted = [UUID(uid) for uid in homes]
        found: list[UUID] = []
        with self._database.read(resource_id) as session:
            for start in range(0, len(wanted), 500):
                some = CollectionRow.uid.in_(wanted[start : start + 500])
                found += session.scalars(select(CollectionRow.uid).where(some, CollectionRow.snapshot.is_not(None)))
        return found

    def _waiting(self, until: float, step: Callable[[], bool]) -> None:
        """Repeat a step until it is done.

        Raises:
            UnfinishedError: it took too long.
        """
        while True:
            try:
                if step():
                    return
            except TrainingNotFinishedError:
                pass
            if time.monotonic() > until:
                raise UnfinishedError("a collection is being trained; the erasure goes on when that has ended")
            self._sleep(0.2)

    def _sign(self, row: ErasureRow, plan: Mapping[str, Any]) -> ErasureRow:
        """Sign the receipt and delete the plan, exactly once."""
        now = self._clock.now()
        known = self._get(row.resource_id, row.erasure_id)
        if known.receipt is not None:
            return known
        progress = json.loads(known.progress or "{}")
        counts = progress["counts"]
        with self._database.read(row.resource_id) as session:
            name = session.scalar(select(ResourceRow.name).where(ResourceRow.id == row.resource_id))
        document = self._receipts.sign(
            {
                "type": TYPE,
                "receipt_id": str(row.erasure_id),
                "resource": {"id": str(row.resource_id), "name": name},
                "actor": known.actor,
                "started_at": known.started_at.isoformat(),
                "finished_at": now.isoformat(),
                "asked": plan["asked"],
                "counts": counts,
                "collections": progress["collections"],
                "not_searched_by_photo": plan["not_searched"],
                "salt": plan["salt"],
                "id_hashes": progress["id_hashes"],
            }
        )
        with self._database.write(row.resource_id) as session:
            fresh = session.scalars(
                select(ErasureRow).where(ErasureRow.erasure_id == row.erasure_id).with_for_update()
            ).one()
            if fresh.receipt is None:
                fresh.receipt, fresh.finished_at, fresh.touched_at = document, now, now
                fresh.plan = fresh.progress = None
                session.flush()
                details: Details = {"receipt": str(row.erasure_id), **counts}
                self._audit.record_in(
                    session, actor=known.actor, action="subject.erase", resource_id=row.resource_id, details=details
                )
        return fresh

    def _get(self, resource_id: UUID, erasure_id: UUID) -> ErasureRow:
        with self._database.read(resource_id) as session:
            row = session.scalar(select(ErasureRow).where(ErasureRow.erasure_id == erasure_id))
        if row is None:
            raise ReceiptNotFoundError("there is no receipt {erasure_id}", erasure_id=erasure_id)
        return row
