"""Verify and identify in the current state of the person directory.

A probe is compared only with faces of its own recognition model; a person with faces of other models only is not a
candidate.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from mien.gallery.detected_faces import DetectedFace
from mien.gallery.directory.dynamic_groups import find_group, members_of
from mien.gallery.directory.rows import DirectoryRows, check_persons, face_collections, find_person
from mien.gallery.errors import FingerprintMismatchError, IncompatibleModelError, PersonHasNoFaceError
from mien.gallery.identification import identified, query_for, recognised
from mien.gallery.kinds import persons_ref
from mien.gallery.persons import sealed_faces_of
from mien.gallery.recognisers import Recogniser, Recognisers
from mien.gallery.recognition import Recognition
from mien.gallery.rows import find_collection, ref_of
from mien.gallery.types import Identified, Verification
from mien.gallery.untrained_index import UntrainedIndex
from mien.storage.tables import CollectionRow, DynamicGroupRow

EVERYONE: Final = ("*",)
"""The `personIds` value for all persons of the directory (contract, section 4)."""

_CACHED_GROUPS: Final = 64


class DirectoryRecognition:
    """Compares short-lived faces with the persons of a directory.

    Args:
        rows: opens sessions on the directory.
        recognition: finds probes and compares.
        recognisers: bindings of the recognition models.
        untrained_index: searches all faces of a model.
    """

    def __init__(
        self, rows: DirectoryRows, recognition: Recognition, recognisers: Recognisers, untrained_index: UntrainedIndex
    ) -> None:
        self._rows = rows
        self._recognition = recognition
        self._recognisers = recognisers
        self._untrained = untrained_index
        self._members = _Members()

    def verify_person(self, resource_id: UUID, face_id: str, person_id: str, *, seen: bool = True) -> Verification:
        """Return whether a face belongs to a person, compared with all of the person's faces.

        Args:
            resource_id: id of the resource that owns the face and the directory.
            face_id: the probe.
            person_id: id of the claimed person.
            seen: whether a match updates the person's last-seen time.

        Raises:
            FaceNotFoundError: the probe is unknown or has expired.
            PersonNotFoundError: the directory has no such person.
            PersonHasNoFaceError: no face of the person is enrolled.
            IncompatibleModelError: the person has faces of other recognition models only.
            FingerprintMismatchError: the label has been bound to another recogniser since.
            NotCalibratedError: the recogniser has no calibration.
        """
        (probe,) = self._recognition.probes.of(resource_id, [face_id])
        label = probe.recognition_model
        with self._rows.reading(resource_id) as session:
            person = find_person(session, resource_id, person_id)
            if not person.faces:
                raise PersonHasNoFaceError("no face of the person is enrolled")
            of_models = {one.recognition_model: one for one in face_collections(session)}
            sealed = {name: sealed_faces_of(session, one.uid, person.person_id) for name, one in of_models.items()}
        if not sealed.get(label):
            others = ", ".join(name for name, faces in sealed.items() if faces)
            raise IncompatibleModelError(
                "the face was detected with {label}, those of the person with {others}", label=label, others=others
            )
        recogniser = self._recogniser(of_models[label], [probe])
        verified = self._recognition.compare_with_person(probe, recogniser, of_models[label], sealed[label])
        if seen and verified.is_identical:
            self._recognition.last_seen.note(of_models[label], [str(person.person_id)])
        return verified

    def identify_persons(
        self,
        resource_id: UUID,
        face_ids: Sequence[str],
        person_ids: Sequence[str],
        top: int = 10,
        confidence_threshold: float | None = None,
    ) -> list[Identified]:
        """Identify probes among some persons, or with `EVERYONE` in the whole directory.

        Raises:
            FaceNotFoundError: a probe is unknown or has expired.
            PersonNotFoundError: the directory has no such person.
            FingerprintMismatchError: a label was bound to another recogniser since.
            NotCalibratedError: a recogniser has no calibration.
        """
        probes = self._recognition.probes.of(resource_id, face_ids)
        with self._rows.reading(resource_id) as session:
            everyone = tuple(person_ids) == EVERYONE
            only = None if everyone else frozenset(check_persons(session, resource_id, list(person_ids)))
            found = self._identify(session, probes, only, top, confidence_threshold)
        self._recognition.count_scores(resource_id, found)
        return found

    def identify_dynamic(
        self,
        resource_id: UUID,
        face_ids: Sequence[str],
        group_id: str,
        top: int = 10,
        confidence_threshold: float | None = None,
    ) -> list[Identified]:
        """Identify probes among the persons of a dynamic group.

        Raises:
            Errors of `identify_persons`, and:
            DynamicGroupNotFoundError: there is no such group.
        """
        probes = self._recognition.probes.of(resource_id, face_ids)
        found = self.identify_probes(resource_id, probes, group_id, top, confidence_threshold)
        self._recognition.count_scores(resource_id, found)
        return found

    def identify_probes(
        self,
        resource_id: UUID,
        probes: Sequence[DetectedFace],
        group_id: str | None,
        top: int = 10,
        confidence_threshold: float | None = None,
    ) -> list[Identified]:
        """Identify faces in memory, which need not be stored.

        Args:
            resource_id: id of the directory's resource.
            probes: the faces; the result refers to them by their ids.
            group_id: id of a dynamic group; None for the whole directory.
            top: most candidates per probe, >= 1.
            confidence_threshold: in [0, 1]; None uses a threshold that grows with the number of persons.

        Raises:
            DynamicGroupNotFoundError: there is no such group.
            FingerprintMismatchError: a label was bound to another recogniser since.
            NotCalibratedError: a recogniser has no calibration.
        """
        with self._rows.reading(resource_id) as session:
            only = None if group_id is None else self._members.of(session, find_group(session, group_id))
            return self._identify(session, probes, only, top, confidence_threshold)

    def size_of(self, resource_id: UUID, group_id: str | None) -> int:
        """Return the number of searched persons: of a dynamic group, or of the whole directory.

        Raises:
            DynamicGroupNotFoundError: there is no such group.
        """
        with self._rows.reading(resource_id) as session:
            if group_id is not None:
                return len(self._members.of(session, find_group(session, group_id)))
            persons = find_collection(session, persons_ref(resource_id))
            return persons.persons if persons else 0

    def _identify(
        self,
        session: Session,
        probes: Sequence[DetectedFace],
        only: frozenset[UUID] | None,
        top: int,
        threshold: float | None,
    ) -> list[Identified]:
        found = [Identified(probe.face_id, ()) for probe in probes]
        of_models = {one.recognition_model: one for one in face_collections(session)}
        for label in {probe.recognition_model for probe in probes} & of_models.keys():
            positions = [position for position, probe in enumerate(probes) if probe.recognition_model == label]
            collection, own = of_models[label], [probes[position] for position in positions]
            search = self._untrained.search(session, collection) if collection.faces else None
            if search is None:
                continue
            recogniser = self._recogniser(collection, own)
            calibration = self._recognition.curves.of(recogniser, collection.resource_id, collection.uid).calibration
            searched = search.persons if only is None else min(len(only), search.persons)
            query = query_for(calibration, searched, top, threshold, only=only)
            given = [probe.face_id for probe in own]
            negatives = self._recognition.negatives.of(collection, collection.fingerprint)
            answers = identified(
                own, given, search, query, calibration=calibration, threshold=threshold, negatives=negatives
            )
            self._recognition.last_seen.note(collection, recognised(answers))
            for position, answer in zip(positions, answers, strict=True):
                found[position] = answer
        return found

    def _recogniser(self, collection: CollectionRow, probes: Sequence[DetectedFace]) -> Recogniser:
        """Return the recogniser of a collection, after checking that probes and enrolled faces are its own."""
        recogniser = self._recognisers[collection.recognition_model]
        if collection.fingerprint != recogniser.fingerprint:
            raise FingerprintMismatchError(collection.recognition_model, ref_of(collection))
        if {probe.embedding.fingerprint for probe in probes} != {recogniser.fingerprint}:
            raise FingerprintMismatchError(collection.recognition_model)
        return recogniser


class _Members:
    """Cache of the members of recently searched dynamic groups."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[UUID, frozenset[UUID]] = OrderedDict()

    def of(self, session: Session, group: DynamicGroupRow) -> frozenset[UUID]:
        with self._lock:
            known = self._known.get(group.version)
            if known is not None:
                self._known.move_to_end(group.version)
                return known
        members = members_of(session, group.group_id)
        with self._lock:
            self._known[group.version] = members
            while len(self._known) > _CACHED_GROUPS:
                self._known.popitem(last=False)
        return members
