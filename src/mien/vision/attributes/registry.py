"""The estimator and model packs of each attribute."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mien.contract.attributes import Attribute
from mien.vision.attributes.accessories import accessories
from mien.vision.attributes.age import PACK as AGE
from mien.vision.attributes.age import age
from mien.vision.attributes.blur import blur
from mien.vision.attributes.context import LITE0, MESH, SFACE, FaceContext
from mien.vision.attributes.exposure import exposure
from mien.vision.attributes.facial_hair import facial_hair
from mien.vision.attributes.hair import hair
from mien.vision.attributes.makeup import makeup
from mien.vision.attributes.mask import mask
from mien.vision.attributes.noise import noise
from mien.vision.attributes.occlusion import occlusion
from mien.vision.attributes.quality import quality_of
from mien.vision.attributes.smile import smile
from mien.vision.attributes.worn import glasses
from mien.vision.errors import UnsupportedAttributeError
from mien.vision.pose import head_pose
from mien.vision.types import Attributes


@dataclass(frozen=True, slots=True)
class Estimator:
    """The estimator of one attribute.

    Attributes:
        field: the field of `Attributes` that it fills.
        estimate: returns that field's value for a face.
        packs: names of the model packs that it needs; empty if it needs only pixels.
    """

    field: str
    estimate: Callable[[FaceContext], Any]
    packs: frozenset[str] = frozenset()


ESTIMATORS: Mapping[Attribute, Estimator] = {
    Attribute.HEAD_POSE: Estimator("head_pose", lambda face: head_pose(face.mesh), frozenset({MESH})),
    Attribute.BLUR: Estimator("blur", lambda face: blur(face.pixels, face.points)),
    Attribute.EXPOSURE: Estimator("exposure", lambda face: exposure(face.pixels, face.points)),
    Attribute.NOISE: Estimator("noise", lambda face: noise(face.pixels, face.points)),
    Attribute.QUALITY: Estimator("quality", quality_of, frozenset({SFACE})),
    Attribute.AGE: Estimator("age", age, frozenset({AGE, SFACE})),
    Attribute.SMILE: Estimator("smile", smile, frozenset({SFACE})),
    Attribute.MASK: Estimator("mask", mask, frozenset({LITE0})),
    Attribute.OCCLUSION: Estimator("occlusion", occlusion, frozenset({LITE0, SFACE})),
    Attribute.GLASSES: Estimator("glasses", glasses, frozenset({SFACE, LITE0})),
    Attribute.ACCESSORIES: Estimator("accessories", accessories, frozenset({SFACE, LITE0})),
    Attribute.FACIAL_HAIR: Estimator("facial_hair", facial_hair, frozenset({SFACE, LITE0})),
    Attribute.HAIR: Estimator("hair", hair, frozenset({SFACE, LITE0})),
    Attribute.MAKEUP: Estimator("makeup", makeup, frozenset({SFACE})),
}
"""Every attribute that this build can estimate."""


def packs_for(wanted: Iterable[Attribute]) -> frozenset[str]:
    """Return the packs that the attributes need.

    Raises:
        UnsupportedAttributeError: if one of them cannot be estimated by this build.
    """
    return frozenset().union(*(_estimator(attribute).packs for attribute in wanted))


def estimate_attributes(context: FaceContext, wanted: Iterable[Attribute]) -> Attributes:
    """Estimate the requested attributes only.

    Raises:
        UnsupportedAttributeError: if one of them cannot be estimated by this build; then nothing is computed.
    """
    estimators = [_estimator(attribute) for attribute in wanted]
    return Attributes(**{estimator.field: estimator.estimate(context) for estimator in estimators})


def _estimator(attribute: Attribute) -> Estimator:
    estimator = ESTIMATORS.get(attribute)
    if estimator is None:
        raise UnsupportedAttributeError(attribute.value, "no estimator is installed")
    return estimator
