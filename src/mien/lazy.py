"""Imports the names of a package on first use (PEP 562), so that programs that do not use them start faster.

A command that needs only an enumeration of a package, for its options, need not load the heavy modules of that package:

    if TYPE_CHECKING:
        from mien.vision.engine import FaceEngine

    __getattr__ = lazily(__name__, FaceEngine="engine")
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any


def lazily(package: str, **modules: str) -> Callable[[str], Any]:
    """Return a package's `__getattr__`.

    Args:
        package: its name, `__name__`.
        modules: by name, which of its modules has it.
    """

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = getattr(importlib.import_module(f"{package}.{modules[name]}"), name)
        setattr(sys.modules[package], name, found)
        return found

    return get
