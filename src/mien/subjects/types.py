"""Search criteria for a person, and the data found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from mien.gallery.types import TargetFace
from mien.subjects.consents import Consent, ConsentState


class Certainty(StrEnum):
    """How sure it is that something is of the person who is searched."""

    NAMED = "named"
    """Found by an id or a text."""
    SURE = "sure"
    """The face is so similar that at most 1 % of strangers would match anybody in this resource."""
    POSSIBLE = "possible"
    """The face matches in a one-to-one comparison, but among so many faces a stranger's may too: check it."""


@dataclass(frozen=True, slots=True)
class Whom:
    """The person to find: everything that matches any of these.

    Attributes:
        ids: ids of persons, persisted faces, short-lived faces, liveness sessions.
        texts: names or user data, exactly as stored.
        photo: an image file with the person's face, or None.
        target: rectangle of the face in the photo; required if there are several.
        users: correlation ids of users of liveness sessions.
    """

    ids: frozenset[UUID] = frozenset()
    texts: frozenset[str] = frozenset()
    photo: bytes | None = None
    target: TargetFace | None = None
    users: frozenset[str] = frozenset()

    @property
    def nobody(self) -> bool:
        """Whether there are no search criteria."""
        return not (self.ids or self.texts or self.photo or self.users)


@dataclass(frozen=True, slots=True)
class HeldFace:
    """An enrolled face.

    Attributes:
        face_id: the persisted face id.
        user_data: None if there is none.
        source: file name of the photo, if known.
        recognition_model: `recognition_01` … `recognition_04`.
        fingerprint: fingerprint of its template's recogniser.
        collection: internal id of its collection.
        created_at: time of enrolment; for faces enrolled by an earlier version, the time of the upgrade.
        seen_at: day of the last recognition; in face lists only.
        has_crop: whether a crop of the photo is stored.
        has_template: whether it has a template; False if a re-embedding left it out.
        confidence: confidence of the match with the photo; None without a photo or below the operating point.
    """

    face_id: str
    user_data: str | None
    source: str | None
    recognition_model: str
    fingerprint: str
    collection: UUID
    created_at: datetime | None
    seen_at: datetime | None
    has_crop: bool
    has_template: bool
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Holding:
    """A person of a collection, or a face of a face list, with all stored data.

    Attributes:
        collection: KIND/ID, or `directory`; `transfer/ID` is a v1.0 snapshot.
        person_id: None in face lists.
        name: None in face lists.
        user_data: the person's user data.
        match: certainty of the match.
        confidence: confidence of the most similar face; None if it was not found by a photo.
        faces: the person's faces, or the face of the list.
        dynamic_groups: the person's dynamic groups.
        consent: combined state of the consents.
        consents: the consents, oldest first.
        created_at: time of creation.
        seen_at: day of the last recognition.
        home: internal id of the collection with the person's row.
    """

    collection: str
    person_id: str | None
    name: str | None
    user_data: str | None
    match: Certainty
    confidence: float | None
    faces: tuple[HeldFace, ...]
    dynamic_groups: tuple[str, ...]
    consent: ConsentState
    consents: tuple[Consent, ...]
    created_at: datetime | None
    seen_at: datetime | None
    home: UUID

    @property
    def member_id(self) -> str:
        """Id of the person, or in face lists of the face."""
        return self.person_id or self.faces[0].face_id


@dataclass(frozen=True, slots=True)
class HeldProbe:
    """A short-lived face id.

    Attributes:
        face_id: the id that detect returned.
        recognition_model: recognition model of the detection.
        fingerprint: fingerprint of the recogniser.
        expires_at: time of expiry.
        match: certainty of the match.
        confidence: confidence of the match with the photo, or None.
    """

    face_id: str
    recognition_model: str
    fingerprint: str
    expires_at: datetime
    match: Certainty
    confidence: float | None


@dataclass(frozen=True, slots=True)
class HeldSession:
    """A liveness session.

    Attributes:
        session_id: its id.
        with_verify: whether it compares with a reference.
        user_correlation_id: correlation id of its user, if set.
        created_at: time of creation.
        attempts: number of attempts.
        images: number of stored session images.
        match: certainty of the match.
        confidence: confidence of its reference's match with the photo, or None.
    """

    session_id: str
    with_verify: bool
    user_correlation_id: str | None
    created_at: datetime
    attempts: int
    images: int
    match: Certainty
    confidence: float | None


@dataclass(frozen=True, slots=True)
class HeldNegative:
    """A face stored as a negative of a person who looks similar (`mien.gallery.negatives`).

    Attributes:
        negative_id: its id.
        collection: KIND/ID, or `directory`: collection of the other person.
        fingerprint: fingerprint of the recogniser.
        created_at: time of creation.
        match: certainty of the match.
        confidence: confidence of the match with the photo, or None.
    """

    negative_id: str
    collection: str
    fingerprint: str
    created_at: datetime
    match: Certainty
    confidence: float | None


@dataclass(frozen=True, slots=True)
class NotSearched:
    """A collection that could not be searched by photo, only by ids and texts.

    Attributes:
        collection: KIND/ID, or `directory`.
        faces: number of faces that were not searched.
        reason: the reason.
    """

    collection: str
    faces: int
    reason: str


@dataclass(frozen=True, slots=True)
class SubjectData:
    """All data of a person in a resource.

    Attributes:
        resource_id: the resource.
        holdings: persons and faces of lists, the most similar first.
        probes: short-lived faces.
        sessions: liveness sessions.
        negatives: negatives that show the person.
        not_searched: collections that could not be searched by photo.
        compared: number of templates compared with the photo.
    """

    resource_id: UUID
    holdings: tuple[Holding, ...]
    probes: tuple[HeldProbe, ...]
    sessions: tuple[HeldSession, ...]
    not_searched: tuple[NotSearched, ...] = ()
    compared: int = 0
    negatives: tuple[HeldNegative, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether there is no data."""
        return not (self.holdings or self.probes or self.sessions or self.negatives)

    def certain(self) -> SubjectData:
        """Return the data without possible matches."""
        return SubjectData(
            self.resource_id,
            tuple(one for one in self.holdings if one.match is not Certainty.POSSIBLE),
            tuple(one for one in self.probes if one.match is not Certainty.POSSIBLE),
            tuple(one for one in self.sessions if one.match is not Certainty.POSSIBLE),
            self.not_searched,
            self.compared,
            tuple(one for one in self.negatives if one.match is not Certainty.POSSIBLE),
        )

    def ids(self) -> list[str]:
        """Return the ids of persons, faces, short-lived faces, sessions and negatives, in order and unique."""
        found: dict[str, None] = {}
        for holding in self.holdings:
            found |= dict.fromkeys([holding.member_id, *(face.face_id for face in holding.faces)])
        found |= dict.fromkeys([*(one.face_id for one in self.probes), *(one.session_id for one in self.sessions)])
        found |= dict.fromkeys(one.negative_id for one in self.negatives)
        return list(found)
