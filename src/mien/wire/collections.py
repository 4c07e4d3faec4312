"""The operations on face lists, large face lists, person groups and large person groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mien.contract.catalogue import row
from mien.contract.models import RECOGNITION_MODELS
from mien.contract.versions import ALL
from mien.gallery import Collection, Kind
from mien.gateway.exchange import Exchange, Operation, Response
from mien.wire import schemas
from mien.wire.body import read_json
from mien.wire.context import EMPTY, Context, answer, ref_of, without_none
from mien.wire.families import FACE_LIST, FAMILIES, Family
from mien.wire.fields import (
    CHANGE_BODY,
    NAME,
    NEW_NAME,
    NEW_USER_DATA,
    PAGE,
    RETURN_MODEL,
    USER_DATA,
    Body,
    Field,
    PageRange,
    body_of,
    text,
)
from mien.wire.schemas import COLLECTION_ID, GUID, Json, array, described, in_path, record

_MODEL_INVALID = row("common.recognition_model_invalid")


def _read_model(body: Body, name: str) -> str:
    model = (text(body, name) or RECOGNITION_MODELS[0]).lower()
    if model not in RECOGNITION_MODELS:
        raise _MODEL_INVALID.problem(hint=f"It is one of {', '.join(RECOGNITION_MODELS)}.")
    return model


_MODEL = Field("recognitionModel", {**schemas.MODEL, "default": RECOGNITION_MODELS[0]}, _read_model)
FACE_SCHEMA = record({"persistedFaceId": GUID, "userData": schemas.FACE_DATA}, optional=["userData"])
"""The schema of an enrolled face."""


def collection_operations(context: Context) -> list[Operation]:
    """Return the operations of all four kinds."""
    return [operation for family in FAMILIES for operation in CollectionHandlers(context, family).operations()]


@dataclass(frozen=True, slots=True)
class CollectionHandlers:
    """The handlers of one kind of collection."""

    context: Context
    family: Family

    def operations(self) -> list[Operation]:
        """Return the operations of this kind."""
        family = self.family
        name, noun, one = family.name, family.noun.lower(), [in_path(family.id_name, COLLECTION_ID)]
        read, write = f"{family.action}/read", f"{family.action}/write"
        page = PAGE.parameters if family.kind is not Kind.FACE_LIST else ()
        return [
            Operation(
                f"{name} - List", "GET", family.path, self.show_all, ALL, read, 1,
                describe=described(
                    f"list{name}", f"Lists the {noun}s of the resource by ascending id.",
                    parameters=[*page, *RETURN_MODEL.parameters], result=array(self._schema()), says=f"The {noun}s.",
                ),
            ),
            Operation(
                f"{name} - Create", "PUT", family.one, self.create, ALL, write, 1,
                describe=described(
                    f"create{name}",
                    f"Makes an empty {noun} under an id of your choice. Its recognition model never changes.",
                    parameters=one, body=body_of(NAME, USER_DATA, _MODEL, optional=[USER_DATA, _MODEL]),
                ),
            ),
            Operation(
                f"{name} - Get", "GET", family.one, self.show, ALL, read, 1,
                describe=described(
                    f"get{name}", f"Returns a {noun}.", parameters=[*one, *RETURN_MODEL.parameters],
                    result=self._schema(with_faces=family.kind is Kind.FACE_LIST), says=f"The {noun}.",
                ),
            ),
            Operation(
                f"{name} - Update", "PATCH", family.one, self.update, ALL, write, 1,
                describe=described(
                    f"update{name}", "Changes name, userData or both.", parameters=one, body=CHANGE_BODY
                ),
            ),
            Operation(
                f"{name} - Delete", "DELETE", family.one, self.delete, ALL, f"{family.action}/delete", 1,
                describe=described(f"delete{name}", f"Deletes a {noun} with everything in it.", parameters=one),
            ),
        ]  # fmt: skip

    def _schema(self, *, with_faces: bool = False) -> Json:
        """Return the schema of `_json`; a face list includes its faces."""
        properties = {
            self.family.id_name: COLLECTION_ID, "name": NAME.schema, "userData": USER_DATA.schema,
            "recognitionModel": schemas.MODEL,
        }  # fmt: skip
        if with_faces:
            properties["persistedFaces"] = array(FACE_SCHEMA)
        return record(properties, optional=["userData", "recognitionModel"])

    async def create(self, exchange: Exchange) -> Response:
        """Create a collection under the caller's id."""
        body = await read_json(exchange.request, self.context.limits)
        name, user_data, model = NAME.read(body), USER_DATA.read(body), _MODEL.read(body)
        ref = ref_of(exchange, self.family)

        def work() -> Response:
            self.context.gallery.collections.create(ref, name or "", user_data, model)
            return EMPTY

        return await self.context.run(self.family.rows, work)

    async def show(self, exchange: Exchange) -> Response:
        """Return a collection; a face list includes its faces."""
        with_model = RETURN_MODEL.read(exchange.request)
        ref = ref_of(exchange, self.family)

        def work() -> Response:
            shown = self._json(self.context.gallery.collections.get(ref), with_model)
            if self.family is FACE_LIST:
                faces = self.context.gallery.faces.all(ref)
                shown["persistedFaces"] = [
                    without_none({"persistedFaceId": face.persisted_face_id, "userData": face.user_data})
                    for face in faces
                ]
            return answer(shown)

        return await self.context.run(self.family.rows, work)

    async def show_all(self, exchange: Exchange) -> Response:
        """Return the collections of this kind by ascending id: all face lists, or a page of the other kinds."""
        with_model = RETURN_MODEL.read(exchange.request)
        page = PageRange("", 1000) if self.family is FACE_LIST else PAGE.read(exchange.request)
        resource_id = exchange.resource_id

        def work() -> Response:
            found = self.context.gallery.collections.page(resource_id, self.family.kind, page.start, page.top)
            return answer([self._json(collection, with_model) for collection in found])

        return await self.context.run(self.family.rows, work)

    async def update(self, exchange: Exchange) -> Response:
        """Change name, user data, or both."""
        body = await read_json(exchange.request, self.context.limits)
        name, user_data = NEW_NAME.read(body), NEW_USER_DATA.read(body)
        ref = ref_of(exchange, self.family)

        def work() -> Response:
            self.context.gallery.collections.update(ref, name=name, user_data=user_data)
            return EMPTY

        return await self.context.run(self.family.rows, work)

    async def delete(self, exchange: Exchange) -> Response:
        """Delete a collection with everything in it."""
        ref = ref_of(exchange, self.family)

        def work() -> Response:
            self.context.gallery.collections.delete(ref)
            return EMPTY

        return await self.context.run(self.family.rows, work)

    def _json(self, collection: Collection, with_model: bool) -> dict[str, Any]:
        return without_none(
            {
                self.family.id_name: collection.collection_id,
                "name": collection.name,
                "userData": collection.user_data,
                "recognitionModel": collection.recognition_model if with_model else None,
            }
        )
