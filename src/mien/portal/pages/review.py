"""The reviewer's queue: requests of all resources, each with the allowed actions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from nicegui import ui

from mien.accounts import AccessRequest, RequestState
from mien.accounts.requests import APPROVE, REJECT, RENEW, REVIEW, REVOKE, Step
from mien.management.roles import Permission
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.pages.access import history, show_request
from mien.portal.texts import mark, t
from mien.portal.visitor import Visitor, tell
from mien.portal.widgets import Tag, button, empty, section, text, typed

_WAITING: Final = (RequestState.SUBMITTED, RequestState.IN_REVIEW)
OWN: Final = mark(
    "This is your own request: another approver or owner approves it. You can do so only if "
    "nobody else of this server could; the approval then says so."
)
_STEPS: Final = (
    (REVIEW, mark("Take into review"), "primary"),
    (APPROVE, mark("Approve"), "primary"),
    (REJECT, mark("Reject"), "danger"),
    (RENEW, mark("Renew"), "plain"),
    (REVOKE, mark("Revoke"), "danger"),
)


async def render(visitor: Visitor) -> None:
    """Render the page."""
    every = await visitor.ask(visitor.parts.access.requests)
    requests = [one for one in every if visitor.may(Permission.SEE, on=one.resource_id)]
    waiting = [one for one in requests if one.state in _WAITING]
    decided = [one for one in requests if one.state in {RequestState.APPROVED, RequestState.EXPIRED}]
    with section(t("Waiting"), t("Oldest first. Applicants can read the reason for a decision.")):
        if not waiting:
            empty("task_alt", t("No requests are waiting"))
        for request in waiting:
            await _draw(visitor, request)
    with section(t("Approved and expired")):
        if not decided:
            empty("verified_user", t("No approvals yet"))
        for request in reversed(decided):
            await _draw(visitor, request)
    if over := [one for one in requests if one.state not in {*_WAITING, RequestState.APPROVED, RequestState.EXPIRED}]:
        with section(t("Rejected, revoked and withdrawn"), t("These are final; applicants can submit a new request.")):
            for request in reversed(over):
                steps = await visitor.ask(lambda one=request: history(visitor, one))  # type: ignore[misc]  # called at once
                with Tag("article", classes="card"):
                    show_request(request, steps)


async def _draw(visitor: Visitor, request: AccessRequest) -> None:
    steps = await visitor.ask(lambda: history(visitor, request))
    may = visitor.may(Permission.APPROVE, on=request.resource_id)
    with Tag("article", classes="card"):
        show_request(request, steps)
        reason = ui.input(t("Reason or note")).props("outlined dense")
        days = ui.number(
            t("Days that an approval lasts"), value=visitor.parts.access.approved_for.days, min=1, max=3650
        )
        days.props("outlined dense")
        days.set_visibility(request.state is not RequestState.SUBMITTED)
        if not may:
            reason.disable()
            days.disable()
        with Tag("div", classes="row"):
            for step, label, kind in _STEPS:
                if request.state in step.sources:
                    button(t(label), _taker(visitor, request, step, reason, days), kind, may=may)
        if not may:
            text(t("Only approvers and owners can decide."), "soft small")
        elif request.requested_by == visitor.name and request.state in _WAITING:
            text(t(OWN), "soft small")


def _taker(
    visitor: Visitor, request: AccessRequest, step: Step, reason: ui.input, days: ui.number
) -> Callable[[], object]:
    async def take() -> None:
        access, actor = visitor.parts.access, visitor.name
        why = typed(reason)
        if step.needs_reason and not why:
            tell(t("Give a reason; the applicant can read it."), "bad")
            return
        lasts = timedelta(days=float(days.value)) if days.value else None
        ways: dict[str, Callable[[], AccessRequest]] = {
            REVIEW.name: lambda: access.review(request.id, actor=actor),
            APPROVE.name: lambda: access.approve(request.id, actor=actor, lasts=lasts, note=why or None),
            REJECT.name: lambda: access.reject(request.id, actor=actor, reason=why),
            RENEW.name: lambda: access.renew(request.id, actor=actor, lasts=lasts, note=why or None),
            REVOKE.name: lambda: access.revoke(request.id, actor=actor, reason=why),
        }
        if await visitor.act(Permission.APPROVE, ways[step.name], on=request.resource_id) is not None:
            ui.navigate.to(visitor.link("/review"))

    return take


PAGE = Page(
    "/review",
    mark("Review"),
    mark("Requests for limited access of all resources."),
    mark("Approvals"),
    "rule",
    render,
    needs_resource=False,
    needs=Permission.SEE,
    help=Help(
        mark(
            "Reviewers decide here on requests of all resources. Nobody approves their own, unless nobody else could."
        ),
        "limited-access.md#from-a-request-to-an-approval",
        (Term.LIMITED_ACCESS,),
    ),
)
