"""Dossiers: drafts of compliance documents from the configuration and the audit log, their questions and changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

from nicegui import ui

from mien.dossier import LANGUAGES, Change, Dossier
from mien.dossier.facts import Fact
from mien.dossier.service import rendered
from mien.dossier.wording import read_texts
from mien.evaluation.document import NoPdfError
from mien.management.roles import Permission
from mien.messages import message_of
from mien.portal.confirming import Confirmation, ask_before
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.texts import language as spoken
from mien.portal.texts import mark, t
from mien.portal.visitor import Visitor, sentence, tell
from mien.portal.widgets import Cell, Tag, badge, banner, button, empty, facts, moment, section, table, text, typed

ROOT: Final = "/papers"
_KINDS: Final = {
    "added": mark("added"),
    "removed": mark("removed"),
    "changed": mark("changed"),
    "answered": mark("answered"),
}


async def render(visitor: Visitor) -> None:
    """Render the list of dossiers and the form that creates one."""
    dossiers, resource = visitor.parts.dossiers, visitor.resource
    found = await visitor.ask(lambda: dossiers.all(resource.id))
    banner(
        "info",
        t("Drafts, not legal advice"),
        t(
            "Impact assessments (GDPR, EU AI Act), instructions for human oversight, a retention "
            "schedule and a notice, written from the settings and the audit log. Questions mark what "
            "the service cannot know."
        ),
    )
    with section(t("Create the papers"), t("From what is configured now; answers of the last dossier are taken over.")):
        own = spoken() if spoken() in LANGUAGES else "en"
        language = ui.select(LANGUAGES, value=own, label=t("Language")).props("outlined")

        async def create() -> None:
            made = await visitor.act(
                Permission.MANAGE,
                lambda: dossiers.create(resource, language=str(language.value), actor=visitor.name),
            )
            if made is not None:
                ui.navigate.to(visitor.link(f"{ROOT}/dossier", id=str(made.id)))

        with Tag("div"):
            button(t("Create papers"), create, "primary", may=visitor.may(Permission.MANAGE))
    with section(t("Dossiers"), t("Newest first; each is signed.")):
        if not found:
            empty("description", t("No papers have been created yet"))
            return
        rows: list[list[Cell]] = [
            [partial(_link, visitor, one), LANGUAGES[one.language], one.created_by, str(_open_questions(one)),
             str(one.id)[:8]]
            for one in found
        ]  # fmt: skip
        table(t("Dossiers"), [t("Created"), t("Language"), t("By"), t("Open questions"), t("Id")], rows, numbers=[3])


def _link(visitor: Visitor, one: Dossier) -> None:
    Tag("a", moment(one.created_at), href=visitor.link(f"{ROOT}/dossier", id=str(one.id)))


def _open_questions(one: Dossier) -> int:
    return sum(
        item["kind"] == "question" and item["answer"] is None
        for paper in one.content["papers"]
        for part in paper["sections"]
        for item in part["items"]
    )


async def dossier(visitor: Visitor) -> None:
    """Render a dossier: its papers with their evidence, the changes since another one, and the files."""
    dossiers, resource_id = visitor.parts.dossiers, visitor.resource.id
    try:
        wanted = UUID(visitor.query.get("id", ""))
    except ValueError:
        banner("bad", t("There is no such dossier"))
        return
    found = await visitor.ask(lambda: dossiers.get(resource_id, wanted))
    others = [one for one in await visitor.ask(lambda: dossiers.all(resource_id)) if one.id != found.id]
    content = found.content
    chosen = next((paper for paper in content["papers"] if paper["id"] == visitor.query.get("paper")), None)
    banner("info", str(content["draft"]))
    with section(t("Dossier")):
        facts(
            [
                (t("Created"), t("{at} by {actor}", at=moment(found.created_at), actor=found.created_by)),
                (t("Language"), LANGUAGES[found.language]),
                (t("Id"), str(found.id)),
                (t("Open questions"), str(_open_questions(found))),
            ]
        )
        with Tag("div", classes="row"):
            button(t("Download signed JSON"), partial(_download, found), image="download")
            button(t("Delete"), partial(_ask_delete, visitor, found), "danger", may=visitor.may(Permission.MANAGE))
    with section(t("Papers"), t("Each is complete in itself, made for print.")):
        table(
            t("Papers"),
            [t("Paper"), t("Law"), t("Files")],
            [_paper_row(visitor, found, one) for one in content["papers"]],
        )
    if chosen is not None:
        _read(visitor, found, chosen)
    await _compare(visitor, found, others)


def _paper_row(visitor: Visitor, found: Dossier, paper: Mapping[str, Any]) -> list[Cell]:
    def link() -> None:
        Tag("a", paper["title"], href=visitor.link(f"{ROOT}/dossier", id=str(found.id), paper=paper["id"]))

    def files() -> None:
        with Tag("div", classes="row"):
            for form in ("html", "pdf"):
                pressed = button(form.upper(), partial(_save, visitor, found, paper["id"], form), "quiet")
                pressed.props["aria-label"] = t("{paper} as {form}", paper=paper["title"], form=form.upper())

    return [link, paper["basis"], files]


async def _save(visitor: Visitor, found: Dossier, paper: str, form: str) -> None:
    try:
        data = await visitor.ask(lambda: rendered(found.content, paper, form))
    except NoPdfError as error:
        tell(sentence(message_of(error)), "bad")
        return
    ui.download(data, f"{paper}.{form}", "application/pdf" if form == "pdf" else "text/html")


def _download(found: Dossier) -> None:
    ui.download(found.document.encode(), "dossier.json", "application/json")


def _read(visitor: Visitor, found: Dossier, paper: Mapping[str, Any]) -> None:
    """Draw a paper: statements with their evidence, and questions with a field for the answer."""
    known = {one["name"]: Fact.from_json(one) for one in found.content["facts"]}
    fields: dict[str, ui.textarea] = {}
    may = visitor.may(Permission.MANAGE)
    with section(paper["title"], paper["basis"]).props(f"lang={found.language}"):
        for part in paper["sections"]:
            Tag("h3", part["heading"])
            for item in part["items"]:
                if item["kind"] == "question":
                    with Tag("div", classes="row"):
                        badge(t("question"), "warn" if item["answer"] is None else "good")
                        text(item["text"])
                    box = ui.textarea(value=item["answer"] or "").props("outlined autogrow dense maxlength=4000")
                    box.props["aria-label"] = item["text"]
                    box.classes("w-full")
                    fields[f"{paper['id']}.{item['key']}"] = box
                    continue
                text(item["text"])
                with Tag("details"):
                    Tag("summary", t("Evidence"), "small soft")
                    with Tag("ul", classes="small"):
                        for name in item["facts"]:
                            Tag("li", _evidence(known[name], found.language))

        async def save() -> None:
            given = {key: words for key, box in fields.items() if (words := typed(box))}
            kept = {key: answer for key, answer in found.content["answers"].items() if key not in fields}
            made = await visitor.act(
                Permission.MANAGE,
                lambda: visitor.parts.dossiers.create(
                    visitor.resource, language=found.language, answers={**kept, **given}, actor=visitor.name
                ),
            )
            if made is not None:
                ui.navigate.to(visitor.link(f"{ROOT}/dossier", id=str(made.id), paper=paper["id"]))

        if fields:
            with Tag("div"):
                button(t("Create again with these answers"), save, "primary", may=may)


def _evidence(fact: Fact, language: str) -> str:
    texts = read_texts("dpia", language)
    value = texts.value(fact.value, "rules" if fact.name == "retention_rules" else "")
    entry = fact.entry
    said = f"{fact.where} = {value}, {texts.moment(fact.read_at)}"
    return (
        said
        if entry is None
        else t(
            "{said} · audit log {sequence}: {action}, {actor}",
            said=said,
            sequence=entry.sequence,
            action=entry.action,
            actor=entry.actor,
        )
    )


async def _compare(visitor: Visitor, found: Dossier, others: Sequence[Dossier]) -> None:
    if not others:
        return
    earlier = next((one for one in others if one.created_at <= found.created_at), others[0])
    wanted = visitor.query.get("with", str(earlier.id))
    other = next((one for one in others if str(one.id) == wanted), earlier)
    changes = await visitor.ask(lambda: visitor.parts.dossiers.compare(visitor.resource.id, other.id, found.id))
    with section(t("Changes"), t("Statements and questions that differ from another dossier.")):
        options = {str(one.id): f"{moment(one.created_at)} · {LANGUAGES[one.language]}" for one in others}

        def go(chosen: str) -> None:
            more = {"paper": visitor.query["paper"]} if "paper" in visitor.query else {}
            ui.navigate.to(visitor.link(f"{ROOT}/dossier", **{"id": str(found.id), "with": chosen, **more}))

        ui.select(options, value=str(other.id), label=t("Compared with"),
                  on_change=lambda event: go(str(event.value))).props("outlined")  # fmt: skip
        if not changes:
            text(t("No statement changed."), "soft")
            return
        rows = [[one.paper, one.key, t(_KINDS[one.kind.value]), one.before, one.after, _why(one)] for one in changes]
        table(t("Changes"), [t("Paper"), t("Item"), t("Change"), t("Before"), t("After"), t("Because of")], rows)


def _why(change: Change) -> str:
    return "; ".join(f"{name}: {before} → {after}" for name, (before, after) in change.facts.items())


def _ask_delete(visitor: Visitor, found: Dossier) -> None:
    ask_before(
        visitor,
        Confirmation(t("Delete this dossier?"), t("Files that were downloaded stay."), t("Delete")),
        lambda: visitor.parts.dossiers.delete(visitor.resource.id, found.id, actor=visitor.name),
        then=ROOT,
        done=t("The dossier is deleted."),
    )


PAGE = Page(
    ROOT,
    mark("Papers"),
    mark("Impact assessments, instructions, retention schedule and notices, drafted from what is configured."),
    mark("Approvals"),
    "description",
    render,
    needs=Permission.AUDIT,
    help=Help(
        mark("Drafts that data protection asks for, written from what is configured. A person finishes them."),
        "the-papers.md",
        (Term.TEMPLATE, Term.RESOURCE),
    ),
)
DOSSIER = Page(
    f"{ROOT}/dossier",
    mark("Dossier"),
    mark("Drafts with the evidence of every statement."),
    mark("Approvals"),
    "description",
    dossier,
    listed=False,
    needs=Permission.AUDIT,
    help=Help(
        mark("Each statement shows the settings and entries it rests on. Answer the questions, then create it again."),
        "the-papers.md",
    ),
)
