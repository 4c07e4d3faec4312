"""Review of matches: an identification is valid only after one or two people have confirmed it.

* `rules` - the result of a case from its answers, stateless.
* `policies` - which collections require reviews.
* `service` - filing, answering and listing; every step is one transaction with its audit entry.
* `applications` - matches that applications file: the server compares again; each id is used once.
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
