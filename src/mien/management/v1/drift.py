"""Routes for the drift of a resource: the last full week compared with a baseline."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from mien.accounts import Accounts
from mien.gallery.drift import Drift
from mien.management.routing import READERS, Manager, Shown, Strict
from mien.management.v1.fields import find
from mien.management.v1.subjects import Resource


class SeriesSeen(Shown):
    """A series; histograms are counts by bin, chances are after Holm's correction."""

    source: Annotated[str, Field(description="`api`, or a camera's name.")]
    series: str
    moved: bool
    since: date | None
    finding: str
    baseline_from: date
    baseline_until: date
    week: Annotated[date, Field(description="Monday of the week that is compared.")]
    psi: float | None
    chance: float | None
    baseline: list[int]
    counts: Annotated[list[int], Field(description="Of the week.")]


class DriftSeen(Shown):
    """All series, those that have moved first."""

    value: list[SeriesSeen]


class BaselineWanted(Strict):
    """A new baseline, after a change that was made on purpose."""

    camera: Annotated[str, Field(max_length=64, description="Empty for calls of the API.")] = ""
    first: Annotated[date | None, Field(description="Its first day; today when absent.")] = None


class BaselineSet(Shown):
    """The first day of the baseline."""

    first: date


def routes(drift: Drift, accounts: Accounts) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/mien/v1/resources/{resource}/drift", tags=["drift"])

    @router.get("", dependencies=READERS)
    def get_drift(resource: Resource) -> DriftSeen:
        """Compare the last full week with the baseline, for calls of the API and for each camera."""
        found = drift.of(find(accounts, resource).id)
        return DriftSeen(value=[SeriesSeen.model_validate(one.as_json()) for one in found])

    @router.post("/baseline")
    def set_baseline(resource: Resource, body: BaselineWanted, actor: Manager) -> BaselineSet:
        """Start a new baseline of the API's calls or of a camera."""
        owner = find(accounts, resource).id
        return BaselineSet(first=drift.set_baseline(owner, body.camera, body.first, actor=actor.name))

    return router
