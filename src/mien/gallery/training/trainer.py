"""Training: builds an index of the enrolled faces, in the background; the index is used once it is complete.

The database contains the collections to train (`notStarted`, `running`). Threads of any process train them, each under
a claim on its collection (`TrainedIndexes.claim`): a lease in the database that expires when its server dies. So
another server restarts a killed training, and the old index stays in use until then. A server that was paused
meanwhile can change nothing: the claim's token fences each of its writes. While a collection is being trained, it
accepts no writes, so that several reads see the same state.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from mien.gallery.errors import CollectionNotFoundError, NotTrainedError
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.rows import BUSY, Rows
from mien.gallery.templates import Templates
from mien.gallery.training import history
from mien.gallery.training.indexes import TrainedIndexes
from mien.gallery.types import TrainingRun, TrainingState, TrainingStatus
from mien.gallery.untrained_index import added_since, removed_since, without_template
from mien.search import ExactSearch, TemplateSearch, TrainedIndexCorruptError, TrainedIndexError
from mien.storage import EVERY_RESOURCE
from mien.storage.claims import ClaimLostError, Held
from mien.storage.faults import StorageFault, fault_of, log_failure
from mien.storage.tables import CollectionRow, RemovalRow

LOOK_SECONDS: Final = 5.0
"""Seconds between two checks for trainings to run, such as those of a process that died."""
_EMPTY: Final = {
    True: "There is no person with a face in the group: add one, then train again.",
    False: "There is no face in the list: add one, then train again.",
}
_INTERNAL: Final = "The training failed for a reason inside the service; its log says more. Train again."
_FULL: Final = "The training failed because a disk of the service is full. Free some space, then train again."
FAILURES: Final = (*_EMPTY.values(), _INTERNAL, _FULL)
"""Why trainings fail, as their status says."""
_log = structlog.get_logger(__name__)


class Training:
    """Trains collections and reports their training status.

    Args:
        rows: opens sessions on collections.
        templates: decrypts templates.
        indexes: the trained indexes.
        threads: number of collections trained at the same time.
        trained: called after each successful training with the collection and the number of faces.
        look: called after each successful training, to find duplicates (`TrainedDuplicates.look`).
    """

    def __init__(
        self,
        rows: Rows,
        templates: Templates,
        indexes: TrainedIndexes,
        *,
        threads: int = 2,
        trained: Callable[[UUID, int], None] | None = None,
        look: Callable[[UUID, UUID, int, Callable[[], bool]], object] | None = None,
    ) -> None:
        self._rows = rows
        self._templates = templates
        self._indexes = indexes
        self._count = threads
        self._tell = trained
        self._look = look
        self._wake = threading.Semaphore(0)
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    # Calls of the API

    def start(self, ref: CollectionRef) -> None:
        """Request a training; if nothing has changed since the last success, it succeeds at once.

        Raises:
            CollectionNotFoundError: there is no such collection.
            TrainingNotFinishedError: it is being trained.
        """
        now = self._rows.clock.now()
        with self._rows.writing(ref) as (session, row):
            done = row.faces > 0 and self._is_current(row)
            row.training_status = (TrainingState.SUCCEEDED if done else TrainingState.NOT_STARTED).value
            row.training_created_at = row.training_action_at = now
            row.training_message = None
            if done:
                row.training_success_at = now
                history.unchanged(session, row, now)
            else:
                history.asked(session, row, now)
        if not done:
            self._wake.release()

    def status(self, ref: CollectionRef) -> TrainingStatus:
        """Return the status of the last training.

        Raises:
            CollectionNotFoundError: there is no such collection.
            NotTrainedError: no training was ever requested.
        """
        row = self._rows.get(ref)
        if row.training_status is None or row.training_created_at is None:
            raise NotTrainedError(ref)
        return TrainingStatus(
            TrainingState(row.training_status),
            row.training_created_at,
            row.training_action_at,
            row.training_success_at,
            row.training_message,
        )

    def history(self, ref: CollectionRef) -> list[TrainingRun]:
        """Return the last trainings that were requested (`history.KEPT` at most), newest first.

        Raises:
            CollectionNotFoundError: there is no such collection.
        """
        with self._rows.reading(ref) as (session, row):
            return history.runs(session, row.uid)

    def broken(self) -> list[CollectionRef]:
        """Return the collections whose trained index is missing or damaged; reads every byte of all of them."""
        return [ref for ref, row in self.trained() if not self._is_sound(row)]

    def trained(self) -> list[tuple[CollectionRef, CollectionRow]]:
        """Return all collections of all resources that have a trained index."""
        with self._rows.database.read(EVERY_RESOURCE) as session:
            rows = session.scalars(select(CollectionRow).where(CollectionRow.snapshot.is_not(None))).all()
        callers = [row for row in rows if Kind(row.kind).trained]
        return [(CollectionRef(row.resource_id, Kind(row.kind), row.collection_id), row) for row in callers]

    def rebuild(self, ref: CollectionRef) -> TrainingStatus:
        """Rebuild a collection's trained index from the database, in this thread or another process.

        It also contains the faces enrolled since the last training.

        Raises:
            CollectionNotFoundError: there is no such collection.
            TrainingNotFinishedError: it is being trained.
        """
        now = self._rows.clock.now()
        with self._rows.writing(ref) as (session, row):
            row.trained_revision = -1
            row.training_status = TrainingState.NOT_STARTED.value
            row.training_created_at = row.training_action_at = now
            row.training_message = None
            history.asked(session, row, now)
        while (status := self.status(ref)).status.value in BUSY:
            if not self._train(ref):
                self._stopping.wait(0.1)
        return status

    def _is_sound(self, row: CollectionRow) -> bool:
        try:
            self._indexes.store(row, row.snapshot or "").verify()
        except TrainedIndexError:
            return False
        return True

    # The threads

    def begin(self) -> None:
        """Start the threads; they first resume trainings that an earlier process left."""
        for number in range(self._count):
            thread = threading.Thread(target=self._run, name=f"mien-training-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self, seconds: float = 10.0) -> None:
        """Stop the threads; a training that takes longer is resumed at the next start."""
        self._stopping.set()
        for _ in self._threads:
            self._wake.release()
        for thread in self._threads:
            thread.join(seconds)
        self._threads.clear()

    def run_pending(self) -> int:
        """Run pending trainings in this thread that nobody else is running; returns how many ended."""
        ended = 0
        for resource_id, kind, collection_id in self._pending():
            if self._stopping.is_set():
                break
            ended += self._train(CollectionRef(resource_id, Kind(kind), collection_id))
        return ended

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.run_pending()
            except Exception as error:
                if self._stopping.is_set():
                    return
                log_failure(_log, "looking for trainings failed", error)
            self._wake.acquire(timeout=LOOK_SECONDS)

    def _pending(self) -> list[tuple[UUID, str, str]]:
        with self._rows.database.read(EVERY_RESOURCE) as session:
            query = select(CollectionRow.resource_id, CollectionRow.kind, CollectionRow.collection_id)
            query = query.where(CollectionRow.training_status.in_(sorted(BUSY)))
            found = session.execute(query.order_by(CollectionRow.training_created_at)).all()
            return [(row.resource_id, row.kind, row.collection_id) for row in found]

    # One training

    def _train(self, ref: CollectionRef) -> bool:
        """Train a collection unless another thread or process does; returns whether a training ended."""
        try:
            row = self._rows.get(ref)
        except CollectionNotFoundError:  # its resource was deleted
            return False
        with self._indexes.claim(row.uid) as held:
            fresh = self._rows.find(row.resource_id, row.uid) if held is not None else None
            if held is None or fresh is None or fresh.training_status not in BUSY:  # running elsewhere, or ended
                return False
            state = self._train_held(ref, fresh, held)
        if state is TrainingState.SUCCEEDED and self._look is not None:
            try:
                self._look(fresh.uid, fresh.resource_id, fresh.trained_revision, self._stopping.is_set)
            except Exception as error:
                if not self._stopping.is_set():
                    log_failure(_log, "looking for duplicates failed", error, collection=ref.collection_id)
        return state is not None

    def _train_held(self, ref: CollectionRef, row: CollectionRow, held: Held) -> TrainingState | None:
        """Train a collection under its claim; returns the result, or None if it must be restarted."""
        try:
            self._mark_running(row, held)
            if row.faces == 0:
                self._end(row, held, None, _EMPTY[ref.kind.has_persons])
                return TrainingState.FAILED
            self._end(row, held, self._make(row, held), None)
            return TrainingState.SUCCEEDED
        except ClaimLostError:  # the other server has restarted it, and its result is used
            _log.warning("another server has taken over a training", collection=ref.collection_id)
            return None
        except Exception as error:
            if self._stopping.is_set():  # the database may already be closed: the next start resumes it
                return None
            log_failure(_log, "training failed", error, collection=ref.collection_id)
            fault = fault_of(error)
            if fault in {StorageFault.UNAVAILABLE, StorageFault.CLOSED}:  # restarted when the database is available
                return None
            with suppress(ClaimLostError):
                self._end(row, held, None, _FULL if fault is StorageFault.FULL else _INTERNAL)
            return TrainingState.FAILED

    def _mark_running(self, row: CollectionRow, held: Held) -> None:
        now = self._rows.clock.now()
        values = {"training_status": TrainingState.RUNNING.value, "training_action_at": now}
        with self._rows.database.write(row.resource_id) as session:
            held.fence(session)
            if session.scalar(_changed(row, values)) is not None:  # None if its resource was deleted
                history.begun(session, row, now)

    def _make(self, row: CollectionRow, held: Held) -> str:
        """Build the index of the enrolled faces, from the previous index if there is one; return its name."""
        self._indexes.tidy(row.uid, row.snapshot, held)
        name = self._indexes.fresh_name(row.fingerprint)
        store = self._indexes.store(row, name, held)
        since = self._revision_to_go_on_from(row)
        previous = self._indexes.previous(row.uid)
        with self._rows.database.read(row.resource_id) as session:
            added = self._templates.faces(row.resource_id, row.uid, added_since(session, row.uid, since))
            removed = removed_since(session, row.uid, since) if since >= 0 else []
        if since >= 0 and row.snapshot is not None:
            try:
                store = self._indexes.branch(row, row.snapshot, name, held)
                store.update(added, removed, current=previous)
                search = store.load(previous)
                self._check_complete(row, name, search)
            except TrainedIndexError as error:
                self._indexes.report_damage(row, error)
                with self._rows.database.read(row.resource_id) as session:
                    added = self._templates.faces(row.resource_id, row.uid, added_since(session, row.uid, -1))
                self._indexes.tidy(row.uid, row.snapshot, held)
                store = self._indexes.store(row, name, held)
                store.write(added, row.fingerprint)
                search = store.load()
        else:
            store.write(added, row.fingerprint)
            search = store.load(previous)
        # Loaded here, so that the first identify after a training does not wait for it.
        self._indexes.keep(row.uid, name, search, row.revision)
        return name

    def _check_complete(self, row: CollectionRow, name: str, search: TemplateSearch) -> None:
        """Check that an exact index has as many faces as are enrolled, so that no later training inherits a gap.

        Raises:
            TrainedIndexError: the number of faces differs.
        """
        if not isinstance(search, ExactSearch) or len(search) == row.faces:
            return
        with self._rows.database.read(row.resource_id) as session:
            enrolled = row.faces - without_template(session, row.uid)
        if len(search) != enrolled:
            raise TrainedIndexCorruptError(Path(name), f"it has {len(search)} of {enrolled} faces")

    def _revision_to_go_on_from(self, row: CollectionRow) -> int:
        """Return the revision of the trained index; -1 if there is none to continue from."""
        if row.snapshot is None or row.trained_revision < 0 or not self._indexes.goes_on(row.snapshot):
            return -1
        try:
            search = self._indexes.search(row)
        except TrainedIndexError as error:
            _log.warning("a trained index is unusable and is rebuilt from the database", reason=str(error))
            return -1
        return row.trained_revision if search is not None and search.fingerprint == row.fingerprint else -1

    def _end(self, row: CollectionRow, held: Held, name: str | None, message: str | None) -> None:
        """Switch to the new trained index, if there is one, and record the result of the training.

        Raises:
            ClaimLostError: another server has taken over the training; nothing is changed.
        """
        now = self._rows.clock.now()
        state = TrainingState.FAILED if name is None else TrainingState.SUCCEEDED
        values: dict[str, object] = {
            "training_status": state.value,
            "training_action_at": now,
            "training_message": message,
        }
        if name is not None:
            values |= {"snapshot": name, "trained_revision": row.revision, "training_success_at": now}
        # If removed templates are only skipped, the records of removals are kept for `Compaction.purge`.
        clean = name is not None and not self._indexes.store(row, name).holds_removed
        with self._rows.database.write(row.resource_id) as session:
            held.fence(session)
            if session.scalar(_changed(row, values)) is None:
                return  # its resource was deleted
            history.ended(session, row, now, state, message)
            if clean:
                applied = (RemovalRow.collection == row.uid, RemovalRow.revision <= row.revision)
                session.execute(delete(RemovalRow).where(*applied))
        if name is not None:
            with suppress(ClaimLostError):  # another training has started, which cleans up
                self._indexes.tidy(row.uid, name, held)
            if self._tell is not None:
                self._tell(row.resource_id, row.faces)

    def _is_current(self, row: CollectionRow) -> bool:
        """Whether the trained index contains exactly the enrolled faces."""
        if row.snapshot is None or row.trained_revision != row.revision or not self._indexes.goes_on(row.snapshot):
            return False
        return self._indexes.is_there(row, row.snapshot)


def _changed(row: CollectionRow, values: Mapping[str, object]) -> ReturningUpdate[tuple[UUID]]:
    """Return the statement that changes a collection; it returns no row if the collection was deleted.

    It never sets a collection back to an older trained revision.
    """
    forward = (CollectionRow.uid == row.uid, CollectionRow.trained_revision <= row.revision)
    return update(CollectionRow).where(*forward).values(**values).returning(CollectionRow.uid)
