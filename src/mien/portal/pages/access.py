"""Limited access: asking for it, where the requests of the resource stand, and what became of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from nicegui import ui

from mien.accounts import AccessRequest, Feature, RequestState
from mien.accounts.intake_checks import Finding, findings
from mien.contract.attributes import DECLARED, LIMITED
from mien.contract.features import REQUESTED_APART
from mien.management.roles import Permission
from mien.portal.frame import Page
from mien.portal.visitor import Visitor, tell
from mien.portal.widgets import Tag, badge, button, empty, facts, moment, section, text

MEANT: Final = {
    Feature.IDENTIFICATION: "Identification: who is this, among the persons of a group",
    Feature.VERIFICATION: "Verification: is this the same person, or the one that they claim to be",
    Feature.LIVENESS: "Liveness: is there a living person before the camera",
    Feature.LIMITED_ATTRIBUTES: f"Limited attributes: {', '.join(DECLARED[one].label for one in LIMITED)}",
    Feature.VIDEO_IDENTIFICATION: "Video identification: who is this, in the streams of cameras and at doors",
}
_KINDS: Final = (
    "Letting people in: to a place, a device or an account",
    "Proving an identity: at registration, in an exam, before a payment",
    "Finding duplicate or blocked accounts",
    "Recognising people for a service that they chose",
    "Sorting photos for the people on them",
    "Something else",
)
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
    with section("Request access", "A reviewer decides on the request; describe the use case in full."):
        _form(visitor)
    with section("Requests"):
        if not requests:
            empty("inbox", "No requests yet")
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
        text(
            "Request identification and verification together, the others separately.",
            "soft small",
        )
    organisation = ui.input("Organisation").props('outlined hint="The organisation responsible for the application"')
    contact = ui.input("Contact").props(
        'outlined hint="Responsible person: name, and e-mail address or telephone number"'
    )
    kind = ui.select(list(_KINDS), label="Kind of use").props("outlined")
    use_case = _long("Use case", "Whose faces are processed, how, and for what purpose")
    consent = _long("Consent", "How people are informed and consent, and which alternative they have")
    keeping = _long("Retention", "How long photos and templates are kept, and who deletes them when and how")
    true = ui.checkbox("This information is true and complete, and the resource will be used for nothing else.")
    open_points = Tag("div", classes="stack", role="status")

    def description() -> str:
        parts = [(f"Kind of use: {kind.value}" if kind.value else ""), str(use_case.value or "").strip()]
        for field, name in ((consent, "Consent"), (keeping, "Retention")):
            if words := str(field.value or "").strip():
                parts.append(f"{name}: {words}")
        return "\n".join(part for part in parts if part)

    def check() -> None:
        """Say beforehand what the reviewer will be told."""
        open_points.clear()
        if not str(use_case.value or "").strip():
            return
        found = findings(str(organisation.value or ""), str(contact.value or ""), description())
        with open_points:
            if found:
                text("The reviewer will see that this does not say:", "small")
            for finding in found:
                _left_open(finding)

    for asked in (organisation, contact, use_case, consent, keeping):
        asked.on("blur", check)
        if not may:
            asked.disable()

    async def submit() -> None:
        wanted = {feature for feature, box in boxes.items() if box.value}
        if len(wanted) > 1 and wanted & REQUESTED_APART:
            tell("Request liveness and limited attributes separately.", "bad")
            return
        missing = [name for name, field in (("Use case", use_case), ("Consent", consent), ("Retention", keeping))
                   if not str(field.value or "").strip()]  # fmt: skip
        if missing:
            tell(f"Fill in: {', '.join(missing)}.", "bad")
            return
        if not true.value:
            tell("Confirm that this is true and complete.", "bad")
            return
        made = await visitor.act(
            Permission.REQUEST,
            lambda: visitor.parts.access.submit(
                visitor.resource.id,
                wanted,
                organisation=str(organisation.value or ""),
                contact=str(contact.value or ""),
                use_case=description(),
                actor=visitor.name,
            ),
        )
        if made is not None:
            ui.navigate.to(visitor.link("/access"))

    with Tag("div"):
        button("Submit", submit, "primary", may=may)


def _long(label: str, hint: str) -> ui.textarea:
    return ui.textarea(label).props(f'outlined autogrow rows=2 maxlength=1300 hint="{hint}"')


def _left_open(finding: Finding) -> None:
    with Tag("p", classes="row small"):
        badge("left open", "warn")
        Tag("span", finding.explanation, "grow")


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
    lines.append(("Asked", f"by {request.requested_by}, {moment(request.requested_at)}"))
    if request.reason:
        lines.append(("Reason", request.reason))
    if request.by_requester:
        lines.append(("Note", "Approved by the requester, as the only administrator"))
    if request.expires_at:
        lines.append(("Until", moment(request.expires_at)))
    facts(lines)
    waiting = request.state in {RequestState.SUBMITTED, RequestState.IN_REVIEW}
    for finding in request.findings if waiting else ():
        _left_open(finding)
    with ui.expansion("History").classes("history"), Tag("ol", classes="small"):
        for at, actor, step, reason in steps:
            Tag("li", f"{at}: {step} by {actor}" + (f" – {reason}" if reason else ""))


PAGE = Page(
    "/access",
    "Limited access",
    "The resource's approvals, and requests for more.",
    "Approvals",
    "verified_user",
    render,
    needs=Permission.SEE,
)
