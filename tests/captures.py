"""The requests that the vendor's SDKs were recorded to send."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.shared import shared_path

Capture = tuple[str, dict[str, Any]]


def captures(wanted: Callable[[dict[str, Any]], bool]) -> list[Capture]:
    """Return recorded requests with the names of their captures; none without the contract."""
    try:
        recorded = json.loads(shared_path("contract", "wire", "sdk_wire_captures.json").read_text(encoding="utf-8"))
    except pytest.skip.Exception:
        return []
    return [(name, request) for name, capture in recorded.items() for request in capture["requests"] if wanted(request)]
