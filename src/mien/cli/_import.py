"""`mien gallery import`: people from another product into a group."""

from __future__ import annotations

import os
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli._administration import As, AsJson, actor, print_json, resource_named
from mien.cli._gallery import collection_ref, opened_faces

if TYPE_CHECKING:
    from mien.importing import Photo


class Product(StrEnum):
    """The source of imported people."""

    FOLDERS = "folders"
    FRIGATE = "frigate"
    IMMICH = "immich"
    INSIGHTFACE = "insightface"
    AZURE = "azure"
    COMPREFACE = "compreface"


def import_people(
    product: Annotated[Product, typer.Argument(help="Format of the source.")],
    resource: Annotated[str, typer.Argument(help="Name of the resource.")],
    collection: Annotated[str, typer.Argument(help="The group, as KIND/ID; created if missing.")],
    source: Annotated[str, typer.Argument(help="A folder, a JSON file (azure) or a URL (compreface).")],
    photos: Annotated[
        Path | None, typer.Option(help="Folder that contains the persons' folders, if not next to the JSON.")
    ] = None,
    key_variable: Annotated[
        str, typer.Option(help="Environment variable with the key of CompreFace's recognition service.")
    ] = "COMPREFACE_KEY",
    report: Annotated[
        Path, typer.Option(help="File with the result of each photo; a later run continues from it.")
    ] = Path("mien-import.jsonl"),
    train: Annotated[bool, typer.Option(help="Whether to train the group at the end.")] = True,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the database. [MIEN_DATA_DIR]")] = None,
) -> None:
    """Import people from another product; run it again to continue an interrupted import.

    A folder of people has a folder a person, named by the person: what Frigate keeps in clips/faces, and what exports
    of Immich and face servers hold. An azure source is JSON of persons in the Face API's shapes, with folders of
    photos. A compreface source is a running CompreFace, whose photos are fetched by its own routes.

    The exit code is 1 if a photo was refused; the others are enrolled.
    """
    from mien.importing import Importer, Outcome, SourceError

    with opened_faces(data_dir, SourceError) as faces:
        owner = resource_named(faces.services, resource).id
        ref = collection_ref(owner, collection)
        if not ref.kind.has_persons:
            raise typer.BadParameter("people go into a personGroup or a largePersonGroup")

        def say(photo: Photo, outcome: Outcome, why: str) -> None:
            if outcome is Outcome.REFUSED and not as_json:
                typer.echo(f"{photo.key}: {why}", err=True)

        summary = Importer(faces.gallery, ref, report, say).run(_photos(product, source, photos, key_variable))
        counts = {outcome.value: summary.outcomes[outcome] for outcome in Outcome}
        details = {"collection": collection, "product": product.value, "persons": summary.persons, **counts}
        faces.services.audit.record(actor=actor(as_name), action="gallery.import", resource_id=owner, details=details)
        trained = None
        if train and summary.outcomes[Outcome.ENROLLED]:
            faces.gallery.training.start(ref)
            faces.gallery.training.run_pending()
            trained = faces.gallery.training.status(ref).status.value
        if as_json:
            refused = [{"photo": key, "why": why} for key, why in summary.refused]
            print_json({"persons": summary.persons, **counts, "refusedPhotos": refused, "training": trained})
        else:
            typer.echo(
                f"{counts['enrolled']} photos enrolled, {summary.persons} people created, {counts['earlier']} enrolled "
                f"earlier, {counts['refused']} refused; {report} has each photo"
            )
        if summary.refused:
            raise typer.Exit(1)


def _photos(product: Product, source: str, photos: Path | None, key_variable: str) -> Iterator[Photo]:
    from mien.importing.azure_export import azure_export
    from mien.importing.compreface_service import compreface_service
    from mien.importing.sources import SourceError, folders

    if product is Product.COMPREFACE:
        key = os.environ.get(key_variable, "")
        if not key:
            raise SourceError(f"the environment variable {key_variable} has no key of CompreFace's recognition service")
        return compreface_service(source, key)
    if product is Product.AZURE:
        return azure_export(Path(source), photos)
    return folders(Path(source))
