"""`mien gallery import`: photos of many people into a group."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.cli._administration import As, AsJson, actor, print_json, resource_named
from mien.cli._gallery import collection_ref, opened_faces

if TYPE_CHECKING:
    from mien.cli._gallery import CommandServices
    from mien.gallery.filed_photos import Recipe
    from mien.importing import SourcePhoto, Summary
    from mien.importing.workers import Workers

_FEW = 16
"""Up to this number of photos are computed in this process: starting others would take longer."""
_SECONDS_BETWEEN_LINES = 10.0


class Product(StrEnum):
    """The source of imported people."""

    FOLDERS = "folders"
    CSV = "csv"
    JSONL = "jsonl"
    FRIGATE = "frigate"
    IMMICH = "immich"
    INSIGHTFACE = "insightface"
    AZURE = "azure"
    COMPREFACE = "compreface"


def import_people(
    product: Annotated[Product, typer.Argument(help="Format of the source.")],
    resource: Annotated[str, typer.Argument(help="Name of the resource.")],
    collection: Annotated[str, typer.Argument(help="The group, as KIND/ID; created if missing.")],
    source: Annotated[
        str,
        typer.Argument(help="A folder or an archive (zip, tar), a table (csv, jsonl, azure) or a URL (compreface)."),
    ],
    photos: Annotated[
        str | None,
        typer.Option(
            help="Folder or archive with the photos of a table, if not next to it; for an archive: the folder in it."
        ),
    ] = None,
    key_variable: Annotated[
        str, typer.Option(help="Environment variable with the key of CompreFace's recognition service.")
    ] = "COMPREFACE_KEY",
    report: Annotated[
        Path, typer.Option(help="File for the result of each photo, as CSV (.csv) or JSON lines.")
    ] = Path("mien-import.jsonl"),
    workers: Annotated[
        int | None, typer.Option(min=1, help="Photos computed at the same time. (default: one for each core)")
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Compute on this Ray cluster (HOST:PORT, auto, or ray://HOST:PORT)."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Enrol photos again whose faces were deleted after an earlier import.")
    ] = False,
    train: Annotated[bool, typer.Option(help="Whether to train the group at the end.")] = True,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the database. [MIEN_DATA_DIR]")] = None,
) -> None:
    """Import photos of people; if the import was interrupted, run the same command again to continue.

    A folder or archive of people has a folder for each person, named after the person, as in Frigate's clips/faces and
    in exports of Immich and face servers. A csv or jsonl source is a table with the columns photo and person. An azure
    source is JSON of persons in the Face API's shapes, with folders of photos. A compreface source is a running
    CompreFace, whose photos are downloaded from its API.

    The exit code is 1 if a photo was refused; the others are enrolled.
    """
    from mien.importing import Importer, ImportResult, ImportSourceError
    from mien.importing.report import ReportFile

    with opened_faces(data_dir, ImportSourceError) as faces:
        owner = resource_named(faces.services, resource).id
        ref = collection_ref(owner, collection)
        if not ref.kind.has_persons:
            raise typer.BadParameter("people go into a personGroup or a largePersonGroup")
        listed = list(_photos(product, source, photos, key_variable))
        plan = _Plan(faces, len(listed), workers, ray)
        details: dict[str, Any] = {"collection": collection, "product": product.value}

        def note(action: str, **more: object) -> None:
            who = actor(as_name)
            faces.services.audit.record(actor=who, action=action, resource_id=owner, details=details | more)

        note("gallery.import.start", photos=len(listed))
        begun = time.monotonic()
        trained = None
        with _telling(quiet=as_json) as told, ReportFile(report) as file, plan.closing():
            importer = Importer(faces.gallery, ref, file, plan.workers, told)
            summary = importer.run(listed, again=again)
            seconds = time.monotonic() - begun
            counts = {outcome.value: summary.outcomes[outcome] for outcome in ImportResult}
            note("gallery.import", persons=summary.persons, **counts)
            if train and summary.outcomes[ImportResult.ENROLLED]:
                faces.gallery.training.start(ref)
                faces.gallery.training.run_pending()
                trained = faces.gallery.training.status(ref).status.value
            importer.report_duplicates(summary)
        if as_json:
            refused = [{"photo": key, "why": why} for key, why in summary.refused]
            print_json(
                {"persons": summary.persons, **counts, "refusedPhotos": refused, "duplicates": summary.duplicates,
                 "training": trained, "workers": plan.count, "seconds": round(seconds, 2)}
            )  # fmt: skip
        else:
            _say(summary, counts, report)
        if summary.outcomes[ImportResult.REFUSED]:
            raise typer.Exit(1)


def _say(summary: Summary, counts: dict[str, int], report: Path) -> None:
    for key, why in summary.refused[:20]:
        typer.echo(f"{key}: {why}", err=True)
    if counts["refused"] > 20:
        typer.echo(f"… and {counts['refused'] - 20:,} more", err=True)
    alike = f"{summary.duplicates:,} likely duplicates; " if summary.duplicates else ""
    typer.echo(
        f"{counts['enrolled']:,} photos enrolled, {summary.persons:,} people created, {counts['earlier']:,} enrolled "
        f"earlier, {counts['refused']:,} refused; {alike}{report} has each photo"
    )


@dataclass(slots=True)
class _Plan:
    """Return the workers that compute: threads for a few photos, processes for many, or a cluster."""

    faces: CommandServices
    photos: int
    wanted: int | None
    ray: str | None
    count: int = 0

    def workers(self, recipe: Recipe) -> Workers:
        from mien.cli._images import image_rules
        from mien.importing.workers import ProcessWorkers, ThreadWorkers, cores

        rules = image_rules(self.faces.settings)
        found: Workers
        if self.ray is not None:
            from mien.importing.ray_workers import RayWorkers

            found = RayWorkers(recipe, self.ray, self.wanted, rules)
        elif (self.wanted or cores()) == 1 or self.photos <= _FEW:
            found = ThreadWorkers(self.faces.engine, recipe, self.wanted or cores())
        else:
            found = ProcessWorkers(recipe, min(self.photos, self.wanted or cores()), self.faces.store.root, rules)
        self.count = found.count
        return found

    @contextmanager
    def closing(self) -> Iterator[None]:
        try:
            yield
        finally:
            if self.ray is not None:
                from mien.importing.ray_workers import leave

                leave()


def _photos(product: Product, source: str, photos: str | None, key_variable: str) -> Iterator[SourcePhoto]:
    from mien.importing.archives import archive, is_archive
    from mien.importing.azure_export import azure_export
    from mien.importing.compreface_service import compreface_service
    from mien.importing.sources import ImportSourceError, folders
    from mien.importing.tables import table

    path, beside = Path(source), Path(photos) if photos else None
    match product:
        case Product.COMPREFACE:
            key = os.environ.get(key_variable, "")
            if not key:
                raise ImportSourceError(
                    f"the environment variable {key_variable} has no key of CompreFace's recognition"
                )
            return compreface_service(source, key)
        case Product.AZURE:
            return azure_export(path, beside)
        case Product.CSV | Product.JSONL:
            return table(path, beside, json_lines=product is Product.JSONL)
        case _ if is_archive(path):
            return archive(path, photos or "")
        case _ if path.is_file():
            raise ImportSourceError(f"{path} is neither a folder nor a zip or tar archive")
        case _:
            return folders(path)


@contextmanager
def _telling(*, quiet: bool) -> Iterator[Any]:
    """Show how far it is on the terminal, or as a line now and then if there is none."""
    import sys

    if quiet:
        yield lambda _: None
    elif not sys.stderr.isatty():
        yield _Lines()
    else:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[more]}"))
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=None, more="")
            yield lambda one: bar.update(task, completed=one.done, total=one.total, more=_more(one))


class _Lines:
    def __init__(self) -> None:
        self._next = time.monotonic() + _SECONDS_BETWEEN_LINES

    def __call__(self, summary: Summary) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _SECONDS_BETWEEN_LINES
            typer.echo(f"{summary.done:,} of {summary.total:,} photos, {_more(summary)}", err=True)


def _more(summary: Summary) -> str:
    from mien.importing import ImportResult

    left = summary.seconds_left
    rest = "" if left is None else f", {_duration(left)} left"
    return f"{summary.rate:.1f} photos/s{rest}, {summary.outcomes[ImportResult.REFUSED]:,} refused"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
