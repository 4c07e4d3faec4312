"""Networks that are loaded after the start: a server that stops waits for them, and for no fetch."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import cast

import pytest
from tests.waiting import until

from mien.cli._model_loading import ModelLoading
from mien.liveness.judge import Judge
from mien.models import ModelError, ModelStore
from mien.vision.engine import FaceEngine


class Models:
    """An engine, a judge and a store in one, which note what was done."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.began = threading.Event()
        self.lost = ""
        self.loading: ModelLoading | None = None

    def step(self, name: str) -> None:
        self.done.append(name)

    def prepare(self, packs: Iterable[str]) -> None:
        self.step(f"prepare {' '.join(packs)}")

    def widen(self, packs: Iterable[str]) -> None:
        self.step(f"widen {' '.join(packs)}")

    def ensure(self, names: Iterable[str], *, patience: float) -> None:
        assert patience
        (name,) = names
        if name == self.lost:
            raise ModelError(name)
        self.step(f"fetch {name}")

    def find_networks(self) -> None:
        self.step("use")


def open_loading(models: Models) -> ModelLoading:
    found = ModelLoading(
        cast("FaceEngine", models),
        cast("Judge", models),
        cast("ModelStore", models),
        rest=["age", "smile"],
        recognisers=["sface"],
        optional=["one", "two"],
    )
    models.loading = found
    return found


class SlowNetworks(Models):
    """Loads a passive network until the server stops."""

    def find_networks(self) -> None:
        self.began.set()
        loading = self.loading
        assert loading is not None
        until(lambda: loading.stopped)
        super().find_networks()


class SlowFetch(Models):
    """Fetches a pack until the test lets it go."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived = threading.Event()

    def ensure(self, names: Iterable[str], *, patience: float) -> None:
        self.began.set()
        assert self.arrived.wait(60)
        super().ensure(names, patience=patience)


FIRST = ["prepare age smile", "widen sface"]


@pytest.mark.parametrize("lost", ["", "one"])
def test_the_rest_is_loaded_and_each_optional_pack_is_used_as_it_arrives(lost: str) -> None:
    models = Models()
    models.lost = lost
    loading = open_loading(models)
    loading.start()
    loading.thread.join(60)
    assert models.done == FIRST + ["fetch one", "use"] * (not lost) + ["fetch two", "use"]


def test_a_stop_waits_for_the_optional_network_that_is_being_loaded() -> None:
    models = SlowNetworks()
    loading = open_loading(models)
    loading.start()
    assert models.began.wait(60)
    loading.stop()
    assert models.done == [*FIRST, "fetch one", "use"]
    loading.thread.join(60)
    assert models.done == [*FIRST, "fetch one", "use"]  # and the other is not even fetched


def test_a_stop_waits_for_no_fetch_and_what_arrives_after_it_is_not_loaded() -> None:
    models = SlowFetch()
    loading = open_loading(models)
    loading.start()
    assert models.began.wait(60)
    loading.stop()
    models.arrived.set()
    loading.thread.join(60)
    assert models.done == [*FIRST, "fetch one"]
