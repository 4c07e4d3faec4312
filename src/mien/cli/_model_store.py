"""Shared parts of the commands `mien models`: the store, its options and its errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli._administration import print_json

if TYPE_CHECKING:
    from mien.models.store import ModelStore

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, also for errors.")]
ModelDir = Annotated[Path | None, typer.Option("--model-dir", help="The store's folder [MIEN_MODEL_DIR].")]


def open_store(model_dir: Path | None) -> ModelStore:
    """Open the store of a folder, or of the settings."""
    from mien.models.store import ModelStore
    from mien.settings import Settings

    return ModelStore(model_dir or Settings().model_dir)


@contextmanager
def errors(as_json: bool) -> Iterator[None]:
    """Turn what `models` and the file system raise into one sentence and exit code 1."""
    from mien.models.errors import ModelError

    try:
        yield
    except (ModelError, OSError) as error:  # a full disk, a folder that may not be written
        if as_json:
            print_json({"error": type(error).__name__, "message": str(error)})
        else:
            typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from error
