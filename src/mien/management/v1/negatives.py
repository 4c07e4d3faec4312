"""Routes for negatives: faces marked as not being a person."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from mien.accounts import Accounts
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.negatives.service import Negatives
from mien.management.errors import invalid
from mien.management.routing import Enroller, Looker, Shown, Strict
from mien.management.v1.evaluations import CollectionName, collection_ref
from mien.management.v1.fields import find
from mien.management.v1.subjects import Resource


class NegativeWanted(Strict):
    """A face that is not a person: a photo with that face alone, or a face that detect remembers."""

    collection: CollectionName
    person_id: UUID
    photo: Annotated[str | None, Field(description="An image file in base64.")] = None
    face_id: UUID | None = None


class NegativeSeen(Shown):
    """A negative; `confidence` is what the face reached as the person when it was added."""

    id: UUID
    collection: str
    person_id: str
    name: str
    fingerprint: str
    confidence: float
    origin: str
    created_by: str
    created_at: datetime
    in_use: bool


class NegativeList(Shown):
    """Negatives, oldest first."""

    value: list[NegativeSeen]


def routes(negatives: Negatives, accounts: Accounts) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/mien/v1/resources/{resource}/negatives", tags=["negatives"])

    def owner(resource: str) -> UUID:
        return find(accounts, resource).id

    @router.get("")
    def list_negatives(
        resource: Resource, actor: Looker, person_id: Annotated[UUID | None, Query(alias="personId")] = None
    ) -> NegativeList:
        """List the negatives of the resource or a person."""
        del actor
        found = negatives.all(owner(resource), person_id=person_id)
        return NegativeList(value=[NegativeSeen.model_validate(one) for one in found])

    @router.post("", status_code=201)
    def add_negative(resource: Resource, body: NegativeWanted, actor: Enroller) -> NegativeSeen:
        """Keep a face that is not a person; the policy of the group must keep negatives."""
        resource_id = owner(resource)
        if body.collection == Kind.DIRECTORY.value:
            ref = CollectionRef(resource_id, Kind.DIRECTORY, "")
        else:
            ref = collection_ref(resource_id, body.collection)
        if (body.photo is None) == (body.face_id is None):
            raise invalid("Send either a photo or a faceId.", "photo")
        try:
            photo = None if body.photo is None else base64.b64decode(body.photo, validate=True)
        except (ValueError, binascii.Error):
            raise invalid("The photo is not base64.", "photo") from None
        made = negatives.add(
            ref, str(body.person_id), photo=photo, face_id=str(body.face_id) if body.face_id else None, actor=actor.name
        )
        return NegativeSeen.model_validate(made)

    @router.delete("/{negative}", status_code=204)
    def remove_negative(resource: Resource, negative: UUID, actor: Enroller) -> None:
        """Remove a negative: the person matches as before."""
        negatives.remove(owner(resource), negative, actor=actor.name)

    return router
