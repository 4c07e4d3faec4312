"""`mien gallery`: what an operator asks of enrolled faces: policies, duplicates, crops, snapshots, who is whose."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli._administration import As, AsJson, Yes, confirm, moment, print_facts, print_json, print_table
from mien.cli._gallery import DataDir, opened, opened_for
from mien.cli._import import import_people

if TYPE_CHECKING:
    from mien.gallery.types import TrainingRun

app = typer.Typer(
    help="Manage enrolled faces: policies, duplicates, stored crops, trained indexes; merge and move persons.",
    no_args_is_help=True,
)

app.command("import")(import_people)

Resource = Annotated[str, typer.Argument(help="Name of the resource.")]
Group = Annotated[str, typer.Argument(help="The group, as KIND/ID: personGroup or largePersonGroup.")]
Collection = Annotated[
    str | None,
    typer.Option(help="One collection, as KIND/ID: faceList, largeFaceList, personGroup or largePersonGroup."),
]
OneCollection = Annotated[str, typer.Argument(help="As KIND/ID.")]


@app.command()
def rebuild(
    every: Annotated[bool, typer.Option("--all", help="Rebuild all trained indexes, not only damaged ones.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Rebuild missing or damaged trained indexes from the database; servers can keep running."""
    with opened(data_dir) as (_, gallery, _):
        refs = [ref for ref, _ in gallery.training.trained()] if every else gallery.training.broken()
        done = []
        for ref in refs:
            status = gallery.training.rebuild(ref)
            name = ref.path
            done.append({"collection": name, "status": status.status.value, "message": status.message})
            if not as_json:
                typer.echo(f"{name}: {status.status.value} {status.message or ''}".rstrip())
        if as_json:
            print_json({"rebuilt": done})
        elif not refs:
            typer.echo("All trained indexes are intact.")
        if any(one["status"] != "succeeded" for one in done):
            raise typer.Exit(1)


@app.command()
def policy(
    resource: Resource,
    collection: Collection = None,
    *,
    min_quality: Annotated[str | None, typer.Option(help="Lowest qualityForRecognition: low, medium, high.")] = None,
    max_blur: Annotated[str | None, typer.Option(help="Highest blurLevel: low, medium.")] = None,
    no_occlusion: Annotated[
        bool, typer.Option("--no-occlusion", help="Refuse covered foreheads, eyes, mouths.")
    ] = False,
    max_yaw: Annotated[float | None, typer.Option(help="Degrees to either side.")] = None,
    max_pitch: Annotated[float | None, typer.Option(help="Degrees up or down.")] = None,
    max_roll: Annotated[float | None, typer.Option(help="Degrees of tilt.")] = None,
    min_size: Annotated[int | None, typer.Option(help="Pixels of the face rectangle's shorter side.")] = None,
    keep_crops: Annotated[bool, typer.Option("--keep-crops", help="Store an encrypted crop of each new face.")] = False,
    strict_children: Annotated[
        bool,
        typer.Option(
            "--strict-children", help="For a resource: require higher confidence to match faces of likely children."
        ),
    ] = False,
    train_after_edits: Annotated[
        bool, typer.Option(help="Train groups automatically after edits in the portal.")
    ] = True,
    negatives: Annotated[
        bool, typer.Option("--negatives", help="Store faces marked as not this person, and match more strictly.")
    ] = False,
    clear: Annotated[bool, typer.Option("--clear", help="Remove all requirements.")] = False,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show the requirements for enrolled photos; with options, replace them as a whole."""
    from mien.gallery.policy import EnrolmentPolicy

    with opened_for(resource, data_dir, as_name) as work:
        policies, ref = work.gallery.policies, work.ref(collection)
        try:
            wanted = EnrolmentPolicy(
                min_quality, max_blur, no_occlusion, max_yaw, max_pitch, max_roll, min_size, keep_crops,
                strict_children, train_after_edits, negatives,
            )  # fmt: skip
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        if strict_children and ref is not None:
            raise typer.BadParameter("holds for a whole resource", param_hint="--strict-children")
        if clear or wanted != EnrolmentPolicy():
            if ref is None:
                policies.set(work.owner, wanted)
            else:
                policies.set_for(ref, None if clear else wanted)
            set_to = {name: value for name, value in asdict(wanted).items() if value}
            work.note("gallery.policy", {"collection": collection} | set_to)
        holds = policies.get(work.owner) if ref is None else policies.get_for(ref)
        if as_json:
            print_json(holds)
        else:
            print_facts((name.replace("_", " "), _said(value)) for name, value in asdict(holds).items())


def _said(value: object) -> object:
    return ("no", "yes")[value] if isinstance(value, bool) else value


@app.command()
def duplicates(
    resource: Resource,
    collection: OneCollection,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List likely duplicates: one photo enrolled twice, or one person under two ids."""
    with opened_for(resource, data_dir) as work:
        found = work.gallery.duplicates.found(work.ref(collection))
        if as_json:
            print_json(found)
        elif not found:
            typer.echo("No duplicates are known.")
        else:
            columns = list(asdict(found[0]))
            rows = [
                [moment(value) if isinstance(value, datetime) else value for value in asdict(one).values()]
                for one in found
            ]
            print_table([name.replace("_", " ") for name in columns], rows)


@app.command("not-duplicates")
def not_duplicates(
    resource: Resource,
    collection: OneCollection,
    face: Annotated[str, typer.Argument(help="persistedFaceId of the first face, or its beginning.")],
    other: Annotated[str, typer.Argument(help="persistedFaceId of the second face, or its beginning.")],
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Dismiss a suspected pair, so that it is no longer listed. Exit with 1 if it was not suspected."""
    with opened_for(resource, data_dir, as_name) as work:
        ref = work.ref(collection)
        face, other = work.face(ref, face), work.face(ref, other)
        known = work.gallery.duplicates.dismiss(ref, face, other)
        if known:
            work.note("duplicate.dismiss", {"collection": collection, "face": face, "other": other})
        if as_json:
            print_json({"dismissed": known})
        else:
            typer.echo("The pair is no longer listed." if known else "The pair is not suspected.")
        if not known:
            raise typer.Exit(1)


@app.command()
def trainings(
    resource: Resource,
    collection: OneCollection,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List the last trainings of a collection with their results, newest first."""
    with opened_for(resource, data_dir) as work:
        found = work.gallery.training.history(work.ref(collection))
    if as_json:
        print_json(found)
    elif not found:
        typer.echo("No training has been requested.")
    else:
        columns = ("number", "asked", "started", "ended", "status", "begun", "persons", "faces", "message")
        print_table(columns, (_training(one) for one in found))


def _training(one: TrainingRun) -> tuple[object, ...]:
    times = (moment(one.asked), moment(one.started), moment(one.ended))
    said = "Nothing had changed." if one.unchanged else one.message
    return (one.number, *times, one.status.value, one.attempts, one.persons, one.faces, said)


@app.command()
def crops(
    resource: Resource,
    collection: Collection = None,
    erase: Annotated[bool, typer.Option("--erase", help="Delete the crops permanently.")] = False,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Count the stored enrolment crops, or erase them."""
    with opened_for(resource, data_dir, as_name) as work:
        kept, ref = work.gallery.crops, work.ref(collection)
        count = kept.erase(work.owner, ref) if erase else kept.count(work.owner, ref)
        if erase:
            work.note("gallery.crops.erase", {"collection": collection, "crops": count})
        if as_json:
            print_json({"erased" if erase else "kept": count})
        else:
            typer.echo(f"{count} crops {'erased' if erase else 'kept'}")


@app.command()
def merge(
    resource: Resource,
    collection: Group,
    person: Annotated[str, typer.Argument(help="Id of the person to merge, or its beginning; deleted afterwards.")],
    into: Annotated[str, typer.Argument(help="Id of the person to keep, or its beginning; name and user data stay.")],
    yes: Yes = False,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Move all faces of a person to another person of the group and delete the first. Train the group afterwards.

    Negatives ("not this person") are moved too. Negatives that say that the two are different people are deleted, after
    a confirmation.
    """
    from mien.gallery.errors import ContradictedMergeError

    with opened_for(resource, data_dir, as_name) as work:
        merge, ref = work.gallery.reassignment.merge, work.ref(collection)
        person, into = work.person(ref, person), work.person(ref, into)
        details: dict[str, str | int] = {"collection": collection, "person": person, "into": into}
        try:
            count = merge(ref, person, into)
        except ContradictedMergeError as error:
            asked = f"Stop: {error}. Merge them all the same, and delete {error.negatives} of these?"
            confirm(asked, yes)
            count = merge(ref, person, into, despite_negatives=True)
            details["negatives_deleted"] = error.negatives
        work.note("person.merge", {**details, "faces": count})
        if as_json:
            print_json({"faces": count})
        else:
            typer.echo(f"{count} faces are of {into} now; train the group, so that they are found by them")


@app.command("move-faces")
def move_faces(
    resource: Resource,
    collection: Group,
    person: Annotated[str, typer.Argument(help="Id of the person who has the faces now, or its beginning.")],
    into: Annotated[str, typer.Argument(help="Id of the person to move the faces to, or its beginning.")],
    faces: Annotated[list[str], typer.Argument(help="persistedFaceIds, or their beginnings.", metavar="FACE...")],
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Move some faces of a person to another person of the group. Train the group afterwards."""
    with opened_for(resource, data_dir, as_name) as work:
        ref = work.ref(collection)
        person, into = work.person(ref, person), work.person(ref, into)
        faces = [work.face(ref, one) for one in faces]
        work.gallery.reassignment.move_faces(ref, faces, person, into)
        for face in faces:
            work.note("face.move", {"collection": collection, "face": face, "person": person, "into": into})
        if as_json:
            print_json({"faces": len(faces)})
        else:
            typer.echo(f"{len(faces)} faces are of {into} now; train the group, so that they are found by them")


@app.command()
def move(
    resource: Resource,
    collection: Group,
    person: Annotated[str, typer.Argument(help="Id of the person, or its beginning.")],
    to: Annotated[str, typer.Argument(help="The other group, as KIND/ID.")],
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Move a person with all their data to another group of the resource. Train that group afterwards."""
    with opened_for(resource, data_dir, as_name) as work:
        person = work.person(work.ref(collection), person)
        found = work.gallery.relocation.move(work.ref(collection), person, work.ref(to))
        work.note("person.move", {"collection": collection, "person": person, "to": to})
        if as_json:
            print_json({"duplicates": found})
            return
        typer.echo(f"{person} is in {to} now; train it, so that they are found")
        for one in found:
            typer.echo(f"{one.face_id}: {one}", err=True)
