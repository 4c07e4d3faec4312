"""The names of the detection and recognition models of the contract."""

from __future__ import annotations

from typing import Final

DETECTION_01: Final = "detection_01"
DETECTION_02: Final = "detection_02"
DETECTION_03: Final = "detection_03"

DETECTION_MODELS: Final = (DETECTION_01, DETECTION_02, DETECTION_03)
"""The detection models; the first is the default."""

NO_LANDMARKS: Final = frozenset({DETECTION_02})
"""The detection models without landmarks and attributes."""

RECOGNITION_01: Final = "recognition_01"
RECOGNITION_02: Final = "recognition_02"
RECOGNITION_03: Final = "recognition_03"
RECOGNITION_04: Final = "recognition_04"

RECOGNITION_MODELS: Final = (RECOGNITION_01, RECOGNITION_02, RECOGNITION_03, RECOGNITION_04)
"""The recognition models; the first is the default."""

NEWEST_DETECTION: Final = DETECTION_MODELS[-1]
NEWEST_RECOGNITION: Final = RECOGNITION_MODELS[-1]
"""The models that Mien uses where nobody chooses one, and that its own clients and examples request."""
