"""Shared parts of `mien calibrate`: opening the stored evaluations, measuring a source, printing results."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import typer

from mien.cli._administration import fail, print_facts, print_json, print_table, resource_named
from mien.cli._gallery import collection_ref, opened_faces

if TYPE_CHECKING:
    from mien.cli._gallery import CommandServices
    from mien.evaluation import CalibrationRun
    from mien.gallery.evaluations import Applied, Evaluations
    from mien.gallery.recognisers import Recogniser


@contextmanager
def opened(data_dir: Path | None) -> Iterator[CommandServices]:
    """Open the gallery and the models for measuring; too few samples become one sentence and exit code 1."""
    from mien.evaluation import TooFewSamplesError

    with opened_faces(data_dir, TooFewSamplesError) as faces:
        yield faces


@dataclass(frozen=True, slots=True)
class EvaluationWork:
    """The objects that a command on the evaluations of one resource works with.

    Attributes:
        faces: the gallery and the models.
        owner: the resource's id.
        stored: its stored results and applied calibrations.
    """

    faces: CommandServices
    owner: UUID
    stored: Evaluations


@contextmanager
def opened_for(resource: str, data_dir: Path | None) -> Iterator[EvaluationWork]:
    """Open the evaluations for a command on one resource.

    Args:
        resource: its name.
        data_dir: the data folder; from the settings when None.
    """
    from mien.gallery.evaluations import Evaluations

    with opened(data_dir) as faces:
        gallery, services = faces.gallery, faces.services
        stored = Evaluations(gallery.rows, faces.recognisers, gallery.curves, services.audit)
        yield EvaluationWork(faces, resource_named(services, resource).id, stored)


def measured(
    faces: CommandServices,
    owner: UUID | None,
    source: str,
    recogniser: Recogniser,
    *,
    fmr: float,
    cap: int,
    seed: int,
    owners: Path | None = None,
) -> tuple[Recogniser, CalibrationRun, str]:
    """Measure a source; returns the recogniser of its templates, the result, and what to call the source."""
    from mien.evaluation import measure, measure_comparisons
    from mien.gallery.errors import FingerprintMismatchError
    from mien.gallery.sampling import PhotoReader, from_collection, from_folder, from_pairs, owners_in

    path = Path(source)
    if not path.exists() and owner is not None and "/" in source:
        ref = collection_ref(owner, source, directory=True)
        whose = None if owners is None else owners_in(owners)
        if whose is not None and ref.kind.has_persons:
            raise typer.BadParameter("is for face lists: the faces of a group have persons", param_hint="--owners")
        enrolled = from_collection(faces.gallery.rows, faces.gallery.templates, ref, whose)
        recogniser = faces.recognisers[enrolled.label]
        if enrolled.fingerprint != recogniser.fingerprint:
            raise FingerprintMismatchError(enrolled.label, ref)
        current = faces.gallery.curves.of(recogniser, owner).measured
        return (
            recogniser,
            measure(enrolled.samples, current, fmr=fmr, cap=cap, seed=seed),
            ref.path,
        )
    if not path.exists():
        fail(f"there is no folder, CSV or collection {source!r}")
    faces.engine.prepare([recogniser.pack])
    reader = PhotoReader(faces.engine, recogniser.pack, progress=progress())
    current = recogniser.measured if owner is None else faces.gallery.curves.of(recogniser, owner).measured
    if path.is_file():
        found, failures, photos = from_pairs(path, reader)
        verified = measure_comparisons(found, current, fmr=fmr, cap=cap, photos=photos, failures=failures)
        return recogniser, verified, "pairs"
    return recogniser, measure(from_folder(path, reader), current, fmr=fmr, cap=cap, seed=seed), "folder"


def progress() -> Callable[[int, int], None]:
    """Show the progress of the photos on a terminal."""

    def say(done: int, total: int) -> None:
        if sys.stderr.isatty() and (done == total or done % 20 == 0):
            typer.echo(f"\r{done:,} of {total:,} photos", nl=done == total, err=True)

    return say


def print_result(result: Mapping[str, Any]) -> None:
    """Print a measurement: who was compared, the levels, and identification where it was measured."""
    from mien.evaluation.records import percent

    failures = ", ".join(f"{count:,} {reason}" for reason, count in result["failures"].items())
    facts: list[tuple[str, object]] = [
        ("people", f"{result['people']:,}"),
        ("photos", f"{result['photos']:,}" + (f"; without a template: {failures}" if failures else "")),
        ("comparisons", f"{result['genuine']:,} of one person, {result['impostor']:,} of two people"),
    ]
    if (now := result["current"]) is not None:
        facts.append(
            ("threshold in use", f"{now['threshold']:.4f}: FMR {percent(now['fmr'])}, FNMR {percent(now['fnmr'])}")
        )
    print_facts(facts)
    rows = [
        [
            f"{one['fmr']:g}",
            "–" if one["threshold"] is None else f"{one['threshold']:.4f}",
            percent(one["fnmr"]) if one["threshold"] is not None else f"needs {one['people_missing']:,} more people",
        ]
        for one in result["levels"]
    ]
    print_table(["FMR", "threshold", "FNMR (95 % interval)"], rows)
    if result["identification"]:
        rows = [
            [
                f"{one['gallery']:,}",
                one["photos"],
                f"{one['threshold']:.4f}",
                percent(one["fpir"]),
                percent(one["fnir"]),
            ]
            for one in result["identification"]
        ]
        print_table(["enrolled", "photos each", "threshold", "FPIR", "FNIR"], rows)
    if result["calibration"] is None:
        typer.echo(f"No calibration: it needs {result['missing']:,} more people, or a higher --fmr.")


def print_applied(done: Applied, as_json: bool) -> None:
    """Print which calibration holds now."""
    if as_json:
        print_json(done)
        return
    print_facts(
        [
            ("for", done.collection or "the resource"),
            ("version", done.version),
            ("evaluation", done.name or "the pack's own"),
            ("threshold", None if done.curve is None else f"{done.curve.threshold:.4f}"),
            ("false match rate", None if done.curve is None or done.curve.fmr is None else f"{done.curve.fmr:g}"),
        ]
    )
