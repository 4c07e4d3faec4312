"""Labels: defaults, the file, the environment, and what cannot be bound."""

from pathlib import Path

import pytest

from mien.models.bindings import DEFAULT_BINDINGS, DEFAULT_RECOGNISER, DetectorBinding, read_bindings, write_bindings
from mien.models.errors import BindingError
from mien.models.store import ModelStore
from mien.vision.types import OperatingPoint


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "store")


def test_the_defaults_bind_every_label_to_packs_of_the_default_set(store: ModelStore, tmp_path: Path) -> None:
    held = read_bindings(store, tmp_path, {})
    assert held.as_text() == dict(DEFAULT_BINDINGS)
    assert set(held.packs()) <= set(store.default_names())
    assert set(held.origin.values()) == {"default"}
    assert {bound.operating_point for bound in held.detection.values()} == set(OperatingPoint)


def test_the_settings_win_over_the_file_and_the_file_over_the_default(store: ModelStore, tmp_path: Path) -> None:
    write_bindings(store, tmp_path, {"recognition_01": "dlib-resnet", "recognition_02": "dlib-resnet"})
    held = read_bindings(store, tmp_path, {"recognition_02": "sface", "recognition_03": None})
    assert [held.recognition[f"recognition_0{number}"] for number in (1, 2, 3)] == [
        "dlib-resnet",
        "sface",
        DEFAULT_RECOGNISER,
    ]
    assert [held.origin[f"recognition_0{number}"] for number in (1, 2, 3)] == ["file", "settings", "default"]


def test_without_settings_the_environment_counts(
    store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIEN_RECOGNITION_02", "dlib-resnet")
    monkeypatch.delenv("MIEN_RECOGNITION_01", raising=False)
    held = read_bindings(store, tmp_path)
    assert [held.recognition[f"recognition_0{number}"] for number in (1, 2)] == [DEFAULT_RECOGNISER, "dlib-resnet"]


def test_a_later_binding_keeps_the_earlier_ones(store: ModelStore, tmp_path: Path) -> None:
    write_bindings(store, tmp_path, {"recognition_01": "dlib-resnet"})
    held = write_bindings(store, tmp_path, {"detection_01": "yunet@best"})
    assert held.recognition["recognition_01"] == "dlib-resnet"
    assert held.detection["detection_01"] == DetectorBinding("yunet", "best")


@pytest.mark.parametrize(
    ("label", "value", "complaint"),
    [
        ("recognition_05", "sface", "no label"),
        ("recognition_04", "sfac", "no model pack"),
        ("recognition_04", "yunet", "takes the name of a recogniser"),
        ("recognition_04", "sface@best", "takes the name of a recogniser"),
        ("detection_03", "yunet", "takes a detector at an operating point"),
        ("detection_03", "yunet@wild", "takes a detector at an operating point"),
        ("detection_03", "sface@best", "takes a detector at an operating point"),
    ],
)
def test_a_binding_that_cannot_serve_is_refused_and_nothing_written(
    store: ModelStore, tmp_path: Path, label: str, value: str, complaint: str
) -> None:
    with pytest.raises(BindingError, match=complaint):
        write_bindings(store, tmp_path, {"recognition_01": "dlib-resnet", label: value})
    assert not (tmp_path / "bindings.toml").exists()
    if label in DEFAULT_BINDINGS:
        with pytest.raises(BindingError, match=complaint):
            read_bindings(store, tmp_path, {label: value})


@pytest.mark.parametrize("text", ["recognition_04 = ", "recognition_04 = 4"])
def test_a_damaged_file_is_told_by_its_path(store: ModelStore, tmp_path: Path, text: str) -> None:
    (tmp_path / "bindings.toml").write_text(text)
    with pytest.raises(BindingError, match=r"bindings\.toml"):
        read_bindings(store, tmp_path, {})
