"""Routes for the review of matches. Reviewers see confidences only after they have answered."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field

from mien.accounts import Accounts
from mien.gallery.kinds import CollectionRef
from mien.gallery.reviews import Filed, ReviewCase, Reviews, ReviewState
from mien.gallery.types import Candidate
from mien.management.errors import invalid, not_found
from mien.management.routing import READERS, Confirmer, Looker, Manager, Requester, Shown, Strict
from mien.management.v1.evaluations import CollectionName, collection_ref
from mien.management.v1.fields import Moment, find
from mien.management.v1.subjects import Resource


class PolicyWanted(Strict):
    """Which identifications must be confirmed, and by how many people."""

    collection: CollectionName | None = None
    reviewers: Annotated[int, Field(ge=1, le=2)] = 2
    identify: Annotated[bool, Field(description="File a case for every identify with candidates.")] = True
    keep_days: Annotated[int, Field(ge=0, le=3650, description="Days that pictures are kept after the decision.")] = 30
    rule_id: Annotated[UUID | None, Field(description="Alert rule whose webhook is told of decisions.")] = None


class PolicySeen(Shown):
    """A policy."""

    collection: str | None
    reviewers: int
    identify: bool
    keep_days: int
    rule_id: UUID | None
    set_by: str
    set_at: datetime


class PolicyList(Shown):
    """Policies; a collection's own wins."""

    value: list[PolicySeen]


class CandidateBody(Strict):
    """A candidate, as identify answered it."""

    person_id: UUID
    confidence: Annotated[float, Field(ge=0, le=1)]


class CaseWanted(Strict):
    """A match to be reviewed."""

    collection: CollectionName
    candidates: Annotated[list[CandidateBody], Field(min_length=1, max_length=10)]
    picture: Annotated[str | None, Field(description="The probe's picture, an image file in base64.")] = None
    face_id: UUID | None = None
    used_from: Annotated[Moment | None, Field(description="When the identification was made; now when absent.")] = None
    purpose: Annotated[str | None, Field(max_length=1000)] = None


class AnswerBody(Strict):
    """An answer: the number of a candidate, 0 for nobody, null for "cannot tell"."""

    chosen: Annotated[int | None, Field(ge=0, le=10)]
    reason: Annotated[str | None, Field(max_length=2000)] = None


class CandidateSeen(Shown):
    """A candidate; the confidence is null until the caller has answered or the case is decided."""

    number: int
    person_id: str | None
    name: str | None
    confidence: float | None


class AnswerSeen(Shown):
    """An answer."""

    reviewer: str
    chosen: int | None
    reason: str | None
    answered_at: datetime


class CaseSeen(Shown):
    """A case with its record; `counts` is whether the match counts."""

    id: UUID
    state: ReviewState
    counts: bool
    person_id: str | None
    reviewers: int
    collection: str
    reference: dict[str, Any]
    filed_by: str
    used_from: datetime
    filed_at: datetime
    decided_at: datetime | None
    purpose: str | None
    input_sha256: str | None
    has_probe: bool
    candidates: list[CandidateSeen]
    answers: list[AnswerSeen]


class CaseList(Shown):
    """Cases, oldest first."""

    value: list[CaseSeen]


class FaultList(Shown):
    """Disagreements between the cases and the audit log; an empty list is good."""

    value: list[str]


def routes(reviews: Reviews, accounts: Accounts) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/mien/v1/resources/{resource}", tags=["reviews"])

    def owner(resource: str) -> UUID:
        return find(accounts, resource).id

    def ref_in(resource_id: UUID, collection: str | None) -> CollectionRef | None:
        return None if collection is None else collection_ref(resource_id, collection)

    @router.get("/review-policies", dependencies=READERS)
    def list_policies(resource: Resource) -> PolicyList:
        """List the policies."""
        return PolicyList(value=[PolicySeen.model_validate(one) for one in reviews.policies.all(owner(resource))])

    @router.put("/review-policies")
    def set_policy(resource: Resource, body: PolicyWanted, actor: Manager) -> PolicySeen:
        """Set the policy of the resource or a collection; open cases keep theirs."""
        resource_id = owner(resource)
        wanted = body.model_dump(exclude={"collection"})
        made = reviews.policies.set(resource_id, ref_in(resource_id, body.collection), actor=actor.name, **wanted)
        return PolicySeen.model_validate(made)

    @router.delete("/review-policies", status_code=204)
    def remove_policy(
        resource: Resource, actor: Manager, collection: Annotated[str | None, Query(max_length=90)] = None
    ) -> None:
        """Remove a policy; open cases stay."""
        resource_id = owner(resource)
        if not reviews.policies.remove(resource_id, ref_in(resource_id, collection), actor=actor.name):
            raise not_found("The review policy")

    @router.get("/reviews")
    def list_cases(
        resource: Resource,
        actor: Looker,
        state: Annotated[list[ReviewState] | None, Query()] = None,
        face_id: Annotated[UUID | None, Query(alias="faceId")] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> CaseList:
        """List cases."""
        found = reviews.cases(
            owner(resource),
            reader=actor.name,
            states=state or tuple(ReviewState),
            face_id=None if face_id is None else str(face_id),
            limit=limit,
        )
        return CaseList(value=[_seen(one) for one in found])

    @router.post("/reviews", status_code=201)
    def file_case(resource: Resource, body: CaseWanted, actor: Requester) -> CaseSeen:
        """File a match for review; whoever files it cannot answer it."""
        ref = collection_ref(owner(resource), body.collection)
        try:
            picture = None if body.picture is None else base64.b64decode(body.picture, validate=True)
        except (ValueError, binascii.Error):
            raise invalid("The picture is not base64.", "picture") from None
        filed = Filed(
            [Candidate(str(one.person_id), one.confidence) for one in body.candidates],
            actor.name,
            used_from=body.used_from,
            picture=picture,
            face_id=None if body.face_id is None else str(body.face_id),
            purpose=body.purpose,
        )
        return _seen(reviews.file(ref, filed))

    @router.get("/reviews/faults", dependencies=READERS)
    def list_faults(resource: Resource) -> FaultList:
        """Compare the cases with the audit log."""
        return FaultList(value=reviews.faults(owner(resource)))

    @router.get("/reviews/{case}")
    def get_case(resource: Resource, case: UUID, actor: Looker) -> CaseSeen:
        """Return a case."""
        return _seen(reviews.get(owner(resource), case, reader=actor.name))

    @router.get("/reviews/{case}/picture", response_class=Response)
    def get_picture(resource: Resource, case: UUID, actor: Confirmer) -> Response:
        """Return the probe's picture."""
        del actor
        found = reviews.picture(owner(resource), case)
        if found is None:
            raise not_found("The picture")
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        return Response(found, media_type="application/octet-stream", headers=headers)

    @router.post("/reviews/{case}/answers", status_code=201)
    def answer_case(resource: Resource, case: UUID, body: AnswerBody, actor: Confirmer) -> CaseSeen:
        """Answer a case, once."""
        done = reviews.answer(owner(resource), case, body.chosen, reviewer=actor.name, reason=body.reason)
        return _seen(done)

    @router.delete("/reviews/{case}", status_code=204)
    def delete_case(resource: Resource, case: UUID, actor: Manager) -> None:
        """Delete a decided case; the audit log keeps its steps."""
        reviews.delete(owner(resource), case, actor=actor.name)

    return router


def _seen(case: ReviewCase) -> CaseSeen:
    return CaseSeen.model_validate(case)
