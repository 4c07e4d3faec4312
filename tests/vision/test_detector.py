"""Suppression of overlapping candidates, by properties."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mien.vision.detector import RawDetections, suppress


def _candidates(rows: list[tuple[float, float, float, float, float]]) -> RawDetections:
    array = np.array(rows, np.float32).reshape(-1, 5)
    return RawDetections(array[:, :4], array[:, 4], np.zeros((len(rows), 5, 2), np.float32))


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(0.0, float(width)) * max(0.0, float(height))
    return shared / float(a[2] * a[3] + b[2] * b[3] - shared)


_ROWS = st.lists(
    st.tuples(
        st.floats(0, 500), st.floats(0, 500), st.floats(5, 200), st.floats(5, 200), st.floats(0.015625, 1, width=32)
    ),
    max_size=40,
)


@given(_ROWS)
def test_what_survives_does_not_overlap_and_covers_what_was_dropped(
    rows: list[tuple[float, float, float, float, float]],
) -> None:
    given_ = _candidates(rows)
    kept = suppress(given_)
    boxes = kept.boxes.astype(np.float64)
    assert all(_overlap(boxes[i], boxes[j]) <= 0.3 + 1e-4 for i in range(len(boxes)) for j in range(i + 1, len(boxes)))
    assert list(kept.scores) == sorted(kept.scores, reverse=True)
    for box, score in zip(given_.boxes.astype(np.float64), given_.scores, strict=True):
        assert any(
            _overlap(box, other) > 0.3 - 1e-4 and by >= score for other, by in zip(boxes, kept.scores, strict=True)
        ) or any(np.array_equal(box, other) for other in boxes)


def test_nothing_stays_nothing() -> None:
    assert len(suppress(_candidates([]))) == 0
