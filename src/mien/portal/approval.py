"""Limited access on the pages: as in the gateway, adding or changing templates needs an approval."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from inspect import iscoroutine
from typing import Final

from nicegui import ui

from mien.contract.features import Feature
from mien.gateway.gates import RECOGNITION
from mien.management.errors import ManagementError
from mien.management.roles import Permission
from mien.portal.texts import listed, mark, t
from mien.portal.visitor import Visitor
from mien.portal.widgets import NOT_THEIRS, Handler, banner, button

FEATURES: Final = {
    Feature.IDENTIFICATION: mark("Identification"),
    Feature.VERIFICATION: mark("Verification"),
    Feature.LIVENESS: mark("Liveness"),
    Feature.LIMITED_ATTRIBUTES: mark("Limited attributes"),
    Feature.VIDEO_IDENTIFICATION: mark("Video identification"),
}
NOT_APPROVED: Final = mark("The resource is not approved for this use.")


def feature_names(features: Iterable[str]) -> str:
    """Return the names of features in a fixed order."""
    wanted = frozenset(features)
    return listed(t(name) for feature, name in FEATURES.items() if feature in wanted)


def is_approved(visitor: Visitor) -> bool:
    """Return whether the resource is approved to use templates."""
    return not visitor.resource.features.isdisjoint(RECOGNITION)


def approved_to_enrol(visitor: Visitor) -> bool:
    """Return whether the resource is approved to use templates; if not, show a banner."""
    if is_approved(visitor):
        return True
    names = " / ".join(t(FEATURES[feature]) for feature in RECOGNITION)
    about = t("Enrolling faces needs one of these approvals: both are limited access, in the portal as in the API.")
    action = (t("Request access"), visitor.link("/access"))
    banner(
        "warn", t("{resource} is not approved for {names}", resource=visitor.resource.name, names=names), about, action
    )
    return False


def may_write(visitor: Visitor) -> bool:
    """Return whether the visitor may add and change enrolled people; only erasing needs no approval."""
    return is_approved(visitor) and visitor.may(Permission.PEOPLE)


def check_approved(visitor: Visitor, features: Collection[Feature] = RECOGNITION) -> bool:
    """Check again, in a thread, that the resource is approved, because an approval may end while a page is open.

    Args:
        visitor: the signed-in person.
        features: features of which one is needed; by default, to use templates.

    Raises:
        ManagementError: the resource is not approved.
    """
    resource = visitor.parts.accounts.get(visitor.resource.id)
    if resource is None or resource.features.isdisjoint(features):
        raise ManagementError(403, "Forbidden", t(NOT_APPROVED))
    return True


def write_button(
    visitor: Visitor, label: str, on_click: Handler, kind: str = "plain", image: str | None = None
) -> ui.button:
    """Return a button for an action that adds or changes enrolled people."""

    async def press() -> None:
        if await visitor.act(Permission.PEOPLE, lambda: check_approved(visitor)):
            result = on_click()
            if iscoroutine(result):
                await result

    reason = t(NOT_APPROVED) if visitor.may(Permission.PEOPLE) else t(NOT_THEIRS)
    return button(label, press, kind, image=image, may=may_write(visitor), why_not=reason)
