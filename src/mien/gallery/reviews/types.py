"""Types of reviews: filed matches, and cases as callers see them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from mien.gallery.reviews.rules import ReviewState
from mien.gallery.types import Candidate
from mien.storage.tables import CollectionRow


@dataclass(frozen=True, slots=True)
class ReviewPolicy:
    """The policy for confirming identifications.

    Attributes:
        collection: KIND/ID; None for the whole resource.
        reviewers: number of different people who must agree, 1 or 2.
        identify: whether every identify call with candidates files a case automatically.
        keep_days: days that the probe's picture is stored after the decision.
        rule_id: alert rule whose webhook receives decisions.
        set_by: name of the actor.
        set_at: time of the change.
    """

    collection: str | None
    reviewers: int
    identify: bool
    keep_days: int
    rule_id: UUID | None
    set_by: str
    set_at: datetime


@dataclass(frozen=True, slots=True)
class ReviewCandidate:
    """A candidate of a case.

    Attributes:
        number: number in the case, from 1, in random order.
        person_id: None if the person was deleted.
        name: name of the candidate.
        confidence: None while it is hidden from the reader.
        sent: the confidence that the application sent; None if it sent none, or while it is hidden.
    """

    number: int
    person_id: str | None
    name: str | None
    confidence: float | None
    sent: float | None = None


@dataclass(frozen=True, slots=True)
class ReviewAnswer:
    """An answer; `chosen` is a candidate's number, 0 for nobody, None for "cannot tell"."""

    reviewer: str
    chosen: int | None
    reason: str | None
    answered_at: datetime


@dataclass(frozen=True, slots=True)
class ReviewCase:
    """A case, as its reader may see it; contains everything that article 12(3) of the EU AI Act requires.

    Attributes:
        id: id of the case.
        state: its state.
        reviewers: number of people who must agree.
        collection: KIND/ID of the reference database.
        reference: version of the reference database: training, revision, fingerprint.
        filed_by: person or program that filed it.
        used_from: start of the use: time of the identification.
        filed_at: time of filing.
        decided_at: end of the use: time of the decision.
        purpose: the operator's description.
        input_sha256: SHA-256 (hex) of the probe's picture; None if there was none.
        has_probe: whether the picture is still stored.
        candidates: the candidates.
        answers: the answers that the reader may see; none before the reader's own answer.
        person_id: id of the confirmed person; None unless it is confirmed.
    """

    id: UUID
    state: ReviewState
    reviewers: int
    collection: str
    reference: Mapping[str, object]
    filed_by: str
    used_from: datetime
    filed_at: datetime
    decided_at: datetime | None
    purpose: str | None
    input_sha256: str | None
    has_probe: bool
    candidates: Sequence[ReviewCandidate]
    answers: Sequence[ReviewAnswer]
    person_id: str | None

    @property
    def counts(self) -> bool:
        """Whether the match is valid: confirmed by as many people as the policy required at filing."""
        return self.state is ReviewState.CONFIRMED


@dataclass(frozen=True, slots=True)
class Claimed:
    """An application's own data about a match that it files.

    Attributes:
        case_id: the case id that it chose; repeating a call creates no second case.
        request: digest of the call, which distinguishes a repeated call from another match.
        sent: the confidences that it sent, by person id in lower case.
    """

    case_id: UUID
    request: str
    sent: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Filed:
    """A match to file for review.

    Attributes:
        candidates: persons of the collection with their confidences.
        filed_by: person or program that files it, who may not answer it.
        used_from: time of the identification; None for now.
        picture: the probe's picture, an image file.
        face_id: the probe's faceId.
        purpose: the operator's description, such as which door.
        claimed: data of an application; None for cases of people and the server.
        searched: the collection of the faces, whose version is recorded; None if it is the persons' collection. In a
            person directory, faces have a collection for each recognition model.
    """

    candidates: Sequence[Candidate]
    filed_by: str
    used_from: datetime | None = None
    picture: bytes | None = None
    face_id: str | None = None
    purpose: str | None = None
    claimed: Claimed | None = None
    searched: CollectionRow | None = None


class Rejected(Protocol):
    """Receives a face and the persons it does not show, like `mien.gallery.negatives.Negatives.learn`."""

    def __call__(
        self,
        resource_id: UUID,
        collection: UUID,
        persons: Iterable[UUID],
        *,
        photo: bytes | None,
        face_id: str | None,
        origin: str,
        actor: str,
    ) -> object:
        """Handle the face."""
        ...
