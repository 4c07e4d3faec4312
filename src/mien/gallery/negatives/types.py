"""A negative as it is listed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Negative:
    """A negative as it is listed.

    Attributes:
        id: names it.
        collection: KIND/ID of the person's collection; `directory` for the person directory.
        person_id: whose it is.
        name: the person's.
        fingerprint: of the recogniser that made the template.
        confidence: what the face reached as the person when it was added.
        origin: who told so: `review:CASE`, `event:NUMBER`, `photo` or `face`.
        created_by: who added it.
        created_at: when.
        in_use: whether it counts: the collection is still of its recogniser, and the policy keeps negatives.
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
