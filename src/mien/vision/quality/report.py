"""All measures of one face."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from mien.vision.attributes.context import LITE0, MESH, SFACE, FaceContext
from mien.vision.landmarks import Mesh
from mien.vision.measures import MEASURES, Measure, QualityScore
from mien.vision.pose import head_pose
from mien.vision.quality import features, light
from mien.vision.quality.background import background_uniformity
from mien.vision.quality.geometry import frame_measures, pose_measures
from mien.vision.quality.mapping import share_left
from mien.vision.quality.regions import AlignedFace
from mien.vision.quality.unified import unified
from mien.vision.types import Float32

PACKS: Final = frozenset({MESH, SFACE, LITE0})
"""The model packs that the measures need."""


@dataclass(frozen=True, slots=True)
class FaceSurroundings:
    """The photo around a face.

    Attributes:
        width: pixels of the full image.
        height: pixels of the full image.
        to_full: converts points, float32 (n, 2), from the face's pixels to the full image.
        second: area of the second largest face relative to the largest; None if only this face is known.
    """

    width: int
    height: int
    to_full: Callable[[Float32], Float32]
    second: float | None = None


def measure_quality(
    context: FaceContext, frame: FaceSurroundings, with_irises: Callable[[Mesh], Mesh]
) -> Mapping[Measure, QualityScore]:
    """Measure the quality of a face.

    Args:
        context: the face.
        frame: the photo around it.
        with_irises: adds the irises to the face's mesh.

    Returns:
        The measures in the order of `MEASURES`, without those that this photo does not allow (such as the background
        if the head fills the photo).
    """
    mesh = context.mesh
    pose = head_pose(mesh)
    face = AlignedFace.cut(context.pixels, context.points, mesh.points)
    found: dict[Measure, QualityScore | None] = {
        Measure.UNIFIED: unified(context.norm),
        Measure.BACKGROUND_UNIFORMITY: background_uniformity(face),
        Measure.ILLUMINATION_UNIFORMITY: light.illumination_uniformity(face),
        Measure.LUMINANCE_MEAN: light.luminance_mean(face),
        Measure.LUMINANCE_VARIANCE: light.luminance_variance(face),
        Measure.UNDER_EXPOSURE: light.under_exposure(face),
        Measure.OVER_EXPOSURE: light.over_exposure(face),
        Measure.DYNAMIC_RANGE: light.dynamic_range(face),
        Measure.SHARPNESS: light.sharpness(context.pixels, context.points),
        Measure.NATURAL_COLOUR: light.natural_colour(face),
        Measure.SINGLE_FACE: None if frame.second is None else share_left(frame.second),
        Measure.EYES_OPEN: features.eyes_open(mesh, with_irises(mesh)),
        Measure.MOUTH_CLOSED: features.mouth_closed(mesh),
        **dict(features.of_networks(context)),
        **dict(frame_measures(frame.to_full(mesh.points[:, :2]), pose, frame.width, frame.height)),
        **dict(pose_measures(pose)),
    }
    return {measure: score for measure in MEASURES if (score := found.get(measure)) is not None}
