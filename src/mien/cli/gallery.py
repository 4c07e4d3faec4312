"""`mien gallery`: what an operator asks of enrolled faces: policies, duplicates, kept crops, snapshots made anew."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mien.cli._gallery import collection_ref, opened, resource_id

app = typer.Typer(help="Look after enrolled faces: policies, duplicates, kept crops, snapshots.", no_args_is_help=True)

DataDir = Annotated[Path | None, typer.Option(help="Where the database and the snapshots are. [MIEN_DATA_DIR]")]
Resource = Annotated[str, typer.Argument(help="Name of the resource.")]
Collection = Annotated[
    str | None,
    typer.Option(help="One collection, as KIND/ID: faceList, largeFaceList, personGroup or largePersonGroup."),
]


@app.command()
def rebuild(
    every: Annotated[bool, typer.Option("--all", help="All snapshots, not only those that are damaged.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Make snapshots anew from the database where they are missing or damaged; servers may go on meanwhile."""
    with opened(data_dir) as (_, gallery, _):
        refs = [ref for ref, _ in gallery.training.trained()] if every else gallery.training.broken()
        failed = 0
        for ref in refs:
            status = gallery.training.rebuild(ref)
            failed += status.status.value != "succeeded"
            typer.echo(f"{ref.kind.value}/{ref.collection_id}: {status.status.value} {status.message or ''}".rstrip())
        if not refs:
            typer.echo("Every snapshot is sound.")
        if failed:
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
    keep_crops: Annotated[bool, typer.Option("--keep-crops", help="Keep an encrypted crop of each new face.")] = False,
    clear: Annotated[bool, typer.Option("--clear", help="Ask for nothing any more.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Show what photos must be like to be enrolled; with options, set it, all of it at once."""
    from mien.gallery.policy import EnrolmentPolicy

    with opened(data_dir) as (services, gallery, _):
        owner = resource_id(services, resource)
        ref = collection_ref(owner, collection)
        try:
            wanted = EnrolmentPolicy(
                min_quality, max_blur, no_occlusion, max_yaw, max_pitch, max_roll, min_size, keep_crops
            )
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        if clear or wanted != EnrolmentPolicy():
            if ref is None:
                gallery.policies.set(owner, wanted)
            else:
                gallery.policies.set_for(ref, None if clear else wanted)
        holds = gallery.policies.get(owner) if ref is None else gallery.policies.get_for(ref)
        typer.echo(json.dumps(asdict(holds), indent=2))


@app.command()
def duplicates(
    resource: Resource, collection: Annotated[str, typer.Argument(help="As KIND/ID.")], data_dir: DataDir = None
) -> None:
    """List enrolled faces that may be one photo twice, or one person under two ids."""
    with opened(data_dir) as (services, gallery, _):
        ref = collection_ref(resource_id(services, resource), collection)
        found = gallery.duplicates.found(ref)
        typer.echo(json.dumps([asdict(one) for one in found], indent=2, default=str))


@app.command()
def crops(
    resource: Resource,
    collection: Collection = None,
    erase: Annotated[bool, typer.Option("--erase", help="Delete them, for good.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Count the enrolment crops that are kept, or erase them."""
    with opened(data_dir) as (services, gallery, _):
        owner = resource_id(services, resource)
        ref = collection_ref(owner, collection)
        if erase:
            typer.echo(f"{gallery.crops.erase(owner, ref)} crops erased")
        else:
            typer.echo(f"{gallery.crops.count(owner, ref)} crops kept")
