"""Fetching the models that a start needs, with progress."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

from mien.models import ModelStore


def pull(store: ModelStore, names: Iterable[str], *, patience: float | None = None) -> None:
    """Fetch and convert the missing ones of the packs `names`; reports it on stderr.

    Args:
        store: the store of the packs.
        names: names of packs.
        patience: seconds after which a download is given up; None for as long as it takes.

    Raises:
        ModelError: a pack is unknown, or cannot be had.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    tasks: dict[str, TaskID] = {}

    def report(name: str, done: int, total: int) -> None:
        if not tasks:
            progress.start()  # only now: it prints an empty line at its end
        if name not in tasks:
            tasks[name] = progress.add_task(f"Fetching {name}")
        progress.update(tasks[name], completed=done, total=total or None)

    try:
        store.ensure(names, report=report, patience=patience)
    finally:
        if tasks:
            progress.stop()
