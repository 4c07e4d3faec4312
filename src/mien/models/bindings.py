"""Bindings of the contract's model labels to packs.

`recognition_04` is bound to a recogniser, `detection_03` to a detector at an operating point (`yunet@best`). In
ascending precedence: defaults, `bindings.toml` in the data folder (written by `mien models bind`), and settings such as
`MIEN_RECOGNITION_04`.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mien.models.errors import BindingError
from mien.models.manifest import Task
from mien.models.store import ModelStore

DEFAULT_RECOGNISER = "sface-int8"
DEFAULT_BINDINGS: Mapping[str, str] = {
    "recognition_01": DEFAULT_RECOGNISER,
    "recognition_02": DEFAULT_RECOGNISER,
    "recognition_03": DEFAULT_RECOGNISER,
    "recognition_04": DEFAULT_RECOGNISER,
    "detection_01": "yunet@general",
    "detection_02": "yunet@sensitive",
    "detection_03": "yunet@best",
}
FILE_NAME = "bindings.toml"


@dataclass(frozen=True, slots=True)
class DetectorBinding:
    """A detector pack and the name of one of its operating points."""

    pack: str
    operating_point: str


@dataclass(frozen=True, slots=True)
class Bindings:
    """The bindings of the labels.

    Attributes:
        recognition: recogniser packs by label.
        detection: detectors by label.
        origin: source of each label's binding: "default", "file" or "settings".
    """

    recognition: Mapping[str, str]
    detection: Mapping[str, DetectorBinding]
    origin: Mapping[str, str]

    def packs(self) -> tuple[str, ...]:
        """Return the names of all bound packs, without repetitions."""
        return tuple(dict.fromkeys([*(bound.pack for bound in self.detection.values()), *self.recognition.values()]))

    def as_text(self) -> dict[str, str]:
        """Return every label with its binding as written in settings."""
        detection = {label: f"{bound.pack}@{bound.operating_point}" for label, bound in self.detection.items()}
        return {**self.recognition, **detection}


def read_bindings(store: ModelStore, data_dir: Path, settings: Mapping[str, str | None] | None = None) -> Bindings:
    """Combine the defaults, the file and the settings.

    Args:
        store: the store of the packs.
        data_dir: folder of `bindings.toml`.
        settings: bindings by label, which override the file; None for the variables `MIEN_RECOGNITION_04` and so on.

    Raises:
        BindingError: if a label or its pack is unknown, or the pack is of another kind.
    """
    if settings is None:
        settings = {label: os.environ.get(f"MIEN_{label.upper()}") for label in DEFAULT_BINDINGS}
    chosen, origin = dict(DEFAULT_BINDINGS), dict.fromkeys(DEFAULT_BINDINGS, "default")
    from_file = _read_file(data_dir / FILE_NAME)
    chosen.update(from_file)
    origin.update(dict.fromkeys(from_file, "file"))
    for label in DEFAULT_BINDINGS:
        if value := settings.get(label):
            chosen[label], origin[label] = value, "settings"
    recognition: dict[str, str] = {}
    detection: dict[str, DetectorBinding] = {}
    for label, value in chosen.items():
        bound = check_binding(store, label, value)
        if isinstance(bound, DetectorBinding):
            detection[label] = bound
        else:
            recognition[label] = bound
    return Bindings(recognition, detection, origin)


def write_bindings(store: ModelStore, data_dir: Path, changes: Mapping[str, str]) -> Bindings:
    """Change labels in `bindings.toml` atomically and keep the others.

    Returns:
        The bindings now in effect, including the environment's.

    Raises:
        BindingError: as in `read_bindings`; nothing is written then.
    """
    for label, value in changes.items():
        check_binding(store, label, value)
    path = data_dir / FILE_NAME
    kept = {**_read_file(path), **changes}
    data_dir.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{FILE_NAME}.{os.getpid()}")
    partial.write_text("".join(f'{label} = "{value}"\n' for label, value in sorted(kept.items())), encoding="utf-8")
    partial.replace(path)
    return read_bindings(store, data_dir)


def check_binding(store: ModelStore, label: str, value: str) -> str | DetectorBinding:
    """Check one binding; return the recogniser's name or the detector.

    Raises:
        BindingError: if the label or the pack is unknown, or the pack is of another kind.
    """
    if label not in DEFAULT_BINDINGS:
        message = f"there is no label {label!r}; the labels are {', '.join(DEFAULT_BINDINGS)}"
        raise BindingError(message)
    name, _, point = value.partition("@")
    known = store.manifests()
    if name not in known:
        fitting = Task.DETECTOR if label.startswith("detection") else Task.RECOGNISER
        names = ", ".join(pack.name for pack in known.values() if pack.task is fitting)
        message = (
            f"{label} is bound to {name!r}, and no model pack is called so; there are {names} (`mien models list`)"
        )
        raise BindingError(message)
    pack = known[name]
    if label.startswith("recognition"):
        if pack.task is not Task.RECOGNISER or point:
            message = f"{label} takes the name of a recogniser, such as {DEFAULT_RECOGNISER!r}, not {value!r}"
            raise BindingError(message)
        if pack.calibration is None:
            message = (
                f"{label} cannot be bound to {name!r}: it has no calibration, so its similarities say nothing yet. "
                f"Measure it on photos like yours and run `mien models calibrate {name} FILE`"
            )
            raise BindingError(message)
        return name
    if pack.task is not Task.DETECTOR or point not in pack.operating_points:
        message = f"{label} takes a detector at an operating point, such as {DEFAULT_BINDINGS[label]!r}, not {value!r}"
        raise BindingError(message)
    return DetectorBinding(name, point)


def _read_file(path: Path) -> dict[str, str]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        message = f"{path} is not TOML ({error}): mend or delete it"
        raise BindingError(message) from error
    wrong = [key for key, value in table.items() if not isinstance(value, str)]
    if wrong:
        message = f'{path}: {", ".join(wrong)} should be text, as in recognition_04 = "{DEFAULT_RECOGNISER}"'
        raise BindingError(message)
    return {key: str(value) for key, value in table.items()}
