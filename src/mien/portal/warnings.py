"""Warnings about a resource, most urgent first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mien.accounts import AccessRequest, Feature, RequestState, Resource
from mien.events import QuotaUse
from mien.gallery.reembedding.job import Plan

SOON: Final = timedelta(days=30)
NEAR: Final = 80.0
"""Percent of a quota from which on somebody should know."""

_CALLS: Final = {"callsPerMinute": "Calls a minute", "callsPerMonth": "Calls this month"}
_KINDS: Final = {
    "faceList": "face lists",
    "largeFaceList": "large face lists",
    "personGroup": "person groups",
    "largePersonGroup": "large person groups",
}


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning.

    Attributes:
        tone: `bad`, `warn` or `info`.
        title: what is the matter.
        about: what that means, and what to do.
        action: words and path of where to do it; None when there is no such page.
    """

    tone: str
    title: str
    about: str
    action: tuple[str, str] | None = None


def quota_words(use: QuotaUse) -> str:
    """Return the name of a quota for people, such as `Persons in all large person groups`."""
    if use.name in _CALLS:
        return _CALLS[use.name]
    kind, _, what = use.name.partition(".")
    every = _KINDS.get(kind, kind)
    if what == "collections":
        return every.capitalize()
    if kind == "directory":
        return "Persons in the directory"
    if what == "personsInAll":
        return f"Persons in all {every}"
    return f"{what.capitalize()} in the fullest of the {every}"


def warnings_of(
    resource: Resource,
    requests: Sequence[AccessRequest],
    uses: Sequence[QuotaUse],
    mismatched: Sequence[Plan],
    now: datetime,
) -> list[Warned]:
    """Return what to warn of.

    Args:
        resource: which.
        requests: its requests for limited access.
        uses: how much of their quotas resources use.
        mismatched: its collections whose templates are of other weights than their label is bound to.
        now: the time.
    """
    found = [*_states(resource), *_models(mismatched), *_access(resource, requests, now), *_quotas(resource, uses)]
    return sorted(found, key=lambda one: ("bad", "warn", "info").index(one.tone))


def _states(resource: Resource) -> Iterator[Warned]:
    if reason := resource.blocked:
        yield Warned("bad", "All calls to this resource are refused", reason, ("Networking", "/networking"))
    elif not resource.public_network_access:
        about = "The resource accepts calls from this server's private networks only."
        yield Warned("info", "Public access is off", about, ("Networking", "/networking"))
    if not resource.local_auth:
        yield Warned("info", "Keys are refused", "Only tokens are accepted: local authentication is off.")


def _models(mismatched: Sequence[Plan]) -> Iterator[Warned]:
    if mismatched:
        names = ", ".join(f"{plan.ref.kind.value}/{plan.ref.collection_id}" for plan in mismatched[:3])
        more = f" and {len(mismatched) - 3} more" if len(mismatched) > 3 else ""
        about = (
            f"The faces of {names}{more} were enrolled with different weights than their recognition model has now. "
            "They cannot be searched or extended until they are migrated, or the previous model is bound again."
        )
        yield Warned("bad", "Fingerprints do not match", about, ("Migrate", "/people"))


def _access(resource: Resource, requests: Sequence[AccessRequest], now: datetime) -> Iterator[Warned]:
    page = ("Limited access", "/access")
    for request in requests:
        names = " and ".join(sorted(request.features))
        if request.state in {RequestState.SUBMITTED, RequestState.IN_REVIEW}:
            where = "waits for a reviewer" if request.state is RequestState.SUBMITTED else "is in review"
            yield Warned(
                "info", f"{names} is pending", f"The request {where}; calls are refused until it is approved.", page
            )
        elif request.state is RequestState.APPROVED and request.expires_at and request.expires_at - now < SOON:
            about = f"It ends on {request.expires_at:%Y-%m-%d}. A reviewer can renew it after checking the use case."
            yield Warned("warn", f"The approval of {names} expires soon", about, page)
        elif request.state is RequestState.EXPIRED and not request.features <= resource.features:
            about = f"It ended on {request.expires_at:%Y-%m-%d}; calls are refused." if request.expires_at else ""
            yield Warned("bad", f"The approval of {names} has expired", about, page)
    if Feature.LIVENESS not in resource.features and Feature.LIVENESS not in resource.access_state:
        about = "Liveness sessions are refused until you request access and a reviewer approves it."
        yield Warned("info", "Liveness is not approved", about, ("Request access", "/access"))


def _quotas(resource: Resource, uses: Sequence[QuotaUse]) -> Iterator[Warned]:
    for use in uses:
        if use.resource_id == resource.id and use.percent >= NEAR:
            tone = "bad" if use.percent >= 100 else "warn"
            title = f"{quota_words(use)}: {use.percent:.0f} % of the quota is used"
            after = "; more is refused" if use.percent >= 100 else ""
            about = f"{use.used:,.0f} of {use.limit:,.0f}{after}."
            yield Warned(tone, title, about, ("Metrics", "/metrics-and-alerts"))
