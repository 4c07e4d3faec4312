"""Review of matches: an identification counts only when one or two people have confirmed it.

* `rules` - what answers make of a case, without any state.
* `policies` - which collections ask for it.
* `service` - filing, answering, the record; every step is one transaction with its audit entry.
* `applications` - what applications file: compared again by the server, once per id.
"""

from mien.gallery.reviews.applications import ApplicationReviews, FiledMatch, MatchCandidate
from mien.gallery.reviews.rules import NOBODY, ReviewState, outcome
from mien.gallery.reviews.service import Reviews
from mien.gallery.reviews.types import Filed, Rejected, ReviewAnswer, ReviewCandidate, ReviewCase, ReviewPolicy

__all__ = [
    "NOBODY",
    "ApplicationReviews",
    "Filed",
    "FiledMatch",
    "MatchCandidate",
    "Rejected",
    "ReviewAnswer",
    "ReviewCandidate",
    "ReviewCase",
    "ReviewPolicy",
    "ReviewState",
    "Reviews",
    "outcome",
]
