"""Probes: short-lived faces, checked for comparability with templates."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from mien.gallery.curves import Curves
from mien.gallery.detected_faces import DetectedFace, DetectedFaces
from mien.gallery.errors import FaceNotFoundError, FingerprintMismatchError, IncompatibleModelError
from mien.gallery.kinds import CollectionRef
from mien.gallery.recognisers import Recogniser, Recognisers


class Probes:
    """Finds probes and their recogniser.

    Args:
        faces: the short-lived face ids.
        recognisers: bindings of the recognition models.
        curves: the calibrations that operators applied.
    """

    def __init__(self, faces: DetectedFaces, recognisers: Recognisers, curves: Curves) -> None:
        self.faces = faces
        self._recognisers = recognisers
        self._curves = curves

    def of(self, resource_id: UUID, face_ids: Sequence[str]) -> list[DetectedFace]:
        """Return short-lived faces in the order of their ids.

        Raises:
            FaceNotFoundError: a face is unknown or has expired.
        """
        found = self.faces.get_many(resource_id, face_ids)
        for face_id in face_ids:
            if face_id not in found:
                raise FaceNotFoundError(face_id)
        return [found[face_id] for face_id in face_ids]

    def recogniser_of(self, resource_id: UUID, faces: Sequence[DetectedFace]) -> Recogniser:
        """Return the recogniser of faces, with the resource's calibration.

        Raises:
            IncompatibleModelError: they were detected with different recognition models.
            FingerprintMismatchError: the label was bound to another recogniser after a face was detected.
        """
        label = faces[0].recognition_model
        for face in faces:
            recogniser = self.check(face, label, None)
        return self._curves.of(recogniser, resource_id)

    def check(
        self, probe: DetectedFace, label: str, fingerprint: str | None, ref: CollectionRef | None = None
    ) -> Recogniser:
        """Check that a probe is comparable with templates, and return their recogniser.

        Args:
            probe: the face.
            label: recognition model of the templates.
            fingerprint: fingerprint of the templates; None for any.
            ref: collection of the templates, for the error.

        Raises:
            IncompatibleModelError: the probe was detected with another recognition model.
            FingerprintMismatchError: the probe or the templates are of another recogniser.
        """
        if probe.recognition_model != label:
            raise IncompatibleModelError(
                "the face was detected with {recognition_model}, not with {label}",
                recognition_model=probe.recognition_model,
                label=label,
            )
        recogniser = self._recognisers[label]
        if fingerprint not in {None, recogniser.fingerprint}:
            raise FingerprintMismatchError(label, ref)
        if probe.embedding.fingerprint != recogniser.fingerprint:
            raise FingerprintMismatchError(label)
        return recogniser
