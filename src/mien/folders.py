"""The user's data folder; if there is none, the error names the variable to set."""

from __future__ import annotations

import os
from pathlib import Path


class NoHomeError(Exception):
    """There is no home directory that can be written to, as in containers that run with an arbitrary user id."""


def user_folder(variable: str) -> Path:
    """Return `mien` in the user's data folder (`XDG_DATA_HOME`, else `~/.local/share`); it need not exist yet.

    Args:
        variable: the environment variable that would make the folder unnecessary, for the error's text.

    Raises:
        NoHomeError: the user has no home directory, or the folder is absent and cannot be created.
    """
    try:
        folder = Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser() / "mien"
    except RuntimeError:
        raise NoHomeError(
            f"the user has no home directory: set {variable} to a folder that can be written to"
        ) from None
    above = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    if above != folder and not os.access(above, os.W_OK | os.X_OK):
        raise NoHomeError(
            f"{folder} cannot be created, as {above} is not writable for this user: "
            f"set {variable} to a folder that can be written to"
        )
    return folder
