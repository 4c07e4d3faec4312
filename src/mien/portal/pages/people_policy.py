"""Enrolment policies: photo requirements and stored crops."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Final

from nicegui import ui

from mien.gallery.kinds import CollectionRef
from mien.gallery.policy import EnrolmentPolicy
from mien.management.roles import Permission
from mien.portal.photo_report import asked
from mien.portal.texts import figure, mark, t, tn, translated
from mien.portal.visitor import Visitor, check_unchanged, tell
from mien.portal.widgets import Tag, button, confirm, facts, section

_QUALITY: Final = {
    "": mark("Any"),
    "low": mark("Low or better"),
    "medium": mark("Medium or better"),
    "high": mark("High"),
}
_BLUR: Final = {"": mark("Any"), "medium": mark("Medium at most"), "low": mark("Low")}
_KEEPING: Final = mark(
    "From now on, an encrypted crop of each new face is stored: a picture of the face, not "
    "only its template. It allows re-embedding with another model, which needs the picture. "
    "Enrolled people must be informed and have consented. Crops are deleted with their "
    "faces, or all at once with the button on this page; resetting the policy does not "
    "delete them."
)


@dataclass(frozen=True, slots=True)
class _Held:
    """The policy in force; `own` is None if it is the resource's; `crops` is the number of stored crops."""

    own: EnrolmentPolicy | None
    resources: EnrolmentPolicy
    crops: int

    @property
    def holds(self) -> EnrolmentPolicy:
        return self.own or self.resources


async def policy(visitor: Visitor, ref: CollectionRef | None) -> None:
    """Draw the policy of a collection or the resource, and its form.

    Args:
        visitor: the signed-in person.
        ref: the collection; None for the resource.
    """
    gallery, resource_id = visitor.parts.gallery, visitor.resource.id

    def find() -> _Held:
        own = gallery.policies.own(ref) if ref else None
        return _Held(own, gallery.policies.get(resource_id), gallery.crops.count(resource_id, ref))

    held = await visitor.ask(find)
    about = t("Applies to new photos, in the portal and through the API; people already enrolled are not affected.")
    if ref is None:
        about += " " + t("Groups and lists can have their own policy.")
    with section(t("Photo requirements"), about):
        _say(held, ref)
        if held.crops:
            with Tag("div"):
                _erase_button(visitor, ref, held.crops)
        with Tag("details"):
            Tag("summary", t("Change"))
            with Tag("div", classes="stack", style="margin-top:1rem"):
                _form(visitor, ref, held)


def _say(held: _Held, ref: CollectionRef | None) -> None:
    kept = figure(held.crops, ",") if held.crops else t("none")
    wanted = "; ".join(asked(held.holds))
    rows = [
        (
            t("Photo requirements"),
            f"{wanted[:1].upper()}{wanted[1:]}." if wanted else t("Only a detectable face."),
        ),
        (t("Crops of new faces"), t("Kept, encrypted") if held.holds.keep_crops else t("Not kept")),
        (t("Crops kept now"), kept),
        (
            t("After edits in the portal"),
            t("Trained automatically") if held.holds.train_after_edits else t("Not trained automatically"),
        ),
        (t("Look-alikes"), t("Negatives are kept") if held.holds.negatives else t("No negatives")),
    ]
    if ref is not None:
        rows.insert(0, (t("Policy"), t("This collection's") if held.own else t("The resource's")))
    facts(rows)


def _form(visitor: Visitor, ref: CollectionRef | None, held: _Held) -> None:
    now, may = held.holds, visitor.may(Permission.MANAGE)
    with Tag("div", classes="two"):
        quality = ui.select(
            translated(_QUALITY),
            value=now.min_quality or "",
            label=t("Quality for recognition"),
        ).props("outlined")
        blur = ui.select(translated(_BLUR), value=_blur(now), label=t("Blur")).props("outlined")
        yaw = _number(t("Maximum yaw (°)"), now.max_yaw)
        pitch = _number(t("Maximum pitch (°)"), now.max_pitch)
        roll = _number(t("Maximum roll (°)"), now.max_roll)
        size = _number(t("Minimum face size (pixels)"), now.min_size)
    covered = ui.checkbox(t("Refuse faces with forehead, eyes or mouth covered"), value=now.no_occlusion)
    crops = ui.checkbox(t("Keep an encrypted crop (a picture) of each new face"), value=now.keep_crops)
    train = ui.checkbox(t("Train groups automatically after edits in the portal"), value=now.train_after_edits)
    negatives = ui.checkbox(
        t("Store faces marked as not this person, and match look-alikes more strictly"), value=now.negatives
    )
    strict = None
    if ref is None:
        strict = ui.checkbox(
            t("Require higher confidence to match faces of likely children"), value=now.strict_children
        )

    async def save() -> None:
        try:
            wanted = EnrolmentPolicy(
                min_quality=quality.value or None,
                max_blur=blur.value or None,
                no_occlusion=bool(covered.value),
                max_yaw=yaw.value,
                max_pitch=pitch.value,
                max_roll=roll.value,
                min_size=None if size.value is None else int(size.value),
                keep_crops=bool(crops.value),
                train_after_edits=bool(train.value),
                negatives=bool(negatives.value),
                strict_children=strict is not None and bool(strict.value),
            )
        except ValueError:
            tell(t("Degrees and pixels must be above 0; leave a field empty for no limit."), "bad")
            return
        await _change(now, wanted, _setter(visitor, ref, wanted, held))

    async def follow() -> None:
        await _change(now, held.resources, _setter(visitor, ref, None, held))

    with Tag("div", classes="row"):
        button(t("Save"), save, "primary", may=may)
        if held.own is not None:
            button(t("Use the resource's policy"), follow, may=may)


def _number(label: str, value: float | None) -> ui.number:
    # No minimum: the widget would silently replace a lower number by it.
    return ui.number(label, value=value).props("outlined").props(f'placeholder="{t("Any")}"')


def _blur(policy: EnrolmentPolicy) -> str:
    return policy.max_blur if policy.max_blur in _BLUR and policy.max_blur else ""


async def _change(now: EnrolmentPolicy, wanted: EnrolmentPolicy, work: Callable[[], Awaitable[None]]) -> None:
    """Set a policy, after confirmation if it newly stores pictures of faces."""
    if wanted.keep_crops and not now.keep_crops:
        confirm(t("Keep pictures of faces?"), t(_KEEPING), t("Keep crops"), work)
    else:
        await work()


def _setter(
    visitor: Visitor, ref: CollectionRef | None, wanted: EnrolmentPolicy | None, held: _Held
) -> Callable[[], Awaitable[None]]:
    policies, resource_id = visitor.parts.gallery.policies, visitor.resource.id

    async def set_it() -> None:
        def work() -> bool:
            if ref is not None:
                check_unchanged(held.own, policies.own(ref))
                policies.set_for(ref, wanted)
            elif wanted is not None:
                check_unchanged(held.resources, policies.get(resource_id))
                policies.set(resource_id, wanted)
            default, given = asdict(EnrolmentPolicy()), asdict(wanted or EnrolmentPolicy())
            details = {name: value for name, value in given.items() if value != default[name]}
            visitor.note("gallery.policy", collection=ref.path if ref else None, **details)
            return True

        if await visitor.act(Permission.MANAGE, work):
            ui.navigate.reload()

    return set_it


def _erase_button(visitor: Visitor, ref: CollectionRef | None, count: int) -> None:
    crops, resource_id = visitor.parts.gallery.crops, visitor.resource.id

    async def erase() -> None:
        def work() -> bool:
            gone = crops.erase(resource_id, ref)
            visitor.note("gallery.crops.erase", collection=ref.path if ref else None, crops=gone)
            return True

        if await visitor.act(Permission.MANAGE, work):
            ui.navigate.reload()

    about = t(
        "The pictures are deleted immediately and permanently; people are found as before. If their "
        "recognition model gets other weights, they cannot be migrated and must be enrolled again."
    )
    title = (
        tn("Erase {count:,} crop of this collection?", "Erase {count:,} crops of this collection?", count)
        if ref
        else tn(
            "Erase {count:,} crop of all groups, lists and the person directory?",
            "Erase {count:,} crops of all groups, lists and the person directory?",
            count,
        )
    )

    def ask() -> None:
        confirm(title, about, t("Erase the crops"), erase)

    button(t("Erase the crops"), ask, "danger", may=visitor.may(Permission.MANAGE))
