"""Reviews of matches."""

from __future__ import annotations

from uuid import UUID

from mien.gallery.errors.base import GalleryError


class InvalidReviewPolicyError(GalleryError):
    """A review policy has a value out of range, or names an alert rule that is not there."""


class ReviewNotFoundError(GalleryError):
    """The resource has no such case."""

    def __init__(self, case_id: UUID) -> None:
        super().__init__("there is no review {case_id}", case_id=case_id)


class ReviewExistsError(GalleryError):
    """An application's id of a case is in use for another match."""

    def __init__(self, case_id: UUID) -> None:
        super().__init__(
            "the id {case_id} is that of a case with other contents; choose a new GUID for another match",
            case_id=case_id,
        )


class InvalidReviewError(GalleryError):
    """The match that is filed for review cannot be checked by the server."""


class ReviewDecidedError(GalleryError):
    """A case is decided already, or not yet, so that what was requested cannot be done."""

    def __init__(self, case_id: UUID, *, still_open: bool = False) -> None:
        if still_open:
            super().__init__(
                "the review {case_id} is still open: it must be decided before it can be deleted", case_id=case_id
            )
        else:
            super().__init__("the review {case_id} is decided already", case_id=case_id)


class AlreadyAnsweredError(GalleryError):
    """A reviewer has answered the case before: another person must."""

    def __init__(self) -> None:
        super().__init__("you have answered this review: another person must answer next")


class OwnCaseError(GalleryError):
    """A reviewer filed the case themselves."""

    def __init__(self) -> None:
        super().__init__("you filed this review: other people must answer it")


class UnknownCandidateError(GalleryError):
    """A case has no such candidate, or a candidate is not a person of its collection."""
