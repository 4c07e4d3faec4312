"""Where the shared photos and the contract are: beside the checkout, never in it.

The folder is `$MIEN_SHARED`, or the nearest folder named `shared` beside the repository or one of its parents. A test
that needs it takes the path from here and is skipped, with the missing path named, where there is none.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import pytest
from tests import portraits

REPOSITORY = Path(__file__).resolve().parents[1]


@lru_cache(maxsize=1)
def shared_folder() -> Path | None:
    """Return the shared folder, or None on a machine that has none."""
    if named := os.environ.get("MIEN_SHARED"):
        return Path(named)
    for parent in REPOSITORY.parents:
        candidate = parent / "shared"
        if (candidate / "contract").is_dir() or (candidate / "faces").is_dir():
            return candidate
    return None


def has_shared(*parts: str) -> bool:
    """Tell whether the shared folder has the file or folder at `parts`."""
    root = shared_folder()
    return root is not None and root.joinpath(*parts).exists()


def shared_path(*parts: str) -> Path:
    """Return a path in the shared folder, e.g. `shared_path("faces", "azure", "detection1.jpg")`.

    Skips the test that asks (or the module, when called while it is imported) if the path does not exist.
    """
    root = shared_folder()
    wanted = (root or REPOSITORY.parent / "shared").joinpath(*parts)
    if not wanted.exists():
        pytest.skip(f"needs {wanted} (set MIEN_SHARED to the shared folder)", allow_module_level=True)
    return wanted


_STAND_INS = {
    "Family1-Dad1": portraits.PERSON[0],
    "Family1-Dad2": portraits.PERSON[1],
    "Family1-Dad3": portraits.PERSON[2],
    "Family1-Mom1": portraits.OTHER,
    "detection1": portraits.PERSON[0],
}


def azure_photo(name: str, *, itself: bool = False) -> Path:
    """Return one of the 36 sample photos of Azure's documentation, by name without `.jpg`.

    In a clone without the shared folder free portraits stand in for the two people whom most tests use: three photos of
    one person, one of another.

    Args:
        name: its name.
        itself: nothing may stand in for it: what is measured is of this photo.
    """
    if not itself and not has_shared("faces", "azure") and (portrait := portraits.portrait(_STAND_INS.get(name, ""))):
        return portrait
    return shared_path("faces", "azure", f"{name}.jpg")
