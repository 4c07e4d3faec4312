"""`mien gallery`: what an operator asks of enrolled faces: policies, duplicates, kept crops, snapshots made anew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

if TYPE_CHECKING:
    from mien.gallery.gallery import Gallery
    from mien.gallery.kinds import CollectionRef
    from mien.services import Services

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
    with _opened(data_dir) as (_, gallery):
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

    with _opened(data_dir) as (services, gallery):
        owner = _resource(services, resource)
        ref = _ref(owner, collection)
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
    with _opened(data_dir) as (services, gallery):
        ref = _ref(_resource(services, resource), collection)
        assert ref is not None
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
    with _opened(data_dir) as (services, gallery):
        owner = _resource(services, resource)
        ref = _ref(owner, collection)
        if erase:
            typer.echo(f"{gallery.crops.erase(owner, ref)} crops erased")
        else:
            typer.echo(f"{gallery.crops.count(owner, ref)} crops kept")


@contextmanager
def _opened(data_dir: Path | None) -> Iterator[tuple[Services, Gallery]]:
    """Open what the commands work on; what goes wrong on purpose becomes one sentence and exit code 1."""
    from mien.gallery.errors import GalleryError
    from mien.gallery.gallery import open_gallery
    from mien.gallery.recognisers import Recognisers
    from mien.models import ModelError, ModelStore
    from mien.models.bindings import read_bindings
    from mien.services import open_services
    from mien.settings import Settings
    from mien.storage.crypto import MasterKeyError
    from mien.storage.migrations import MigrationError
    from mien.vision.engine import FaceEngine

    settings = Settings(data_dir=data_dir.absolute()) if data_dir else Settings()
    services = None
    try:
        store = ModelStore(settings.model_dir)
        bindings = read_bindings(store, settings.data_dir, settings.bindings())
        services = open_services(settings)
        yield (
            services,
            open_gallery(
                services.database,
                services.vault,
                services.clock,
                settings.data_dir / "snapshots",
                engine=FaceEngine(store),
                recognisers=Recognisers.of(store, bindings),
                detected_faces=services.detected_faces,
            ),
        )
    except (GalleryError, ModelError, MasterKeyError, MigrationError, OSError) as error:
        typer.echo(f"mien: {error}", err=True)
        raise typer.Exit(1) from None
    finally:
        if services is not None:
            services.close()


def _resource(services: Services, name: str) -> UUID:
    found = services.accounts.named(name)
    if found is None:
        typer.echo(f"mien: there is no resource {name!r}", err=True)
        raise typer.Exit(1)
    return found.id


def _ref(owner: UUID, text: str | None) -> CollectionRef | None:
    from mien.gallery.kinds import PUBLIC_KINDS, CollectionRef

    if text is None:
        return None
    kind, _, collection_id = text.partition("/")
    for known in PUBLIC_KINDS:
        if kind.lower() in {known.value.lower(), f"{known.value.lower()}s"}:
            return CollectionRef(owner, known, collection_id)
    raise typer.BadParameter(f"{text!r} is not KIND/ID; kinds are {', '.join(one.value for one in PUBLIC_KINDS)}")
