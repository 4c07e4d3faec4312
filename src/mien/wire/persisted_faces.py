"""Enrolled faces: of the persons of groups, and of face lists and large face lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mien.contract.versions import ALL
from mien.gallery import Kind, PersistedFace, TargetFace
from mien.gateway.exchange import Exchange, Operation, Request, Response
from mien.vision.types import OperatingPoint
from mien.wire.body import read_json
from mien.wire.collection_docs import Documents
from mien.wire.context import EMPTY, Context, answer, ref_of, without_none
from mien.wire.detect import ModelLabels
from mien.wire.detect_query import parse_detection_model
from mien.wire.families import FAMILIES, Family
from mien.wire.fields import parse_face_user_data, parse_page, parse_target_face, text
from mien.wire.gallery_faults import REMOVAL

DUPLICATES = b"x-mien-duplicates"
"""Header of the answer to an enrolment that looks like one that was there before; the contract has no place for it."""


def persisted_face_operations(context: Context) -> list[Operation]:
    """The rows of all four kinds for the router."""
    return [operation for family in FAMILIES for operation in PersistedFaces(context, family).operations()]


@dataclass(frozen=True, slots=True)
class EnrolQuery:
    """The options of adding a face.

    Attributes:
        target: which face of the image; None when it has only one.
        operating_point: what finds it.
        user_data: what to attach to it.
    """

    target: TargetFace | None
    operating_point: OperatingPoint
    user_data: str | None


def parse_enrol_query(request: Request, labels: ModelLabels) -> EnrolQuery:
    """Read the options of adding a face.

    Raises:
        Problem: one is out of its range.
    """
    operating_point = labels.detection[parse_detection_model(request)]
    return EnrolQuery(parse_target_face(request), operating_point, parse_face_user_data(request))


@dataclass(frozen=True, slots=True)
class PersistedFaces:
    """The handlers of the enrolled faces of one kind of collection."""

    context: Context
    family: Family

    def operations(self) -> list[Operation]:
        """The rows of this kind for the router; a face list has only Add and Delete."""
        family, docs = self.family, Documents(self.family)
        of_person = family.kind.has_persons
        name = f"{family.name} Person" if of_person else family.name
        owner = f"{family.one}/persons/{{personId}}" if of_person else family.one
        action = f"{family.action}/persons/persistedfaces" if of_person else f"{family.action}/persistedfaces"
        several = f"{owner}/persistedfaces"
        one = f"{several}/{{persistedFaceId}}"
        read, write, delete = f"{action}/read", f"{action}/write", f"{action}/delete"
        rows = [
            Operation(f"{name} - Add Face", "POST", several, self.add, ALL, write, 1, describe=docs.add_face),
            Operation(f"{name} - Delete Face", "DELETE", one, self.delete, ALL, delete, 1, describe=docs.delete_face),
        ]
        if family.kind is not Kind.FACE_LIST:
            rows += [
                Operation(f"{name} - Get Face", "GET", one, self.show, ALL, read, 1, describe=docs.get_face),
                Operation(f"{name} - Update Face", "PATCH", one, self.update, ALL, write, 1, describe=docs.update_face),
            ]
        if family.kind is Kind.LARGE_FACE_LIST:
            rows.append(
                Operation(f"{name} - List Face", "GET", several, self.show_all, ALL, read, 1, describe=docs.list_faces)
            )
        return rows

    @property
    def _removal(self) -> str:
        return self.family.rows + REMOVAL if self.family.kind.has_persons else self.family.rows

    async def add(self, exchange: Exchange) -> Response:
        """Enrol the one face of an image, or the one in the target rectangle, and return its id."""
        query = parse_enrol_query(exchange.request, self.context.labels)
        image = await self.context.image(exchange)
        ref, person_id = ref_of(exchange, self.family), exchange.parameters.get("personId")

        def work() -> Response:
            added = self.context.gallery.faces.add(
                ref,
                image,
                person_id=person_id,
                target=query.target,
                operating_point=query.operating_point,
                user_data=query.user_data,
            )
            suspicions = "; ".join(str(duplicate) for duplicate in added.duplicates)
            headers = {DUPLICATES: suspicions.encode("ascii", "replace")} if suspicions else None
            return answer({"persistedFaceId": added.persisted_face_id}, headers=headers)

        return await self.context.run(self.family.rows, work)

    async def show(self, exchange: Exchange) -> Response:
        """Return a face's id and user data."""
        ref, person_id = ref_of(exchange, self.family), exchange.parameters.get("personId")
        face_id = exchange.parameters["persistedFaceId"]

        def work() -> Response:
            return answer(face_json(self.context.gallery.faces.get(ref, face_id, person_id=person_id)))

        return await self.context.run(self.family.rows, work)

    async def show_all(self, exchange: Exchange) -> Response:
        """Return a page of a large face list's faces by ascending id."""
        page = parse_page(exchange.request)
        ref = ref_of(exchange, self.family)

        def work() -> Response:
            return answer([face_json(face) for face in self.context.gallery.faces.page(ref, page.start, page.top)])

        return await self.context.run(self.family.rows, work)

    async def update(self, exchange: Exchange) -> Response:
        """Change a face's user data; null removes it, and a body without it changes nothing."""
        body = await read_json(exchange.request, self.context.limits)
        changes, user_data = "userdata" in body, text(body, "userData")
        ref, person_id = ref_of(exchange, self.family), exchange.parameters.get("personId")
        face_id = exchange.parameters["persistedFaceId"]

        def work() -> Response:
            if changes:
                self.context.gallery.faces.update(ref, face_id, user_data, person_id=person_id)
            else:
                self.context.gallery.faces.get(ref, face_id, person_id=person_id)
            return EMPTY

        return await self.context.run(self._removal, work)

    async def delete(self, exchange: Exchange) -> Response:
        """Delete a face with its template."""
        ref, person_id = ref_of(exchange, self.family), exchange.parameters.get("personId")
        face_id = exchange.parameters["persistedFaceId"]

        def work() -> Response:
            self.context.gallery.faces.delete(ref, face_id, person_id=person_id)
            return EMPTY

        return await self.context.run(self._removal, work)


def face_json(face: PersistedFace) -> dict[str, Any]:
    """Return an enrolled face as JSON."""
    return without_none({"persistedFaceId": face.persisted_face_id, "userData": face.user_data})
