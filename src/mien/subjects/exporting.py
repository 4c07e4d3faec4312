"""Export of a person's data as a ZIP of JSON and pictures."""

from __future__ import annotations

import base64
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from enum import Enum
from typing import IO, Any, Final
from uuid import UUID

import numpy as np
from sqlalchemy import select

from mien.clock import Clock
from mien.doors.errors import EventNotFoundError
from mien.doors.journal import DoorEvents
from mien.events import AuditLog
from mien.gallery.crops import Crop, crop_name
from mien.gallery.detected_faces import DetectedFaces
from mien.gallery.negatives.service import Negatives
from mien.gallery.templates import Templates
from mien.liveness.records import Session
from mien.storage import Database, Vault
from mien.storage.tables import CropRow, OtherTemplateRow, PersistedFaceRow
from mien.subjects.rows import rows_about
from mien.subjects.sessions import HeldSessions
from mien.subjects.types import Holding, SubjectData

_ABOUT: Final = """\
All data that this server stores about a person in one of its resources.

subject.json    collections, persons, faces, names, user data and consents; short-lived faces; liveness sessions; audit
                entries that name the person; under "rows", everything about the person as the database has it, such as
                events, badges and visits at doors, rules of doors that name the person, and candidates of reviews
templates.json  the templates: unit vectors of 32-bit floats, little-endian, in base64, each with the fingerprint of its
                recogniser. Photos are not stored. (absent if templates were left out of the export)
crops/          pictures stored at enrolment, if the operator enabled this. The margin may show other people.
liveness/       images of liveness sessions
doors/          pictures of events at doors, by the event's number. The margin may show other people.

The server assigned all ids at random. Times are UTC.
"""


class Exporter:
    """Exports the data that was found of a person.

    Args:
        database: the database.
        vault: decrypts crops.
        clock: the clock.
        templates: decrypts templates.
        probes: the short-lived faces.
        negatives: the negatives, which may show the person (`mien.gallery.negatives`).
        sessions: the liveness sessions.
        audit: the audit log, searched for entries that name the person.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        *,
        templates: Templates,
        probes: DetectedFaces,
        negatives: Negatives,
        sessions: HeldSessions,
        audit: AuditLog,
    ) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._templates = templates
        self._probes = probes
        self._negatives = negatives
        self._sessions = sessions
        self._audit = audit

    def write(self, found: SubjectData, out: IO[bytes], *, with_templates: bool = True) -> dict[str, int]:
        """Write a ZIP.

        Args:
            found: the data to write; leave out possible matches, which may belong to somebody else.
            out: file to write to.
            with_templates: whether to write the templates too.

        Returns:
            Number of written items by kind.
        """
        counts = {"holdings": len(found.holdings), "faces": sum(len(one.faces) for one in found.holdings)}
        templates, crops, images, pictured = [], 0, 0, 0
        sessions: list[dict[str, Any]] = []
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("README.txt", _ABOUT)
            for face_id, jpeg in self._crops(found):
                archive.writestr(f"crops/{face_id}.jpg", jpeg)
                crops += 1
            rows = [self._rows(found, one) for one in found.holdings]
            for number, jpeg in self._door_pictures(found, rows):
                archive.writestr(f"doors/{number}.jpg", jpeg)
                pictured += 1
            for held in found.sessions:
                whole = self._sessions.whole(found.resource_id, held)
                if whole is None:
                    continue
                session, pictures = whole
                sessions.append(_session(session))
                if with_templates and session.reference is not None:
                    made = session.reference.embedding
                    templates.append(_template("livenessSession", session.id, made.fingerprint, made.vector))
                for image_id, jpeg in pictures.items():
                    archive.writestr(f"liveness/{session.id}/{image_id}.jpg", jpeg)
                    images += 1
            if with_templates:
                templates += [*self._of_faces(found), *self._of_probes(found), *self._of_negatives(found)]
                archive.writestr("templates.json", _json(templates))
            audit = list(self._concerning(found))
            archive.writestr(
                "subject.json",
                _json(
                    {
                        "resource_id": found.resource_id,
                        "exported_at": self._clock.now(),
                        "holdings": [
                            _without(asdict(one), {"home", "match"}) | {"rows": theirs}
                            for one, theirs in zip(found.holdings, rows, strict=True)
                        ],
                        "detected_faces": [_without(asdict(one), {"match"}) for one in found.probes],
                        "liveness_sessions": sessions,
                        "negatives": [_without(asdict(one), {"match"}) for one in found.negatives],
                        "audit": audit,
                        "not_searched": [asdict(one) for one in found.not_searched],
                        "templates": "in templates.json" if with_templates else "left out",
                    }
                ),
            )
        counts |= {"templates": len(templates), "crops": crops, "detected_faces": len(found.probes)}
        counts |= {"negatives": len(found.negatives), "door_pictures": pictured}
        return counts | {"liveness_sessions": len(sessions), "session_images": images, "audit_entries": len(audit)}

    def _rows(self, found: SubjectData, one: Holding) -> dict[str, list[dict[str, Any]]]:
        collections = {one.home, *(face.collection for face in one.faces)}
        with self._database.read(found.resource_id) as session:
            return rows_about(session, collections, UUID(one.member_id))

    def _door_pictures(self, found: SubjectData, rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, bytes]]:
        events = DoorEvents(self._database, self._vault, self._clock)
        for number in (event["number"] for theirs in rows for event in theirs.get("door_events", ())):
            with suppress(EventNotFoundError):  # it has no picture
                yield number, events.picture(found.resource_id, number)

    def _crops(self, found: SubjectData) -> Iterator[tuple[str, bytes]]:
        with self._database.read(found.resource_id) as session:
            for face in (face for one in found.holdings for face in one.faces if face.has_crop):
                face_id = UUID(face.face_id)
                query = select(CropRow.sealed).where(CropRow.collection == face.collection, CropRow.face_id == face_id)
                sealed = session.scalar(query)
                if sealed is not None:
                    what = crop_name(face.collection, face_id)
                    plain = self._vault.open(sealed, resource_id=found.resource_id, what=what)
                    yield face.face_id, Crop.unpack(plain).jpeg

    def _of_faces(self, found: SubjectData) -> Iterator[dict[str, Any]]:
        with self._database.read(found.resource_id) as session:
            for face in (face for one in found.holdings for face in one.faces):
                face_id = UUID(face.face_id)
                own = (PersistedFaceRow.collection == face.collection, PersistedFaceRow.face_id == face_id)
                other = (OtherTemplateRow.collection == face.collection, OtherTemplateRow.face_id == face_id)
                sealed = [(face.fingerprint, session.scalar(select(PersistedFaceRow.sealed).where(*own)))]
                rows = session.execute(select(OtherTemplateRow.fingerprint, OtherTemplateRow.sealed).where(*other))
                sealed += [(fingerprint, kept) for fingerprint, kept in rows]
                for fingerprint, kept in sealed:
                    if kept:
                        vector = self._templates.open(found.resource_id, face.collection, face_id, kept)
                        yield _template("persistedFace", face.face_id, fingerprint, vector)

    def _of_probes(self, found: SubjectData) -> Iterator[dict[str, Any]]:
        for face in self._probes.get_many(found.resource_id, [one.face_id for one in found.probes]).values():
            yield _template("detectedFace", face.face_id, face.embedding.fingerprint, face.embedding.vector)

    def _of_negatives(self, found: SubjectData) -> Iterator[dict[str, Any]]:
        wanted = {one.negative_id for one in found.negatives}
        for one, vector in self._negatives.every(found.resource_id) if wanted else ():
            if str(one.id) in wanted:
                yield _template("negative", str(one.id), one.fingerprint, vector)

    def _concerning(self, found: SubjectData) -> Iterator[dict[str, Any]]:
        """Yield the audit entries that contain an id of the person or of their consents."""
        ids = {*found.ids(), *(str(consent.consent_id) for one in found.holdings for consent in one.consents)}
        marks = set(marks_of(self._vault, found.ids()))
        for entry in self._audit.entries():
            if entry.resource_id != found.resource_id:
                continue
            texts = {word for value in entry.details.values() if isinstance(value, str) for word in value.split()}
            if texts & ids or texts & marks:
                yield json.loads(entry.to_json())


def marks_of(vault: Vault, ids: Iterable[str]) -> list[str]:
    """Return the persons' marks in the audit log (`Vault.subject_mark`)."""
    return [vault.subject_mark(one) for one in ids]


def _template(kind: str, some_id: str, fingerprint: str, vector: Any) -> dict[str, Any]:
    data = np.ascontiguousarray(vector, dtype="<f4").tobytes()
    return {"of": kind, "id": some_id, "fingerprint": fingerprint, "dimension": len(vector),
            "vector": base64.b64encode(data).decode()}  # fmt: skip


def _session(session: Session) -> dict[str, Any]:
    """Return a session's data about a person, without its token and the template of its reference."""
    shown = _without(asdict(session), {"token"})
    if session.reference is not None:
        shown["reference"] = _without(shown["reference"], {"embedding"})
        shown["reference"]["fingerprint"] = session.reference.embedding.fingerprint
    return shown


def _without(shown: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in shown.items() if name not in names}


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=_plain).encode("utf-8", "replace").decode()


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(f"{type(value)} is not exported")
