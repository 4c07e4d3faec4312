"""Routes for accepting a subscription's responsible-AI terms, which on Azure only the portal can do."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field

from mien.management.arm.filing import STATEMENT, SubscriptionTerms
from mien.management.arm.routing import Subscription
from mien.management.routing import ANY_READERS, Journal, Manager, Shown, Strict


class AcceptanceWanted(Strict):
    """The declarations. Both must be true: otherwise no resource is created."""

    accepted_by: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
    responsible_ai: Literal[True]
    not_for_police: Literal[True]


class AcceptanceSeen(Shown):
    """An acceptance."""

    subscription: str
    accepted_by: str
    accepted_at: datetime
    statement: str


class Terms(Shown):
    """The terms, and their acceptance."""

    accepted: bool
    statement: str
    value: list[AcceptanceSeen]


def routes(terms: SubscriptionTerms, journal: Journal) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/mien/v1/subscriptions/{subscription}/terms", tags=["terms"])

    @router.get("", dependencies=ANY_READERS)
    def show_terms(subscription: Subscription) -> Terms:
        """Show the terms and who accepted them for a subscription, newest first."""
        history = [AcceptanceSeen.model_validate(one) for one in terms.history(subscription)]
        return Terms(accepted=bool(history), statement=STATEMENT, value=history)

    @router.post("", status_code=201)
    def accept_terms(subscription: Subscription, body: AcceptanceWanted, actor: Manager) -> AcceptanceSeen:
        """Accept the terms for a subscription, so that accounts can be made in it."""
        made = terms.accept(subscription, body.accepted_by)
        journal.did(actor, "terms.accept", subscription=subscription, accepted_by=body.accepted_by)
        return AcceptanceSeen.model_validate(made)

    return router
