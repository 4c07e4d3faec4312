"""Measures enrolled collections and stores the results; the one call of control plane and portal."""

from __future__ import annotations

import threading

from mien.evaluation import TooFewSamplesError, measure
from mien.evaluation.records import to_json
from mien.events.audit import AuditLog
from mien.gallery.errors import FingerprintMismatchError
from mien.gallery.evaluations import Evaluation, Evaluations
from mien.gallery.gallery import Gallery
from mien.gallery.kinds import CollectionRef
from mien.gallery.recognisers import Recognisers
from mien.gallery.sampling import SourceError, from_collection


class Measuring:
    """Measures the collections of a gallery, one at a time: it takes memory and all cores.

    Args:
        gallery: who is enrolled.
        recognisers: what the labels stand for.
        audit: who did what.

    Attributes:
        stored: the results, and what was applied of them.
    """

    def __init__(self, gallery: Gallery, recognisers: Recognisers, audit: AuditLog) -> None:
        self._gallery = gallery
        self._recognisers = recognisers
        self._turn = threading.Lock()
        self.stored = Evaluations(gallery.rows, recognisers, gallery.curves, audit)

    def measure(
        self,
        ref: CollectionRef,
        name: str,
        *,
        actor: str,
        note: str | None = None,
        fmr: float = 1e-4,
        cap: int = 5,
    ) -> Evaluation:
        """Measure a collection and store the result.

        Args:
            ref: a person group with several photos of its persons.
            name: of the result.
            actor: who asks.
            note: the operator's words.
            fmr: false match rate of the operating point.
            cap: photos of one person that count at most.

        Raises:
            CollectionNotFoundError: there is no such collection.
            SourceError: it has too few people or photos.
            FingerprintMismatchError: its templates are of another recogniser than the one in use.
            InvalidEvaluationNameError: the name is malformed.
            EvaluationExistsError: the name is taken.
        """
        self.stored.check_name(ref.resource_id, name)
        samples, label, fingerprint = from_collection(self._gallery.rows, self._gallery.templates, ref)
        recogniser = self._recognisers[label]
        if fingerprint != recogniser.fingerprint:
            raise FingerprintMismatchError(label, ref)
        uid = self._gallery.rows.get(ref).uid
        current = self._gallery.curves.of(recogniser, ref.resource_id, uid).measured
        try:
            with self._turn:
                result = to_json(measure(samples, current, fmr=fmr, cap=cap))
        except TooFewSamplesError as error:
            raise SourceError(str(error)) from error
        source = f"{ref.kind.value}/{ref.collection_id}"
        return self.stored.add(
            ref.resource_id, name, result, recogniser=recogniser, source=source, actor=actor, note=note
        )
