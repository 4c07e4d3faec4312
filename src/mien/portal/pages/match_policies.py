"""Review policies, on the page of matches: the identifications that people must confirm."""

from __future__ import annotations

from functools import partial

from nicegui import ui

from mien.gallery.kinds import PERSON_GROUPS, CollectionRef
from mien.management.roles import Permission
from mien.portal.texts import t, tn, yes_or_no
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, button, section, table, text


async def draw_policies(visitor: Visitor) -> None:
    """Draw the policies and their form."""
    reviews, resource_id, may = visitor.parts.reviews, visitor.resource.id, visitor.may(Permission.MANAGE)
    held = await visitor.ask(lambda: reviews.policies.all(resource_id))
    gallery = visitor.parts.gallery

    def groups() -> list[str]:
        return [
            f"{kind.value}/{one.collection_id}"
            for kind in PERSON_GROUPS
            for one in gallery.collections.page(resource_id, kind)
        ]

    names = await visitor.ask(groups)
    about = t("Which identifications must be confirmed. The answer of the Face API stays as it is.")
    with section(t("Policies"), about):
        if held:
            table(
                t("Policies"),
                [t("For"), t("People who must agree"), t("Every identify"), t("Pictures kept"), t("Set by"), ""],
                [
                    [
                        one.collection or t("The resource"),
                        one.reviewers,
                        yes_or_no(one.identify),
                        tn("{count} day", "{count} days", one.keep_days),
                        one.set_by,
                        partial(_remover, visitor, one.collection),
                    ]
                    for one in held
                ],
                numbers=[1],
            )
        else:
            text(t("No identification has to be confirmed."), "soft")
        with Tag("div", classes="two"):
            where = ui.select(
                {"": t("The resource"), **{name: name for name in names}}, value="", label=t("For")
            ).props("outlined")
            people = ui.select({1: t("One person"), 2: t("Two different people")}, value=2, label=t("Confirmed by"))
            people.props("outlined")
        every = ui.checkbox(t("File a case for every identify with candidates"), value=True)

        async def save() -> None:
            ref = _ref(visitor, str(where.value) or None)
            done = await visitor.act(
                Permission.MANAGE,
                lambda: reviews.policies.set(
                    resource_id, ref, actor=visitor.name, reviewers=int(people.value), identify=bool(every.value)
                ),
                t("The policy is set."),
            )
            if done is not None:
                ui.navigate.reload()

        with Tag("div"):
            button(t("Set policy"), save, "primary", may=may)


def _remover(visitor: Visitor, collection: str | None) -> None:
    async def remove() -> None:
        ref = _ref(visitor, collection)
        reviews = visitor.parts.reviews
        if await visitor.act(
            Permission.MANAGE, lambda: reviews.policies.remove(visitor.resource.id, ref, actor=visitor.name)
        ):
            ui.navigate.reload()

    button(t("Remove"), remove, "danger", may=visitor.may(Permission.MANAGE))


def _ref(visitor: Visitor, collection: str | None) -> CollectionRef | None:
    return None if collection is None else CollectionRef.from_path(visitor.resource.id, collection)
