"""Fetching the models that a start needs, with progress."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

from mien.models import ModelStore
from mien.settings import Settings

_BINDINGS = ("recognition_01", "recognition_02", "recognition_03", "recognition_04")
_DETECTORS = ("detection_01", "detection_02", "detection_03")


def needed_packs(store: ModelStore, settings: Settings) -> list[str]:
    """Return the names of the packs that the settings bind and of those that every server has, each once."""
    bound = [getattr(settings, name).partition("@")[0] for name in (*_BINDINGS, *_DETECTORS)]
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
