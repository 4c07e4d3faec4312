"""`mien subject`: what is kept of a person in a resource: find it, export it, erase it, prove that it was."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli._administration import As, AsJson, Name, actor, moment, print_facts, print_json, print_table
from mien.cli._gallery import DataDir
from mien.cli._ids import short, whole_id
from mien.cli._subjects import Ids, Photo, Possible, TargetBox, Texts, Users, opened, opened_for, whom_of

if TYPE_CHECKING:
    from mien.subjects import SubjectData

app = typer.Typer(help="Find, export and erase the data of a person.", no_args_is_help=True)


@app.command()
def find(
    name: Name,
    photo: Photo = None,
    target: TargetBox = None,
    ids: Ids = None,
    texts: Texts = None,
    users: Users = None,
    *,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Find a person in all collections, short-lived faces and liveness sessions of a resource."""
    with opened_for(name, data_dir) as (services, subjects, owner):
        whom = whom_of(services, owner, photo, target, ids, texts, users)
        found = subjects.find(owner, whom, actor=actor(as_name))
    _show(found, as_json)


@app.command()
def export(
    name: Name,
    file: Annotated[Path, typer.Argument(help="ZIP file to create.", dir_okay=False)],
    photo: Photo = None,
    target: TargetBox = None,
    ids: Ids = None,
    texts: Texts = None,
    users: Users = None,
    *,
    possible: Possible = False,
    templates: Annotated[bool, typer.Option(help="Whether to include the templates.")] = True,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Write all data of a person to a ZIP file that only you can read."""
    with opened_for(name, data_dir) as (services, subjects, owner):
        whom = whom_of(services, owner, photo, target, ids, texts, users)
        # Written beside it and moved when it is whole; tempfile makes it readable to the user alone.
        handle, unfinished = tempfile.mkstemp(dir=file.absolute().parent, prefix=f".{file.name}.")
        try:
            with os.fdopen(handle, "wb") as out:
                found, counts = subjects.export(
                    owner, whom, out, possible=possible, templates=templates, actor=actor(as_name)
                )
            Path(unfinished).replace(file)
        finally:
            Path(unfinished).unlink(missing_ok=True)
    if as_json:
        print_json({"file": str(file), "counts": counts})
        return
    print_facts((key.replace("_", " "), value) for key, value in counts.items())
    if found.nothing:
        typer.echo("No data found.")


@app.command()
def erase(
    name: Name,
    photo: Photo = None,
    target: TargetBox = None,
    ids: Ids = None,
    texts: Texts = None,
    users: Users = None,
    *,
    possible: Possible = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Erase; without this option, only show what would be erased.")
    ] = False,
    receipt: Annotated[
        Path | None, typer.Option(help="File for the receipt. (default: erasure-ID.json)", dir_okay=False)
    ] = None,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Erase a person permanently from a resource and write a signed receipt; without --yes, only show a preview."""
    with opened_for(name, data_dir) as (services, subjects, owner):
        whom = whom_of(services, owner, photo, target, ids, texts, users)
        for finished in subjects.eraser.finish_killed(owner, at_once=True) if yes else ():
            again = f"`mien subject receipt {name} {finished.receipt_id}` prints its receipt"
            typer.echo(f"An interrupted erasure has been completed: {again}.", err=True)
        found, erased = subjects.erase(owner, whom, possible=possible, dry=not yes, actor=actor(as_name))
    if erased is None:
        if not as_json and not found.nothing:
            typer.echo("Would be erased (--yes does it):", err=True)
        _show(found, as_json)
        return
    file = receipt or Path(f"erasure-{erased.receipt_id}.json")
    file.write_text(erased.receipt + "\n", encoding="utf-8")
    if as_json:
        print_json({"receipt_id": erased.receipt_id, "file": str(file), "counts": dict(erased.counts)})
        return
    print_facts([*((key.replace("_", " "), value) for key, value in erased.counts.items()), ("receipt", file)])


@app.command()
def receipts(name: Name, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the erasures of a resource; an erasure without an end is not complete yet."""
    with opened_for(name, data_dir) as (_, subjects, owner):
        found = subjects.eraser.receipts(owner)
    if as_json:
        print_json(found)
        return
    rows = ((short(one.receipt_id), one.actor, moment(one.started_at), moment(one.finished_at)) for one in found)
    print_table(("receipt", "who", "begun", "finished"), rows)


@app.command()
def receipt(
    name: Name, receipt_id: Annotated[str, typer.Argument(help="Id, or its beginning.")], data_dir: DataDir = None
) -> None:
    """Print a receipt again; an interrupted erasure is completed first."""
    with opened_for(name, data_dir) as (_, subjects, owner):
        known = ((one.receipt_id, f"by {one.actor}") for one in subjects.eraser.receipts(owner))
        typer.echo(subjects.eraser.finish(owner, whole_id(receipt_id, known, "receipt")).receipt)


@app.command("receipt-key")
def receipt_key(data_dir: DataDir = None) -> None:
    """Print the public key that verifies receipts, as a JSON Web Key."""
    with opened(data_dir) as (_, subjects):
        typer.echo(json.dumps(subjects.receipts.public_key(), indent=2))


@app.command("verify-receipt")
def verify_receipt(
    file: Annotated[Path, typer.Argument(help="Receipt file.", exists=True, dir_okay=False)],
    ids: Annotated[
        list[str] | None, typer.Option("--id", help="Also check whether the person or face with this id was erased.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="A public key (JSON Web Key or PEM), instead of this server's.", exists=True)
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Check that a receipt was signed by this server and is unchanged; exit with 1 otherwise."""
    from mien.subjects.receipts import read_file

    with opened(data_dir) as (_, subjects):
        public = key.read_text(encoding="utf-8") if key else None
        verified = subjects.receipts.verify(read_file(file), public)
        covered = {one: verified.covers(one) for one in ids or ()}
    if as_json:
        print_json({"receipt": dict(verified.receipt), "key_id": verified.key_id, "ids": covered})
    else:
        told = verified.receipt
        print_facts(
            [
                ("receipt", f"{told['receipt_id']}, genuine"),
                ("resource", told["resource"]["name"]),
                ("finished", told["finished_at"]),
                *((key.replace("_", " "), value) for key, value in told["counts"].items()),
                *((one, "erased" if known else "not in this receipt") for one, known in covered.items()),
            ]
        )
    if not all(covered.values()):
        raise typer.Exit(1)


def _show(found: SubjectData, as_json: bool) -> None:
    """Print what was found."""
    if as_json:
        print_json(found)
        return
    if found.nothing:
        typer.echo("No data found.")
    else:
        print_table(("where", "id", "name", "match", "confidence", "faces", "consent", "enrolled"), _rows(found))
    for one in found.not_searched:
        typer.echo(f"not searched by photo: {one.faces} faces in {one.collection}: {one.reason}", err=True)


def _rows(found: SubjectData) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for one in found.holdings:
        where = one.collection + "".join(f" + {group}" for group in one.dynamic_groups)
        made = moment(one.created_at)
        sure = _sure(one.confidence)
        rows.append((where, one.member_id, one.name, one.match.value, sure, len(one.faces), one.consent.value, made))
    for face in found.probes:
        gone = f"until {moment(face.expires_at)}"
        rows.append(("short-lived face", face.face_id, "", face.match.value, _sure(face.confidence), 1, "", gone))
    for session in found.sessions:
        user, match, made = session.user_correlation_id, session.match.value, moment(session.created_at)
        rows.append(("liveness session", session.session_id, user, match, _sure(session.confidence), "", "", made))
    for kept in found.negatives:
        match, made = kept.match.value, moment(kept.created_at)
        rows.append(("negative of another", kept.negative_id, "", match, _sure(kept.confidence), 1, "", made))
    return rows


def _sure(confidence: float | None) -> str | None:
    return None if confidence is None else f"{confidence:.2f}"
