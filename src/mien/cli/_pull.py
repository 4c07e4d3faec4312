"""Fetching the models that a start needs, with progress."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

from mien.models import ModelStore
from mien.models.bindings import read_bindings
from mien.settings import Settings


def needed_packs(store: ModelStore, settings: Settings) -> list[str]:
    """Return the names of the packs that the contract's labels are bound to and of those that every server has.

    Raises:
        BindingError: a label is bound to something that cannot serve it.
    """
    bound = read_bindings(store, settings.data_dir, settings.bindings()).packs()
    return list(dict.fromkeys([*bound, *store.default_names()]))


def pull(store: ModelStore, names: Iterable[str]) -> None:
    """Fetch and convert what is missing of the packs `names`; says so on stderr.

    Raises:
        ModelError: a pack is unknown, or cannot be had.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def report(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(f"Fetching {name}")
            progress.update(tasks[name], completed=done, total=total or None)

        store.ensure(names, report=report)
