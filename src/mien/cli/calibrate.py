"""`mien calibrate`: error rates and thresholds on your own people, stored, compared and applied."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
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
    fail,
    moment,
    print_facts,
    print_json,
    print_table,
    resource_named,
)
from mien.cli._gallery import collection_ref, opened_faces

if TYPE_CHECKING:
    from mien.cli._gallery import CommandServices
    from mien.evaluation import Verified
    from mien.gallery.evaluations import Applied, Evaluations
    from mien.gallery.recognisers import Recogniser

app = typer.Typer(
    help="Measure error rates and thresholds on your own people; compare and apply them.", no_args_is_help=True
)

Source = Annotated[
    str,
    typer.Argument(
        help="A folder with a folder of photos for each person, a CSV of pairs (first, second, same), or an enrolled "
        "collection as KIND/ID."
    ),
]
Named = Annotated[str, typer.Argument(help="Name of the evaluation.")]
Fmr = Annotated[float, typer.Option(help="False match rate of the operating point, confidence 0.5.", min=1e-7, max=0.1)]
Cap = Annotated[int, typer.Option(help="Photos of one person that count at most.", min=2, max=100)]
Collection = Annotated[str | None, typer.Option(help="KIND/ID. (default: the whole resource)")]
Seed = Annotated[int, typer.Option(help="Seed of the draws.", min=0)]


@app.command()
def run(
    resource: Name,
    source: Source,
    name: Annotated[str, typer.Option(help="Name under which the result is stored.")],
    *,
    note: Annotated[str | None, typer.Option(help="Your own words, such as which cameras.")] = None,
    model: Annotated[str, typer.Option(help="Recognition model, for photos.")] = "recognition_04",
    fmr: Fmr = 1e-4,
    cap: Cap = 5,
    seed: Seed = 0,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Measure, and store the result. Photos are read here and not kept; the result holds numbers only."""
    from mien.evaluation.records import to_json

    with _opened(data_dir) as faces:
        owner = _resource(faces, resource)
        stored = _evaluations(faces)
        stored.check_name(owner, name)
        recogniser = faces.recognisers[model]
        recogniser, verified, said = _measured(faces, owner, source, recogniser, fmr=fmr, cap=cap, seed=seed)
        found = stored.add(
            owner, name, to_json(verified), recogniser=recogniser, source=said, actor=actor(as_name), note=note
        )
    if as_json:
        print_json(found)
        return
    _print(found.result)
    for one in verified.suspects[:10]:
        typer.echo(
            f"check: labelled {one['labelled']}, similarity {one['similarity']:.3f}: {' and '.join(one['photos'])}"
        )


@app.command()
def pack(
    pack_name: Annotated[str, typer.Argument(help="A recogniser pack that is installed.", metavar="PACK")],
    source: Annotated[str, typer.Argument(help="A folder of folders, or a CSV of pairs.")],
    *,
    note: Annotated[str, typer.Option(help="Which photos they are; stored with the calibration.")] = "own photos",
    fmr: Fmr = 1e-4,
    cap: Cap = 5,
    seed: Seed = 0,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Measure a pack of your own, so that it can be bound to a recognition model."""
    from mien.evaluation.records import to_json
    from mien.gallery.errors import NotMeasuredError
    from mien.gallery.recognisers import Recogniser
    from mien.models.calibrations import write_calibration
    from mien.models.manifest import Calibration

    with _opened(data_dir) as faces:
        manifest = faces.store.manifest(pack_name)
        recogniser = Recogniser("", pack_name, faces.store.fingerprint(pack_name), None)
        _, verified, _ = _measured(faces, None, source, recogniser, fmr=fmr, cap=cap, seed=seed)
        curve = verified.calibration
        if curve is None:
            raise NotMeasuredError(pack_name, verified.missing)
        said = f"{note}: {verified.people:,} people, {verified.photos:,} photos, {verified.impostor:,} comparisons"
        stated = Calibration(
            threshold=curve.threshold, fmr=curve.fmr, tail=curve.tail, levels=curve.levels, measured_on=said
        )
        path = write_calibration(faces.store.root, manifest, stated)
    if as_json:
        print_json({"pack": pack_name, "path": str(path), "result": to_json(verified)})
        return
    _print(to_json(verified))
    typer.echo(f"{pack_name}: confidence 0.5 at similarity {curve.threshold:.4f} ({path})")


@app.command()
def groups(
    resource: Name,
    folder: Annotated[Path, typer.Argument(help="A folder of folders, or of photos of one person each.")],
    labels: Annotated[
        Path, typer.Argument(help="A CSV with a column person or file, and a column for each attribute.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the report: HTML, PDF and CSV.")],
    *,
    attribute: Annotated[list[str] | None, typer.Option(help="Column to use; can be repeated. (default: all)")] = None,
    keep: Annotated[str | None, typer.Option(help="Store the rates by group under this name.")] = None,
    model: Annotated[str, typer.Option(help="Recognition model.")] = "recognition_04",
    fmr: Annotated[
        float | None, typer.Option(help="Measure at the threshold of this false match rate. (default: that in use)")
    ] = None,
    cap: Cap = 5,
    seed: Seed = 0,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Report error rates by group. The labels are yours, are read for this run only, and are not stored."""
    from mien.evaluation.group_report import to_json
    from mien.gallery.group_reports import make_report

    with _opened(data_dir) as faces:
        owner = _resource(faces, resource)
        stored = _evaluations(faces)
        if keep is not None:
            stored.check_name(owner, keep)
        recogniser = faces.gallery.curves.of(faces.recognisers[model], owner)
        made = make_report(
            faces.engine,
            recogniser,
            folder,
            labels,
            attributes=attribute or (),
            fmr=fmr,
            cap=cap,
            seed=seed,
            at=faces.services.clock.now(),
            progress=_progress(),
        )
        written = made.write(out)
        if keep is not None:
            stored.add(
                owner, keep, to_json(made.groups), recogniser=recogniser, source="folder", actor=actor(as_name),
                kind="groups",
            )  # fmt: skip
    if as_json:
        print_json({"files": [str(path) for path in written], **to_json(made.groups)})
        return
    for line in made.plain():
        typer.echo(line)
    print_facts([("written", ", ".join(str(path) for path in written))])


@app.command("list")
def list_results(resource: Name, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the stored results of a resource."""
    with _opened(data_dir) as faces:
        found = _evaluations(faces).all(_resource(faces, resource))
    if as_json:
        print_json(found)
        return
    rows = [
        [one.name, one.kind, one.pack, one.source, one.result.get("people"), one.created_by, moment(one.created_at)]
        for one in found
    ]
    print_table(["name", "kind", "pack", "source", "people", "by", "when"], rows)


@app.command()
def show(resource: Name, name: Named, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show a result."""
    with _opened(data_dir) as faces:
        found = _evaluations(faces).get(_resource(faces, resource), name)
    if as_json:
        print_json(found)
        return
    print_facts([("name", found.name), ("pack", found.pack), ("source", found.source), ("note", found.note)])
    _print(found.result)


@app.command()
def compare(
    resource: Name,
    name: Named,
    other: Annotated[str, typer.Argument(help="Name of the other evaluation.")],
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Compare two results, such as of two models, cameras or dates."""
    from mien.evaluation.records import differences, percent

    with _opened(data_dir) as faces:
        stored, owner = _evaluations(faces), _resource(faces, resource)
        found = differences(stored.get(owner, name).result, stored.get(owner, other).result)
    if as_json:
        print_json(found)
        return
    words = {None: "not measured", True: "yes", False: "within chance"}
    rows = [[f"{one.fmr:g}", *map(percent, one.fnmr), words[one.differs]] for one in found]
    print_table(["FMR", f"FNMR {name}", f"FNMR {other}", "differs"], rows)


@app.command()
def apply(
    resource: Name,
    name: Named,
    collection: Collection = None,
    *,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Let a measured calibration hold: confidences and default thresholds follow within ten seconds."""
    with _opened(data_dir) as faces:
        owner = _resource(faces, resource)
        done = _evaluations(faces).apply(owner, name, collection_ref(owner, collection), actor=actor(as_name))
    _print_applied(done, as_json)


@app.command()
def undo(
    resource: Name,
    collection: Collection = None,
    *,
    model: Annotated[str, typer.Option(help="Recognition model.")] = "recognition_04",
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Go one step back to the calibration before."""
    with _opened(data_dir) as faces:
        owner = _resource(faces, resource)
        ref = collection_ref(owner, collection)
        done = _evaluations(faces).undo(owner, ref, label=model, actor=actor(as_name))
    _print_applied(done, as_json)


@app.command()
def applied(resource: Name, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List every version of the applied calibrations."""
    with _opened(data_dir) as faces:
        found = _evaluations(faces).applied(_resource(faces, resource))
    if as_json:
        print_json(found)
        return
    rows = [
        [
            one.collection or "the resource",
            one.version,
            one.name or "the pack's own",
            None if one.curve is None else f"{one.curve.threshold:.4f}",
            "yes" if one.holds else "",
            one.applied_by,
            moment(one.applied_at),
        ]
        for one in found
    ]
    print_table(["for", "version", "evaluation", "threshold", "in use", "by", "when"], rows)


@app.command()
def delete(
    resource: Name, name: Named, *, as_name: As = None, as_json: AsJson = False, data_dir: DataDir = None
) -> None:
    """Delete a stored result. A calibration that was applied from it stays in use."""
    with _opened(data_dir) as faces:
        _evaluations(faces).delete(_resource(faces, resource), name, actor=actor(as_name))
    if as_json:
        print_json({"deleted": name})
    else:
        typer.echo(f"the evaluation {name!r} is deleted")


def _print_applied(done: Applied, as_json: bool) -> None:
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


@contextmanager
def _opened(data_dir: Path | None) -> Iterator[CommandServices]:
    from mien.evaluation import TooFewSamplesError

    with opened_faces(data_dir, TooFewSamplesError) as faces:
        yield faces


def _evaluations(faces: CommandServices) -> Evaluations:
    from mien.gallery.evaluations import Evaluations

    gallery = faces.gallery
    return Evaluations(gallery.rows, faces.recognisers, gallery.curves, faces.services.audit)


def _resource(faces: CommandServices, name: str) -> UUID:
    return resource_named(faces.services, name).id


def _measured(
    faces: CommandServices, owner: UUID | None, source: str, recogniser: Recogniser, *, fmr: float, cap: int, seed: int
) -> tuple[Recogniser, Verified, str]:
    """Measure a source; returns the recogniser of its templates, the result, and what to call the source."""
    from mien.evaluation import measure, measure_comparisons
    from mien.gallery.errors import FingerprintMismatchError
    from mien.gallery.sampling import PhotoReader, from_collection, from_folder, from_pairs

    path = Path(source)
    if not path.exists() and owner is not None and "/" in source:
        ref = collection_ref(owner, source)
        samples, label, fingerprint = from_collection(faces.gallery.rows, faces.gallery.templates, ref)
        recogniser = faces.recognisers[label]
        if fingerprint != recogniser.fingerprint:
            raise FingerprintMismatchError(label, ref)
        current = faces.gallery.curves.of(recogniser, owner).measured
        return (
            recogniser,
            measure(samples, current, fmr=fmr, cap=cap, seed=seed),
            f"{ref.kind.value}/{ref.collection_id}",
        )
    if not path.exists():
        fail(f"there is no folder, CSV or collection {source!r}")
    faces.engine.prepare([recogniser.pack])
    reader = PhotoReader(faces.engine, recogniser.pack, progress=_progress())
    current = recogniser.measured if owner is None else faces.gallery.curves.of(recogniser, owner).measured
    if path.is_file():
        found, failures, photos = from_pairs(path, reader)
        verified = measure_comparisons(found, current, fmr=fmr, cap=cap, photos=photos, failures=failures)
        return recogniser, verified, "pairs"
    return recogniser, measure(from_folder(path, reader), current, fmr=fmr, cap=cap, seed=seed), "folder"


def _progress() -> Callable[[int, int], None]:
    """Say how far the photos are, on a terminal."""

    def say(done: int, total: int) -> None:
        if sys.stderr.isatty() and (done == total or done % 20 == 0):
            typer.echo(f"\r{done:,} of {total:,} photos", nl=done == total, err=True)

    return say


def _print(result: Mapping[str, Any]) -> None:
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
