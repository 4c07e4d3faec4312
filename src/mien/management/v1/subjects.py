"""Routes for data-subject rights: search, export and erasure of a person's data."""

from __future__ import annotations

import base64
import binascii
import tempfile
from collections.abc import Iterator
from datetime import datetime
from typing import IO, Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path
from fastapi.responses import StreamingResponse
from pydantic import Field

from mien.accounts import Accounts
from mien.gallery.types import TargetFace
from mien.management.errors import invalid
from mien.management.routing import ANY_READERS, ENROLLERS, READERS, Enroller, Shown, Strict
from mien.management.v1.fields import find
from mien.subjects import Certainty, ConsentState, Subjects, Whom

_CHUNK = 64 * 1024

Resource = Annotated[str, Path(max_length=64, description="Name or id of a resource.")]
Text = Annotated[str, Field(min_length=1, max_length=1000)]


class TargetBody(Strict):
    """Which face of the photo: a rectangle in its pixels."""

    left: Annotated[int, Field(ge=0, le=100_000)]
    top: Annotated[int, Field(ge=0, le=100_000)]
    width: Annotated[int, Field(ge=1, le=100_000)]
    height: Annotated[int, Field(ge=1, le=100_000)]


class WhomBody(Strict):
    """The person to look for; everything that matches any of these is found."""

    photo: Annotated[str | None, Field(description="An image file in base64.")] = None
    target: TargetBody | None = None
    ids: list[UUID] = Field(default_factory=list, max_length=1000)
    texts: list[Text] = Field(default_factory=list, max_length=100, description="Names or user data, exactly.")
    users: list[Text] = Field(default_factory=list, max_length=100, description="userCorrelationId of sessions.")

    def whom(self) -> Whom:
        """Return the service's object.

        Raises:
            ManagementError: 400, if the photo is not base64.
        """
        try:
            photo = None if self.photo is None else base64.b64decode(self.photo, validate=True)
        except (ValueError, binascii.Error):
            raise invalid("The photo is not base64.", "photo") from None
        target = None if self.target is None else TargetFace(**self.target.model_dump())
        return Whom(frozenset(self.ids), frozenset(self.texts), photo, target, frozenset(self.users))


class ExportBody(WhomBody):
    """The person to export."""

    possible: Annotated[bool, Field(description="Also what is only possibly theirs.")] = False
    templates: bool = True


class EraseBody(WhomBody):
    """The person to erase. Nothing is erased while `dryRun` is true."""

    dry_run: bool = True
    possible: Annotated[bool, Field(description="Also what is only possibly theirs.")] = False


class ConsentSeen(Shown):
    """A consent."""

    consent_id: UUID
    collection: str
    person_id: str | None
    face_id: str | None
    given_by: str
    purpose: str
    evidence: str | None
    given_at: datetime
    expires_at: datetime | None
    withdrawn_at: datetime | None
    reason: str | None
    recorded_by: str
    recorded_at: datetime
    state: ConsentState


class FaceSeen(Shown):
    """An enrolled face."""

    face_id: str
    user_data: str | None
    recognition_model: str
    fingerprint: str
    created_at: datetime | None
    seen_at: datetime | None
    has_crop: bool
    has_template: bool
    confidence: float | None


class HoldingSeen(Shown):
    """A person of a collection, or a face of a face list."""

    collection: str
    person_id: str | None
    name: str | None
    user_data: str | None
    match: Certainty
    confidence: float | None
    faces: list[FaceSeen]
    dynamic_groups: list[str]
    consent: ConsentState
    consents: list[ConsentSeen]
    created_at: datetime | None
    seen_at: datetime | None


class ProbeSeen(Shown):
    """A short-lived face."""

    face_id: str
    recognition_model: str
    fingerprint: str
    expires_at: datetime
    match: Certainty
    confidence: float | None


class SessionSeen(Shown):
    """A liveness session."""

    session_id: str
    with_verify: bool
    user_correlation_id: str | None
    created_at: datetime
    attempts: int
    images: int
    match: Certainty
    confidence: float | None


class NegativeHeldSeen(Shown):
    """A face that is kept as not being somebody else."""

    negative_id: str
    collection: str
    fingerprint: str
    created_at: datetime
    match: Certainty
    confidence: float | None


class NotSearchedSeen(Shown):
    """Collections that could not be searched by photo."""

    collection: str
    faces: int
    reason: str


class FoundSeen(Shown):
    """All that is kept of somebody in a resource."""

    holdings: list[HoldingSeen]
    probes: list[ProbeSeen]
    sessions: list[SessionSeen]
    negatives: list[NegativeHeldSeen]
    not_searched: list[NotSearchedSeen]
    compared: int


class ErasedSeen(Shown):
    """The data to erase, or, after erasure, its counts and the signed receipt, a JSON document as text."""

    found: FoundSeen
    receipt_id: UUID | None = None
    counts: dict[str, int] | None = None
    receipt: str | None = None


class KnownReceiptSeen(Shown):
    """An erasure; one without an end is still to be finished."""

    receipt_id: UUID
    actor: str
    started_at: datetime
    finished_at: datetime | None


class ReceiptList(Shown):
    """Erasures, oldest first."""

    value: list[KnownReceiptSeen]


class ReceiptText(Strict):
    """A receipt, as it was given out."""

    receipt: Annotated[str, Field(max_length=5_000_000)]


class ReceiptVerified(Shown):
    """Whether a receipt is genuine; if so what it says, else why not."""

    genuine: bool
    reason: str | None = None
    receipt: dict[str, Any] | None = None


def routes(subjects: Subjects, accounts: Accounts) -> APIRouter:
    """Return the routes; those with faces need the permission to see or change people."""
    router = APIRouter(prefix="/mien/v1/resources/{resource}", tags=["data subjects"])

    def owner(resource: str) -> UUID:
        return find(accounts, resource).id

    @router.post("/subjects/find")
    def find_subject(resource: Resource, body: WhomBody, actor: Enroller) -> FoundSeen:
        """Find a person in all collections, among short-lived faces and liveness sessions."""
        return FoundSeen.model_validate(subjects.find(owner(resource), body.whom(), actor=actor.name))

    @router.post(
        "/subjects/export",
        response_class=StreamingResponse,
        responses={200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}},
    )
    def export_subject(resource: Resource, body: ExportBody, actor: Enroller) -> StreamingResponse:
        """Export all that is kept of a person, as a ZIP."""
        out = tempfile.TemporaryFile()  # noqa: SIM115  closed after it is sent
        try:
            subjects.export(
                owner(resource),
                body.whom(),
                out,
                possible=body.possible,
                templates=body.templates,
                actor=actor.name,
            )
        except BaseException:
            out.close()
            raise
        out.seek(0)
        headers = {"Content-Disposition": 'attachment; filename="subject.zip"'}
        return StreamingResponse(_chunks(out), media_type="application/zip", headers=headers)

    @router.post("/subjects/erase")
    def erase_subject(resource: Resource, body: EraseBody, actor: Enroller) -> ErasedSeen:
        """Erase a person everywhere in the resource, permanently; only shows what would go unless `dryRun` is false."""
        found, erased = subjects.erase(
            owner(resource), body.whom(), possible=body.possible, dry=body.dry_run, actor=actor.name
        )
        seen = FoundSeen.model_validate(found)
        if erased is None:
            return ErasedSeen(found=seen)
        return ErasedSeen(found=seen, receipt_id=erased.receipt_id, counts=dict(erased.counts), receipt=erased.receipt)

    @router.get("/erasure-receipts", dependencies=READERS)
    def list_receipts(resource: Resource) -> ReceiptList:
        """List the erasures of a resource."""
        found = subjects.eraser.receipts(owner(resource))
        return ReceiptList(value=[KnownReceiptSeen.model_validate(one) for one in found])

    @router.get("/erasure-receipts/{receipt_id}", dependencies=ENROLLERS)
    def get_receipt(resource: Resource, receipt_id: UUID) -> dict[str, Any]:
        """Return a signed receipt again."""
        return subjects.receipts.document(subjects.eraser.receipt(owner(resource), receipt_id))

    return router


def receipt_routes(subjects: Subjects) -> APIRouter:
    """Return the routes for receipts, which belong to no resource."""
    router = APIRouter(prefix="/mien/v1/erasure-receipts", tags=["data subjects"])

    @router.get("/key", dependencies=ANY_READERS)
    def get_key() -> dict[str, str]:
        """Return the public key that receipts are signed by, a JSON Web Key."""
        return subjects.receipts.public_key()

    @router.post("/verify", dependencies=ANY_READERS)
    def verify_receipt(body: ReceiptText) -> ReceiptVerified:
        """Check a receipt."""
        verified, reason = subjects.receipts.check(body.receipt)
        if verified is None:
            return ReceiptVerified(genuine=False, reason=reason)
        return ReceiptVerified(genuine=True, receipt=dict(verified.receipt))

    return router


def _chunks(out: IO[bytes]) -> Iterator[bytes]:
    with out:
        while chunk := out.read(_CHUNK):
            yield chunk
