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
        finder: finds; use `find`, which is on record.
        exporter: exports; use `export`.
        eraser: erases people; use `erase`. It also completes interrupted erasures and returns receipts again.
        receipts: checks receipts.
        consents: consent records.
        rules: rules of retention.
        audit: the audit log.
        vault: computes the marks that the records contain instead of ids.
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
            possible: whether what is only possibly theirs is written, too.
            templates: whether templates are written.
            actor: name of the actor, for the audit log.

        Returns:
            What was found and written, and how many of what.
        """
        found = self.finder.find(resource_id, whom)
        found = found if possible else found.certain()
        counts = self.exporter.write(found, out, with_templates=templates)
        self._record(found, "subject.export", actor, photo=whom.photo is not None)
        return found, counts

    def erase(
        self, resource_id: UUID, whom: Whom, *, possible: bool, dry: bool, actor: str
    ) -> tuple[SubjectData, Erased | None]:
        """Erase all that is kept of somebody; what was killed of this resource is finished first.

        Args:
            resource_id: the resource.
            whom: the person to find.
            possible: whether what is only possibly theirs is erased, too.
            dry: only look.
            actor: name of the actor, for the audit log.

        Returns:
            What was found, and its result: None when there was nothing, or `dry`.

        Raises:
            What `Finder.find` raises, and:
            UnfinishedError: a collection is being trained for too long; the erasure goes on by itself.
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
        """Finish erasures that were killed and go by the rules of retention; for the retention worker."""
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
    """Create the services; starts nothing.

    Args:
        database: the database.
        vault: opens what is sealed.
        clock: the clock.
        audit: the log.
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
