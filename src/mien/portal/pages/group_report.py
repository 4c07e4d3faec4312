"""Report by groups: error rates of enrolled people by labels that the operator uploads for this run."""

from __future__ import annotations

from functools import partial
from typing import Final

from nicegui import ui

from mien.evaluation.document import NoPdfError
from mien.gallery.group_reports import FORMATS, GroupReport
from mien.gallery.kinds import CollectionRef
from mien.gallery.sampling import SampleSourceError
from mien.management.roles import Permission
from mien.messages import message_of
from mien.portal.frame import Page
from mien.portal.group_sentences import found_differences, other_sentences
from mien.portal.help import Help, Term
from mien.portal.pages.evaluations import GROUPS_PATH, ROOT, measurable, one_in
from mien.portal.photos import Upload, drop
from mien.portal.texts import mark, t, tn
from mien.portal.visitor import Visitor, sentence, tell
from mien.portal.widgets import Tag, banner, button, empty, section, text, typed

LARGEST: Final = 1_000_000
"""Maximum size of a table of labels, in bytes, as in the control plane."""


class _Form:
    """The form, the dropped table, and the areas of the page that depend on it."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor
        self.labels = ""

    async def draw(self) -> None:
        visitor = self.visitor
        names = await visitor.ask(lambda: measurable(visitor))
        with section(
            t("People and labels"),
            t(
                "A table with a column person (name or person id) and a column for each attribute, such as an age band "
                "or a shift. The labels are read for this run and not stored."
            ),
        ):
            if not names:
                empty("groups", t("No group has two persons"), t("Enrol several photos of each person first."))
                return
            with Tag("div", classes="two"):
                self.chosen = ui.select(names, value=names[0], label=t("Group")).props("outlined")
                rates = {0.0: t("The threshold in use"), **{rate: one_in(rate) for rate in (1e-2, 1e-3, 1e-4)}}
                self.fmr = ui.select(rates, value=0.0, label=t("False match rate of the threshold")).props("outlined")
            if visitor.may(Permission.MANAGE):
                drop(visitor, t("Drop a table of labels"), self.take, accept=".csv,text/csv", table=LARGEST)
            self.said = Tag("p", classes="soft")
            self.skip = ui.checkbox(t("Leave out labels of people who are not enrolled"))
            with Tag("div"):
                button(t("Create report"), self.create, "primary", may=visitor.may(Permission.MANAGE))
        self.place = Tag("div", classes="stack", aria_live="polite")

    async def take(self, file: Upload) -> None:
        """Read a dropped table."""
        try:
            self.labels = file.data.decode("utf-8-sig")
        except UnicodeDecodeError:
            self.labels = ""
            self.said.text = ""
            tell(t("{name} is not CSV in UTF-8.", name=file.name), "bad")
            return
        lines = max(0, sum(1 for line in self.labels.splitlines() if line.strip()) - 1)
        self.said.text = tn("{name}: {count:,} line of labels", "{name}: {count:,} lines of labels", lines,
                            name=file.name)  # fmt: skip

    async def create(self) -> None:
        """Create the report, and show its first page or the error."""
        visitor = self.visitor
        if not self.labels:
            tell(t("Drop a table of labels first."), "bad")
            return
        ref = CollectionRef.from_path(visitor.resource.id, str(self.chosen.value))
        labels, fmr, skip = self.labels, float(self.fmr.value) or None, bool(self.skip.value)

        def work() -> GroupReport | str:
            try:
                return visitor.parts.measuring.report_groups(
                    ref, labels, fmr=fmr, skip_unknown=skip, actor=visitor.name
                )
            except SampleSourceError as error:
                return sentence(message_of(error))

        made = await visitor.act(Permission.MANAGE, work)
        self.place.clear()
        if made is None:
            return
        with self.place:
            if isinstance(made, str):
                banner("bad", t("There is no report"), made)
            else:
                _first_page(visitor, ref, made)


async def render(visitor: Visitor) -> None:
    """Render the form and, below it, the report."""
    await _Form(visitor).draw()


def _first_page(visitor: Visitor, ref: CollectionRef, made: GroupReport) -> None:
    for one in made.groups:
        with section(t("By {attribute}", attribute=one.attribute)):
            found = found_differences(one)
            for said in found:
                banner("warn", said)
            if not found:
                banner("info", t("No difference between the groups is larger than chance would explain."),
                       t("With more people, smaller differences would show."))  # fmt: skip
            for said in other_sentences(one):
                text(said)
    with section(
        t("Files"),
        t("In English, made for print: every rate with its 95 % interval, all differences, charts."),
    ):
        with Tag("div", classes="row"):
            for form in ("html", "pdf", "csv", "json"):
                pressed = button(form.upper(), partial(_save, visitor, made, form), image="download")
                pressed.props["aria-label"] = t("Report as {form}", form=form.upper())
        text(
            t(
                "The figures are of the people in this sample. They do not say how other people, cameras or places "
                "would fare. A difference that was not found may exist: small groups show large differences only."
            ),
            "soft small",
        )
    with section(t("Keep the rates"), t("Stores the rates by group as a result, without labels of persons.")):
        name = ui.input(t("Name of the result")).props("outlined")

        async def keep() -> None:
            wanted = typed(name)
            if not wanted:
                tell(t("Give the result a name."), "bad")
                return
            kept = await visitor.act(
                Permission.MANAGE,
                lambda: visitor.parts.measuring.keep(made, ref, wanted, actor=visitor.name),
            )
            if kept is not None:
                ui.navigate.to(visitor.link(f"{ROOT}/result", name=kept.name))

        with Tag("div"):
            button(t("Keep"), keep, may=visitor.may(Permission.MANAGE))


async def _save(visitor: Visitor, made: GroupReport, form: str) -> None:
    try:
        data = await visitor.ask(lambda: made.rendered(form))
    except NoPdfError as error:
        tell(sentence(message_of(error)), "bad")
        return
    ui.download(data, f"groups.{form}", FORMATS[form])


PAGE = Page(
    GROUPS_PATH,
    mark("Report by groups"),
    mark("Error rates by groups of your own people that you name."),
    mark("Use"),
    "straighten",
    render,
    listed=False,
    needs=Permission.SEE,
    help=Help(
        mark(
            "Measures whether the recognition errs more often on some groups of your people. The groups are your "
            "labels; the service infers none."
        ),
        "fair-to-my-people.md",
        (Term.FMR, Term.FNMR, Term.THRESHOLD),
    ),
)
