"""The names of operations that alert rules are checked by are those of the front door's tables."""

from types import SimpleNamespace
from typing import Any

from mien.compreface.handlers import Handlers
from mien.contract.operations import OPERATIONS, TRAINING, operation_named
from mien.wire.detect import Detect
from mien.wire.liveness.posts import LivenessPosts
from mien.wire.liveness.settings import liveness_operations
from mien.wire.recognition import recognition_operations
from mien.wire.reviews import ReviewHandlers


def test_every_operation_has_its_name_in_the_list() -> None:
    nothing: Any = SimpleNamespace(directory=SimpleNamespace())  # tables name handlers; nothing is called
    kinds: list[Any] = [Detect, LivenessPosts, Handlers, ReviewHandlers]
    tables = [
        *recognition_operations(nothing),
        *liveness_operations(nothing),
        *(one for kind in kinds for one in object.__new__(kind).operations()),
    ]
    assert OPERATIONS - {TRAINING} == {one.name for one in tables}
    assert operation_named(" face  -  DETECT ") == "Face - Detect"
    assert operation_named("Face - Detct") is None
