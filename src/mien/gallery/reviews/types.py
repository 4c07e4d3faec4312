"""Types of reviews: what is filed, and what callers see of it."""

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
    """Which identifications must be confirmed.

    Attributes:
        collection: KIND/ID; None for all of the resource.
        reviewers: how many people must agree: 1, or 2 different ones.
        identify: whether every identify with candidates files a case by itself.
        keep_days: days that the probe's picture is kept after the decision.
        rule_id: alert rule whose webhook is told of decisions.
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
        number: in the case, from 1; not by rank.
        person_id: None when the person was deleted.
        name: name of the candidate.
        confidence: None as long as it is hidden from the reader.
        sent: the confidence that the application sent with its match; hidden likewise, None if it sent none.
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
    """A case, as far as its reader may see it: what article 12(3) of the EU AI Act names is all here.

    Attributes:
        id: id of the case.
        state: its state.
        reviewers: how many must agree.
        collection: KIND/ID of the reference database.
        reference: its version: training, revision, fingerprint.
        filed_by: person or program that filed it.
        used_from: start of the use: when the identification was made.
        filed_at: when the case was filed.
        decided_at: end of the use: when the result was verified.
        purpose: the operator's words.
        input_sha256: of the picture that led to the match, in hexadecimal; None if there was none.
        has_probe: whether its picture is still kept.
        candidates: the persons whom it may show.
        answers: the answers that the reader may see: people who have not answered see none.
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
        """Whether the match counts: it is confirmed, by as many people as the policy asked for when it was filed."""
        return self.state is ReviewState.CONFIRMED


@dataclass(frozen=True, slots=True)
class Claimed:
    """The claims of an application about a match that it files.

    Attributes:
        case_id: its id of the case: the same call twice makes one case.
        request: digest of all that it sent, by which a repeated call is told from another match.
        sent: the confidences that it sent, by person id in lower case.
    """

    case_id: UUID
    request: str
    sent: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Filed:
    """The match that is filed for review.

    Attributes:
        candidates: persons of the collection with their confidences.
        filed_by: person or program that files it; they may not answer it.
        used_from: time of the identification; now when None.
        picture: the probe's picture, an image file.
        face_id: the probe's faceId.
        purpose: the operator's words, such as which door.
        claimed: the claims of an application; None for cases from people and the server.
        searched: the collection of the faces, whose version is recorded, where it is not that of the persons: those of
            a person directory have one for each recognition model.
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
    """Takes a face that is not some persons, as `mien.gallery.negatives.Negatives.learn`."""

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
