"""Migration of collections to the current weights of their recognition model, with its progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final
from uuid import UUID

from nicegui import ui

from mien.gallery.kinds import CollectionRef
from mien.gallery.reembedding.job import CannotMigrateError, Plan
from mien.management.roles import Permission
from mien.portal.texts import t, tn
from mien.portal.visitor import Visitor, tell
from mien.portal.widgets import Tag, banner, button, confirm, section, text

_LOOK: Final = 0.5


@dataclass(slots=True)
class _Run:
    """The progress of a migration in this process: the numbers of created templates and of all."""

    made: int = 0
    all: int = 0

    def report(self, made: int, all_: int) -> None:
        """Record the progress; called in the migration's thread."""
        self.made, self.all = made, all_

    @property
    def words(self) -> str:
        """Return the progress as text."""
        if self.made < self.all:
            return t("{made:,} of {all:,} templates are created.", made=self.made, all=self.all)
        return t("All templates are created; the server is switching to them.")


_running: Final[dict[UUID, _Run]] = {}
"""Running migrations by collection, so that every page shows the progress."""


def mismatched(visitor: Visitor, only: Callable[[CollectionRef], bool] = lambda _: True) -> list[Plan]:
    """Return the pending migrations of a resource; reads the database."""
    migrations = visitor.parts.migrations
    refs = [ref for ref in migrations.collections(visitor.resource.id) if only(ref)]
    return [plan for plan in map(migrations.plan, refs) if plan.needed and plan.faces]


def migration_table(visitor: Visitor, plans: list[Plan]) -> None:
    """Draw the collections whose templates are of other weights than their label has now, and the remedy."""
    if not plans:
        return
    with section(t("Migration")):
        _warn(
            t(
                "These faces were enrolled with different weights than their model has now: they can neither be "
                "searched nor added to. Migrate them, or bind the model back."
            )
        )
        with Tag("ul", classes="plain", aria_label=t("Collections to migrate")):
            for plan in plans:
                with Tag("li", classes="row between"):
                    with Tag("div"):
                        Tag("strong", plan.ref.path)
                        can = plan.ready + plan.to_make
                        Tag(
                            "div",
                            t(
                                "{faces}: {can} can be migrated, {lost} cannot",
                                faces=tn("{count:,} face", "{count:,} faces", plan.faces),
                                can=can,
                                lost=len(plan.lost),
                            ),
                            "small soft",
                        )
                    migrate_button(visitor, plan)
        if any(plan.lost for plan in plans):
            text(t("Faces that cannot be migrated have no stored crop: enrol them again."), "soft small")


def migration_banner(visitor: Visitor, plan: Plan) -> None:
    """Show that a collection must be migrated, with a link."""
    _warn(
        t(
            "Its faces were enrolled with different weights than its model has now: they can neither be searched nor "
            "added to. Migrate them, or bind the model back."
        )
    )
    if plan.lost:
        text(
            t(
                "{lost} of {faces} faces have no stored crop: enrol them again.",
                lost=len(plan.lost),
                faces=plan.faces,
            ),
            "soft",
        )
    migrate_button(visitor, plan)


def _warn(about: str) -> None:
    banner("bad", t("Fingerprints do not match"), about)


def migrate_button(visitor: Visitor, plan: Plan) -> None:
    """Draw a button that migrates a collection, or the progress of a running migration."""
    offer = _Offer(visitor, plan)
    if plan.uid in _running:
        offer.follow(_running[plan.uid], ui.navigate.reload)
    else:
        offer.show()


class _Offer:
    """The button or the progress of a collection's migration."""

    def __init__(self, visitor: Visitor, plan: Plan) -> None:
        self._visitor = visitor
        self._plan = plan
        self._name = plan.ref.path
        self._place = Tag("div", classes="stack", style="min-width:14rem")
        with self._place:
            self._box = Tag("div", classes="stack")

    def show(self) -> None:
        """Show the button."""
        lost = len(self._plan.lost)
        self._box.clear()
        with self._box:
            if lost == self._plan.faces:
                Tag("span", t("None can be migrated: erase them and enrol them again."), "small")
                return
            press = partial(self._ask, lost) if lost else partial(self._begin, False)
            button(t("Migrate"), press, may=self._visitor.may(Permission.MANAGE))

    def follow(self, run: _Run, ended: Callable[[], object]) -> None:
        """Show the progress of a migration until it ends."""
        self._box.clear()
        with self._box:
            bar = ui.linear_progress(0, show_value=False, size="8px", color=None).props("instant-feedback")
            bar.style("color:var(--accent)")
            bar.props["aria-label"] = t("Migration of {name}", name=self._name)
            words = Tag("span", run.words, "small soft", role="status")

        def look() -> None:
            bar.set_value(run.made / max(1, run.all))
            words.text = run.words
            if self._plan.uid not in _running:
                timer.deactivate()
                ended()

        with self._box:
            timer = ui.timer(_LOOK, look)

    def _ask(self, lost: int) -> None:
        about = t(
            "{lost} of {faces} faces have no crop from which a template can be created. They are not found "
            "until they are enrolled again.",
            lost=lost,
            faces=self._plan.faces,
        )
        confirm(t("Migrate without them?"), about, t("Migrate"), partial(self._begin, True))

    def _begin(self, leave_out: bool) -> None:
        # In an element that stays: the pressed button is gone before the message is shown.
        with self._place:
            ui.timer(0, partial(self._migrate, leave_out), once=True)

    async def _migrate(self, leave_out: bool) -> None:
        visitor, plan = self._visitor, self._plan
        if plan.uid in _running:  # it was started by another page
            self.follow(_running[plan.uid], ui.navigate.reload)
            return
        run = _running[plan.uid] = _Run(all=plan.to_make)
        without: list[int] = []

        def work() -> bool:
            try:
                left = visitor.parts.migrations.migrate(plan, leave_out=leave_out, report=run.report)
            except CannotMigrateError as error:
                without.append(len(error.lost))
                return False
            visitor.note("gallery.migrate", collection=self._name, model=plan.target.label, left_out=len(left),
                         fingerprint=plan.target.fingerprint[:12], faces=plan.faces)  # fmt: skip
            return True

        self.follow(run, lambda: None)
        try:
            done = await visitor.act(Permission.MANAGE, work)
        finally:
            del _running[plan.uid]
        if done:
            ui.navigate.reload()
            return
        self.show()
        if without and leave_out:  # no face would be left
            tell(t("None of the faces can be migrated: erase them and enrol them again."), "bad")
        elif without:
            self._ask(without[0])
