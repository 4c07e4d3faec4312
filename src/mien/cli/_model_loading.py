"""Loads the networks that few requests need, after the service began to answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from mien.liveness.judge import Judge
from mien.models import ModelError, ModelStore
from mien.vision.engine import FaceEngine

_log = structlog.get_logger(__name__)

_TRY_SECONDS: Final = 60.0
"""How long it may take to fetch a pack while the service answers."""


class ModelLoading:
    """Loads in a thread what a server can do without at its start, and fetches optional packs.

    A thread that Python ends inside a network's C++ aborts the process. So networks are loaded in one place, `_load`,
    which `stop` waits for; a fetch is left to the end of the process, since it may take a minute.

    Args:
        engine: loads packs.
        judge: uses the passive networks that are installed.
        store: fetches packs.
        rest: packs that only some attributes need.
        recognisers: packs that calls which are alone may compute on two cores.
        optional: packs of passive networks that could not be fetched at the start.
    """

    def __init__(
        self,
        engine: FaceEngine,
        judge: Judge,
        store: ModelStore,
        *,
        rest: Sequence[str] = (),
        recognisers: Sequence[str] = (),
        optional: Sequence[str] = (),
    ) -> None:
        self._engine = engine
        self._judge = judge
        self._store = store
        self._rest = rest
        self._recognisers = recognisers
        self._optional = optional
        self._loading = threading.Lock()
        self.stopped = False
        self.thread = threading.Thread(target=self._run, name="mien-models", daemon=True)

    def start(self) -> None:
        """Start the thread. Requests fail if a model cannot be loaded; models that cannot be fetched stay absent."""
        self.thread.start()

    def stop(self) -> None:
        """Wait for the network that is being loaded; no other is loaded afterwards."""
        self.stopped = True
        with self._loading:
            pass

    def _load(self, load: Callable[[], object]) -> bool:
        """Load, unless the server stops; tell whether it was done."""
        with self._loading:
            if self.stopped:
                return False
            load()
            return True

    def _run(self) -> None:
        try:
            self._load(lambda: self._engine.prepare(self._rest))
            self._load(lambda: self._engine.widen(self._recognisers))
        except ModelError as error:
            _log.error("a model cannot be loaded", reason=str(error))
        for name in self._optional:
            if self.stopped:
                return
            try:
                self._store.ensure([name], patience=_TRY_SECONDS)
                used = self._load(self._judge.find_networks)
            except (ModelError, OSError) as error:
                _log.info(
                    "an optional model is not reachable; the service goes on without it",
                    pack=name,
                    hint=f"`mien models pull {name}`, or leave it out of MIEN_LIVENESS_NETWORKS",
                    reason=str(error),
                )
            else:
                if used:
                    _log.info("an optional model is now used", pack=name)
