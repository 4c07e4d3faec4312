"""The person to look for, and the data found about them."""

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
    """An id or a text names it."""
    SURE = "sure"
    """The face is so much alike that at most 1 % of strangers would match somebody here."""
    POSSIBLE = "possible"
    """The faces count as one person's when two are compared, but among so many a stranger's may, too: look at it."""


@dataclass(frozen=True, slots=True)
class Whom:
    """The person to find: everything that matches any of these.

    Attributes:
        ids: ids of persons, persisted faces, short-lived faces, liveness sessions.
        texts: names or user data, exactly as they are kept.
        photo: an image file with the person's face, or None.
        target: which face of the photo, when there are several.
        users: correlation ids of users of liveness sessions.
    """

    ids: frozenset[UUID] = frozenset()
    texts: frozenset[str] = frozenset()
    photo: bytes | None = None
    target: TargetFace | None = None
    users: frozenset[str] = frozenset()

    @property
    def nobody(self) -> bool:
        """Whether nothing is given to look for."""
        return not (self.ids or self.texts or self.photo or self.users)


@dataclass(frozen=True, slots=True)
class HeldFace:
    """An enrolled face.

    Attributes:
        face_id: the persisted face id.
        user_data: None when nothing was attached.
        source: the name of the file that it was enrolled from, where that is known.
        recognition_model: `recognition_01` … `recognition_04`.
        fingerprint: fingerprint of the recogniser that made its template.
        collection: in which it lies, inside the service.
        created_at: time of enrolment; for faces enrolled by an earlier version, the time of the upgrade.
        seen_at: day of the last recognition; in face lists only.
        has_crop: whether a crop of the photo is kept.
        has_template: whether there is a template; not so for a face that was left out of a migration.
        confidence: confidence that it is the person on the photo; None if there is none or too little of it.
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
    """A person of a collection, or a face of a face list, with all that is kept of them.

    Attributes:
        collection: KIND/ID, or `directory`; `transfer/ID` is a v1.0 snapshot.
        person_id: None in face lists.
        name: None in face lists.
        user_data: the person's.
        match: how it was found.
        confidence: confidence of the face that is most alike; None when it was not found by a photo.
        faces: the person's, or the one of the list.
        dynamic_groups: in which the person is.
        consent: the state of the consents.
        consents: oldest first.
        created_at: time when the person was created.
        seen_at: day of the last recognition.
        home: the collection that has the person's row, inside the service.
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
        """The person's id, or in face lists the face's."""
        return self.person_id or self.faces[0].face_id


@dataclass(frozen=True, slots=True)
class HeldProbe:
    """A short-lived face id.

    Attributes:
        face_id: as detect answered it.
        recognition_model: with which it was detected.
        fingerprint: fingerprint of the recogniser.
        expires_at: time when it expires.
        match: how it was found.
        confidence: confidence that it is the person on the photo, or None.
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
        user_correlation_id: user correlation id of its user, where the session says so.
        created_at: time of its creation.
        attempts: how many there were.
        images: how many session images are kept.
        match: how it was found.
        confidence: confidence that its reference is the person on the photo, or None.
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
    """A face that is kept because it is not a person's who looks like it (`mien.gallery.negatives`).

    Attributes:
        negative_id: its id.
        collection: KIND/ID, or `directory`: where the other person is.
        fingerprint: fingerprint of the recogniser.
        created_at: when it was added.
        match: how it was found.
        confidence: confidence that it is the person on the photo, or None.
    """

    negative_id: str
    collection: str
    fingerprint: str
    created_at: datetime
    match: Certainty
    confidence: float | None


@dataclass(frozen=True, slots=True)
class NotSearched:
    """A collection in which the photo could not be looked for; ids and texts were.

    Attributes:
        collection: KIND/ID, or `directory`.
        faces: how many.
        reason: why.
    """

    collection: str
    faces: int
    reason: str


@dataclass(frozen=True, slots=True)
class SubjectData:
    """All that is kept of somebody in a resource.

    Attributes:
        resource_id: the resource.
        holdings: the most alike first.
        probes: short-lived faces.
        sessions: liveness sessions.
        negatives: faces that are kept as not being somebody else.
        not_searched: where a photo could not be looked for.
        compared: how many templates the photo was compared with.
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
        """Whether nothing is kept of them."""
        return not (self.holdings or self.probes or self.sessions or self.negatives)

    def certain(self) -> SubjectData:
        """Return what is surely theirs: without what is only possible."""
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
        """Return the ids of persons, faces, short-lived faces, sessions and negatives, each once, in their order."""
        found: dict[str, None] = {}
        for holding in self.holdings:
            found |= dict.fromkeys([holding.member_id, *(face.face_id for face in holding.faces)])
        found |= dict.fromkeys([*(one.face_id for one in self.probes), *(one.session_id for one in self.sessions)])
        found |= dict.fromkeys(one.negative_id for one in self.negatives)
        return list(found)
