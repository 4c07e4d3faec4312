"""Routes for dossiers: drafts of the operator's compliance documents, as signed JSON, HTML and PDF."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field

from mien.accounts import Accounts, Resource
from mien.dossier import Dossier, Dossiers
from mien.dossier.service import FORMATS, rendered
from mien.evaluation.document import NoPdfError
from mien.management.errors import ManagementError
from mien.management.routing import AUDITORS, Manager, Shown, Strict
from mien.management.v1.fields import find
from mien.management.v1.subjects import Resource as ResourceName

Answer = Annotated[str, Field(min_length=1, max_length=4000)]


class DossierWanted(Strict):
    """The language, and answers to questions by their keys (`controller`, or `dpia.risks` for one paper's)."""

    language: Literal["en", "de"] = "en"
    answers: Annotated[
        dict[str, Answer] | None, Field(description="Answers; those of the newest dossier when absent.")
    ] = None


class DossierSeen(Shown):
    """A stored dossier."""

    id: UUID
    language: str
    created_at: datetime
    created_by: str


class DossierList(Shown):
    """Dossiers, newest first."""

    value: list[DossierSeen]


class SignedDossier(DossierSeen):
    """A dossier with its signed document: `mien dossier verify` checks it."""

    document: dict[str, Any]


class ChangeSeen(Shown):
    """A change between two dossiers; `facts` has [before, after] by name."""

    paper: str
    item: str
    key: str
    kind: str
    before: str | None
    after: str | None
    facts: dict[str, list[Any]]


class ChangeList(Shown):
    """Changes, in the order of the papers."""

    value: list[ChangeSeen]


def routes(dossiers: Dossiers, accounts: Accounts) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/mien/v1/resources/{resource}", tags=["dossiers"])

    def owner(resource: str) -> Resource:
        return find(accounts, resource)

    @router.get("/dossiers", dependencies=AUDITORS)
    def list_dossiers(resource: ResourceName) -> DossierList:
        """List the dossiers."""
        return DossierList(value=[DossierSeen.model_validate(one) for one in dossiers.all(owner(resource).id)])

    @router.post("/dossiers", status_code=201)
    def create_dossier(resource: ResourceName, actor: Manager, body: DossierWanted | None = None) -> SignedDossier:
        """Create the papers from the running configuration and the audit log. Drafts, not legal advice."""
        body = body or DossierWanted()
        made = dossiers.create(owner(resource), language=body.language, answers=body.answers, actor=actor.name)
        return _signed(made)

    @router.get("/dossiers/{dossier}", dependencies=AUDITORS)
    def get_dossier(resource: ResourceName, dossier: UUID) -> SignedDossier:
        """Return a dossier with its signed document."""
        return _signed(dossiers.get(owner(resource).id, dossier))

    @router.delete("/dossiers/{dossier}", status_code=204)
    def delete_dossier(resource: ResourceName, dossier: UUID, actor: Manager) -> None:
        """Delete a dossier."""
        dossiers.delete(owner(resource).id, dossier, actor=actor.name)

    @router.get("/dossiers/{dossier}/compare/{other}", dependencies=AUDITORS)
    def compare_dossiers(resource: ResourceName, dossier: UUID, other: UUID) -> ChangeList:
        """Compare two dossiers: which statements changed, and because of which facts."""
        found = dossiers.compare(owner(resource).id, dossier, other)
        return ChangeList(
            value=[
                ChangeSeen(paper=one.paper, item=one.item, key=one.key, kind=one.kind.value, before=one.before,
                           after=one.after, facts={name: list(pair) for name, pair in one.facts.items()})
                for one in found
            ]
        )  # fmt: skip

    @router.get("/dossiers/{dossier}/papers/{paper}.{form}", response_class=Response, dependencies=AUDITORS)
    def get_paper(
        resource: ResourceName,
        dossier: UUID,
        paper: Literal["dpia", "fria", "oversight", "retention", "notice"],
        form: Literal["html", "pdf"],
    ) -> Response:
        """Return a paper as HTML or PDF."""
        found = dossiers.get(owner(resource).id, dossier)
        try:
            data = rendered(found.content, paper, form)
        except NoPdfError as error:
            raise ManagementError(501, "NotImplemented", f"This server cannot write PDF: {error}.") from None
        headers = {"Content-Disposition": f'attachment; filename="{paper}.{form}"', "Cache-Control": "no-store",
                   "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}  # fmt: skip
        return Response(data, media_type=FORMATS[form], headers=headers)

    return router


def _signed(found: Dossier) -> SignedDossier:
    return SignedDossier(
        id=found.id,
        language=found.language,
        created_at=found.created_at,
        created_by=found.created_by,
        document=found.signed,
    )
