"""Dossiers: created from the running configuration, signed, stored, compared and verified."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import select

from mien.accounts import Resource
from mien.clock import Clock
from mien.dossier.comparison import Change, compare
from mien.dossier.errors import DossierNotFoundError, InvalidDossierError
from mien.dossier.gathering import Gatherer
from mien.dossier.papers import PAPERS
from mien.dossier.rendering import paper_html, paper_pdf
from mien.dossier.writing import TYPE, Answers, write
from mien.evaluation.document import NoPdfError
from mien.events import AuditLog
from mien.storage import Database, Vault
from mien.storage.tables import DossierRow
from mien.subjects.signing import SignedKind, Signer

KIND: Final = SignedKind(TYPE, "dossier", InvalidDossierError)
FORMATS: Final = {"html": "text/html; charset=utf-8", "pdf": "application/pdf"}
"""The file formats of papers, with their media types."""


@dataclass(frozen=True, slots=True)
class Dossier:
    """A stored dossier.

    Attributes:
        id: id of the dossier.
        language: language of its papers.
        created_at: time of creation.
        created_by: name of the creator.
        document: the signed document, JSON.
    """

    id: UUID
    language: str
    created_at: datetime
    created_by: str
    document: str

    @property
    def content(self) -> Mapping[str, Any]:
        """The signed content; the signature is not checked."""
        content: Mapping[str, Any] = self.signed["dossier"]
        return content

    @property
    def signed(self) -> dict[str, Any]:
        """The signed document."""
        signed: dict[str, Any] = json.loads(self.document)
        return signed


class Dossiers:
    """The dossiers of resources.

    Args:
        gatherer: collects the facts.
        database: the database with the dossiers.
        vault: encrypts the signing key.
        clock: the clock.
        audit: the audit log; records creations and deletions.
    """

    def __init__(self, gatherer: Gatherer, database: Database, vault: Vault, clock: Clock, audit: AuditLog) -> None:
        self._gatherer = gatherer
        self._database = database
        self._clock = clock
        self._audit = audit
        self.signer: Final = Signer(database, vault, clock, KIND)

    def create(
        self, resource: Resource, *, language: str = "en", answers: Answers | None = None, actor: str
    ) -> Dossier:
        """Create a dossier of every paper, and store it.

        The signed content includes the hashes of the papers as HTML and, if its package is installed, as PDF.

        Args:
            resource: the resource.
            language: `en` or `de`.
            answers: the operator's answers, by question; None for those of the newest dossier.
            actor: name of the actor, for the audit log.

        Raises:
            DossierError: the language is unknown, an answer has no question, or an answer is too long.
        """
        if answers is None:
            answers = self._answers(resource.id)
        now, dossier_id = self._clock.now(), uuid4()
        facts = self._gatherer.gather(resource)
        content = write(facts, resource, dossier_id=dossier_id, language=language, answers=answers, actor=actor, at=now)
        files = {
            f"{paper}.{form}": hashlib.sha256(data).hexdigest()
            for paper in PAPERS
            for form in FORMATS
            if (data := _rendered(content, paper, form)) is not None
        }
        document = self.signer.sign({**content, "files": files, "answers": dict(answers)})
        row = DossierRow(
            resource_id=resource.id,
            dossier_id=dossier_id,
            language=language,
            created_at=now,
            created_by=actor[:200],
            document=document,
        )
        with self._database.write(resource.id) as session:
            session.add(row)
            session.flush()
            digest = hashlib.sha256(document.encode()).hexdigest()[:24]
            said = {"dossier": str(dossier_id), "language": language, "digest": digest}
            self._audit.record_in(session, actor=actor, action="dossier.create", resource_id=resource.id, details=said)
        return _dossier(row)

    def all(self, resource_id: UUID) -> list[Dossier]:
        """Return the dossiers of a resource, newest first."""
        query = select(DossierRow).order_by(DossierRow.created_at.desc(), DossierRow.dossier_id)
        with self._database.read(resource_id) as session:
            return [_dossier(row) for row in session.scalars(query)]

    def get(self, resource_id: UUID, dossier_id: UUID | None = None) -> Dossier:
        """Return a dossier; without an id, the newest one.

        Raises:
            DossierNotFoundError: there is no such dossier.
        """
        query = select(DossierRow).order_by(DossierRow.created_at.desc(), DossierRow.dossier_id).limit(1)
        if dossier_id is not None:
            query = query.where(DossierRow.dossier_id == dossier_id)
        with self._database.read(resource_id) as session:
            row = session.scalar(query)
        if row is None:
            raise DossierNotFoundError("of this resource" if dossier_id is None else str(dossier_id))
        return _dossier(row)

    def delete(self, resource_id: UUID, dossier_id: UUID, *, actor: str) -> None:
        """Delete a dossier.

        Raises:
            DossierNotFoundError: there is no such dossier.
        """
        with self._database.write(resource_id) as session:
            row = session.scalar(select(DossierRow).where(DossierRow.dossier_id == dossier_id))
            if row is None:
                raise DossierNotFoundError(str(dossier_id))
            session.delete(row)
            said = {"dossier": str(dossier_id)}
            self._audit.record_in(session, actor=actor, action="dossier.delete", resource_id=resource_id, details=said)

    def compare(self, resource_id: UUID, first: UUID, second: UUID) -> list[Change]:
        """Compare two dossiers of a resource.

        Raises:
            DossierNotFoundError: one of them does not exist.
        """
        return compare(self.get(resource_id, first).content, self.get(resource_id, second).content)

    def verify(self, document: str, key: str | None = None) -> Mapping[str, Any]:
        """Check a signed document, and return its content.

        Raises:
            InvalidDossierError: it is not a dossier, is signed by another key, or was changed.
        """
        return self.signer.opened(document, key)[0]

    def verify_file(self, document: str, name: str, data: bytes, key: str | None = None) -> Mapping[str, Any]:
        """Check that a file is an unchanged paper of a signed dossier.

        Raises:
            InvalidDossierError: as `verify`, or the file is not the signed one.
        """
        content = self.verify(document, key)
        if content["files"].get(name) != hashlib.sha256(data).hexdigest():
            raise InvalidDossierError("{name} is not the file that was signed with this dossier", name=name)
        return content

    def _answers(self, resource_id: UUID) -> Answers:
        try:
            answers: Answers = self.get(resource_id).content["answers"]
        except DossierNotFoundError:
            return {}
        return answers


def rendered(content: Mapping[str, Any], paper: str, form: str) -> bytes:
    """Return a paper of a dossier as a file.

    Raises:
        DossierNotFoundError: the dossier has no such paper.
        NoPdfError: the package that writes PDF is not installed.
    """
    return paper_pdf(content, paper) if form == "pdf" else paper_html(content, paper).encode()


def _rendered(content: Mapping[str, Any], paper: str, form: str) -> bytes | None:
    try:
        return rendered(content, paper, form)
    except NoPdfError:
        return None


def _dossier(row: DossierRow) -> Dossier:
    return Dossier(row.dossier_id, row.language, row.created_at, row.created_by, row.document)
