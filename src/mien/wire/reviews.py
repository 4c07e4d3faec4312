"""Review of matches for applications: calls to file a match and to read the reviewers' decision.

These calls are not part of the Face API and have paths outside of Azure's, but the same keys and errors.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from mien.contract.catalogue import row
from mien.gallery import CollectionRef
from mien.gallery.errors import GalleryError
from mien.gallery.kinds import FACE_LISTS, PERSON_GROUPS, parse_id, persons_ref
from mien.gallery.reviews import ApplicationReviews, FiledMatch, MatchCandidate, ReviewCase, ReviewState
from mien.gateway.checks import Checks
from mien.gateway.exchange import Exchange, Operation, Request, Response, Route
from mien.gateway.gates import IDENTIFICATION, require
from mien.gateway.gateway import Gateway, Observer
from mien.wire.application import Dialect
from mien.wire.body import BodyLimits, read_json
from mien.wire.context import answer
from mien.wire.faults import explain
from mien.wire.fields import BODY_INVALID, Body, id_of, shown, text, whole
from mien.wire.gallery_faults import explain_gallery
from mien.workers import WorkerPool

_BASE: Final = "/mien"
_BELOW: Final = "/v1/reviews"
PATH: Final = _BASE + _BELOW
"""The path of the resource's reviews; the path of a review ends in its id."""

_VERSION: Final = "mien-v1"
_DIRECTORY: Final = "directory"
_KINDS: Final = {kind.value: kind for kind in PERSON_GROUPS}
_LISTS: Final = frozenset(kind.value for kind in FACE_LISTS)
_NAMES: Final = frozenset({"collection", "faceid", "candidates", "picture", "usedfrom", "purpose"})
_PURPOSE: Final = 1000
_LIMITS: Final = (1, 1000)
_DEFAULT_LIMIT: Final = 100
_NOT_FOUND: Final = row("mien.review_not_found")
_NO_PATH: Final = row("gateway.not_found")


@dataclass(frozen=True, slots=True)
class ReviewHandlers:
    """The handlers of reviews.

    Attributes:
        applications: files matches and finds cases.
        workers: the worker pool for blocking and computing work.
        limits: size and time limits of request bodies.
    """

    applications: ApplicationReviews
    workers: WorkerPool
    limits: BodyLimits

    def operations(self) -> list[Operation]:
        """Return the operations; their templates are whole paths."""
        one = f"{PATH}/{{reviewId}}"
        return [
            Operation("Reviews - File", "PUT", one, self.file, action="reviews/write"),
            Operation("Reviews - Get", "GET", one, self.get, action="reviews/read"),
            Operation("Reviews - List", "GET", PATH, self.list, action="reviews/read"),
        ]

    async def file(self, exchange: Exchange) -> Response:
        """File a match under the id in the path; 201, or 200 for a repeated call."""
        case_id = _case_id(exchange)
        room = self.limits.image_bytes * 4 // 3 + 4  # size of a picture in base64
        limits = replace(self.limits, json_bytes=self.limits.json_bytes + room)
        match = _match(exchange, case_id, await read_json(exchange.request, limits))
        if len(match.candidates) > 1:  # a match with one candidate may be a verification
            require(exchange.resource, IDENTIFICATION)
        filed_by = _caller(exchange)

        def work() -> Response:
            case, made = self.applications.file(match, filed_by=filed_by)
            return answer(_review_json(case), 201 if made else 200)

        return await self._run(work)

    async def get(self, exchange: Exchange) -> Response:
        """Return a review of the resource."""
        case_id = _case_id(exchange)
        reviews, resource_id = self.applications.reviews, exchange.resource_id
        return await self._run(lambda: answer(_review_json(reviews.get(resource_id, case_id, reader=None))))

    async def list(self, exchange: Exchange) -> Response:
        """Return the resource's reviews, oldest first; all, or those of a faceId or in a state."""
        request, resource_id = exchange.request, exchange.resource_id
        reviews, states, limit = self.applications.reviews, _states(request), _limit(request)
        face_id = request.query_value("faceid") or None
        if face_id is not None and parse_id(face_id) is None:
            raise BODY_INVALID.problem(hint=f"faceId is {shown(face_id)}, which is not a GUID.")

        def work() -> Response:
            found = reviews.cases(resource_id, states=states, face_id=face_id, limit=limit)
            return answer({"value": [_review_json(one) for one in found]})

        return await self._run(work)

    async def _run(self, work: Callable[[], Response]) -> Response:
        try:
            return await self.workers.run(work)
        except GalleryError as error:
            raise explain_gallery(error, "reviews") from error


def review_calls(applications: ApplicationReviews, limits: BodyLimits, observers: Sequence[Observer] = ()) -> Dialect:
    """Return the review calls, for `mien.wire.application.ApplicationParts`."""

    def make(workers: WorkerPool, checks: Checks) -> Gateway:
        router = _Router(ReviewHandlers(applications, workers, limits).operations())
        return Gateway(router, checks.steps(), explain, observers, origin=checks.origin, cors=checks.cors())

    return Dialect(PATH, make)


class _Router:
    """Finds the operation of a path to all reviews or to one."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._rows = {(one.method, one.template.endswith("}")): one for one in operations}

    def match(self, method: str, path: str, endpoint: Callable[[], str]) -> Route:  # noqa: ARG002  only the Face API's hints use it
        """Return the operation of a method and path.

        Raises:
            Problem: 404, if there is none.
        """
        # If a proxy's base path is /mien, it was stripped from the path as the base path and is missing here.
        before, found, rest = path.partition(_BELOW)
        separated = not rest or rest[0] == "/"
        rest = rest.strip("/")
        operation = self._rows.get(("GET" if method == "HEAD" else method, bool(rest)))
        if operation is None or "/" in rest or not (found and separated and before in {"", _BASE}):
            hint = f"PUT {PATH}/GUID files a match, GET {PATH}/GUID reads it, GET {PATH} lists what was filed."
            raise _NO_PATH.problem(hint=hint)
        return Route(operation, _VERSION, {"reviewId": rest})


def _case_id(exchange: Exchange) -> UUID:
    given = exchange.parameters["reviewId"]
    parsed = parse_id(given)
    if parsed is None:
        if exchange.operation.method == "GET":
            raise _NOT_FOUND.problem(hint="The id of a review is a GUID.")
        raise BODY_INVALID.problem(hint=f"The id in the path is {shown(given)}; choose a GUID for each match.")
    return parsed


def _caller(exchange: Exchange) -> str:
    """Return the caller's name as in the portal, where people cannot decide matches that they filed."""
    principal = exchange.principal
    if principal is None or principal.subject is None:
        return f"key:{exchange.resource.name}"
    return f"oidc:{principal.name or principal.subject}"


def _match(exchange: Exchange, case_id: UUID, body: Body) -> FiledMatch:
    unknown = sorted(body.keys() - _NAMES)
    if unknown:
        raise BODY_INVALID.problem(hint=f"{shown(unknown[0])} is not a property of a review.")
    purpose = text(body, "purpose")
    if purpose is not None and len(purpose) > _PURPOSE:
        raise BODY_INVALID.problem(hint=f"purpose has at most {_PURPOSE} characters.")
    return FiledMatch(
        case_id,
        _collection(exchange.resource_id, body),
        id_of(body, "faceId"),
        _candidates(body),
        picture=_picture(body),
        used_from=_moment(body),
        purpose=purpose,
    )


def _collection(resource_id: UUID, body: Body) -> CollectionRef:
    given = text(body, "collection")
    if given == _DIRECTORY:
        return persons_ref(resource_id)
    kind, _, name = (given or "").partition("/")
    if kind in _LISTS:
        raise BODY_INVALID.problem(
            hint=f"collection is {shown(given)}: the faces of a list are nobody's, so that a decision about them would "
            "name nobody. Enrol them as persons of a personGroup or largePersonGroup, and file the match of identify."
        )
    if kind not in _KINDS or not name:
        raise BODY_INVALID.problem(
            hint=f"collection is {shown(given)}; write personGroup/ID, largePersonGroup/ID or {_DIRECTORY}."
        )
    return CollectionRef(resource_id, _KINDS[kind], name)


def _candidates(body: Body) -> list[MatchCandidate]:
    given = body.get("candidates")
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise BODY_INVALID.problem(hint="candidates must be an array of objects, as identify returns them.")
    found = []
    for one in given:
        fields = {name.lower(): value for name, value in one.items()}
        confidence = fields.get("confidence")
        if confidence is not None and (
            isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0 <= confidence <= 1
        ):
            raise BODY_INVALID.problem(hint=f"confidence is {shown(confidence)}; it is a number from 0 to 1.")
        found.append(MatchCandidate(id_of(fields, "personId"), None if confidence is None else float(confidence)))
    return found


def _picture(body: Body) -> bytes | None:
    given = text(body, "picture")
    if given is None:
        return None
    try:
        return base64.b64decode(given, validate=True)
    except (ValueError, binascii.Error):
        raise BODY_INVALID.problem(hint="picture must be an image file in base64.") from None


def _moment(body: Body) -> datetime | None:
    given = text(body, "usedFrom")
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(given)
        if moment.tzinfo is None:
            raise ValueError
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        hint = f"usedFrom is {shown(given)}; write a time with its zone, such as 2026-05-04T08:30:00Z."
        raise BODY_INVALID.problem(hint=hint) from None


def _states(request: Request) -> tuple[ReviewState, ...]:
    given = [value for name, value in request.query if name == "state"]
    try:
        return tuple(ReviewState(one.lower()) for one in given) or tuple(ReviewState)
    except ValueError:
        hint = f"state is one of {', '.join(ReviewState)}; it may be given several times."
        raise BODY_INVALID.problem(hint=hint) from None


def _limit(request: Request) -> int:
    given = request.query_value("limit")
    limit = _DEFAULT_LIMIT if not given else whole(given)
    low, high = _LIMITS
    if limit is None or not low <= limit <= high:
        raise BODY_INVALID.problem(hint=f"limit is a whole number from {low} to {high}.")
    return limit


def _review_json(case: ReviewCase) -> dict[str, Any]:
    """Return a review without names and reviewers, and without confidences before the decision."""
    decided = case.decided_at
    return {
        "id": str(case.id),
        "state": case.state.value,
        "counts": case.counts,
        "personId": case.person_id,
        "reviewers": case.reviewers,
        "collection": case.collection,
        "faceId": case.reference.get("faceId"),
        "candidates": [{"personId": one.person_id, "confidence": one.confidence} for one in case.candidates],
        "purpose": case.purpose,
        "inputSha256": case.input_sha256,
        "filedBy": case.filed_by,
        "usedFrom": case.used_from.isoformat(),
        "filedAt": case.filed_at.isoformat(),
        "decidedAt": None if decided is None else decided.isoformat(),
    }
