"""`mien calibrate`: error rates and thresholds on your own people, stored, compared and applied."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mien.cli._administration import As, AsJson, DataDir, Name, actor, moment, print_facts, print_json, print_table
from mien.cli._calibration import measured, opened, opened_for, print_applied, print_result, progress
from mien.cli._gallery import collection_ref
from mien.contract.models import NEWEST_RECOGNITION

app = typer.Typer(
    help="Measure error rates and thresholds on your own people; compare and apply them.", no_args_is_help=True
)

Source = Annotated[
    str,
    typer.Argument(
        help="A folder with a folder of photos for each person, a CSV of pairs (first, second, same), or an enrolled "
        "collection as KIND/ID (`directory/recognition_04` for the person directory)."
    ),
]
Named = Annotated[str, typer.Argument(help="Name of the evaluation.")]
Fmr = Annotated[float, typer.Option(help="False match rate of the operating point, confidence 0.5.", min=1e-7, max=0.1)]
Cap = Annotated[int, typer.Option(help="Maximum number of photos of one person that count.", min=2, max=100)]
Collection = Annotated[str | None, typer.Option(help="KIND/ID. (default: the whole resource)")]
Model = Annotated[str, typer.Option(help="Recognition model.")]
Seed = Annotated[int, typer.Option(help="Seed of the random selection.", min=0)]


@app.command()
def run(
    resource: Name,
    source: Source,
    name: Annotated[str, typer.Option(help="Name under which the result is stored.")],
    *,
    note: Annotated[str | None, typer.Option(help="A note of your own, such as which cameras.")] = None,
    owners: Annotated[
        Path | None,
        typer.Option(
            help="For a face list: CSV with the columns face (persistedFaceId or userData) and person.",
            exists=True,
            dir_okay=False,
            readable=True,
        ),
    ] = None,
    model: Annotated[str, typer.Option(help="Recognition model, for photos.")] = NEWEST_RECOGNITION,
    fmr: Fmr = 1e-4,
    cap: Cap = 5,
    seed: Seed = 0,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Measure error rates and store them. Photos are read on this machine and not stored."""
    from mien.evaluation.records import to_json

    with opened_for(resource, data_dir) as work:
        faces, owner, stored = work.faces, work.owner, work.stored
        stored.check_name(owner, name)
        recogniser = faces.recognisers[model]
        recogniser, verified, said = measured(
            faces, owner, source, recogniser, fmr=fmr, cap=cap, seed=seed, owners=owners
        )
        found = stored.add(
            owner, name, to_json(verified), recogniser=recogniser, source=said, actor=actor(as_name), note=note
        )
    if as_json:
        print_json(found)
        return
    print_result(found.result)
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
    from mien.models.manifest import StatedCalibration

    with opened(data_dir) as faces:
        manifest = faces.store.manifest(pack_name)
        recogniser = Recogniser("", pack_name, faces.store.fingerprint(pack_name), None)
        _, verified, _ = measured(faces, None, source, recogniser, fmr=fmr, cap=cap, seed=seed)
        curve = verified.calibration
        if curve is None:
            raise NotMeasuredError(pack_name, verified.missing)
        said = f"{note}: {verified.people:,} people, {verified.photos:,} photos, {verified.impostor:,} comparisons"
        stated = StatedCalibration(**curve.stated(), measured_on=said)
        path = write_calibration(faces.store.root, manifest, stated)
    if as_json:
        print_json({"pack": pack_name, "path": str(path), "result": to_json(verified)})
        return
    print_result(to_json(verified))
    typer.echo(f"{pack_name}: confidence 0.5 at similarity {curve.threshold:.4f} ({path})")


@app.command()
def groups(
    resource: Name,
    source: Annotated[
        str,
        typer.Argument(
            help="A folder of folders, or of photos of one person each; or an enrolled collection as KIND/ID."
        ),
    ],
    labels: Annotated[
        Path, typer.Argument(help="A CSV with a column person or file, and a column for each attribute.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the report: HTML, PDF and CSV.")],
    *,
    attribute: Annotated[list[str] | None, typer.Option(help="Column to use; can be repeated. (default: all)")] = None,
    keep: Annotated[str | None, typer.Option(help="Store the rates by group under this name.")] = None,
    model: Model = NEWEST_RECOGNITION,
    fmr: Annotated[
        float | None, typer.Option(help="Measure at the threshold of this false match rate. (default: that in use)")
    ] = None,
    cap: Cap = 5,
    seed: Seed = 0,
    skip_unknown: Annotated[
        bool, typer.Option("--skip-unknown", help="Leave out labels of people who are not enrolled.")
    ] = False,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Report error rates by group. The labels are read for this run only and are not stored."""
    from mien.evaluation.group_report import to_json
    from mien.gallery.group_reports import make_report
    from mien.gallery.grouping_labels import read_text
    from mien.gallery.measuring import Measuring

    with opened_for(resource, data_dir) as work:
        faces, owner, stored = work.faces, work.owner, work.stored
        if keep is not None:
            stored.check_name(owner, keep)
        if not Path(source).exists() and "/" in source:
            made = Measuring(faces.gallery, faces.recognisers, faces.services.audit).report_groups(
                collection_ref(owner, source, directory=True),
                read_text(labels),
                attributes=attribute or (),
                fmr=fmr,
                cap=cap,
                seed=seed,
                skip_unknown=skip_unknown,
                actor=actor(as_name),
            )
        else:
            made = make_report(
                faces.engine,
                faces.gallery.curves.of(faces.recognisers[model], owner),
                Path(source),
                labels,
                attributes=attribute or (),
                fmr=fmr,
                cap=cap,
                seed=seed,
                at=faces.services.clock.now(),
                progress=progress(),
            )
        written = made.write(out)
        if keep is not None:
            stored.add(
                owner, keep, to_json(made.groups), recogniser=made.recogniser, source=made.source, actor=actor(as_name),
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
    with opened_for(resource, data_dir) as work:
        found = work.stored.all(work.owner)
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
    with opened_for(resource, data_dir) as work:
        found = work.stored.get(work.owner, name)
    if as_json:
        print_json(found)
        return
    print_facts([("name", found.name), ("pack", found.pack), ("source", found.source), ("note", found.note)])
    print_result(found.result)


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

    with opened_for(resource, data_dir) as work:
        one, two = (work.stored.get(work.owner, each).result for each in (name, other))
        found = differences(one, two)
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
    """Apply a measured calibration: confidences and default thresholds follow within ten seconds."""
    with opened_for(resource, data_dir) as work:
        ref = collection_ref(work.owner, collection)
        done = work.stored.apply(work.owner, name, ref, actor=actor(as_name))
    print_applied(done, as_json)


@app.command()
def undo(
    resource: Name,
    collection: Collection = None,
    *,
    model: Model = NEWEST_RECOGNITION,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Undo the last change and return to the previous calibration."""
    with opened_for(resource, data_dir) as work:
        ref = collection_ref(work.owner, collection)
        done = work.stored.undo(work.owner, ref, label=model, actor=actor(as_name))
    print_applied(done, as_json)


@app.command()
def applied(resource: Name, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List every version of the applied calibrations."""
    with opened_for(resource, data_dir) as work:
        found = work.stored.applied(work.owner)
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
    with opened_for(resource, data_dir) as work:
        work.stored.delete(work.owner, name, actor=actor(as_name))
    if as_json:
        print_json({"deleted": name})
    else:
        typer.echo(f"the evaluation {name!r} is deleted")
