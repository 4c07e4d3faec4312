"""Limited access: the form for requests, and the requests of the resource with their status."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from nicegui import ui

from mien.accounts import AccessRequest, Feature, RequestState
from mien.accounts.intake_checks import IntakeFinding, findings
from mien.contract.attributes import DECLARED, LIMITED
from mien.contract.features import REQUESTED_APART
from mien.management.roles import Permission
from mien.portal.approval import feature_names
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.texts import listed, mark, t
from mien.portal.visitor import Visitor, tell
from mien.portal.widgets import Tag, badge, button, empty, facts, hint, moment, section, text, typed

MEANT: Final = {
    Feature.IDENTIFICATION: mark("Identification: who is this, among the persons of a group"),
    Feature.VERIFICATION: mark("Verification: is this the same person, or the one that they claim to be"),
    Feature.LIVENESS: mark("Liveness: is there a living person before the camera"),
    Feature.LIMITED_ATTRIBUTES: mark("Limited attributes: {attributes}"),
    Feature.VIDEO_IDENTIFICATION: mark("Video identification: who is this, in the streams of cameras and at doors"),
}
_DONE: Final = {
    "submit": mark("submitted"),
    "review": mark("taken into review"),
    "approve": mark("approved"),
    "reject": mark("rejected"),
    "renew": mark("renewed"),
    "revoke": mark("revoked"),
    "withdraw": mark("withdrawn"),
    "expire": mark("expired"),
}
"""Display names of a request's steps, by their names in the audit log."""
_KINDS: Final = (
    mark("Letting people in: to a place, a device or an account"),
    mark("Proving an identity: at registration, in an exam, before a payment"),
    mark("Finding duplicate or blocked accounts"),
    mark("Recognising people for a service that they chose"),
    mark("Sorting photos for the people on them"),
    mark("Something else"),
)
STATES: Final = {
    RequestState.SUBMITTED: mark("submitted"),
    RequestState.IN_REVIEW: mark("in review"),
    RequestState.APPROVED: mark("approved"),
    RequestState.REJECTED: mark("rejected"),
    RequestState.REVOKED: mark("revoked"),
    RequestState.WITHDRAWN: mark("withdrawn"),
    RequestState.EXPIRED: mark("expired"),
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
    """Render the page."""
    requests = await visitor.ask(lambda: visitor.parts.access.requests(visitor.resource.id))
    with section(t("Now"), t("Calls that need a missing approval are refused with 403.")), Tag("ul", classes="plain"):
        for feature in Feature:
            granted = feature in visitor.resource.features
            with Tag("li", classes="row between"):
                Tag("span", feature_description(feature))
                badge(t("approved") if granted else t("not approved"), "good" if granted else "")
    with section(t("Request access"), t("A reviewer decides on the request; describe the use case in full.")):
        _Form(visitor)
    with section(t("Requests")):
        if not requests:
            empty("inbox", t("No requests yet"))
        for request in reversed(requests):
            steps = await visitor.ask(lambda one=request: history(visitor, one))  # type: ignore[misc]  # called at once
            with Tag("article", classes="card"):
                show_request(request, steps)
                if request.state in {RequestState.SUBMITTED, RequestState.IN_REVIEW, RequestState.APPROVED}:
                    with Tag("div"):
                        button(
                            t("Withdraw"), _withdrawer(visitor, request), "quiet", may=visitor.may(Permission.APPROVE)
                        )


def feature_description(feature: Feature) -> str:
    """Return a description of a feature."""
    if feature is Feature.LIMITED_ATTRIBUTES:
        return t(MEANT[feature], attributes=listed(t(DECLARED[one].label) for one in LIMITED))
    return t(MEANT[feature])


class _Form:
    """The form of a request.

    Args:
        visitor: the signed-in person.
    """

    def __init__(self, visitor: Visitor) -> None:
        self._visitor = visitor
        may = visitor.may(Permission.REQUEST)
        with Tag("fieldset"):
            Tag("legend", t("Features"))
            self._features = {feature: ui.checkbox(feature_description(feature)) for feature in Feature}
            text(
                t("Request identification and verification together, the others separately."),
                "soft small",
            )
        self._organisation = ui.input(t("Organisation")).props(
            hint(t("The organisation responsible for the application"), "outlined")
        )
        self._contact = ui.input(t("Contact")).props(
            hint(t("Responsible person: name, and e-mail address or telephone number"), "outlined")
        )
        self._kind = ui.select({one: t(one) for one in _KINDS}, label=t("Kind of use")).props("outlined")
        self._use_case = _long(t("Use case"), t("Whose faces are processed, how, and for what purpose"))
        self._consent = _long(t("Consent"), t("How people are informed and consent, and which alternative they have"))
        self._retention = _long(
            t("Retention"), t("How long photos and templates are kept, and who deletes them when and how")
        )
        self._confirmed = ui.checkbox(
            t("This information is true and complete, and the resource will be used for nothing else.")
        )
        self._open_points = Tag("div", classes="stack", role="status")
        for field in (self._organisation, self._contact, self._use_case, self._consent, self._retention):
            field.on("blur", self._check)
            if not may:
                field.disable()
        with Tag("div"):
            button(t("Submit"), self._submit, "primary", may=may)

    def _description(self) -> str:
        """Return the use case in English, for the reviewer and the intake checks."""
        parts = (
            ("Kind of use: ", str(self._kind.value or "")),  # not translated: the reviewer reads English
            ("", typed(self._use_case)),
            ("Consent: ", typed(self._consent)),  # not translated: likewise
            ("Retention: ", typed(self._retention)),  # not translated: likewise
        )
        return "\n".join(f"{name}{words}" for name, words in parts if words)

    def _check(self) -> None:
        """Show the findings that the reviewer will see."""
        self._open_points.clear()
        if not typed(self._use_case):
            return
        found = findings(typed(self._organisation), typed(self._contact), self._description())
        with self._open_points:
            if found:
                text(t("The reviewer will see that this does not say:"), "small")
            for finding in found:
                _left_open(finding)

    def _problem(self, wanted: set[Feature]) -> str | None:
        """Return why the form cannot be submitted; None if it can."""
        if len(wanted) > 1 and wanted & REQUESTED_APART:
            return t("Request liveness and limited attributes separately.")
        fields = ((t("Use case"), self._use_case), (t("Consent"), self._consent), (t("Retention"), self._retention))
        if missing := [name for name, field in fields if not typed(field)]:
            return t("Fill in: {missing}.", missing=listed(missing))
        return None if self._confirmed.value else t("Confirm that this is true and complete.")

    async def _submit(self) -> None:
        wanted = {feature for feature, box in self._features.items() if box.value}
        if (problem := self._problem(wanted)) is not None:
            tell(problem, "bad")
            return
        visitor = self._visitor
        made = await visitor.act(
            Permission.REQUEST,
            lambda: visitor.parts.access.submit(
                visitor.resource.id,
                wanted,
                organisation=typed(self._organisation),
                contact=typed(self._contact),
                use_case=self._description(),
                actor=visitor.name,
            ),
        )
        if made is not None:
            ui.navigate.to(visitor.link("/access"))


def _long(label: str, about: str) -> ui.textarea:
    return ui.textarea(label).props(hint(about, "outlined autogrow rows=2 maxlength=1300"))


def _left_open(finding: IntakeFinding) -> None:
    with Tag("p", classes="row small"):
        badge(t("left open"), "warn")
        Tag("span", t(finding.explanation), "grow")


def _withdrawer(visitor: Visitor, request: AccessRequest) -> Callable[[], Any]:
    async def withdraw() -> None:
        done = await visitor.act(
            Permission.APPROVE, lambda: visitor.parts.access.withdraw(request.id, actor=visitor.name)
        )
        if done is not None:
            ui.navigate.to(visitor.link("/access"))

    return withdraw


def history(visitor: Visitor, request: AccessRequest) -> list[tuple[str, str, str, str]]:
    """Return time, actor, step and reason of each step of a request, oldest first."""
    entries = visitor.parts.audit.search(resource_id=request.resource_id, action="access.*", limit=1000)
    return [
        (moment(one.at), one.actor, one.action.partition(".")[2], str(one.details.get("reason") or ""))
        for one in reversed(entries)
        if one.details.get("request") == str(request.id)
    ]


def show_request(request: AccessRequest, steps: list[tuple[str, str, str, str]]) -> None:
    """Draw a request: the feature, open questions about its description, and the result."""
    with Tag("div", classes="row between"):
        Tag("h3", feature_names(request.features))
        badge(t(STATES[request.state]), TONES[request.state])
    lines = [
        (t("Resource"), request.resource_name),
        (t("Organisation"), request.organisation),
        (t("Contact"), request.contact),
    ]
    lines.append((t("Use case"), request.use_case))
    lines.append(
        (
            t("Asked"),
            t(
                "{requested_at} by {requested_by}",
                requested_by=request.requested_by,
                requested_at=moment(request.requested_at),
            ),
        )
    )
    if request.reason:
        lines.append((t("Reason"), request.reason))
    if request.by_requester:
        lines.append((t("Note"), t("Approved by the requester, as the only administrator")))
    if request.expires_at:
        lines.append((t("Until"), moment(request.expires_at)))
    facts(lines)
    waiting = request.state in {RequestState.SUBMITTED, RequestState.IN_REVIEW}
    for finding in request.findings if waiting else ():
        _left_open(finding)
    with ui.expansion(t("History")).classes("history"), Tag("ol", classes="small"):
        for at, actor, step, reason in steps:
            said = t("{at}: {step} by {actor}", at=at, step=t(_DONE.get(step, step)), actor=actor)
            Tag("li", f"{said} – {reason}" if reason else said)


PAGE = Page(
    "/access",
    mark("Limited access"),
    mark("The resource's approvals, and requests for more."),
    mark("Approvals"),
    "verified_user",
    render,
    needs=Permission.SEE,
    help=Help(
        mark("Ask for the features that need an approval, and see what became of each request."),
        "limited-access.md",
        (Term.LIMITED_ACCESS, Term.LIVENESS),
    ),
)
