"""Names of the operations that are counted, as metrics, logs and alert rules have them."""

from __future__ import annotations

from typing import Final

_EDIT: Final = ("List", "Create", "Get", "Update", "Delete")
_FACES: Final = ("Add Face", "Get Face", "Update Face", "Delete Face")
_SESSION: Final = ("Create", "Get Result", "Delete", "List", "Get Audit Entries")
_CLIENT: Final = ("Begin", "Go On", "Preflight")
_TRAIN: Final = ("Train", "Get Training Status")

_VERBS: Final[dict[str, tuple[str, ...]]] = {
    "Face": ("Detect", "Verify", "Identify", "Find Similar", "Group"),
    "FaceList": (*_EDIT, "Add Face", "Delete Face"),
    "LargeFaceList": (*_EDIT, *_FACES, "List Face", *_TRAIN),
    "PersonGroup": (*_EDIT, *_TRAIN),
    "PersonGroup Person": (*_EDIT, *_FACES),
    "LargePersonGroup": (*_EDIT, *_TRAIN),
    "LargePersonGroup Person": (*_EDIT, *_FACES),
    "PersonDirectory": ("Get Operation Status",),
    "PersonDirectory Person": (*_EDIT, *_FACES, "List Faces", "Get Dynamic Person Group References"),
    "PersonDirectory DynamicPersonGroup": (*_EDIT, "List Persons"),
    "Snapshot": ("List", "Take", "Get", "Update", "Delete", "Apply", "Get Operation Status"),
    "LivenessSession": (*_SESSION, "Get Session Image"),
    "LivenessWithVerifySession": _SESSION,
    "Liveness Client": _CLIENT,
    "LivenessWithVerify Client": _CLIENT,
    "Settings": ("Get", "Patch", "Get Client Assets Access Token"),
    "Reviews": ("File", "Get", "List"),
    "CompreFace": (
        "List Subjects", "Add Subject", "Rename Subject", "Delete Subject", "Delete All Subjects", "List Examples",
        "Add Example", "Delete Example", "Delete Examples", "Delete Some Examples", "Verify With Example",
        "Recognize", "Detect", "Verify",
    ),
}  # fmt: skip

TRAINING: Final = "Training"
"""The operation under which trained images are counted."""

OPERATIONS: Final = frozenset({TRAINING, *(f"{kind} - {verb}" for kind, verbs in _VERBS.items() for verb in verbs)})
"""Such as `Face - Detect`; a test compares them with the tables of the front door."""


def operation_named(text: str) -> str | None:
    """Return an operation by its name, in capitals or not; None when there is none."""
    wanted = " ".join(text.split()).casefold()
    return next((one for one in OPERATIONS if one.casefold() == wanted), None)
