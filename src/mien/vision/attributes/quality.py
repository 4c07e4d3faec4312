"""Quality for recognition: how likely it is that a photo's template will miss other photos of the same person.

The length of an embedding before normalising predicts that better than any measure of the picture: on 1,469 photos
(LFW, spoilt by blur, shrinking, darkness, noise, compression and patches, against clean photos of the same people)
it alone ranks misses with an AUC of .911. Blur adds a little (.919: at the same length, a blurred face does worse);
face size, turn of the head and the detector's score add nothing (.922 with all three), so they are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from mien.contract.attributes import Level3
from mien.vision.attributes.blur import blur
from mien.vision.attributes.context import FaceContext


@dataclass(frozen=True, slots=True)
class QualityCalibration:
    """Quality by the length of a pack's embeddings; every pack has its own scale.

    Attributes:
        low_below: shorter ones are of low quality.
        high_from: ones of this length or longer are of high quality.
        blur_penalty: length that a blur value of 1 is worth.
    """

    low_below: float
    high_from: float
    blur_penalty: float = 0.0


SFACE_QUALITY = QualityCalibration(low_below=9.0, high_from=11.0, blur_penalty=1.0)
"""For SFace 2021dec. Misses at the threshold of FMR 1e-4 on the spoilt photos: low .79, medium .29, high .02."""


def quality(norm: float, blur_value: float, calibration: QualityCalibration = SFACE_QUALITY) -> Level3:
    """Rate a face for recognition.

    Args:
        norm: `Embedding.norm`, the embedding's length before normalising.
        blur_value: `blur(...).value`, in [0, 1].
        calibration: calibration of the pack that made the embedding.

    Returns:
        The contract's level: high is recommended for enrolling, medium will do for identifying, low for neither.
    """
    rating = norm - calibration.blur_penalty * blur_value
    if rating < calibration.low_below:
        return Level3.LOW
    return Level3.MEDIUM if rating < calibration.high_from else Level3.HIGH


def quality_of(context: FaceContext) -> Level3:
    """Rate a face by the default pack, SFace; an engine with another pack calls `quality` with that one's length."""
    return quality(context.norm, blur(context.pixels, context.points).value)
