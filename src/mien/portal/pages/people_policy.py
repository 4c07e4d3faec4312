"""Enrolment policies: photo requirements, and whether crops of faces are stored; show, set, erase."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Final

from nicegui import ui

from mien.gallery.kinds import CollectionRef
from mien.gallery.policy import EnrolmentPolicy
from mien.management.roles import Permission
from mien.portal.photo_report import asked
from mien.portal.visitor import Visitor, tell
from mien.portal.widgets import Tag, button, confirm, facts, section

_QUALITY: Final = {"": "Any", "low": "Low or better", "medium": "Medium or better", "high": "High"}
_BLUR: Final = {"": "Any", "medium": "Medium at most", "low": "Low"}
_KEEPING: Final = (
    "From now on, an encrypted crop of each new face is stored: a picture of the face, not only its template. "
    "It allows re-embedding with another model, which needs the picture. Enrolled people must be informed and "
    "have consented. Crops are deleted with their faces, or all at once with the button on this page; resetting the "
    "policy does not delete them."
)


@dataclass(frozen=True, slots=True)
class _Held:
    """The policy in force: `own` is None when the collection uses the resource's; `crops` is the number stored."""

    own: EnrolmentPolicy | None
    resources: EnrolmentPolicy
    crops: int

    @property
    def holds(self) -> EnrolmentPolicy:
        return self.own or self.resources


async def policy(visitor: Visitor, ref: CollectionRef | None) -> None:
    """Draw the policy of a collection, or with None that of the resource, and the ways to change it.

    Args:
        visitor: who looks.
        ref: the collection.
    """
    gallery, resource_id = visitor.parts.gallery, visitor.resource.id

    def find() -> _Held:
        own = gallery.policies.own(ref) if ref else None
        return _Held(own, gallery.policies.get(resource_id), gallery.crops.count(resource_id, ref))

    held = await visitor.ask(find)
    about = "Applies to new photos, in the portal and through the API; people already enrolled are not affected."
    if ref is None:
        about += " Groups and lists can have their own policy."
    with section("Photo requirements", about):
        _say(held, ref)
        if held.crops:
            with Tag("div"):
                _erase_button(visitor, ref, held.crops)
        with Tag("details"):
            Tag("summary", "Change")
            with Tag("div", classes="stack", style="margin-top:1rem"):
                _form(visitor, ref, held)


def _say(held: _Held, ref: CollectionRef | None) -> None:
    kept = f"{held.crops:,}" if held.crops else "none"
    wanted = "; ".join(asked(held.holds))
    rows = [
        (
            "Photo requirements",
            f"{wanted[:1].upper()}{wanted[1:]}." if wanted else "Only a detectable face.",
        ),
        ("Crops of new faces", "Kept, encrypted" if held.holds.keep_crops else "Not kept"),
        ("Crops kept now", kept),
        ("After edits in the portal", "Trained by itself" if held.holds.train_after_edits else "Not trained by itself"),
        ("Look-alikes", "Negatives are kept" if held.holds.negatives else "No negatives"),
    ]
    if ref is not None:
        rows.insert(0, ("Policy", "This collection's" if held.own else "The resource's"))
    facts(rows)


def _form(visitor: Visitor, ref: CollectionRef | None, held: _Held) -> None:
    now, may = held.holds, visitor.may(Permission.MANAGE)
    with Tag("div", classes="two"):
        quality = ui.select(_QUALITY, value=now.min_quality or "", label="Quality for recognition").props("outlined")
        blur = ui.select(_BLUR, value=_blur(now), label="Blur").props("outlined")
        yaw = _number("Maximum yaw (°)", now.max_yaw)
        pitch = _number("Maximum pitch (°)", now.max_pitch)
        roll = _number("Maximum roll (°)", now.max_roll)
        size = _number("Minimum face size (pixels)", now.min_size)
    covered = ui.checkbox("Refuse faces with forehead, eyes or mouth covered", value=now.no_occlusion)
    crops = ui.checkbox("Keep an encrypted crop (a picture) of each new face", value=now.keep_crops)
    train = ui.checkbox("Train groups by themselves after edits in the portal", value=now.train_after_edits)
    negatives = ui.checkbox(
        "Keep faces that people said are not a person, and match look-alikes more strictly", value=now.negatives
    )
    strict = None
    if ref is None:
        strict = ui.checkbox("Require higher confidence to match faces of likely children", value=now.strict_children)

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
            tell("Degrees and pixels must be above 0; leave a field empty for no limit.", "bad")
            return
        await _change(now, wanted, _setter(visitor, ref, wanted))

    async def follow() -> None:
        await _change(now, held.resources, _setter(visitor, ref, None))

    with Tag("div", classes="row"):
        button("Save", save, "primary", may=may)
        if held.own is not None:
            button("Use the resource's policy", follow, may=may)


def _number(label: str, value: float | None) -> ui.number:
    # No minimum here: the widget would replace a wrong number by it when the field is left, and save that unseen.
    return ui.number(label, value=value).props('outlined placeholder="Any"')


def _blur(policy: EnrolmentPolicy) -> str:
    return policy.max_blur if policy.max_blur in _BLUR and policy.max_blur else ""


async def _change(now: EnrolmentPolicy, wanted: EnrolmentPolicy, work: Callable[[], Awaitable[None]]) -> None:
    """Set a policy; asks before pictures of faces begin to be kept."""
    if wanted.keep_crops and not now.keep_crops:
        confirm("Keep pictures of faces?", _KEEPING, "Keep crops", work)
    else:
        await work()


def _setter(
    visitor: Visitor, ref: CollectionRef | None, wanted: EnrolmentPolicy | None
) -> Callable[[], Awaitable[None]]:
    policies, resource_id = visitor.parts.gallery.policies, visitor.resource.id

    async def set_it() -> None:
        def work() -> bool:
            if ref is not None:
                policies.set_for(ref, wanted)
            elif wanted is not None:
                policies.set(resource_id, wanted)
            default, given = asdict(EnrolmentPolicy()), asdict(wanted or EnrolmentPolicy())
            details = {name: value for name, value in given.items() if value != default[name]}
            visitor.note("gallery.policy", collection=_name(ref), **details)
            return True

        if await visitor.act(Permission.MANAGE, work):
            ui.navigate.reload()

    return set_it


def _name(ref: CollectionRef | None) -> str | None:
    """As the command `mien gallery` has it in the audit log."""
    return f"{ref.kind.value}/{ref.collection_id}" if ref else None


def _erase_button(visitor: Visitor, ref: CollectionRef | None, count: int) -> None:
    crops, resource_id = visitor.parts.gallery.crops, visitor.resource.id

    async def erase() -> None:
        def work() -> bool:
            gone = crops.erase(resource_id, ref)
            visitor.note("gallery.crops.erase", collection=_name(ref), crops=gone)
            return True

        if await visitor.act(Permission.MANAGE, work):
            ui.navigate.reload()

    about = (
        "The pictures are gone at once, for good; people are found as before. Should their recognition model get "
        "other weights, they cannot be migrated and must be enrolled again."
    )
    where = "of this collection" if ref else "of all groups, lists and the person directory"

    def ask() -> None:
        confirm(f"Erase {count:,} crops {where}?", about, "Erase the crops", erase)

    button("Erase the crops", ask, "danger", may=visitor.may(Permission.MANAGE))
