"""The type of listed negatives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Negative:
    """A negative as it is listed.

    Attributes:
        id: id of the negative.
        collection: KIND/ID of the person's collection; `directory` for the person directory.
        person_id: id of the person.
        name: the person's name.
        fingerprint: fingerprint of the template's recogniser.
        confidence: the face's confidence as the person when it was added.
        origin: source of the information: `review:CASE`, `event:NUMBER`, `photo` or `face`.
        created_by: name of the actor who added it.
        created_at: time of creation.
        in_use: whether it affects matches: the collection's recogniser is the same, and the policy allows negatives.
    """

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
