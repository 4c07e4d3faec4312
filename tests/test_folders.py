"""Processes without a home directory, as containers with an arbitrary user id."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mien.folders import NoHomeError, user_folder
from mien.models.store import default_root
from mien.settings import Settings


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("HOME", "XDG_DATA_HOME", "MIEN_DATA_DIR", "MIEN_MODEL_DIR"):
        monkeypatch.delenv(name, raising=False)

    def no_home(_path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", no_home)
    return monkeypatch


def test_the_variable_to_set_is_named(homeless: pytest.MonkeyPatch) -> None:
    for call in (default_root, Settings):
        with pytest.raises(NoHomeError, match=r"set MIEN_(MODEL|DATA)_DIR"):
            call()


def test_one_folder_is_enough(homeless: pytest.MonkeyPatch, tmp_path: Path) -> None:
    homeless.setenv("MIEN_DATA_DIR", str(tmp_path))
    assert Settings().model_dir == tmp_path / "models"


def test_a_home_that_cannot_be_written_to_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    assert user_folder("X") == tmp_path / "share" / "mien"
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(NoHomeError, match=f"{tmp_path} is not writable for this user: set X"):
        user_folder("X")
    (tmp_path / "share" / "mien").mkdir(parents=True)
    assert user_folder("X").is_dir()  # what is there already can be read
