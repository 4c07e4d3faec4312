"""Routes for evaluations: error rates of enrolled collections, and calibrations from them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from mien.accounts import Accounts
from mien.contract.models import NEWEST_RECOGNITION
from mien.evaluation.document import NoPdfError
from mien.evaluation.records import differences
from mien.gallery.evaluations import Applied, Evaluation
from mien.gallery.group_reports import FORMATS
from mien.gallery.kinds import PUBLIC_KINDS, CollectionRef, Kind, ref_among
from mien.gallery.measuring import Measuring
from mien.management.errors import ManagementError, invalid
from mien.management.routing import READERS, Manager, Shown, Strict
from mien.management.v1.fields import find
from mien.management.v1.subjects import Resource

EvaluationName = Annotated[str, Path(max_length=64, description="Name of an evaluation.")]
CollectionName = Annotated[str, Field(max_length=90, description="KIND/ID, such as `largePersonGroup/staff`.")]


class EvaluationWanted(Strict):
    """A collection to be measured."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    collection: CollectionName
    note: Annotated[str | None, Field(max_length=1000)] = None
    fmr: Annotated[float, Field(ge=1e-7, le=0.1, description="False match rate of the operating point.")] = 1e-4
    cap: Annotated[int, Field(ge=2, le=100, description="Photos of one person that count at most.")] = 5


class GroupReportWanted(Strict):
    """A collection, and labels of its people. The labels are read for this run only."""

    collection: CollectionName
    labels: Annotated[
        str,
        Field(
            min_length=1,
            max_length=1_000_000,
            description="CSV with a column `person` (names or person ids) and a column for each attribute.",
        ),
    ]
    attributes: Annotated[
        tuple[str, ...], Field(max_length=50, description="Columns to use; all when there are none.")
    ] = ()
    fmr: Annotated[
        float | None,
        Field(ge=1e-7, le=0.1, description="Measure at the threshold of this rate; by default at the one in use."),
    ] = None
    cap: Annotated[int, Field(ge=2, le=100, description="Photos of one person that count at most.")] = 5
    skip_unknown: Annotated[
        bool, Field(description="Leave out labels of people who are not enrolled, instead of refusing them.")
    ] = False
    keep: Annotated[
        str | None, Field(min_length=1, max_length=64, description="Store the rates by group under this name.")
    ] = None


class EvaluationSeen(Shown):
    """A stored result; `result` has the numbers as docs/my-threshold.md describes them."""

    id: UUID
    name: str
    kind: str
    label: str
    pack: str
    fingerprint: str
    source: str
    note: str | None
    created_by: str
    created_at: datetime
    result: dict[str, Any]


class EvaluationList(Shown):
    """Results, oldest first."""

    value: list[EvaluationSeen]


class DifferenceSeen(Shown):
    """Two results at one false match rate; rates are [value, low, high]."""

    fmr: float
    thresholds: tuple[float | None, float | None]
    fnmr: tuple[list[float] | None, list[float] | None]
    differs: bool | None


class DifferenceList(Shown):
    """Differences by false match rate."""

    value: list[DifferenceSeen]


class ApplyBody(Strict):
    """Where to apply a calibration: the whole resource, or one collection."""

    collection: CollectionName | None = None


class UndoBody(ApplyBody):
    """Where to undo the newest calibration."""

    model: Annotated[str, Field(max_length=32)] = NEWEST_RECOGNITION


class AppliedSeen(Shown):
    """A version of a calibration; without an evaluation it is the model pack's own."""

    version: int
    collection: str | None
    fingerprint: str
    name: str | None
    threshold: float | None
    fmr: float | None
    undoes: int | None
    applied_by: str
    applied_at: datetime
    holds: bool


class AppliedList(Shown):
    """Versions, oldest first."""

    value: list[AppliedSeen]


def routes(evaluations: Measuring, accounts: Accounts) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/mien/v1/resources/{resource}", tags=["evaluations"])
    stored = evaluations.stored

    def owner(resource: str) -> UUID:
        return find(accounts, resource).id

    @router.get("/evaluations", dependencies=READERS)
    def list_evaluations(resource: Resource) -> EvaluationList:
        """List the results."""
        return EvaluationList(value=[_seen(one) for one in stored.all(owner(resource))])

    @router.post("/evaluations", status_code=201)
    def measure_collection(resource: Resource, body: EvaluationWanted, actor: Manager) -> EvaluationSeen:
        """Measure an enrolled collection and store the result; it takes seconds for each thousand people."""
        ref = collection_ref(owner(resource), body.collection, directory=True)
        done = evaluations.measure(ref, body.name, note=body.note, fmr=body.fmr, cap=body.cap, actor=actor.name)
        return _seen(done)

    @router.post("/group-reports", response_class=Response)
    def report_groups(
        resource: Resource,
        body: GroupReportWanted,
        actor: Manager,
        form: Annotated[Literal["json", "html", "pdf", "csv"], Query(alias="format")] = "json",
    ) -> Response:
        """Report error rates by groups of an enrolled collection. Labels are not stored; rates only with `keep`."""
        ref = collection_ref(owner(resource), body.collection, directory=True)
        if body.keep is not None:
            stored.check_name(ref.resource_id, body.keep)
        made = evaluations.report_groups(
            ref, body.labels, attributes=body.attributes, fmr=body.fmr, cap=body.cap, skip_unknown=body.skip_unknown,
            actor=actor.name,
        )  # fmt: skip
        try:
            data = made.rendered(form)
        except NoPdfError as error:
            raise ManagementError(501, "NotImplemented", f"This server cannot write PDF: {error}.") from None
        if body.keep is not None:
            evaluations.keep(made, ref, body.keep, actor=actor.name)
        headers = {"Content-Disposition": f'attachment; filename="groups.{form}"',
                   "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}  # fmt: skip
        return Response(data, media_type=FORMATS[form], headers=headers)

    @router.get("/evaluations/{name}", dependencies=READERS)
    def get_evaluation(resource: Resource, name: EvaluationName) -> EvaluationSeen:
        """Return a result."""
        return _seen(stored.get(owner(resource), name))

    @router.delete("/evaluations/{name}", status_code=204)
    def delete_evaluation(resource: Resource, name: EvaluationName, actor: Manager) -> None:
        """Delete a result; a calibration that was applied from it stays in use."""
        stored.delete(owner(resource), name, actor=actor.name)

    @router.get("/evaluations/{name}/compare/{other}", dependencies=READERS)
    def compare_evaluations(resource: Resource, name: EvaluationName, other: EvaluationName) -> DifferenceList:
        """Compare two results."""
        resource_id = owner(resource)
        found = differences(stored.get(resource_id, name).result, stored.get(resource_id, other).result)
        return DifferenceList(value=[DifferenceSeen.model_validate(one) for one in found])

    @router.post("/evaluations/{name}/apply")
    def apply_calibration(
        resource: Resource, name: EvaluationName, actor: Manager, body: ApplyBody | None = None
    ) -> AppliedSeen:
        """Apply the calibration that was measured."""
        resource_id, body = owner(resource), body or ApplyBody()
        ref = None if body.collection is None else collection_ref(resource_id, body.collection)
        return _applied(stored.apply(resource_id, name, ref, actor=actor.name))

    @router.get("/calibrations", dependencies=READERS)
    def list_applied(resource: Resource) -> AppliedList:
        """List every version of the applied calibrations."""
        return AppliedList(value=[_applied(one) for one in stored.applied(owner(resource))])

    @router.post("/calibrations/undo")
    def undo_calibration(resource: Resource, actor: Manager, body: UndoBody | None = None) -> AppliedSeen:
        """Undo the newest calibration."""
        resource_id, body = owner(resource), body or UndoBody()
        ref = None if body.collection is None else collection_ref(resource_id, body.collection)
        return _applied(stored.undo(resource_id, ref, label=body.model, actor=actor.name))

    return router


def _seen(found: Evaluation) -> EvaluationSeen:
    return EvaluationSeen.model_validate(found)


def _applied(found: Applied) -> AppliedSeen:
    curve = found.curve
    return AppliedSeen(
        version=found.version,
        collection=found.collection,
        fingerprint=found.fingerprint,
        name=found.name,
        threshold=None if curve is None else curve.threshold,
        fmr=None if curve is None else curve.fmr,
        undoes=found.undoes,
        applied_by=found.applied_by,
        applied_at=found.applied_at,
        holds=found.holds,
    )


def collection_ref(resource_id: UUID, text: str, *, directory: bool = False) -> CollectionRef:
    """Parse KIND/ID.

    Args:
        resource_id: id of the resource that owns it.
        text: the reference.
        directory: whether the person directory is allowed, as `directory/recognition_04`.

    Raises:
        ManagementError: 400, if the text is not valid.
    """
    accepted = (*PUBLIC_KINDS, Kind.DIRECTORY) if directory else PUBLIC_KINDS
    if (ref := ref_among(resource_id, text, accepted)) is not None:
        return ref
    kinds = ", ".join(one.value for one in accepted)
    raise invalid(f"The collection must be KIND/ID, with a KIND of {kinds}.", "collection")
