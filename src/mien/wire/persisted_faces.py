"""Enrolled faces of persons in groups, and of face lists and large face lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mien.contract.versions import ALL
from mien.gallery import Kind, PersistedFace, TargetFace
from mien.gateway.exchange import Exchange, Operation, Request, Response
from mien.vision.types import OperatingPoint
from mien.wire.body import read_json
from mien.wire.collections import FACE_SCHEMA
from mien.wire.context import EMPTY, Context, answer, ref_of, without_none
from mien.wire.detect import ModelLabels
from mien.wire.detect_query import DETECTION_MODEL
from mien.wire.families import FAMILIES, Family
from mien.wire.fields import FACE_BODY, FACE_DATA, PAGE, TARGET_FACE, USER_DATA_OF_FACE
from mien.wire.gallery_faults import REMOVAL
from mien.wire.schemas import COLLECTION_ID, GUID, IMAGE_BODY, array, described, in_path, record

DUPLICATES = b"x-mien-duplicates"
"""Response header of an enrolment that may be a duplicate; the contract has no property for this."""


def persisted_face_operations(context: Context) -> list[Operation]:
    """Return the operations of all four kinds."""
    return [operation for family in FAMILIES for operation in PersistedFaceHandlers(context, family).operations()]


@dataclass(frozen=True, slots=True)
class EnrolQuery:
    """The options of adding a face.

    Attributes:
        target: rectangle of the face; None if the image has only one.
        operating_point: operating point of the detector.
        user_data: user data of the face.
    """

    target: TargetFace | None
    operating_point: OperatingPoint
    user_data: str | None


def parse_enrol_query(request: Request, labels: ModelLabels) -> EnrolQuery:
    """Parse the options of adding a face.

    Raises:
        Problem: an option is not valid.
    """
    operating_point = labels.detection[DETECTION_MODEL.read(request)]
    return EnrolQuery(TARGET_FACE.read(request), operating_point, USER_DATA_OF_FACE.read(request))


ENROL_PARAMETERS = (*TARGET_FACE.parameters, *DETECTION_MODEL.parameters, *USER_DATA_OF_FACE.parameters)
"""The parameters that `parse_enrol_query` reads."""


@dataclass(frozen=True, slots=True)
class PersistedFaceHandlers:
    """The handlers of the enrolled faces of one kind of collection."""

    context: Context
    family: Family

    def operations(self) -> list[Operation]:
        """Return the operations of this kind; a face list has only Add and Delete."""
        family = self.family
        of_person = family.kind.has_persons
        name = f"{family.name} Person" if of_person else family.name
        owner = f"{family.one}/persons/{{personId}}" if of_person else family.one
        action = f"{family.action}/persons/persistedfaces" if of_person else f"{family.action}/persistedfaces"
        several = f"{owner}/persistedfaces"
        one = f"{several}/{{persistedFaceId}}"
        whose = [in_path(family.id_name, COLLECTION_ID), *([in_path("personId")] if of_person else [])]
        which = [*whose, in_path("persistedFaceId")]
        rows = [
            Operation(
                f"{name} - Add Face", "POST", several, self.add, ALL, f"{action}/write", 1,
                describe=described(
                    f"add{family.name}Face",
                    f"Enrols the one face of an image for a {'person' if of_person else family.noun.lower()}. "
                    "The image is not kept.",
                    parameters=[*whose, *ENROL_PARAMETERS], body=IMAGE_BODY,
                    result=record({"persistedFaceId": GUID}), says="The id of the face.",
                ),
            ),
            Operation(
                f"{name} - Delete Face", "DELETE", one, self.delete, ALL, f"{action}/delete", 1,
                describe=described(f"delete{family.name}Face", "Deletes a face.", parameters=which),
            ),
        ]  # fmt: skip
        if family.kind is not Kind.FACE_LIST:
            rows += [
                Operation(
                    f"{name} - Get Face", "GET", one, self.show, ALL, f"{action}/read", 1,
                    describe=described(
                        f"get{family.name}Face", "Returns a face.", parameters=which, result=FACE_SCHEMA,
                        says="The face.",
                    ),
                ),
                Operation(
                    f"{name} - Update Face", "PATCH", one, self.update, ALL, f"{action}/write", 1,
                    describe=described(
                        f"update{family.name}Face", "Changes the userData of a face.", parameters=which,
                        body=FACE_BODY,
                    ),
                ),
            ]  # fmt: skip
        if family.kind is Kind.LARGE_FACE_LIST:
            rows.append(
                Operation(
                    f"{name} - List Face", "GET", several, self.show_all, ALL, f"{action}/read", 1,
                    describe=described(
                        f"list{family.name}Faces", f"Lists the faces of a {family.noun.lower()} by ascending id.",
                        parameters=[*whose, *PAGE.parameters], result=array(FACE_SCHEMA), says="The faces.",
                    ),
                )
            )  # fmt: skip
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
        page = PAGE.read(exchange.request)
        ref = ref_of(exchange, self.family)

        def work() -> Response:
            return answer([face_json(face) for face in self.context.gallery.faces.page(ref, page.start, page.top)])

        return await self.context.run(self.family.rows, work)

    async def update(self, exchange: Exchange) -> Response:
        """Change a face's user data; null removes it, an absent property changes nothing."""
        body = await read_json(exchange.request, self.context.limits)
        changes, user_data = "userdata" in body, FACE_DATA.read(body)
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
