"""What the wire needs of the gallery; `mien.gallery` says what each call does and raises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from mien.gallery import (
    UNSET,
    AddedFace,
    Collection,
    CollectionRef,
    FaceGroups,
    FindMode,
    Identified,
    Kind,
    PersistedFace,
    Person,
    SimilarFace,
    TargetFace,
    TrainingStatus,
    Unset,
    Verification,
)
from mien.gallery.api_snapshots import Transfers
from mien.gallery.directory.dynamic_groups import DynamicGroups
from mien.gallery.directory.persons import DirectoryPersons
from mien.gallery.operations import Operations
from mien.vision.types import OperatingPoint

# ruff: noqa: D102  the gallery's own documentation is the one to read


class Collections(Protocol):
    """Face lists, large face lists, person groups and large person groups."""

    def create(self, ref: CollectionRef, name: str, user_data: str | None, recognition_model: str) -> None: ...

    def get(self, ref: CollectionRef) -> Collection: ...

    def page(self, resource_id: UUID, kind: Kind, start: str = "", top: int = 1000) -> list[Collection]: ...

    def update(
        self, ref: CollectionRef, name: str | Unset | None = UNSET, user_data: str | Unset | None = UNSET
    ) -> None: ...

    def delete(self, ref: CollectionRef) -> None: ...


class Persons(Protocol):
    """The persons of groups."""

    def create(self, ref: CollectionRef, name: str, user_data: str | None = None) -> str: ...

    def get(self, ref: CollectionRef, person_id: str) -> Person: ...

    def page(self, ref: CollectionRef, start: str = "", top: int = 1000) -> list[Person]: ...

    def update(
        self,
        ref: CollectionRef,
        person_id: str,
        name: str | Unset | None = UNSET,
        user_data: str | Unset | None = UNSET,
    ) -> None: ...

    def delete(self, ref: CollectionRef, person_id: str) -> None: ...


class Faces(Protocol):
    """Enrolled faces."""

    def add(
        self,
        ref: CollectionRef,
        image: bytes,
        *,
        person_id: str | None = None,
        target: TargetFace | None = None,
        operating_point: OperatingPoint = OperatingPoint.GENERAL,
        user_data: str | None = None,
    ) -> AddedFace: ...

    def get(self, ref: CollectionRef, face_id: str, *, person_id: str | None = None) -> PersistedFace: ...

    def page(self, ref: CollectionRef, start: str = "", top: int = 1000) -> list[PersistedFace]: ...

    def all(self, ref: CollectionRef) -> list[PersistedFace]: ...

    def update(
        self, ref: CollectionRef, face_id: str, user_data: str | None, *, person_id: str | None = None
    ) -> None: ...

    def delete(self, ref: CollectionRef, face_id: str, *, person_id: str | None = None) -> None: ...


class Training(Protocol):
    """Training in the background."""

    def start(self, ref: CollectionRef) -> None: ...

    def status(self, ref: CollectionRef) -> TrainingStatus: ...


class Recognition(Protocol):
    """Comparing and searching."""

    def verify(self, resource_id: UUID, face_id1: str, face_id2: str) -> Verification: ...

    def verify_person(self, resource_id: UUID, face_id: str, person_id: str, ref: CollectionRef) -> Verification: ...

    def identify(
        self, face_ids: Sequence[str], ref: CollectionRef, top: int = 10, confidence_threshold: float | None = None
    ) -> list[Identified]: ...

    def find_similar(
        self, resource_id: UUID, face_id: str, face_ids: Sequence[str], mode: FindMode, top: int = 20
    ) -> list[SimilarFace]: ...

    def find_similar_in(self, face_id: str, ref: CollectionRef, mode: FindMode, top: int = 20) -> list[SimilarFace]: ...

    def group(self, resource_id: UUID, face_ids: Sequence[str]) -> FaceGroups: ...


class Gallery(Protocol):
    """Collections, and what is compared with them."""

    @property
    def collections(self) -> Collections: ...

    @property
    def persons(self) -> Persons: ...

    @property
    def faces(self) -> Faces: ...

    @property
    def training(self) -> Training: ...

    @property
    def recognition(self) -> Recognition: ...


class DirectoryRecognition(Protocol):
    """Comparing with and searching in the person directory."""

    def verify_person(self, resource_id: UUID, face_id: str, person_id: str) -> Verification: ...

    def identify_persons(
        self,
        resource_id: UUID,
        face_ids: Sequence[str],
        person_ids: Sequence[str],
        top: int = 10,
        confidence_threshold: float | None = None,
    ) -> list[Identified]: ...

    def identify_dynamic(
        self,
        resource_id: UUID,
        face_ids: Sequence[str],
        group_id: str,
        top: int = 10,
        confidence_threshold: float | None = None,
    ) -> list[Identified]: ...


class PersonDirectory(Protocol):
    """The person directory, and what else is answered with operations: v1.0's snapshots."""

    @property
    def directory(self) -> DirectoryPersons: ...

    @property
    def dynamic_groups(self) -> DynamicGroups: ...

    @property
    def operations(self) -> Operations: ...

    @property
    def transfers(self) -> Transfers: ...

    @property
    def recognition(self) -> DirectoryRecognition: ...
