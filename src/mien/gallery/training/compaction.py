"""Taking removed templates out of the trained index of a collection that is not trained again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select, update

from mien.gallery.rows import BUSY, Rows
from mien.gallery.templates import Templates
from mien.gallery.training.indexes import TrainedIndexes
from mien.gallery.untrained_index import removed_since
from mien.storage.tables import CollectionRow, RemovalRow


def forget_removals(rows: Rows, row: CollectionRow, before: datetime) -> int:
    """Delete the notes of removals from before a moment, which no search needs; returns how many there were."""
    with rows.database.write(row.resource_id) as session:
        old = delete(RemovalRow).where(RemovalRow.collection == row.uid, RemovalRow.removed_at <= before)
        return len(session.execute(old.returning(RemovalRow.id)).all())


def compact(rows: Rows, templates: Templates, indexes: TrainedIndexes, row: CollectionRow) -> int:
    """Make the same trained index without what was removed since, and nothing that was added.

    Args:
        rows: opens sessions on collections.
        templates: opens templates.
        indexes: where trainings put what they make.
        row: the collection.

    Returns:
        How many notes of removals were done with; 0 when somebody else is at the trained index.

    Raises:
        TrainedIndexError: the trained index is unusable.
    """
    with indexes.claim(row.uid) as held:
        if held is None or row.snapshot is None:
            return 0
        with rows.database.read(row.resource_id) as session:
            fresh = session.scalar(select(CollectionRow).where(CollectionRow.uid == row.uid))
            if fresh is None or fresh.training_status in BUSY or fresh.snapshot != row.snapshot:
                return 0
            # What the last training removed is dead in its files, and may have come back under the same ids.
            removed = removed_since(session, row.uid, fresh.trained_revision)
        if not indexes.goes_on(row.snapshot):  # another engine was chosen: its next training replaces it
            return 0
        search = indexes.search(row)
        name = indexes.fresh_name(search.fingerprint if search is not None else row.fingerprint)
        previous = indexes.previous(row.uid)
        none = templates.faces(row.resource_id, row.uid, ())
        store = indexes.branch(row, row.snapshot, name, held)
        store.update(none, removed, current=previous)
        store.compact()
        with rows.database.write(row.resource_id) as session:
            held.fence(session)
            # `trained_revision` stays: what was added since is still to be trained. The claim keeps others away,
            # but not those on another machine, whose trained indexes lie in another folder.
            same = (CollectionRow.uid == row.uid, CollectionRow.snapshot == row.snapshot)
            moved = update(CollectionRow).where(*same).values(snapshot=name).returning(CollectionRow.uid)
            if session.scalar(moved) is None:
                return 0
            applied = (RemovalRow.collection == row.uid, RemovalRow.revision <= fresh.revision)
            gone = session.execute(delete(RemovalRow).where(*applied).returning(RemovalRow.id)).all()
        if previous is not None:
            indexes.keep(row.uid, name, store.load(previous), fresh.trained_revision)
        indexes.tidy(row.uid, name, held)
        return len(gone)
