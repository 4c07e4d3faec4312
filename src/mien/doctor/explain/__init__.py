"""Explains a pasted error body, HTTP response, `curl -v` log or HAR file, offline.

report = explain(open("call.har", "rb").read(), "call.har")
"""

from mien.doctor.explain.clipboard import ClipboardError, read_clipboard
from mien.doctor.explain.explaining import explain
from mien.doctor.explain.observed import Observed
from mien.doctor.explain.reading import read

__all__ = ["ClipboardError", "Observed", "explain", "read", "read_clipboard"]
