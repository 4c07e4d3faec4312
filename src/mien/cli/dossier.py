"""`mien dossier`: drafts of the papers that an operator owes, made from the configuration and the audit log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from mien.cli._administration import (
    As,
    AsJson,
    DataDir,
    Name,
    actor,
    moment,
    opened_by_settings,
    print_facts,
    print_json,
    print_table,
    resource_named,
)
from mien.cli._ids import short, whole_id

if TYPE_CHECKING:
    from mien.accounts import Resource
    from mien.dossier import Change, Dossiers

app = typer.Typer(
    help="Draft impact assessments, instructions, a retention schedule and notices from what is configured.",
    no_args_is_help=True,
)

File = Annotated[Path, typer.Argument(help="dossier.json, as it was created.", exists=True, dir_okay=False)]


@app.command()
def create(
    name: Name,
    out: Annotated[Path, typer.Option(help="Folder for the files; created.", file_okay=False)] = Path("dossier"),
    language: Annotated[str, typer.Option(help="en or de.")] = "en",
    answers: Annotated[
        Path | None,
        typer.Option(
            help='TOML file of answers to the questions, such as `controller = "…"`. (default: those of the last one)',
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    *,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Create the papers of a resource as HTML, PDF (with fpdf2) and signed JSON. Drafts, not legal advice."""
    from mien.dossier.papers import PAPERS
    from mien.dossier.service import FORMATS, rendered

    given = None if answers is None else _read_answers(answers)
    with _opened(name, data_dir) as (dossiers, resource):
        made = dossiers.create(resource, language=language, answers=given, actor=actor(as_name))
        out.mkdir(parents=True, exist_ok=True)
        (out / "dossier.json").write_text(made.document + "\n", encoding="utf-8")
        content = made.content
        for paper in PAPERS:
            for form in FORMATS:
                if f"{paper}.{form}" in content["files"]:
                    (out / f"{paper}.{form}").write_bytes(rendered(content, paper, form))
    items = [item for paper in content["papers"] for section in paper["sections"] for item in section["items"]]
    asked = [item for item in items if item["kind"] == "question"]
    open_ones = sum(item["answer"] is None for item in asked)
    counts = {"statements": len(items) - len(asked), "open questions": open_ones, "answers": len(asked) - open_ones}
    if as_json:
        print_json({"dossier": made.id, "folder": str(out), "files": list(content["files"]), "counts": counts})
        return
    print_facts([("dossier", made.id), *counts.items(), ("facts", len(content["facts"])), ("folder", out)])
    if not any(file.endswith(".pdf") for file in content["files"]):
        typer.echo("mien: there are no PDF files: they need `pip install 'mien[evaluation]'`", err=True)
    typer.echo("A draft, not legal advice.")


@app.command("list")
def list_dossiers(name: Name, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the dossiers of a resource, newest first."""
    with _opened(name, data_dir) as (dossiers, resource):
        found = dossiers.all(resource.id)
    rows = [(one.id, one.language, one.created_by, moment(one.created_at)) for one in found]
    columns = ("dossier", "language", "created by", "when")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    print_table(columns, [(short(one), *rest) for one, *rest in rows])


@app.command()
def show(
    name: Name,
    dossier_id: Annotated[str | None, typer.Argument(help="Id or its beginning; the newest one when absent.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Print a dossier again, as signed JSON."""
    with _opened(name, data_dir) as (dossiers, resource):
        wanted = None if dossier_id is None else _whole(dossiers, resource, dossier_id)
        typer.echo(dossiers.get(resource.id, wanted).document)


@app.command()
def delete(
    name: Name,
    dossier_id: Annotated[str, typer.Argument(help="Id or its beginning.")],
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Delete a dossier from the server; files stay."""
    with _opened(name, data_dir) as (dossiers, resource):
        whole = _whole(dossiers, resource, dossier_id)
        dossiers.delete(resource.id, whole, actor=actor(as_name))
    if as_json:
        print_json({"deleted": whole})


@app.command()
def compare(first: File, second: File, as_json: AsJson = False) -> None:
    """Compare two dossier files: which statements changed, and because of which facts."""
    from mien.dossier.comparison import compare as compared

    changes = compared(_content(first), _content(second))
    if as_json:
        print_json(changes)
        return
    if not changes:
        typer.echo("No statement changed.")
        return
    for one in changes:
        typer.echo(f"{one.paper}: {one.item} {one.key} {one.kind.value}")
        for line in _differences(one):
            typer.echo(f"  {line}")


@app.command()
def verify(
    file: File,
    papers: Annotated[
        list[Path] | None,
        typer.Option("--file", help="Also check this paper, such as dpia.pdf; can be repeated.", exists=True),
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="A public key (JSON Web Key or PEM), instead of this server's.", exists=True)
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Check that a dossier and its papers are unchanged since this server signed them; exit with 1 otherwise."""
    from mien.dossier.errors import InvalidDossierError

    try:
        document = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise typer.BadParameter("this is not a dossier", param_hint="FILE") from None
    public = key.read_text(encoding="utf-8") if key else None
    with _opened_all(data_dir, InvalidDossierError) as dossiers:
        content = dossiers.verify(document, public)
        for paper in papers or ():
            dossiers.verify_file(document, paper.name, paper.read_bytes(), public)
    if as_json:
        print_json({"dossier": content["dossier"], "genuine": True, "files": [one.name for one in papers or ()]})
        return
    print_facts(
        [
            ("dossier", f"{content['dossier']}, genuine"),
            ("resource", content["resource"]["name"]),
            ("created", f"{content['createdAt']} by {content['createdBy']}"),
            *((one.name, "as it was signed") for one in papers or ()),
        ]
    )


def _whole(dossiers: Dossiers, resource: Resource, text: str) -> UUID:
    known = ((one.id, moment(one.created_at) or "") for one in dossiers.all(resource.id))
    return whole_id(text, known, "dossier")


def _differences(change: Change) -> Iterator[str]:
    for name, (before, after) in change.facts.items():
        yield f"{name}: {_said(before)} -> {_said(after)}"
    if not change.facts:
        for mark, text in (("-", change.before), ("+", change.after)):
            if text is not None:
                yield f"{mark} {text}"


def _said(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return {None: "none", True: "yes", False: "no"}[value] if value is None or isinstance(value, bool) else str(value)


def _content(file: Path) -> Mapping[str, Any]:
    try:
        content: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))["dossier"]
        if {"papers", "facts"} - content.keys():
            raise KeyError
    except (ValueError, KeyError, TypeError, AttributeError):
        raise typer.BadParameter("this is not a dossier", param_hint=str(file)) from None
    return content


def _read_answers(file: Path) -> dict[str, str]:
    import tomllib

    try:
        given = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"not a TOML file: {error}", param_hint="--answers") from None
    flat: dict[str, str] = {}
    for name, value in given.items():
        several = value if isinstance(value, dict) else None
        for key, text in [(name, value)] if several is None else [(f"{name}.{one}", it) for one, it in several.items()]:
            if not isinstance(text, str):
                raise typer.BadParameter(f"the answer {key} must be a text", param_hint="--answers")
            flat[key] = text
    return flat


@contextmanager
def _opened(name: str, data_dir: Path | None) -> Iterator[tuple[Dossiers, Resource]]:
    """Open the dossiers for a command on one resource."""
    from mien.doors.errors import DoorsError
    from mien.subjects.errors import SubjectError

    with opened_by_settings(data_dir, SubjectError, DoorsError) as (settings, services):
        yield services.dossiers(settings), resource_named(services, name)


@contextmanager
def _opened_all(data_dir: Path | None, *foreseen: type[Exception]) -> Iterator[Dossiers]:
    """Open the dossiers for a command on no resource."""
    with opened_by_settings(data_dir, *foreseen) as (settings, services):
        yield services.dossiers(settings)
