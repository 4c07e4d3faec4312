"""Negatives of two merged persons: the remaining person receives them (`following`).

A negative that shows the other of the two says that they are different people. The merge is then refused until it is
confirmed. A confirmed merge deletes these negatives, which would otherwise lower the person's own matches.

A negative shows the other person if it reaches the operating point with them and is more similar to them than the two
persons are to each other. Two entries of the same human being are very similar, so a third person's face that resembles
both remains a negative. Of two siblings, a face of one is more similar to its owner than the siblings to each other.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from mien.gallery.errors import ContradictedMergeError
from mien.gallery.identification import confidence
from mien.gallery.negatives.lookup import NegativeLookup
from mien.gallery.negatives.sealing import NegativeTemplates
from mien.gallery.negatives.service import Negatives
from mien.gallery.person_search import sealed_faces
from mien.gallery.recognisers import Recognisers
from mien.gallery.templates import Templates
from mien.matching import person_scores
from mien.storage.tables import CollectionRow, PersonNegativeRow

_SHOWN: Final = 0.5
"""Confidence (the operating point) from which a negative may show the other person."""


class MergedNegatives:
    """Finds and deletes negatives that contradict a merge.

    Args:
        negatives: the negatives of all persons.
        sealed: decrypts templates of negatives.
        templates: decrypts templates of enrolled faces.
        recognisers: bindings of the recognition models.
        lookup: notified of each merge.
    """

    def __init__(
        self,
        negatives: Negatives,
        sealed: NegativeTemplates,
        templates: Templates,
        recognisers: Recognisers,
        lookup: NegativeLookup,
    ) -> None:
        self._negatives = negatives
        self._sealed = sealed
        self._templates = templates
        self._recognisers = recognisers
        self._lookup = lookup

    def settle(self, session: Session, row: CollectionRow, source: UUID, target: UUID, *, despite: bool) -> None:
        """Delete the negatives that contradict a merge, or refuse it; call before faces are moved.

        Args:
            session: writing session that has locked the collection.
            row: the group.
            source: id of the person who is merged.
            target: id of the person who remains.
            despite: delete such negatives instead of refusing the merge.

        Raises:
            ContradictedMergeError: there are such negatives, and `despite` is not set.
        """
        against = self._between(session, row, source, target)
        if against and not despite:
            raise ContradictedMergeError(len(against))
        self._negatives.forget(session, against)

    def _between(self, session: Session, row: CollectionRow, one: UUID, other: UUID) -> list[UUID]:
        """Return the negatives of either of two persons that show the other."""
        query = select(PersonNegativeRow).where(
            PersonNegativeRow.collection == row.uid,
            PersonNegativeRow.person_id.in_([one, other]),
            PersonNegativeRow.fingerprint == row.fingerprint,
        )
        held = session.scalars(query).all()
        recogniser = self._recognisers[row.recognition_model]
        if not held or recogniser.fingerprint != row.fingerprint:
            return []
        enrolled = {person: self._enrolled(session, row, person) for person in (one, other)}
        alike = -1.0
        if all(len(templates) for templates in enrolled.values()):
            both = (person_scores(enrolled[one], enrolled[other]), person_scores(enrolled[other], enrolled[one]))
            alike = max(float(scores.max()) for scores in both)
        found = []
        for negative in held:
            theirs = enrolled[other if negative.person_id == one else one]
            if not len(theirs):
                continue
            score = float(person_scores(self._sealed.open(negative)[None], theirs)[0])
            if score > alike and confidence(recogniser.calibration, score) >= _SHOWN:
                found.append(negative.negative_id)
        return found

    def _enrolled(self, session: Session, row: CollectionRow, person: UUID) -> NDArray[np.float32]:
        return self._templates.faces(row.resource_id, row.uid, sealed_faces(session, row.uid, [person])).templates

    def follow(self, resource_id: UUID) -> None:
        """Drop this process's cached negatives, after the transaction; other processes' caches expire."""
        self._lookup.reread(resource_id)
