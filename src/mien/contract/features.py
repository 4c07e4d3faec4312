"""Features that need an approval (Azure's limited access)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Feature(StrEnum):
    """A feature behind limited access, in the words that Azure's errors use."""

    IDENTIFICATION = "Identification"
    VERIFICATION = "Verification"
    LIVENESS = "Liveness"
    LIMITED_ATTRIBUTES = "LimitedAttributes"
    VIDEO_IDENTIFICATION = "VideoIdentification"
    """Ours: identification of people in video streams, for cameras and doors."""


ALL_FEATURES: Final = frozenset(Feature)

REQUESTED_APART: Final = frozenset({Feature.LIVENESS, Feature.LIMITED_ATTRIBUTES, Feature.VIDEO_IDENTIFICATION})
"""Each of these requires a separate request, as on Azure; the others may share one."""
