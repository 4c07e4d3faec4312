"""Quality for recognition: predicts false non-matches with other photos of the same person.

The norm of an embedding before normalisation predicts them better than any measure of the picture: on 1,469 degraded
LFW photos (blur, shrinking, darkness, noise, compression, patches) against clean photos of the same people, the norm
alone ranks misses with an AUC of .911. Blur adds a little (.919: at the same norm, a blurred face is worse). Face size,
pose and detection score add nothing significant (.922 with all three), so they are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from mien.contract.attributes import Level3
from mien.vision.attributes.blur import blur
from mien.vision.attributes.context import FaceContext


@dataclass(frozen=True, slots=True)
class QualityCalibration:
    """Quality by the norm of a pack's embeddings; every pack has its own scale.

    Attributes:
        low_below: below this norm, quality is low.
        high_from: from this norm on, quality is high.
        blur_penalty: norm subtracted for a blur value of 1.
    """

    low_below: float
    high_from: float
    blur_penalty: float = 0.0


SFACE_QUALITY = QualityCalibration(low_below=9.0, high_from=11.0, blur_penalty=1.0)
"""For SFace 2021dec. FNMR at FMR 1e-4 on the degraded photos: low .79, medium .29, high .02."""


def quality(norm: float, blur_value: float, calibration: QualityCalibration = SFACE_QUALITY) -> Level3:
    """Rate a face for recognition.

    Args:
        norm: `Embedding.norm`, before normalisation.
        blur_value: `blur(...).value`, in [0, 1].
        calibration: calibration of the embedding's pack.

    Returns:
        The contract's level: high is recommended for enrolment, medium is sufficient for identification, low for
        neither.
    """
    rating = norm - calibration.blur_penalty * blur_value
    if rating < calibration.low_below:
        return Level3.LOW
    return Level3.MEDIUM if rating < calibration.high_from else Level3.HIGH


def quality_of(context: FaceContext) -> Level3:
    """Rate a face by the default pack, SFace."""
    return quality(context.norm, blur(context.pixels, context.points).value)
