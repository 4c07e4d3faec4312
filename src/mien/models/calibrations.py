"""An operator's own calibrations, which override those of the packs.

A file `calibrations/NAME.toml` in the store has the fields of a manifest's [calibration] table, with or without that
heading, as printed by `tools/fit_recogniser.py calibrate`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from mien.models.errors import ManifestError
from mien.models.manifest import Manifest, StatedCalibration, Task
from mien.models.manifest_files import from_toml


def parse_calibration(text: str, where: str) -> StatedCalibration:
    """Parse a calibration.

    Args:
        text: TOML.
        where: name of the source in errors.

    Raises:
        ManifestError: naming each field that is missing or wrong.
    """
    return from_toml(text, where, lambda table: StatedCalibration.model_validate(table.get("calibration", table)))


def calibrated(root: Path, pack: Manifest) -> Manifest:
    """Return a pack with the operator's calibration, or the pack itself if there is none.

    Raises:
        ManifestError: the file is not valid.
    """
    if pack.task is not Task.RECOGNISER:
        return pack
    path = _path(root, pack.name)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return pack
    return pack.model_copy(update={"calibration": parse_calibration(text, str(path))})


def write_calibration(root: Path, pack: Manifest, calibration: StatedCalibration) -> Path:
    """Store an operator's calibration of a pack, atomically.

    Raises:
        ManifestError: the pack is not a recogniser.
    """
    if pack.task is not Task.RECOGNISER:
        message = f"{pack.name} is a {pack.task.value}: only recognisers have calibrations"
        raise ManifestError(message)
    path = _path(root, pack.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    stated = calibration.model_dump(mode="json", exclude_none=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    # JSON's numbers, strings and arrays are valid TOML.
    partial.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in stated.items()), encoding="utf-8")
    partial.replace(path)
    return path


def _path(root: Path, name: str) -> Path:
    return root / "calibrations" / f"{name}.toml"
