"""Warnings about a resource, most urgent first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mien.accounts import AccessRequest, Feature, RequestState, Resource
from mien.events import QuotaUse
from mien.gallery.reembedding.job import Plan
from mien.portal.approval import feature_names
from mien.portal.texts import day, listed, mark, t, tn

SOON: Final = timedelta(days=30)
NEAR: Final = 80.0
"""Usage of a quota, in percent, from which a warning is shown."""

_CALLS: Final = {"callsPerMinute": mark("Calls a minute"), "callsPerMonth": mark("Calls this month")}
_WHAT: Final[dict[str, str]] = {
    "faceList.collections": mark("Face lists"),
    "largeFaceList.collections": mark("Large face lists"),
    "personGroup.collections": mark("Person groups"),
    "largePersonGroup.collections": mark("Large person groups"),
    "personGroup.personsInAll": mark("Persons in all person groups"),
    "largePersonGroup.personsInAll": mark("Persons in all large person groups"),
    "personGroup.persons": mark("Persons in the fullest of the person groups"),
    "largePersonGroup.persons": mark("Persons in the fullest of the large person groups"),
    "faceList.faces": mark("Faces in the fullest of the face lists"),
    "largeFaceList.faces": mark("Faces in the fullest of the large face lists"),
    "directory.persons": mark("Persons in the directory"),
}


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning.

    Attributes:
        tone: `bad`, `warn` or `info`.
        title: the problem.
        about: its meaning and the remedy.
        action: label and path of the page for the remedy; None if there is none.
    """

    tone: str
    title: str
    about: str
    action: tuple[str, str] | None = None


def quota_words(use: QuotaUse) -> str:
    """Return the display name of a quota, such as `Persons in all large person groups`."""
    return t(_CALLS.get(use.name) or _WHAT.get(use.name) or use.name)


def warnings_of(
    resource: Resource,
    requests: Sequence[AccessRequest],
    uses: Sequence[QuotaUse],
    mismatched: Sequence[Plan],
    now: datetime,
) -> list[Warned]:
    """Return the warnings about a resource.

    Args:
        resource: the resource.
        requests: its requests for limited access.
        uses: use of the resources' quotas.
        mismatched: its collections with templates of other weights than their label has now.
        now: the current time.
    """
    found = [*_states(resource), *_models(mismatched), *_access(resource, requests, now), *_quotas(resource, uses)]
    return sorted(found, key=lambda one: ("bad", "warn", "info").index(one.tone))


def _states(resource: Resource) -> Iterator[Warned]:
    if reason := resource.blocked:
        yield Warned("bad", t("All calls to this resource are refused"), t(reason), (t("Networking"), "/networking"))
    elif not resource.public_network_access:
        about = t("The resource accepts calls from this server's private networks only.")
        yield Warned("info", t("Public access is off"), about, (t("Networking"), "/networking"))
    if not resource.local_auth:
        yield Warned("info", t("Keys are refused"), t("Only tokens are accepted: local authentication is off."))


def _models(mismatched: Sequence[Plan]) -> Iterator[Warned]:
    if mismatched:
        names = listed(plan.ref.path for plan in mismatched[:3])
        if (more := len(mismatched) - 3) > 0:
            names = tn("{names} and {count} more", "{names} and {count} more", more, names=names)
        about = t(
            "Their faces were enrolled with different weights than their recognition model has now: {names}. "
            "They cannot be searched or extended until they are migrated, or the previous model is bound again.",
            names=names,
        )
        yield Warned("bad", t("Fingerprints do not match"), about, (t("Migrate"), "/people"))


def _access(resource: Resource, requests: Sequence[AccessRequest], now: datetime) -> Iterator[Warned]:
    page = (t("Limited access"), "/access")
    for request in requests:
        names = feature_names(request.features)
        if request.state in {RequestState.SUBMITTED, RequestState.IN_REVIEW}:
            about = (
                t("The request waits for a reviewer; calls are refused until it is approved.")
                if request.state is RequestState.SUBMITTED
                else t("The request is in review; calls are refused until it is approved.")
            )
            yield Warned(
                "info",
                t("Pending: {names}", names=names),
                about,
                page,
            )
        elif request.state is RequestState.APPROVED and request.expires_at and request.expires_at - now < SOON:
            about = t(
                "It ends on {day}. A reviewer can renew it after checking the use case.",
                day=day(request.expires_at),
            )
            yield Warned("warn", t("The approval of {names} expires soon", names=names), about, page)
        elif request.state is RequestState.EXPIRED and not request.features <= resource.features:
            about = (
                t("It ended on {day}; calls are refused.", day=day(request.expires_at)) if request.expires_at else ""
            )
            yield Warned("bad", t("The approval of {names} has expired", names=names), about, page)
    if Feature.LIVENESS not in resource.features and Feature.LIVENESS not in resource.access_state:
        about = t("Liveness sessions are refused until you request access and a reviewer approves it.")
        yield Warned("info", t("Liveness is not approved"), about, (t("Request access"), "/access"))


def _quotas(resource: Resource, uses: Sequence[QuotaUse]) -> Iterator[Warned]:
    for use in uses:
        if use.resource_id == resource.id and use.percent >= NEAR:
            tone = "bad" if use.percent >= 100 else "warn"
            title = t("{quota}: {share:.0%} of the quota is used", quota=quota_words(use), share=use.percent / 100)
            about = t("{used:,.0f} of {limit:,.0f}.", used=use.used, limit=use.limit)
            if use.percent >= 100:
                about = f"{about} {t('More is refused.')}"
            yield Warned(tone, title, about, (t("Metrics"), "/metrics-and-alerts"))
