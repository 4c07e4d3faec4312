"""Reads the clipboard with whatever program the desktop has for it."""

from __future__ import annotations

import shutil
import subprocess
from typing import Final

_PROGRAMS: Final = (
    ("wl-paste", "--no-newline"),
    ("xclip", "-selection", "clipboard", "-o"),
    ("xsel", "--clipboard", "--output"),
    ("pbpaste",),
    ("powershell.exe", "-NoProfile", "-Command", "Get-Clipboard -Raw"),
)


class ClipboardError(Exception):
    """The clipboard cannot be read; the message says why."""


def read_clipboard() -> bytes:
    """Return the content of the clipboard.

    Raises:
        ClipboardError: there is no program that reads it, or none that could.
    """
    tried = []
    for name, *arguments in _PROGRAMS:
        program = shutil.which(name)
        if program is None:
            continue
        try:
            done = subprocess.run([program, *arguments], capture_output=True, timeout=5, check=True)  # noqa: S603  programs of the list above
        except (OSError, subprocess.SubprocessError):
            tried.append(name)
            continue
        return done.stdout
    if tried:
        raise ClipboardError(f"the clipboard could not be read with {', '.join(tried)}: paste into a file instead")
    raise ClipboardError("there is no wl-paste, xclip, xsel or pbpaste to read the clipboard with: use a file or -")
