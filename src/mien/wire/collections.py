"""Face lists, large face lists, person groups and large person groups: making, reading, changing, deleting them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mien.contract.catalogue import row
from mien.contract.models import RECOGNITION_MODELS
from mien.contract.versions import ALL
from mien.gallery import Collection
from mien.gateway.exchange import Exchange, Operation, Response
from mien.wire.body import read_json
from mien.wire.collection_docs import Documents
from mien.wire.context import EMPTY, Context, answer, ref_of, without_none
from mien.wire.families import FACE_LIST, FAMILIES, Family
from mien.wire.fields import Page, changed_text, parse_page, parse_return_model, text

_MODEL = row("common.recognition_model_invalid")


def collection_operations(context: Context) -> list[Operation]:
    """The rows of all four kinds for the router."""
    return [operation for family in FAMILIES for operation in Collections(context, family).operations()]


@dataclass(frozen=True, slots=True)
class Collections:
    """The handlers of one kind of collection."""

    context: Context
    family: Family

    def operations(self) -> list[Operation]:
        """The rows of this kind for the router."""
        family, docs = self.family, Documents(self.family)
        name, read, write = family.name, f"{family.action}/read", f"{family.action}/write"
        return [
            Operation(f"{name} - List", "GET", family.path, self.show_all, ALL, read, 1, describe=docs.list_all),
            Operation(f"{name} - Create", "PUT", family.one, self.create, ALL, write, 1, describe=docs.create),
            Operation(f"{name} - Get", "GET", family.one, self.show, ALL, read, 1, describe=docs.get),
            Operation(f"{name} - Update", "PATCH", family.one, self.update, ALL, write, 1, describe=docs.update),
            Operation(
                f"{name} - Delete", "DELETE", family.one, self.delete, ALL, f"{family.action}/delete", 1,
                describe=docs.delete,
            ),
        ]  # fmt: skip

    async def create(self, exchange: Exchange) -> Response:
        """Make a collection under the caller's id."""
        body = await read_json(exchange.request, self.context.limits)
        name, user_data = text(body, "name"), text(body, "userData")
        model = (text(body, "recognitionModel") or RECOGNITION_MODELS[0]).lower()
        if model not in RECOGNITION_MODELS:
            raise _MODEL.problem(hint=f"It is one of {', '.join(RECOGNITION_MODELS)}.")
        ref = ref_of(exchange, self.family)

        def work() -> Response:
            self.context.gallery.collections.create(ref, name or "", user_data, model)
            return EMPTY

        return await self.context.run(self.family.rows, work)

    async def show(self, exchange: Exchange) -> Response:
        """Return a collection; a face list with its faces."""
        with_model = parse_return_model(exchange.request)
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
        """Return the collections of this kind by ascending id; face lists in one piece, the others in pages."""
        with_model = parse_return_model(exchange.request)
        page = Page("", 1000) if self.family is FACE_LIST else parse_page(exchange.request)
        resource_id = exchange.resource_id

        def work() -> Response:
            found = self.context.gallery.collections.page(resource_id, self.family.kind, page.start, page.top)
            return answer([self._json(collection, with_model) for collection in found])

        return await self.context.run(self.family.rows, work)

    async def update(self, exchange: Exchange) -> Response:
        """Change name, user data, or both."""
        body = await read_json(exchange.request, self.context.limits)
        name, user_data = changed_text(body, "name"), changed_text(body, "userData")
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
