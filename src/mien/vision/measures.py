"""The supported quality measures of ISO/IEC 29794-5, as data: name, clause, definition and method.

Every score is a whole number from 0 to 100; higher is better. Raw values are mapped to scores as in the standard, with
the constants of its reference implementation, OFIQ 1.1 by the Federal Office for Information Security
(`data/ofiq_config.jaxn`). Where the standard uses networks that Mien does not have, Mien uses its own and marks the
measure (`MeasureBasis.OWN`): such a score ranks photos as the standard's does, but has other values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class MeasureBasis(StrEnum):
    """Relation of a measure to the standard.

    STANDARD: the standard's formula and mapping, on Mien's landmarks instead of the 98 of ADNet.
    OWN: the standard's aspect, measured by Mien's own method.
    """

    STANDARD = "standard"
    OWN = "own"


class Measure(StrEnum):
    """The quality measures, by their identifiers in the reference implementation."""

    UNIFIED = "UnifiedQualityScore"
    BACKGROUND_UNIFORMITY = "BackgroundUniformity"
    ILLUMINATION_UNIFORMITY = "IlluminationUniformity"
    LUMINANCE_MEAN = "LuminanceMean"
    LUMINANCE_VARIANCE = "LuminanceVariance"
    UNDER_EXPOSURE = "UnderExposurePrevention"
    OVER_EXPOSURE = "OverExposurePrevention"
    DYNAMIC_RANGE = "DynamicRange"
    SHARPNESS = "Sharpness"
    NATURAL_COLOUR = "NaturalColour"
    SINGLE_FACE = "SingleFacePresent"
    EYES_OPEN = "EyesOpen"
    MOUTH_CLOSED = "MouthClosed"
    EYES_VISIBLE = "EyesVisible"
    MOUTH_OCCLUSION = "MouthOcclusionPrevention"
    FACE_OCCLUSION = "FaceOcclusionPrevention"
    INTER_EYE_DISTANCE = "InterEyeDistance"
    HEAD_SIZE = "HeadSize"
    CROP_LEFT = "LeftwardCropOfTheFaceImage"
    CROP_RIGHT = "RightwardCropOfTheFaceImage"
    MARGIN_ABOVE = "MarginAboveOfTheFaceImage"
    MARGIN_BELOW = "MarginBelowOfTheFaceImage"
    POSE_YAW = "HeadPoseYaw"
    POSE_PITCH = "HeadPosePitch"
    POSE_ROLL = "HeadPoseRoll"
    EXPRESSION = "ExpressionNeutrality"
    HEAD_COVERINGS = "NoHeadCoverings"


@dataclass(frozen=True, slots=True)
class Definition:
    """The definition of a measure.

    Attributes:
        name: readable name.
        clause: clause of ISO/IEC 29794-5:2025.
        definition: the raw value and its unit, in one sentence.
        basis: relation to the standard.
        advice: how to get a higher score.
    """

    name: str
    clause: str
    definition: str
    basis: MeasureBasis
    advice: str


@dataclass(frozen=True, slots=True)
class QualityScore:
    """One measure of one face.

    Attributes:
        raw: the measured value, in the unit of the definition.
        score: 0 to 100, higher is better.
    """

    raw: float
    score: int


def _own(name: str, clause: str, definition: str, advice: str) -> Definition:
    return Definition(name, clause, definition, MeasureBasis.OWN, advice)


def _of(name: str, clause: str, definition: str, advice: str) -> Definition:
    return Definition(name, clause, definition, MeasureBasis.STANDARD, advice)


_FRAME: Final = "Leave more room around the head."

MEASURES: Final[Mapping[Measure, Definition]] = MappingProxyType(
    {
        Measure.UNIFIED: _own(
            "Unified quality score",
            "7.2",
            "Length of the face's template before normalising (SFace; the standard uses MagFace).",
            "Take a sharp, well-lit photo from the front.",
        ),
        Measure.BACKGROUND_UNIFORMITY: _own(
            "Background uniformity",
            "7.3.2",
            "Mean luminance gradient beside the head and above the chin, without a network that parses the photo.",
            "Stand before a plain wall.",
        ),
        Measure.ILLUMINATION_UNIFORMITY: _of(
            "Illumination uniformity",
            "7.3.3",
            "Share that the luminance histograms of both cheeks have in common, 0 to 1.",
            "Light both sides of the face alike.",
        ),
        Measure.LUMINANCE_MEAN: _of(
            "Luminance mean",
            "7.3.4.2",
            "Mean luminance of the face, 0 to 1, linear in light.",
            "Light the face from the front, neither dim nor glaring.",
        ),
        Measure.LUMINANCE_VARIANCE: _of(
            "Luminance variance",
            "7.3.4.3",
            "Variance of the face's luminance, linear in light.",
            "Use soft light: neither flat nor with hard shadows.",
        ),
        Measure.UNDER_EXPOSURE: _of(
            "Under-exposure prevention",
            "7.3.5",
            "Share of the face's pixels with a luminance of 25 of 255 or less.",
            "Take the photo with more light.",
        ),
        Measure.OVER_EXPOSURE: _of(
            "Over-exposure prevention",
            "7.3.6",
            "Share of the face's pixels with a luminance of 247 of 255 or more.",
            "Take the photo with less light.",
        ),
        Measure.DYNAMIC_RANGE: _of(
            "Dynamic range",
            "7.3.7",
            "Entropy of the face's luminance histogram, 0 to 8 bits.",
            "Use even light, and a camera that does not crush tones.",
        ),
        Measure.SHARPNESS: _own(
            "Sharpness",
            "7.3.8",
            "Width of the face's steepest edges, in pixels of a face of 112.",
            "Hold still, clean the lens, and let the camera focus on the face.",
        ),
        Measure.NATURAL_COLOUR: _of(
            "Natural colour",
            "7.3.10",
            "Distance of the cheeks' colour from the range of skin in CIELAB (a* 5 to 25, b* 5 to 35).",
            "Set the white balance, and avoid coloured light.",
        ),
        Measure.SINGLE_FACE: _of(
            "Single face present",
            "7.4.2",
            "Area of the second largest face by that of the largest, 0 to 1.",
            "Have one person in the photo.",
        ),
        Measure.EYES_OPEN: _own(
            "Eyes open",
            "7.4.3",
            "Opening of the eye that is less open, by the distance from the eyes to the chin.",
            "Open the eyes.",
        ),
        Measure.MOUTH_CLOSED: _of(
            "Mouth closed",
            "7.4.4",
            "Gap between the lips, by the distance from the eyes to the chin.",
            "Close the mouth.",
        ),
        Measure.EYES_VISIBLE: _own(
            "Eyes visible",
            "7.4.5",
            "Probability that something covers an eye, 0 to 1 (the standard: share of the area).",
            "Take off dark glasses, and keep hair out of the eyes.",
        ),
        Measure.MOUTH_OCCLUSION: _own(
            "Mouth occlusion prevention",
            "7.4.6",
            "Probability that something covers the mouth, 0 to 1 (the standard: share of the area).",
            "Take off the mask, and keep hands away from the face.",
        ),
        Measure.FACE_OCCLUSION: _own(
            "Face occlusion prevention",
            "7.4.7",
            "Mean probability that forehead, eyes and mouth are covered, 0 to 1 (the standard: share of the area).",
            "Uncover the forehead, eyes and mouth.",
        ),
        Measure.INTER_EYE_DISTANCE: _of(
            "Inter-eye distance",
            "7.4.8",
            "Pixels between the centres of the eyes, corrected for yaw.",
            "Go nearer, or take a photo with more pixels.",
        ),
        Measure.HEAD_SIZE: _of(
            "Head size",
            "7.4.9",
            "Distance from the eyes to the chin by the image's height; 0.45 is best.",
            "Fill the frame with head and shoulders.",
        ),
        Measure.CROP_LEFT: _of(
            "Leftward crop of the face image",
            "7.4.10.1",
            "Distance of the eye on the left from the image's left border, in inter-eye distances.",
            _FRAME,
        ),
        Measure.CROP_RIGHT: _of(
            "Rightward crop of the face image",
            "7.4.10.2",
            "Distance of the eye on the right from the image's right border, in inter-eye distances.",
            _FRAME,
        ),
        Measure.MARGIN_ABOVE: _of(
            "Margin above the face image",
            "7.4.10.3",
            "Distance of the eyes from the image's upper border, in distances from the eyes to the chin.",
            _FRAME,
        ),
        Measure.MARGIN_BELOW: _of(
            "Margin below the face image",
            "7.4.10.4",
            "Distance of the eyes from the image's lower border, in distances from the eyes to the chin.",
            _FRAME,
        ),
        Measure.POSE_YAW: _of(
            "Head pose, yaw",
            "7.4.11.2",
            "Degrees that the head is turned to the side.",
            "Look straight into the camera.",
        ),
        Measure.POSE_PITCH: _of(
            "Head pose, pitch",
            "7.4.11.3",
            "Degrees that the head looks up or down.",
            "Hold the camera at eye level.",
        ),
        Measure.POSE_ROLL: _of(
            "Head pose, roll",
            "7.4.11.4",
            "Degrees that the head is tilted.",
            "Keep the head upright.",
        ),
        Measure.EXPRESSION: _own(
            "Expression neutrality",
            "7.4.12",
            "How broadly the face smiles, 0 to 1; other expressions are not measured.",
            "Keep a neutral face.",
        ),
        Measure.HEAD_COVERINGS: _own(
            "No head coverings",
            "7.4.13",
            "Probability that something is worn on the head, 0 to 1 (the standard: share of the area).",
            "Take off headwear, unless it is worn for religious or medical reasons.",
        ),
    }
)
"""Every measure that this build computes."""
