"""Workers on the machines of a Ray cluster: the same computation, with Ray to place it and to repeat lost tasks.

A photo travels to a node and its template comes back through Ray's object store; Mien writes neither to a node's disk.
Each node needs this version of Mien and the model packs; a template of other weights is refused when it is stored. If a
node is lost, its photos are computed on others.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Any, Final

from mien.gallery.filed_photos import Recipe
from mien.importing.computing import Computed, PhotoTask, compute
from mien.importing.sources import ImportSourceError
from mien.importing.workers import TaskWindow, open_engine
from mien.models import ModelStore
from mien.models.errors import ModelError
from mien.vision.decode import ImageRules
from mien.vision.engine import FaceEngine

_TRIES: Final = 3
_LOOK: Final = 5.0
"""Seconds after which to check whether the cluster still has a node with a core."""
_ENDED: Final = f"The worker's process ended {_TRIES} times while it read this photo, perhaps for lack of memory."
_WAITING: Final = 3
_PATIENCE: Final = 10.0


class RayError(ImportSourceError):
    """The cluster cannot be used; the text says why."""


class RayWorkers:
    """Tasks on a Ray cluster, one for each core.

    Args:
        recipe: the recipe of the templates.
        address: address of the cluster, as `ray.init` takes it: `HOST:PORT` on a machine of the cluster, `auto`, or
            `ray://HOST:PORT`.
        count: number of photos computed at the same time; the number of the cluster's cores when None.
        rules: which image files are accepted.

    Raises:
        RayError: ray is not installed, or the cluster does not answer or has no core.
    """

    def __init__(self, recipe: Recipe, address: str, count: int | None = None, rules: ImageRules | None = None) -> None:
        # disable Ray's usage statistics
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray  # noqa: PLC0415  # an extra, which a plain installation has not
        except ImportError as error:
            raise RayError("--ray needs the Python package ray: pip install 'mien[ray]'") from error
        self._ray = ray
        _check(address)
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR", namespace="mien-import")
        except (ConnectionError, ValueError, RuntimeError, OSError) as error:
            raise RayError(f"the Ray cluster at {address} does not answer: {error}") from error
        self._rules = rules or ImageRules()
        self._recipe = recipe
        self.count = count or self._cores()
        if not self.count:
            leave()
            raise RayError(f"the Ray cluster at {address} has no core to compute with")

    def run(self, tasks: Iterable[PhotoTask]) -> Iterator[Computed]:
        """Compute tasks; see `Workers.run`.

        Raises:
            RayError: no node of the cluster is left, or a node has another version of Mien.
        """
        ray = self._ray
        remote = ray.remote(num_cpus=1, max_retries=_TRIES - 1)(_on_node)
        given = ray.put((version("mien"), self._recipe, self._rules))
        window, pending = TaskWindow(iter(tasks), max(2, self.count * _WAITING)), dict[Any, PhotoTask]()
        while True:
            while (task := window.next(len(pending))) is not None:
                pending[remote.remote(given, task)] = task
            if not pending:
                return
            done, _ = ray.wait(list(pending), timeout=_LOOK)
            if not done and not self._cores():
                raise RayError("no node of the Ray cluster is left; what was filed stays, run the import again")
            for one in done:
                task = pending.pop(one)
                window.done(task)
                yield self._result(one, task)

    def _result(self, reference: Any, task: PhotoTask) -> Computed:
        try:
            found: Computed = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            raise RayError(str(error.cause)) from error
        except self._ray.exceptions.RayError:
            return Computed(task.number, None, _ENDED)
        return found

    def _cores(self) -> int:
        alive = [node["Resources"].get("CPU", 0) for node in self._ray.nodes() if node["Alive"]]
        return int(sum(alive))


def leave() -> None:
    """Leave the cluster if one was joined."""
    if (ray := sys.modules.get("ray")) is not None:
        ray.shutdown()


def _check(address: str) -> None:
    """Refuse an address without a listener; Ray itself would try for minutes.

    Raises:
        RayError: nothing listens there.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        try:
            socket.create_connection((host.strip("[]"), int(port)), _PATIENCE).close()
        except (OSError, OverflowError) as error:
            raise RayError(f"the Ray cluster at {address} does not answer: {error}") from error


# On a node

_engines: dict[Recipe, FaceEngine] = {}


def _on_node(given: tuple[str, Recipe, ImageRules], task: PhotoTask) -> Computed:
    wanted, recipe, rules = given
    node, own = os.uname().nodename, version("mien")
    if wanted != own:
        raise RayError(f"the node {node} has Mien {own}, and {wanted} imports: install the same version on all nodes")
    engine = _engines.get(recipe)
    if engine is None:
        try:
            engine = _engines[recipe] = open_engine(recipe, ModelStore(), rules)
        except ModelError as error:
            raise RayError(f"the node {node} cannot compute: {error}") from error
    try:
        return compute(engine, recipe, task)
    except ModelError as error:
        raise RayError(f"the node {node} cannot compute: {error}") from error
