"""A judge with all its networks, and heads of people to judge."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.liveness.heads import Head
from tests.liveness.photos import head_in_photo
from tests.memory import shared_engine
from tests.shared import azure_photo, shared_path

from mien.liveness.judge import Judge
from mien.models.errors import ModelError, PackFetchError
from mien.models.store import ModelStore, default_root
from mien.vision.engine import FaceEngine


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    """The user's model store with all passive networks; MiniFASNet is taken from the shared folder."""
    published = shared_path("models", "minifasnet")
    root = tmp_path_factory.mktemp("models")
    (root / "networks").mkdir()
    for path in (default_root() / "networks").glob("*"):
        (root / "networks" / path.name).symlink_to(path)
    store = ModelStore(root)
    store.ensure(["minifasnet"], folder=published)
    try:
        store.ensure(["fr-liveness"])
    except PackFetchError as problem:
        pytest.skip(str(problem))
    return store


@pytest.fixture(scope="session")
def engine(store: ModelStore) -> FaceEngine:
    return shared_engine()


@pytest.fixture(scope="session")
def judge(engine: FaceEngine, store: ModelStore) -> Judge:
    try:
        return Judge(engine, store)
    except ModelError as problem:
        pytest.skip(str(problem))


@pytest.fixture(scope="session")
def man() -> Head:
    return _head(azure_photo("Family2-Man2"))


@pytest.fixture(scope="session")
def woman() -> Head:
    return _head(azure_photo("Family1-Mom1"))


def _head(photo: Path) -> Head:
    try:
        return head_in_photo(photo)
    except ModelError as problem:
        pytest.skip(str(problem))
