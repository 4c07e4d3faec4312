"""Admin tokens on the page of roles: create, list, revoke."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from nicegui import ui

from mien.management.login import Actor
from mien.management.roles import ABOUT, Permission, Role
from mien.management.routing import Journal
from mien.management.tokens import LIFE, AdminToken, NewToken
from mien.portal.texts import mark, t
from mien.portal.visitor import Visitor, tell
from mien.portal.widgets import Tag, badge, banner, button, confirm, hint, moment, section, table, typed

_ALL: Final = mark("The whole server")


async def tokens(visitor: Visitor) -> None:
    """Draw the tokens and the form for a new one."""
    found = await visitor.ask(visitor.parts.tokens.list)
    every = await visitor.ask(lambda: [*visitor.parts.accounts.resources(), *visitor.parts.accounts.deleted()])
    names = {one.id: one.name for one in every}
    with section(t("Create a token"), t("The token is shown once, here; the server stores only a keyed hash of it.")):
        _form(visitor)
    with section(t("Admin tokens"), t("Newest first. Revoked tokens are refused immediately, on every server.")):
        table(
            t("Admin tokens"),
            [t("Name"), t("Role"), t("For"), t("Created"), t("Expires"), t("State"), ""],
            [
                [
                    one.name,
                    partial(badge, one.role.value, "info"),
                    names.get(one.resource, str(one.resource)) if one.resource else t(_ALL),
                    t("{at} by {actor}", at=moment(one.created_at), actor=one.created_by),
                    moment(one.expires_at) if one.expires_at else partial(badge, t("no expiry"), "warn"),
                    partial(badge, *_state(visitor, one)),
                    partial(button, t("Revoke"), partial(_ask, visitor, one), "quiet", may=one.revoked_at is None),
                ]
                for one in reversed(found)
            ],
        )


def _state(visitor: Visitor, one: AdminToken) -> tuple[str, str]:
    if one.revoked_at is not None:
        return t("revoked"), "bad"
    return (t("valid"), "good") if one.valid(visitor.parts.clock.now()) else (t("expired"), "")


def _form(visitor: Visitor) -> None:
    whole = t(_ALL)
    places: dict[str, UUID | None] = {whole: None, **{one.name: one.id for one in visitor.resources}}
    with Tag("div", classes="two"):
        name = ui.input(t("Token name")).props(hint(t("Its owner or purpose"), "outlined maxlength=100"))
        roles = {role.value: f"{role.value}: {t(ABOUT[role])}" for role in Role if role is not Role.ADMIN}
        role = ui.select(roles, value=Role.ENROLLER.value, label=t("Role of the token")).props("outlined")
        place = ui.select(list(places), value=whole, label=t("Valid for")).props("outlined")
        days = ui.number(t("Days until it expires"), value=LIFE.days, min=1, max=3650, precision=0).props("outlined")
    endless = ui.checkbox(t("The token never expires. It is marked in every list."))
    shown = Tag("div", role="status")

    async def create() -> None:
        if not endless.value and not days.value:
            tell(t("Fill in the days, or say that the token never expires."), "bad")
            return
        life = None if endless.value else timedelta(days=int(days.value))
        resource = places[str(place.value)]

        def work() -> NewToken:
            made = visitor.parts.tokens.create(
                typed(name), Role(role.value), created_by=visitor.name, life=life, resource=resource
            )
            _note(visitor.session.actor, visitor, "create", made.token)
            return made

        made = await visitor.act(Permission.TOKENS, work, on=None)
        if made is not None:
            shown.clear()
            with shown:
                banner(
                    "good",
                    t("The token {token} is created", token=made.token.name),
                    t("It is shown only once: {secret}", secret=made.secret),
                )

    with Tag("div"):
        button(t("Create token"), create, "primary")


def _ask(visitor: Visitor, one: AdminToken) -> None:
    confirm(
        t("Revoke the token {name}?", name=one.name),
        t("Anyone who uses it is refused immediately."),
        t("Revoke"),
        _revoker(visitor, one),
    )


def _revoker(visitor: Visitor, one: AdminToken) -> Callable[[], Any]:
    async def revoke() -> None:
        def work() -> AdminToken:
            revoked = visitor.parts.tokens.revoke(one.id)
            _note(visitor.session.actor, visitor, "revoke", revoked)
            return revoked

        if await visitor.act(Permission.TOKENS, work, on=None):
            ui.navigate.to(visitor.link("/roles"))

    return revoke


def _note(actor: Actor, visitor: Visitor, verb: str, token: AdminToken) -> None:
    details = {"name": token.name, "role": token.role.value, "expires": token.expires_at is not None}
    Journal(visitor.parts.audit).did(actor, f"admin.token.{verb}", token.resource, token_id=str(token.id), **details)
