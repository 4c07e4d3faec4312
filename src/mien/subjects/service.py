"""The data-subject tools with an audit entry for each use, for command line, control plane and portal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO
from uuid import UUID

from mien.clock import Clock
from mien.events import AuditLog
from mien.events.audit_chain import Details
from mien.gallery.detected_faces import DetectedFaces
from mien.gallery.gallery import Gallery
from mien.gallery.recognisers import Recognisers
from mien.liveness.sessions import Sessions
from mien.storage import Database, Vault
from mien.subjects.consents import Consents
from mien.subjects.erasing import Erased, Eraser
from mien.subjects.exporting import Exporter, marks_of
from mien.subjects.finding import Finder
from mien.subjects.receipts import Receipts
from mien.subjects.rules import Rules
from mien.subjects.sessions import HeldSessions
from mien.subjects.types import SubjectData, Whom
from mien.vision.ports import Engine

_MARKS = 8


@dataclass(frozen=True, slots=True)
class Subjects:
    """The data-subject tools.

    Attributes:
        finder: finds people; call `find`, which adds an audit entry.
        exporter: exports data; call `export`.
        eraser: erases people; call `erase`. Also completes interrupted erasures and returns stored receipts.
        receipts: checks receipts.
        consents: consent records.
        rules: retention rules.
        audit: the audit log.
        vault: computes the keyed hashes that audit entries contain instead of ids.
    """

    finder: Finder
    exporter: Exporter
    eraser: Eraser
    receipts: Receipts
    consents: Consents
    rules: Rules
    audit: AuditLog
    vault: Vault

    def find(self, resource_id: UUID, whom: Whom, *, actor: str) -> SubjectData:
        """Find all data of a person in a resource; raises as `Finder.find`."""
        found = self.finder.find(resource_id, whom)
        self._record(found, "subject.find", actor, photo=whom.photo is not None)
        return found

    def export(
        self, resource_id: UUID, whom: Whom, out: IO[bytes], *, possible: bool, templates: bool, actor: str
    ) -> tuple[SubjectData, dict[str, int]]:
        """Write all data of a person to a ZIP.

        Args:
            resource_id: the resource.
            whom: the person to find.
            out: file to write to.
            possible: whether to write possible matches too.
            templates: whether to write templates.
            actor: name of the actor, for the audit log.

        Returns:
            The data found and written, and the number of items by kind.
        """
        found = self.finder.find(resource_id, whom)
        found = found if possible else found.certain()
        counts = self.exporter.write(found, out, with_templates=templates)
        self._record(found, "subject.export", actor, photo=whom.photo is not None)
        return found, counts

    def erase(
        self, resource_id: UUID, whom: Whom, *, possible: bool, dry: bool, actor: str
    ) -> tuple[SubjectData, Erased | None]:
        """Erase all data of a person, after completing interrupted erasures of the resource.

        Args:
            resource_id: the resource.
            whom: the person to find.
            possible: whether to erase possible matches too.
            dry: only find the data.
            actor: name of the actor, for the audit log.

        Returns:
            The data found, and the result; None if there was no data, or with `dry`.

        Raises:
            Errors of `Finder.find`, and:
            UnfinishedError: a training takes too long; the erasure continues automatically.
        """
        if not dry:
            self.eraser.finish_killed(resource_id)
        found = self.finder.find(resource_id, whom)
        found = found if possible else found.certain()
        if dry or (found.nothing and not whom.users):
            self._record(found, "subject.find", actor, photo=whom.photo is not None)
            return found, None
        return found, self.eraser.erase(found, whom, actor=actor)

    def purge(self) -> int:
        """Complete interrupted erasures and apply the retention rules; called by the retention worker."""
        return len(self.eraser.finish_killed()) + self.rules.purge()

    def _record(self, found: SubjectData, action: str, actor: str, *, photo: bool) -> None:
        marks = marks_of(self.vault, found.ids())
        details: Details = {
            "holdings": len(found.holdings),
            "detected_faces": len(found.probes),
            "liveness_sessions": len(found.sessions),
            "negatives": len(found.negatives),
            "photo": photo,
            "subjects": " ".join(marks[:_MARKS]),
        }
        self.audit.record(actor=actor, action=action, resource_id=found.resource_id, details=details)


def open_subjects(
    database: Database,
    vault: Vault,
    clock: Clock,
    *,
    audit: AuditLog,
    gallery: Gallery,
    engine: Engine,
    recognisers: Recognisers,
    detected_faces: DetectedFaces,
    sessions: Sessions,
) -> Subjects:
    """Create the services; starts no thread.

    Args:
        database: the database.
        vault: decrypts stored data.
        clock: the clock.
        audit: the audit log.
        gallery: the collections.
        engine: analyses photos.
        recognisers: bindings of the recognition models.
        detected_faces: the short-lived faces.
        sessions: the liveness sessions.
    """
    held = HeldSessions(sessions, database, vault)
    receipts = Receipts(database, vault, clock)
    finder = Finder(
        database,
        clock,
        engine=engine,
        recognisers=recognisers,
        templates=gallery.templates,
        probes=detected_faces,
        sessions=held,
        negatives=gallery.negatives,
    )
    exporter = Exporter(
        database,
        vault,
        clock,
        templates=gallery.templates,
        probes=detected_faces,
        negatives=gallery.negatives,
        sessions=held,
        audit=audit,
    )
    eraser = Eraser(
        gallery.rows,
        gallery.compaction,
        probes=detected_faces,
        negatives=gallery.negatives,
        sessions=held,
        receipts=receipts,
        audit=audit,
    )
    return Subjects(
        finder=finder,
        exporter=exporter,
        eraser=eraser,
        receipts=receipts,
        consents=Consents(database, clock, audit),
        rules=Rules(gallery.rows, audit),
        audit=audit,
        vault=vault,
    )
