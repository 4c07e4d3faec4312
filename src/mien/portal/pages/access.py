"""Limited access: asking for it, where the requests of the resource stand, and what became of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from nicegui import ui

from mien.accounts import AccessRequest, Feature, RequestState
from mien.accounts.features import REQUESTED_APART
from mien.management.roles import Permission
from mien.portal.frame import Page
from mien.portal.visitor import Visitor, tell
from mien.portal.widgets import Tag, badge, button, empty, facts, moment, section, text

MEANT: Final = {
    Feature.IDENTIFICATION: "Identification: who is this, among the persons of a group",
    Feature.VERIFICATION: "Verification: is this the same person, or the one that they claim to be",
    Feature.LIVENESS: "Liveness: is there a living person before the camera",
    Feature.LIMITED_ATTRIBUTES: "Limited attributes: age, smile, facial hair, hair, make-up",
}
TONES: Final = {
    RequestState.SUBMITTED: "info",
    RequestState.IN_REVIEW: "info",
    RequestState.APPROVED: "good",
    RequestState.REJECTED: "bad",
    RequestState.REVOKED: "bad",
    RequestState.WITHDRAWN: "",
    RequestState.EXPIRED: "warn",
}


async def render(visitor: Visitor) -> None:
    """Draw the page."""
    requests = await visitor.ask(lambda: visitor.parts.access.requests(visitor.resource.id))
    with section("Now", "Calls that need a missing approval are refused with 403."), Tag("ul", classes="plain"):
        for feature in Feature:
            granted = feature in visitor.resource.features
            with Tag("li", classes="row between"):
                Tag("span", MEANT[feature])
                badge("approved" if granted else "not approved", "good" if granted else "")
    with section("Ask for access", "A reviewer decides; tell what they need to know."):
        _form(visitor)
    with section("Requests"):
        if not requests:
            empty("inbox", "Nobody has asked yet")
        for request in reversed(requests):
            steps = await visitor.ask(lambda one=request: history(visitor, one))  # type: ignore[misc]  # bound at once
            with Tag("article", classes="card"):
                show_request(request, steps)
                if request.state in {RequestState.SUBMITTED, RequestState.IN_REVIEW, RequestState.APPROVED}:
                    with Tag("div"):
                        button("Withdraw", _withdrawer(visitor, request), "quiet", may=visitor.may(Permission.APPROVE))


def _form(visitor: Visitor) -> None:
    may = visitor.may(Permission.REQUEST)
    with Tag("fieldset"):
        Tag("legend", "Features")
        boxes = {feature: ui.checkbox(MEANT[feature]) for feature in Feature}
        text("Identification and verification may be asked for together; each of the others by itself.", "soft small")
    organisation = ui.input("Organisation").props('outlined hint="Who stands behind the application"')
    contact = ui.input("Contact").props('outlined hint="An e-mail address or telephone number"')
    use_case = ui.textarea("Use case").props(
        'outlined autogrow hint="Whose faces, what for and why, how they consent, and how long they are kept"'
    )

    async def submit() -> None:
        wanted = {feature for feature, box in boxes.items() if box.value}
        if len(wanted) > 1 and wanted & REQUESTED_APART:
            tell("Ask for liveness and for limited attributes each by itself.", "bad")
            return
        made = await visitor.act(
            Permission.REQUEST,
            lambda: visitor.parts.access.submit(
                visitor.resource.id,
                wanted,
                organisation=str(organisation.value or ""),
                contact=str(contact.value or ""),
                use_case=str(use_case.value or ""),
                actor=visitor.name,
            ),
        )
        if made is not None:
            ui.navigate.to(visitor.link("/access"))

    with Tag("div"):
        button("Submit", submit, "primary", may=may)


def _withdrawer(visitor: Visitor, request: AccessRequest) -> Callable[[], Any]:
    async def withdraw() -> None:
        done = await visitor.act(
            Permission.APPROVE, lambda: visitor.parts.access.withdraw(request.id, actor=visitor.name)
        )
        if done is not None:
            ui.navigate.to(visitor.link("/access"))

    return withdraw


def history(visitor: Visitor, request: AccessRequest) -> list[tuple[str, str, str, str]]:
    """Return when, who, what and why of each step of a request, oldest first."""
    entries = visitor.parts.audit.search(resource_id=request.resource_id, action="access.*", limit=1000)
    return [
        (moment(one.at), one.actor, one.action.partition(".")[2], str(one.details.get("reason") or ""))
        for one in reversed(entries)
        if one.details.get("request") == str(request.id)
    ]


def show_request(request: AccessRequest, steps: list[tuple[str, str, str, str]]) -> None:
    """Draw a request: what it asks for, what its description leaves open, what became of it."""
    with Tag("div", classes="row between"):
        Tag("h3", " and ".join(sorted(request.features)))
        badge(request.state.value.replace("_", " "), TONES[request.state])
    lines = [("Resource", request.resource_name), ("Organisation", request.organisation), ("Contact", request.contact)]
    lines.append(("Use case", request.use_case))
    if request.reason:
        lines.append(("Reason", request.reason))
    if request.expires_at:
        lines.append(("Until", moment(request.expires_at)))
    facts(lines)
    waiting = request.state in {RequestState.SUBMITTED, RequestState.IN_REVIEW}
    for finding in request.findings if waiting else ():
        with Tag("p", classes="row small"):
            badge("left open", "warn")
            Tag("span", finding.explanation)
    with ui.expansion("History").classes("history"), Tag("ol", classes="small"):
        for at, actor, step, reason in steps:
            Tag("li", f"{at}: {step} by {actor}" + (f" – {reason}" if reason else ""))


PAGE = Page(
    "/access",
    "Limited access",
    "What the resource is approved for, and how to ask.",
    "Approvals",
    "verified_user",
    render,
)
