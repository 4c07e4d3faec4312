"""The kiosks of a resource: list, add, change, link and QR code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Final
from uuid import UUID

import segno
from nicegui import ui

from mien.accounts import Feature
from mien.doors.errors import InvalidDoorError
from mien.doors.kiosks import ACCEPTANCE_DAYS, Kiosk, KioskSpec
from mien.doors.places import Place
from mien.management.roles import Permission
from mien.portal.approval import feature_names
from mien.portal.confirming import Confirmation, ask_before
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.pages.choosing import group_field, group_name
from mien.portal.pages.doors import services
from mien.portal.texts import mark, t, tn
from mien.portal.visitor import Visitor, check_unchanged
from mien.portal.widgets import (
    Tag,
    badge,
    banner,
    button,
    code,
    confirm,
    empty,
    facts,
    hint,
    modal,
    moment,
    section,
    table,
    text,
    typed,
)

_NOTICE_HINT: Final = mark("Say what is compared with what, how long it is kept, and the other way to check in")
_ONCE: Final = mark(
    "The link contains the key of the kiosk and is shown this once. Anyone who has it can open the page."
)


async def render(visitor: Visitor) -> None:
    """Render the list."""
    _approved(visitor)
    state, owner = services(visitor), visitor.resource.id
    kiosks = await visitor.ask(lambda: state.kiosks.of(owner))
    counts = await visitor.ask(lambda: state.kiosks.acceptances(owner))
    doors = {one.door_id: one.name for one in await visitor.ask(lambda: state.doors.of(owner))}
    named = await visitor.ask(lambda: state.places.named(owner, (one.spec.group for one in kiosks)))
    with section(t("Kiosks"), t("Pages for a tablet at the reception: people accept your notice and are greeted.")):
        if not kiosks:
            empty("tablet_mac", t("No kiosks yet"), t("Add one below and open its link on the tablet."))
        else:
            table(
                t("Kiosks"),
                [t("Name"), t("Group"), t("Door"), t("Liveness"), t("State"), t("Acceptances")],
                [
                    [
                        partial(Tag, "a", one.name, href=visitor.link(f"{PATH}/{one.kiosk_id}")),
                        group_name(named, one.spec.group),
                        doors.get(one.spec.door, "–") if one.spec.door else "–",
                        t("asked for") if one.spec.liveness else t("off"),
                        partial(badge, t("on"), "good") if one.spec.enabled else partial(badge, t("off"), ""),
                        counts.get(one.kiosk_id, 0),
                    ]
                    for one in kiosks
                ],
                numbers=[5],
            )
    with section(t("Add a kiosk")):
        form = _Form(visitor, doors)

        async def add() -> None:
            made = await visitor.act(
                Permission.MANAGE, lambda: state.kiosks.create(owner, form.name, form.spec(), actor=visitor.name)
            )
            if made is not None:
                _show_link(visitor, *made)

        with Tag("div"):
            button(t("Add kiosk"), add, "primary", may=visitor.may(Permission.MANAGE))


async def render_one(visitor: Visitor) -> None:
    """Render a kiosk."""
    state, owner = services(visitor), visitor.resource.id
    with Tag("nav", aria_label=t("Back")):
        Tag("a", t("All kiosks"), href=visitor.link(PATH))
    wanted = visitor.query.get("kiosk", "")
    kiosk = next(
        (one for one in await visitor.ask(lambda: state.kiosks.of(owner)) if str(one.kiosk_id) == wanted), None
    )
    if kiosk is None:
        banner("bad", t("There is no such kiosk"), t("It may have been deleted."), (t("Kiosks"), visitor.link(PATH)))
        return
    _approved(visitor)
    count = (await visitor.ask(lambda: state.kiosks.acceptances(owner))).get(kiosk.kiosk_id, 0)
    doors = {one.door_id: one.name for one in await visitor.ask(lambda: state.doors.of(owner))}
    named = await visitor.ask(lambda: state.places.named(owner, [kiosk.spec.group]))
    with section(kiosk.name):
        facts(
            [
                (t("State"), partial(badge, t("on"), "good") if kiosk.spec.enabled else partial(badge, t("off"), "")),
                (t("Created"), moment(kiosk.created_at)),
                (
                    t("Acceptances kept"),
                    tn(
                        "{kept}, each for {count} day",
                        "{kept}, each for {count} days",
                        kiosk.spec.acceptance_days,
                        kept=count,
                    ),
                ),
                (t("Version of the notice"), kiosk.spec.version[:16]),
            ]
        )
        _key_buttons(visitor, kiosk)
    with section(t("Settings"), t("A new notice must be accepted again. The key stays.")):
        form = _Form(visitor, doors, kiosk, named)

        async def save() -> None:
            def work() -> Kiosk:
                now = _now(visitor, kiosk)
                check_unchanged((kiosk.name, kiosk.spec), (now.name, now.spec))
                spec = form.spec()
                return state.kiosks.change(owner, kiosk.kiosk_id, actor=visitor.name, name=form.name, spec=spec)

            if await visitor.act(Permission.MANAGE, work) is not None:
                ui.navigate.reload()

        with Tag("div"):
            button(t("Save"), save, "primary", may=visitor.may(Permission.MANAGE))


def _now(visitor: Visitor, kiosk: Kiosk) -> Kiosk:
    """Return a kiosk as it is now, or as it was if it has been deleted; reads the database."""
    found = services(visitor).kiosks.of(visitor.resource.id)
    return next((one for one in found if one.kiosk_id == kiosk.kiosk_id), kiosk)


def _key_buttons(visitor: Visitor, kiosk: Kiosk) -> None:
    kiosks, owner, may = services(visitor).kiosks, visitor.resource.id, visitor.may(Permission.MANAGE)

    async def renew() -> None:
        made = await visitor.act(Permission.MANAGE, lambda: kiosks.renew_key(owner, kiosk.kiosk_id, actor=visitor.name))
        if made is not None:
            _show_link(visitor, *made)

    async def switch() -> None:
        def work() -> Kiosk:
            spec = replace(_now(visitor, kiosk).spec, enabled=not kiosk.spec.enabled)  # the rest may have changed
            return kiosks.change(owner, kiosk.kiosk_id, actor=visitor.name, spec=spec)

        if await visitor.act(Permission.MANAGE, work) is not None:
            ui.navigate.reload()

    def ask_key() -> None:
        about = t("The present link stops working immediately; open the new one on the tablet.")
        confirm(t("Replace the key of {kiosk}?", kiosk=kiosk.name), about, t("Replace"), renew)

    def ask_delete() -> None:
        about = t(
            "Its page stops working immediately. Its events stay, and its acceptances for {days} days.",
            days=ACCEPTANCE_DAYS,
        )
        question = Confirmation(t("Delete {kiosk}?", kiosk=kiosk.name), about, t("Delete"))
        ask_before(visitor, question, lambda: kiosks.delete(owner, kiosk.kiosk_id, actor=visitor.name), then=PATH)

    with Tag("div", classes="row"):
        button(t("New link and QR code"), ask_key, image="qr_code_2", may=may)
        button(t("Switch off") if kiosk.spec.enabled else t("Switch on"), switch, may=may)
        button(t("Delete"), ask_delete, "danger", may=may)


def _show_link(visitor: Visitor, kiosk: Kiosk, key: str) -> None:
    """Show the link of a kiosk, once, as text and as a QR code for the tablet's camera."""
    link = f"{visitor.parts.addresses.of(visitor.resource).rstrip('/')}/kiosk#{key}"
    dialog = modal(t("Link of {kiosk}", kiosk=kiosk.name))
    dialog.props("persistent")  # a click outside must not close it, because the link is not shown again
    with dialog, Tag("div", classes="card"):
        Tag("h2", t("Link of {kiosk}", kiosk=kiosk.name))
        text(t(_ONCE), "soft")
        code(link, t("Link"))
        picture = segno.make(link, error="m").svg_data_uri(scale=5, border=4, light="#fff")
        Tag("img", classes="qr", src=picture, alt=t("QR code with the link of {kiosk}", kiosk=kiosk.name))
        text(
            t(
                "The tablet must reach this address. If your server has another address, keep everything "
                "from /kiosk on."
            ),
            "soft small",
        )
        with Tag("div", classes="row", style="justify-content:flex-end"):
            button(t("Done"), lambda: ui.navigate.to(visitor.link(f"{PATH}/{kiosk.kiosk_id}")), "primary")
    dialog.open()


class _Form:
    """The settings of a kiosk.

    Args:
        visitor: the signed-in person.
        doors: names by id.
        kiosk: the kiosk to change; None for a new one.
        named: names and details of its group.
    """

    def __init__(
        self,
        visitor: Visitor,
        doors: dict[UUID, str],
        kiosk: Kiosk | None = None,
        named: Mapping[str, Place] | None = None,
    ) -> None:
        spec = kiosk.spec if kiosk else None
        self._enabled = spec.enabled if spec else True
        with Tag("div", classes="two"):
            self._name = ui.input(t("Name"), value=kiosk.name if kiosk else "").props("outlined maxlength=64")
            self._group = group_field(visitor, t("Group"), [spec.group] if spec else [], named)
            choices = {"": t("None: it only greets"), **{str(one): words for one, words in doors.items()}}
            door = str(spec.door) if spec and spec.door in doors else ""
            self._door = ui.select(choices, value=door, label=t("Door")).props("outlined")
            self._days = ui.number(
                t("Days for which acceptances are stored"),
                value=spec.acceptance_days if spec else ACCEPTANCE_DAYS,
                min=1,
                max=3650,
                step=1,
            ).props("outlined")
        self._notice = ui.textarea(t("Consent notice"), value=spec.notice if spec else "").props(
            hint(t(_NOTICE_HINT), "outlined autogrow maxlength=4000")
        )
        with Tag("div", classes="two"):
            self._greeting = ui.input(t("Greeting"), value=spec.greeting if spec else "").props(
                hint(t("{name} is replaced; empty for the default text"), "outlined maxlength=200")
            )
            self._reception = ui.input(t("For everybody else"), value=spec.reception if spec else "").props(
                hint(t("Empty for the default text"), "outlined maxlength=200")
            )
        self._live = ui.checkbox(
            t("The face must be live (without it a photo is greeted)"), value=spec.liveness if spec else True
        )

    @property
    def name(self) -> str:
        """The entered name."""
        return str(self._name.value or "")

    def spec(self) -> KioskSpec:
        """Return the entered configuration.

        Raises:
            InvalidDoorError: a value is not valid.
        """
        if not self._group.only:
            raise InvalidDoorError(t("choose a group"))
        return KioskSpec(
            group=self._group.only,
            notice=typed(self._notice),
            greeting=typed(self._greeting),
            reception=typed(self._reception),
            liveness=bool(self._live.value),
            door=UUID(str(self._door.value)) if self._door.value else None,
            acceptance_days=int(self._days.value or 0),
            enabled=self._enabled,
        )


def _approved(visitor: Visitor) -> None:
    needed = (Feature.IDENTIFICATION, Feature.VIDEO_IDENTIFICATION, Feature.LIVENESS)
    missing = [one for one in needed if one not in visitor.resource.features]
    if missing:
        banner(
            "warn",
            t("{resource} is not approved for {names}", resource=visitor.resource.name, names=feature_names(missing)),
            t(
                "Kiosks can be configured. Their pages refuse every call before that; Liveness is not "
                "needed for a kiosk that does not ask for it."
            ),
            (t("Request access"), visitor.link("/access")),
        )


PATH: Final = "/kiosks"
PAGE = Page(
    PATH,
    mark("Kiosks"),
    mark("Check-in pages for tablets, their links and consent notices."),
    mark("Use"),
    "tablet_mac",
    render,
    needs=Permission.SEE,
    help=Help(
        mark("A kiosk greets people whom it recognises, or opens a door, after they accepted your notice."),
        "kiosk.md",
        (Term.LIVENESS, Term.LIMITED_ACCESS),
    ),
)
KIOSK = Page(
    f"{PATH}/{{kiosk}}",
    mark("Kiosk"),
    mark("Its link, notice and settings."),
    mark("Use"),
    "tablet_mac",
    render_one,
    listed=False,
    help=Help(
        mark("The settings of one kiosk. Its link contains its key: replace it if somebody may have seen it."),
        "kiosk.md",
        (Term.LIVENESS,),
    ),
)
