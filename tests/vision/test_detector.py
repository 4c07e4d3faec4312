"""The detector's input, and suppression of overlapping candidates, by properties."""

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mien.vision.detector import RawDetections, padded, suppress


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


@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**32 - 1))
def test_the_input_is_the_pixels_in_three_planes_with_black_up_to_multiples_of_32(
    height: int, width: int, seed: int
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    rows, columns, blob = padded(pixels)
    assert (rows % 32, columns % 32) == (0, 0)
    assert 0 <= rows - height < 32
    assert 0 <= columns - width < 32
    around = cv2.copyMakeBorder(pixels, 0, rows - height, 0, columns - width, cv2.BORDER_CONSTANT)
    np.testing.assert_array_equal(blob, cv2.dnn.blobFromImage(around))
    assert blob.flags.c_contiguous
