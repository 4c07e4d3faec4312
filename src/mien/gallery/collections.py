"""Collections: face lists, large face lists, person groups and large person groups."""

from __future__ import annotations

import os
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from mien.contract.models import RECOGNITION_MODELS
from mien.gallery.checks import check_name, check_page, check_update, check_user_data
from mien.gallery.errors import CollectionExistsError, InvalidCollectionIdError, Quota, QuotaExceededError
from mien.gallery.kinds import COLLECTION_ID, CollectionRef, Kind
from mien.gallery.recognisers import Recogniser, Recognisers
from mien.gallery.rows import Rows
from mien.gallery.training.file_indexes import key_name
from mien.gallery.training.indexes import TrainedIndexes
from mien.gallery.types import UNSET, Collection, Unset
from mien.storage import Vault
from mien.storage.copying import copy_row
from mien.storage.tables import CollectionRow

_KEY_BYTES: Final = 32


class Collections:
    """Creates, lists, changes and deletes collections.

    Args:
        rows: opens sessions.
        vault: encrypts the keys of trained indexes.
        recognisers: bindings of the recognition models.
        indexes: trained indexes, which are deleted with the collections.
    """

    def __init__(self, rows: Rows, vault: Vault, recognisers: Recognisers, indexes: TrainedIndexes) -> None:
        self._rows = rows
        self._vault = vault
        self._recognisers = recognisers
        self._indexes = indexes

    def create(
        self,
        ref: CollectionRef,
        name: str,
        user_data: str | None = None,
        recognition_model: str = RECOGNITION_MODELS[0],
    ) -> None:
        """Create a collection.

        Raises:
            InvalidCollectionIdError: the id is not 1 to 64 of a-z, 0-9, "-" and "_".
            CollectionExistsError: there is one of that kind and id.
            NameEmptyError: missing or white space.
            NameTooLongError: more than 128 characters.
            UserDataTooLongError: more than 16384 characters.
            UnknownRecognitionModelError: there is no such model.
            QuotaExceededError: the tier allows no more.
        """
        if not COLLECTION_ID.fullmatch(ref.collection_id):
            raise InvalidCollectionIdError(ref)
        row = self.new_row(ref, check_name(name), check_user_data(user_data), self._recognisers[recognition_model])
        self.insert(ref, row)

    def new_row(self, ref: CollectionRef, name: str, user_data: str | None, recogniser: Recogniser) -> CollectionRow:
        """Return the row of a collection to create. Do not call inside a writing session: it seals a key."""
        return CollectionRow(
            **self._identity(ref),
            name=name,
            user_data=user_data,
            recognition_model=recogniser.label,
            fingerprint=recogniser.fingerprint,
            policy=None,
            persons=0,
            faces=0,
            revision=0,
            trained_revision=-1,
            training_status=None,
            training_created_at=None,
            training_action_at=None,
            training_success_at=None,
            training_message=None,
        )

    def copy_row(self, ref: CollectionRef, source: CollectionRow) -> CollectionRow:
        """Return the row of a copy, without a trained index. Do not call inside a writing session: it seals a key."""
        return copy_row(source, **self._identity(ref))

    def _identity(self, ref: CollectionRef) -> dict[str, Any]:
        """Return the columns that are unique to a collection."""
        uid = uuid4()
        key = self._vault.seal(os.urandom(_KEY_BYTES), resource_id=ref.resource_id, what=key_name(uid))
        return {
            "resource_id": ref.resource_id,
            "kind": ref.kind.value,
            "collection_id": ref.collection_id,
            "uid": uid,
            "created_at": self._rows.clock.now(),
            "snapshot": None,
            "snapshot_key": key,
        }

    def insert(self, ref: CollectionRef, row: CollectionRow) -> None:
        """Insert the row of a new collection.

        Raises:
            CollectionExistsError: there is one of that kind and id.
            QuotaExceededError: the tier allows no more.
        """
        try:
            with self._rows.transaction(ref.resource_id, ref.collection_id) as session:
                self.insert_into(session, ref, row)
        except IntegrityError as error:
            raise CollectionExistsError(ref) from error

    def insert_into(self, session: Session, ref: CollectionRef, row: CollectionRow) -> None:
        """Insert as `insert` does, in a writing session; raises `IntegrityError` if another process was faster."""
        self.check_free(session, ref)
        session.add(row)
        session.flush()

    def check_free(self, session: Session, ref: CollectionRef) -> None:
        """Check in a writing session that a collection can be created, and keep others from creating it meanwhile.

        Raises:
            CollectionExistsError: there is one of that kind and id.
            QuotaExceededError: the tier allows no more.
        """
        self._rows.database.lock(session, f"collections {ref.resource_id}")
        same_kind = CollectionRow.kind == ref.kind.value
        taken = select(CollectionRow.uid).where(same_kind, CollectionRow.collection_id == ref.collection_id)
        if session.scalar(taken) is not None:
            raise CollectionExistsError(ref)
        limit = self._rows.limits(session, ref.resource_id, ref.kind).collections
        if (session.scalar(select(func.count()).select_from(CollectionRow).where(same_kind)) or 0) >= limit:
            raise QuotaExceededError(Quota.COLLECTIONS, ref.kind, limit)

    def get(self, ref: CollectionRef) -> Collection:
        """Return a collection.

        Raises:
            CollectionNotFoundError: there is none.
        """
        return _collection(self._rows.get(ref))

    def page(self, resource_id: UUID, kind: Kind, start: str = "", top: int = 1000) -> list[Collection]:
        """Return collections whose id comes after `start`, ascending.

        Raises:
            StartTooLongError: `start` has more than 64 characters.
            InvalidTopError: `top` is not 1 to 1000.
        """
        check_page(start, top)
        with self._rows.database.read(resource_id) as session:
            query = select(CollectionRow).where(CollectionRow.kind == kind.value)
            if start:
                query = query.where(CollectionRow.collection_id > sortable_start(start))
            return [_collection(row) for row in session.scalars(query.order_by(CollectionRow.collection_id).limit(top))]

    def update(
        self, ref: CollectionRef, name: str | Unset | None = UNSET, user_data: str | Unset | None = UNSET
    ) -> None:
        """Change a name or user data, or both.

        Raises:
            CollectionNotFoundError: there is none.
            NothingToUpdateError: neither is given.
            NameEmptyError: the name is empty.
            NameTooLongError: more than 128 characters.
            UserDataTooLongError: more than 16384 characters.
            TrainingNotFinishedError: it is being trained.
        """
        values = check_update(name, user_data)
        with self._rows.writing(ref) as (_, row):
            for column, value in values.items():
                setattr(row, column, value)

    def delete(self, ref: CollectionRef) -> None:
        """Delete a collection with all that is enrolled in it, at once.

        Raises:
            CollectionNotFoundError: there is none.
            TrainingNotFinishedError: it is being trained.
        """
        with self._rows.writing(ref) as (session, row):
            session.delete(row)
        self._indexes.forget(row.uid)


def sortable_start(start: str) -> str:
    """Return a text that sorts like `start` among ids, without characters that databases refuse or sort differently."""
    return "".join(letter if "\x01" <= letter < "\x7f" else "\x01" if letter == "\0" else "\x7f" for letter in start)


def _collection(row: CollectionRow) -> Collection:
    return Collection(row.collection_id, row.name, row.user_data, row.recognition_model, row.persons, row.faces)
