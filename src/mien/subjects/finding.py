"""Finds all data of a person in a resource: by photo, id, name or user data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from mien.clock import Clock
from mien.gallery.correction_records import CorrectionKind
from mien.gallery.detected_faces import DetectedFaces
from mien.gallery.directory.rows import face_collections
from mien.gallery.kinds import Kind, persons_ref, place_name
from mien.gallery.negatives.service import Negatives
from mien.gallery.recognisers import Recognisers
from mien.gallery.templates import Templates
from mien.storage import Database
from mien.storage.tables import (
    CollectionRow,
    CorrectionRow,
    CropRow,
    DynamicGroupMemberRow,
    PersistedFaceRow,
    PersonRow,
)
from mien.subjects.consents import combined_state, of_member
from mien.subjects.errors import InvalidSubjectError
from mien.subjects.likeness import Likeness, Probe
from mien.subjects.sessions import HeldSessions
from mien.subjects.types import Certainty, HeldFace, HeldNegative, HeldProbe, Holding, NotSearched, SubjectData, Whom
from mien.vision.ports import Engine

_AT_ONCE: Final = 500
_LEFT_OUT: Final = "a migration left these faces without a template"
_OTHER: Final = "their recogniser is not bound: `mien models migrate` makes new templates from kept crops"

Key = tuple[UUID, UUID]
"""Ids of the collection and of the person (or of the face of a list)."""


@dataclass(slots=True)
class _Hit:
    """A person who was found."""

    named: bool = False
    likeness: dict[UUID, Likeness] = field(default_factory=dict)


class Finder:
    """Finds people.

    Args:
        database: the database.
        clock: the clock.
        engine: analyses photos.
        recognisers: bindings of the recognition models.
        templates: decrypts templates.
        probes: the short-lived faces.
        sessions: the liveness sessions.
        negatives: the negatives, which may show the person (`mien.gallery.negatives`).
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        engine: Engine,
        recognisers: Recognisers,
        templates: Templates,
        probes: DetectedFaces,
        sessions: HeldSessions,
        negatives: Negatives,
    ) -> None:
        self._database = database
        self._clock = clock
        self._engine = engine
        self._recognisers = recognisers
        self._templates = templates
        self._probes = probes
        self._sessions = sessions
        self._negatives = negatives

    def find(self, resource_id: UUID, whom: Whom) -> SubjectData:
        """Find all data of a person in a resource.

        A photo is compared with the current templates of all collections, of v1.0 snapshots, of short-lived faces and
        of references of liveness sessions. Matches at or above the calibration's operating point are returned.

        Raises:
            InvalidSubjectError: there are no search criteria.
            ImageError: the photo cannot be analysed.
            NoFaceError: the photo or the target has no face.
            SeveralFacesError: there are several faces; select one with `target`.
            TargetFaceOutOfRangeError: the target is outside the photo.
        """
        if whom.nobody:
            raise InvalidSubjectError("say whom to look for: a photo, an id, a name, user data or a user")
        probe = None
        if whom.photo is not None:
            probe = Probe(self._engine, self._recognisers, whom.photo, whom.target)
            probe.check()
        hits: dict[Key, _Hit] = {}
        not_searched: list[NotSearched] = []
        with self._database.read(resource_id) as session:
            every = select(CollectionRow).order_by(CollectionRow.kind, CollectionRow.collection_id)
            rows = list(session.scalars(every))
            home = next((row.uid for row in rows if _is_home(row)), None)
            for row in rows:
                where = home if row.kind == Kind.DIRECTORY.value and home is not None else row.uid
                for member in self._named(session, row, whom):
                    hits.setdefault((where, member), _Hit()).named = True
                if probe is not None and row.faces:
                    not_searched += _not_searched(session, row, probe)
                    if probe.recogniser(row.fingerprint) is None:
                        continue
                    for (person, face), likeness in probe.search(session, row, self._templates).items():
                        hits.setdefault((where, person), _Hit()).likeness[face] = likeness
        probes = list(self._find_probes(resource_id, whom, probe))
        sessions = self._sessions.find(resource_id, whom, probe)
        negatives = list(self._find_negatives(resource_id, whom, probe))
        # The certainty depends on the number of compared faces, which is known only after the search.
        with self._database.read(resource_id) as session:
            holdings = [one for key, hit in hits.items() if (one := self._holding(session, key, hit, probe))]
        return SubjectData(
            resource_id=resource_id,
            holdings=tuple(sorted(holdings, key=_order)),
            probes=tuple(_judged(found, likeness, probe) for found, likeness in probes),
            sessions=tuple(sessions),
            not_searched=tuple(not_searched),
            compared=probe.compared if probe else 0,
            negatives=tuple(_judged(found, likeness, probe) for found, likeness in negatives),
        )

    def _named(self, session: Session, row: CollectionRow, whom: Whom) -> Iterator[UUID]:
        """Yield the persons, or the faces of a list, with an id or a text."""
        for condition in _conditions(PersonRow.person_id, whom.ids):
            yield from session.scalars(select(PersonRow.person_id).where(PersonRow.collection == row.uid, condition))
        for condition in _conditions(PersistedFaceRow.face_id, whom.ids):
            query = select(PersistedFaceRow.person_id).where(PersistedFaceRow.collection == row.uid, condition)
            yield from session.scalars(query)
        # A recently merged person is found by the record for undoing the merge.
        merged = (CorrectionRow.collection == row.uid, CorrectionRow.kind == CorrectionKind.MERGE.value)
        for condition in _conditions(CorrectionRow.person_id, whom.ids):
            yield from session.scalars(select(CorrectionRow.into).where(*merged, condition))
        if whom.texts:
            texts = sorted(whom.texts)
            of_merged = or_(CorrectionRow.name.in_(texts), CorrectionRow.user_data.in_(texts))
            yield from session.scalars(select(CorrectionRow.into).where(*merged, of_merged))
            of_person = or_(PersonRow.name.in_(texts), PersonRow.user_data.in_(texts))
            yield from session.scalars(select(PersonRow.person_id).where(PersonRow.collection == row.uid, of_person))
            of_face = (PersistedFaceRow.collection == row.uid, PersistedFaceRow.user_data.in_(texts))
            yield from session.scalars(select(PersistedFaceRow.person_id).where(*of_face))

    def _find_probes(
        self, resource_id: UUID, whom: Whom, probe: Probe | None
    ) -> Iterator[tuple[HeldProbe, Likeness | None]]:
        if not (whom.ids or probe):
            return
        for face in self._probes.every(resource_id):
            likeness = probe.compare(face.embedding.fingerprint, face.embedding.vector) if probe else None
            named = UUID(face.face_id) in whom.ids
            if named or likeness is not None:
                found = HeldProbe(
                    face.face_id,
                    face.recognition_model,
                    face.embedding.fingerprint,
                    face.expires_at,
                    Certainty.NAMED if named else Certainty.POSSIBLE,
                    None,
                )
                yield found, likeness

    def _find_negatives(
        self, resource_id: UUID, whom: Whom, probe: Probe | None
    ) -> Iterator[tuple[HeldNegative, Likeness | None]]:
        if not (whom.ids or probe):
            return
        for one, template in self._negatives.every(resource_id):
            likeness = probe.compare(one.fingerprint, template) if probe else None
            named = one.id in whom.ids
            if named or likeness is not None:
                match = Certainty.NAMED if named else Certainty.POSSIBLE
                yield HeldNegative(str(one.id), one.collection, one.fingerprint, one.created_at, match, None), likeness

    def _holding(self, session: Session, key: Key, hit: _Hit, probe: Probe | None) -> Holding | None:
        """Return the data of a person who was found; None if it was deleted meanwhile."""
        home, member = key
        row = session.scalar(select(CollectionRow).where(CollectionRow.uid == home))
        if row is None:
            return None
        of_directory = row.kind == Kind.DIRECTORY.value
        person = session.scalar(select(PersonRow).where(PersonRow.collection == home, PersonRow.person_id == member))
        judged = {face: probe.judge(likeness) for face, likeness in hit.likeness.items()} if probe else {}
        faces: list[HeldFace] = []
        for collection in face_collections(session) if of_directory else [row]:
            faces += _faces(session, collection, member, {face: sure for face, (_, sure) in judged.items()})
        if person is None and not faces:
            return None
        groups: Sequence[str] = ()
        if of_directory:
            member_of = DynamicGroupMemberRow.group_id
            in_group = select(member_of).where(DynamicGroupMemberRow.person_id == member).order_by(member_of)
            groups = session.scalars(in_group).all()
        place = place_name(row.kind, row.collection_id)
        consents = of_member(session, home, member, place, self._clock.now())
        surely = any(match is Certainty.SURE for match, _ in judged.values())
        return Holding(
            collection=place,
            person_id=str(member) if person is not None else None,
            name=person.name if person is not None else None,
            user_data=person.user_data if person is not None else None,
            match=Certainty.NAMED if hit.named else Certainty.SURE if surely else Certainty.POSSIBLE,
            confidence=max((sure for _, sure in judged.values()), default=None),
            faces=tuple(faces),
            dynamic_groups=tuple(groups),
            consent=combined_state(consents),
            consents=consents,
            created_at=person.created_at if person is not None else faces[0].created_at,
            seen_at=person.seen_at if person is not None else faces[0].seen_at,
            home=home,
        )


_Held = TypeVar("_Held", HeldProbe, HeldNegative)


def _is_home(row: CollectionRow) -> bool:
    ref = persons_ref(row.resource_id)
    return (row.kind, row.collection_id) == (ref.kind.value, ref.collection_id)


def _conditions(column: object, ids: Iterable[UUID]) -> Iterator[ColumnElement[bool]]:
    wanted = sorted(ids)
    for start in range(0, len(wanted), _AT_ONCE):
        yield column.in_(wanted[start : start + _AT_ONCE])  # type: ignore[attr-defined]  # any mapped column


def _not_searched(session: Session, row: CollectionRow, probe: Probe) -> Iterator[NotSearched]:
    place = place_name(row.kind, row.collection_id)
    if probe.recogniser(row.fingerprint) is None:
        yield NotSearched(place, row.faces, _OTHER)
        return
    query = select(func.count()).select_from(PersistedFaceRow).where(PersistedFaceRow.collection == row.uid)
    left_out = session.scalar(query.where(func.length(PersistedFaceRow.sealed) == 0)) or 0
    if left_out:
        yield NotSearched(place, left_out, _LEFT_OUT)


def _faces(session: Session, row: CollectionRow, member: UUID, sure: dict[UUID, float]) -> Iterator[HeldFace]:
    same = (CropRow.collection == PersistedFaceRow.collection) & (CropRow.face_id == PersistedFaceRow.face_id)
    query = select(PersistedFaceRow, CropRow.face_id.is_not(None)).outerjoin(CropRow, same)
    query = query.where(PersistedFaceRow.collection == row.uid, PersistedFaceRow.person_id == member)
    for face, crop in session.execute(query.order_by(PersistedFaceRow.face_id)):
        yield HeldFace(
            face_id=str(face.face_id),
            user_data=face.user_data,
            source=face.source,
            recognition_model=row.recognition_model,
            fingerprint=row.fingerprint,
            collection=row.uid,
            created_at=face.created_at,
            seen_at=face.seen_at,
            has_crop=bool(crop),
            has_template=bool(face.sealed),
            confidence=sure.get(face.face_id),
        )


def _judged(found: _Held, likeness: Likeness | None, probe: Probe | None) -> _Held:
    if likeness is None or probe is None:
        return found
    match, sure = probe.judge(likeness)
    if found.match is Certainty.NAMED:
        match = Certainty.NAMED
    return replace(found, match=match, confidence=sure)


def _order(one: Holding) -> tuple[int, float, str, str]:
    return list(Certainty).index(one.match), -(one.confidence or 0.0), one.collection, one.member_id
