"""Reads the clipboard with one of the desktop's programs."""

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
    """The clipboard cannot be read; the message gives the reason."""


def read_clipboard() -> bytes:
    """Return the content of the clipboard.

    Raises:
        ClipboardError: no known program is installed, or all of them failed.
    """
    tried = []
    for name, *arguments in _PROGRAMS:
        program = shutil.which(name)
        if program is None:
            continue
        try:
            done = subprocess.run([program, *arguments], capture_output=True, timeout=5, check=True)  # noqa: S603  only programs in the list above
        except (OSError, subprocess.SubprocessError):
            tried.append(name)
            continue
        return done.stdout
    if tried:
        raise ClipboardError(f"the clipboard could not be read with {', '.join(tried)}: paste into a file instead")
    raise ClipboardError("there is no wl-paste, xclip, xsel or pbpaste to read the clipboard with: use a file or -")
