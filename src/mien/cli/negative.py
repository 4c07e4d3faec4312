"""`mien negative`: faces that are not a person, so that the person matches look-alikes more strictly."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli._administration import (
    As,
    AsJson,
    Name,
    actor,
    moment,
    print_facts,
    print_json,
    print_table,
    resource_named,
)
from mien.cli._gallery import DataDir, opened_faces
from mien.cli._ids import short, whole_id
from mien.cli._subjects import place_ref

if TYPE_CHECKING:
    from mien.gallery.negatives.types import Negative

app = typer.Typer(help="Add, list and remove faces that are not a person (look-alikes).", no_args_is_help=True)


@app.command()
def add(
    name: Name,
    collection: Annotated[str, typer.Argument(help="directory, or KIND/ID of a person group.")],
    person_id: Annotated[str, typer.Argument(help="Id of the person whom the face does not show, or its beginning.")],
    photo: Annotated[
        Path, typer.Option(help="Photo with the other face alone.", exists=True, dir_okay=False, readable=True)
    ],
    *,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Store a face as "not this person"; the policy of the group must allow negatives."""
    with opened_faces(data_dir) as faces:
        owner = resource_named(faces.services, name).id
        ref = place_ref(owner, collection)
        whose = whole_id(person_id, faces.gallery.short_ids.persons(owner, person_id, ref), "person")
        made = faces.gallery.negatives.add(ref, str(whose), photo=photo.read_bytes(), actor=actor(as_name))
    if as_json:
        print_json(made)
        return
    print_facts([("negative", made.id), ("person", made.person_id), ("confidence so far", f"{made.confidence:.3f}")])


@app.command("list")
def list_negatives(
    name: Name,
    person_id: Annotated[
        str | None, typer.Option("--person", help="Of this person only: personId, or its beginning.")
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List the negatives of a resource."""
    with opened_faces(data_dir) as faces:
        owner = resource_named(faces.services, name).id
        whose = None
        if person_id is not None:
            whose = whole_id(person_id, faces.gallery.short_ids.persons(owner, person_id), "person")
        found = faces.gallery.negatives.all(owner, person_id=whose)
    if as_json:
        print_json(list(found))
        return
    columns = ("negative", "in", "person", "confidence", "origin", "in use", "added by", "when")
    print_table(columns, map(_row, found))


@app.command()
def remove(
    name: Name,
    negative_id: Annotated[str, typer.Argument(help="Id or its beginning.")],
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Remove a negative, so that the person matches as before."""
    with opened_faces(data_dir) as faces:
        owner = resource_named(faces.services, name).id
        known = ((one.id, f"{one.name or one.person_id}") for one in faces.gallery.negatives.all(owner))
        removed = whole_id(negative_id, known, "negative")
        faces.gallery.negatives.remove(owner, removed, actor=actor(as_name))
    if as_json:
        print_json({"removed": removed})


def _row(one: Negative) -> tuple[object, ...]:
    used = "yes" if one.in_use else "no"
    who = one.name or one.person_id
    return (
        short(one.id),
        one.collection,
        who,
        f"{one.confidence:.3f}",
        one.origin,
        used,
        one.created_by,
        moment(one.created_at),
    )
