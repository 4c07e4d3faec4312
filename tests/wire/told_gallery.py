"""A gallery that answers what it is told to and remembers what it was asked: the wire is what is tested with it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from mien.gallery import (
    AddedFace,
    AsyncOperation,
    Candidate,
    Collection,
    FaceGroups,
    Identified,
    OperationState,
    PersistedFace,
    Person,
    SimilarFace,
    Started,
    TrainingState,
    TrainingStatus,
    Transfer,
    Verification,
)
from mien.gallery.types import DynamicGroup

A = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
B = "4fa85f64-5717-4562-b3fc-2c963f66afa7"
NOW = datetime(2026, 3, 5, 11, 7, 58, 371000, tzinfo=UTC)

ANSWERS: dict[str, Any] = {
    "collections.create": None,
    "collections.get": Collection("c", "staff", "u", "recognition_04", 1, 1),
    "collections.page": [
        Collection("c", "staff", None, "recognition_04", 1, 1),
        Collection("d", "guests", "u", "recognition_01", 0, 0),
    ],
    "collections.update": None,
    "collections.delete": None,
    "persons.create": A,
    "persons.get": Person(A, "Ann", "u", (A, B)),
    "persons.page": [Person(A, "Ann", None, ())],
    "persons.update": None,
    "persons.delete": None,
    "faces.add": AddedFace(A),
    "faces.get": PersistedFace(A, "u"),
    "faces.page": [PersistedFace(A, None)],
    "faces.all": [PersistedFace(A, "u"), PersistedFace(B, None)],
    "faces.update": None,
    "faces.delete": None,
    "training.start": None,
    "training.status": TrainingStatus(TrainingState.SUCCEEDED, NOW, NOW, NOW, None),
    "recognition.verify": Verification(True, 0.9),
    "recognition.verify_person": Verification(False, 0.1),
    "recognition.identify": [Identified(A, (Candidate(B, 0.9), Candidate(A, 0.6))), Identified(B, ())],
    "recognition.identify_persons": [Identified(A, ())],
    "recognition.identify_dynamic": [Identified(A, (Candidate(B, 0.9),))],
    "similar_faces.find": [SimilarFace(B, 0.8)],
    "similar_faces.find_in": [SimilarFace(B, 0.8)],
    "similar_faces.group": FaceGroups(((A, B),), ()),
    "directory.create": Started(A, B),
    "directory.get": Person(A, "Ann", "u"),
    "directory.page": [Person(A, "Ann", None)],
    "directory.update": None,
    "directory.delete": Started(None, B),
    "directory.groups_of": ["g"],
    "directory.add_face": Started(A, B),
    "directory.face_ids": [A, B],
    "directory.get_face": PersistedFace(A, "u"),
    "directory.update_face": None,
    "directory.delete_face": Started(None, B),
    "dynamic_groups.create": Started("g", B),
    "dynamic_groups.get": DynamicGroup("g", "friends", None),
    "dynamic_groups.page": [DynamicGroup("g", "friends", "u")],
    "dynamic_groups.update": Started("g", B),
    "dynamic_groups.delete": Started(None, B),
    "dynamic_groups.persons": [A],
    "operations.get": AsyncOperation(B, OperationState.SUCCEEDED, NOW, NOW, NOW, None, "/snapshots/" + A),
    "transfers.take": Started(A, B),
    "transfers.get": Transfer(A, "dev", "largePersonGroup", (B,), "u", NOW, NOW),
    "transfers.all": [Transfer(A, "dev", "faceList", (B,), None, NOW, NOW)],
    "transfers.update": None,
    "transfers.delete": None,
    "transfers.apply": Started("c", B),
}


class ToldGallery:
    """Every call is remembered; it raises `error` when there is one, and else gives the answer above."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.answers = dict(ANSWERS)
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, service: str) -> _Service:
        return _Service(self, service)

    @property
    def last(self) -> Any:
        """The last call (service and method, given, named), without the resource that it was for."""
        name, given, named = self.calls[-1]
        return name, tuple(value for value in given if not isinstance(value, UUID)), named


class _Service:
    def __init__(self, gallery: ToldGallery, name: str) -> None:
        self._gallery, self._name = gallery, name

    def __getattr__(self, method: str) -> Any:
        def call(*given: Any, **named: Any) -> Any:
            name = f"{self._name}.{method}"
            self._gallery.calls.append((name, given, named))
            if self._gallery.error is not None:
                raise self._gallery.error
            return self._gallery.answers[name]

        return call
