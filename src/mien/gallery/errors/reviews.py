"""Reviews of matches."""

from __future__ import annotations

from uuid import UUID

from mien.gallery.errors.base import GalleryError


class InvalidReviewPolicyError(GalleryError):
    """A review policy has a value out of range, or names an alert rule that does not exist."""


class ReviewNotFoundError(GalleryError):
    """The resource has no such case."""

    def __init__(self, case_id: UUID) -> None:
        super().__init__("there is no review {case_id}", case_id=case_id)


class ReviewExistsError(GalleryError):
    """An application's case id is already used for another match."""

    def __init__(self, case_id: UUID) -> None:
        super().__init__(
            "the id {case_id} is that of a case with other contents; choose a new GUID for another match",
            case_id=case_id,
        )


class InvalidReviewError(GalleryError):
    """The server cannot check the match that is filed for review."""


class ReviewDecidedError(GalleryError):
    """The request is not allowed because the case is already decided, or still open."""

    def __init__(self, case_id: UUID, *, still_open: bool = False) -> None:
        if still_open:
            super().__init__(
                "the review {case_id} is still open: it must be decided before it can be deleted", case_id=case_id
            )
        else:
            super().__init__("the review {case_id} is decided already", case_id=case_id)


class AlreadyAnsweredError(GalleryError):
    """The reviewer has already answered the case; another person must answer next."""

    def __init__(self) -> None:
        super().__init__("you have answered this review: another person must answer next")


class OwnCaseError(GalleryError):
    """The reviewer filed the case, so other people must answer it."""

    def __init__(self) -> None:
        super().__init__("you filed this review: other people must answer it")


class UnknownCandidateError(GalleryError):
    """A case has no such candidate, or a candidate is not a person of its collection."""
