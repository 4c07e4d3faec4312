"""Measures enrolled collections and stores the results; used by control plane and portal."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from mien.evaluation import TooFewSamplesError, measure
from mien.evaluation.group_report import to_json as groups_json
from mien.evaluation.records import to_json
from mien.events.audit import AuditLog
from mien.gallery.errors import FingerprintMismatchError
from mien.gallery.evaluations import GROUPS, Evaluation, Evaluations
from mien.gallery.gallery import Gallery
from mien.gallery.group_reports import GroupReport, report_on
from mien.gallery.grouping_labels import match_enrolled, parse_labels
from mien.gallery.kinds import CollectionRef
from mien.gallery.recognisers import Recogniser, Recognisers
from mien.gallery.sampling import EnrolledSamples, SampleSourceError, from_collection, names_in
from mien.messages import message_of


class Measuring:
    """Measures the collections of a gallery, one at a time, because it takes memory and all cores.

    Args:
        gallery: the gallery.
        recognisers: bindings of the recognition models.
        audit: the audit log.

    Attributes:
        stored: the stored results and the calibrations applied from them.
    """

    def __init__(self, gallery: Gallery, recognisers: Recognisers, audit: AuditLog) -> None:
        self._gallery = gallery
        self._recognisers = recognisers
        self._audit = audit
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
            ref: a person group, or a directory's faces of one recognition model, with several photos per person.
            name: name of the result.
            actor: the actor.
            note: the operator's remark.
            fmr: false match rate of the operating point.
            cap: most photos to use of one person.

        Raises:
            CollectionNotFoundError: there is no such collection.
            SampleSourceError: it has too few people or photos.
            FingerprintMismatchError: its templates are of another recogniser than the one in use.
            InvalidEvaluationNameError: the name is malformed.
            EvaluationExistsError: the name is taken.
        """
        self.stored.check_name(ref.resource_id, name)
        found, recogniser = self._enrolled(ref)
        try:
            with self._turn:
                result = to_json(measure(found.samples, recogniser.measured, fmr=fmr, cap=cap))
        except TooFewSamplesError as error:
            raise SampleSourceError(message_of(error)) from error
        return self.stored.add(
            ref.resource_id, name, result, recogniser=recogniser, source=ref.path, actor=actor, note=note
        )

    def report_groups(
        self,
        ref: CollectionRef,
        labels: str,
        *,
        actor: str,
        attributes: Sequence[str] = (),
        fmr: float | None = None,
        cap: int = 5,
        seed: int = 0,
        skip_unknown: bool = False,
    ) -> GroupReport:
        """Measure the error rates of an enrolled collection by groups; the labels are neither stored nor logged.

        Args:
            ref: as in `measure`; one photo per person is enough.
            labels: CSV with a column `person` (names or person ids) and a column for each attribute.
            actor: the actor.
            attributes: columns to use; empty for all.
            fmr: measure at the threshold of this false match rate over all people; None for the threshold in use.
            cap: most photos to use of one person.
            seed: seed of the random generator.
            skip_unknown: skip lines that match nobody, instead of refusing them.

        Raises:
            CollectionNotFoundError: there is no such collection.
            SampleSourceError: the labels cannot be used, match nobody or several people, or groups are too small.
            FingerprintMismatchError: as `measure`.
            NotCalibratedError: there is no threshold in use.
        """
        given = parse_labels(labels, attributes)
        found, recogniser = self._enrolled(ref)
        names = names_in(self._gallery.rows, ref)
        with self._turn:
            people = match_enrolled(found, names, given, cap=cap, seed=seed, skip_unknown=skip_unknown)
            made = report_on(people, recogniser, ref.path, at=self._gallery.rows.clock.now(), fmr=fmr)
        self._audit.record(
            actor=actor,
            action="group-report.create",
            resource_id=ref.resource_id,
            details={"collection": made.source, "people": made.people},
        )
        return made

    def keep(self, made: GroupReport, ref: CollectionRef, name: str, *, actor: str) -> Evaluation:
        """Store the rates of a group report among the results.

        Args:
            made: the report.
            ref: the collection.
            name: name of the result.
            actor: the actor.

        Raises:
            InvalidEvaluationNameError: the name is malformed.
            EvaluationExistsError: the name is taken.
        """
        return self.stored.add(
            ref.resource_id, name, groups_json(made.groups), recogniser=made.recogniser, source=made.source,
            actor=actor, kind=GROUPS,
        )  # fmt: skip

    def _enrolled(self, ref: CollectionRef) -> tuple[EnrolledSamples, Recogniser]:
        """Return the templates of a collection, and the recogniser with the calibration in use."""
        found = from_collection(self._gallery.rows, self._gallery.templates, ref)
        recogniser = self._recognisers[found.label]
        if found.fingerprint != recogniser.fingerprint:
            raise FingerprintMismatchError(found.label, ref)
        return found, self._gallery.curves.of(recogniser, ref.resource_id, found.collection)
