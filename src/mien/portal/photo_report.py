"""The quality report of a photo to enrol: every measure, its requirement, and advice for a better photo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from mien.contract.attributes import Attribute, ExposureLevel, Level3
from mien.gallery.errors import LowQualityError, Shortfall
from mien.gallery.policy import EnrolmentPolicy
from mien.portal.levels import LEVELS
from mien.portal.standard_report import draw_measures
from mien.portal.texts import figure, listed, mark, t
from mien.portal.widgets import Tag, badge
from mien.vision.measures import Measure, QualityScore
from mien.vision.types import Attributes, Face

MEASURED: Final = frozenset(
    {
        Attribute.QUALITY,
        Attribute.BLUR,
        Attribute.EXPOSURE,
        Attribute.NOISE,
        Attribute.OCCLUSION,
        Attribute.MASK,
        Attribute.HEAD_POSE,
    }
)
"""The attributes that a report needs."""

ADVISED: Final = EnrolmentPolicy(
    min_quality="high", max_blur="low", no_occlusion=True, max_yaw=30, max_pitch=30, max_roll=30, min_size=100
)
"""Recommended quality for reliable recognition; photos below it are enrolled unless a policy refuses them."""


class MeasureRating(Enum):
    """The verdict on a measure."""

    GOOD = (mark("good"), "good")
    POOR = (mark("poor"), "warn")
    REFUSED = (mark("not accepted"), "bad")


@dataclass(frozen=True, slots=True)
class MeasureLine:
    """A measure of a photo.

    Attributes:
        name: name of the measure.
        found: the measured value.
        verdict: rating of the value.
        advice: the requirement or advice, and how to meet it; empty if the value is good.
    """

    name: str
    found: str
    verdict: MeasureRating
    advice: str = ""


_TIPS: Final[Mapping[str, str]] = {
    "qualityForRecognition": mark("Take a sharp, well-lit photo from the front."),
    "blur": mark("Hold still, clean the lens, and let the camera focus on the face."),
    "occlusion": mark("Uncover the forehead, eyes and mouth."),
    "yaw": mark("Look straight into the camera."),
    "pitch": mark("Hold the camera at eye level."),
    "roll": mark("Keep the head upright."),
    "size": mark("Go nearer, or take a photo with more pixels."),
    "exposure": mark("Light the face from the front, neither dim nor glaring."),
    "noise": mark("Take the photo with more light."),
}


_PARTS: Final[Mapping[str, str]] = {"forehead": mark("forehead"), "eye": mark("eyes"), "mouth": mark("mouth")}
_EXPOSURES: Final[Mapping[str, str]] = {
    ExposureLevel.UNDER.value: mark("too dark"),
    ExposureLevel.OVER.value: mark("too bright"),
}


def report_on(face: Face, policy: EnrolmentPolicy) -> list[MeasureLine]:
    """Return the measures of a photo.

    Args:
        face: the face, analysed with `MEASURED`.
        policy: requirements on photos in the target group.
    """
    asked, advised = _shortfalls(policy, face), _shortfalls(ADVISED, face)

    def line(measure: str, name: str, found: str) -> MeasureLine:
        if measure in asked:
            return MeasureLine(
                name,
                found,
                MeasureRating.REFUSED,
                _advice(measure, t("Required: {limit}.", limit=_limits(policy).get(measure, ""))),
            )
        if measure in advised:
            return MeasureLine(
                name,
                found,
                MeasureRating.POOR,
                _advice(measure, t("Advised: {limit}.", limit=_limits(ADVISED).get(measure, ""))),
            )
        return MeasureLine(name, found, MeasureRating.GOOD)

    return [line(*one) for one in _measures(face)] + list(_light(face.attributes))


def _advice(measure: str, wanted: str) -> str:
    """Describe the requirement on a measure, and how to meet it."""
    tip = t(_TIPS[measure])
    return tip if measure == "occlusion" else f"{wanted} {tip}"


def _measures(face: Face) -> Iterator[tuple[str, str, str]]:
    """Yield measure, display name and value of everything that a policy can require."""
    found = face.attributes
    if found.quality is not None:
        yield "qualityForRecognition", t("Quality for recognition"), t(LEVELS[found.quality.value])
    if found.blur is not None:
        yield "blur", t("Blur"), f"{t(LEVELS[found.blur.level.value])} ({figure(found.blur.value, '.2f')})"
    yield "size", t("Size of the face"), t("{width} × {height} pixels", width=face.box.width, height=face.box.height)
    if found.occlusion is not None:
        covered = [name for name in ("forehead", "eye", "mouth") if getattr(found.occlusion, name)]
        words = listed(t(_PARTS[name]) for name in covered) or t("nothing")
        mask = found.mask is not None and found.mask.nose_and_mouth_covered
        yield "occlusion", t("Covered"), (t("{parts}, by a mask", parts=words) if mask and covered else words)
    if found.head_pose is not None:
        for name, words in (("yaw", t("Yaw")), ("pitch", t("Pitch")), ("roll", t("Roll"))):
            yield name, words, f"{abs(getattr(found.head_pose, name)):.0f}°"


def _light(found: Attributes) -> Iterator[MeasureLine]:
    """Yield the measures that no policy can require."""
    if found.exposure is not None:
        good = found.exposure.level is ExposureLevel.GOOD
        words = t(_EXPOSURES.get(found.exposure.level.value, "good"))
        yield MeasureLine(
            t("Light"), words, MeasureRating.GOOD if good else MeasureRating.POOR, "" if good else t(_TIPS["exposure"])
        )
    if found.noise is not None:
        good = found.noise.level is not Level3.HIGH
        yield MeasureLine(
            t("Noise"),
            t(LEVELS[found.noise.level.value]),
            MeasureRating.GOOD if good else MeasureRating.POOR,
            "" if good else t(_TIPS["noise"]),
        )


def _shortfalls(policy: EnrolmentPolicy, face: Face) -> dict[str, Shortfall]:
    try:
        policy.check(face)
    except LowQualityError as error:
        return {one.measure: one for one in error.shortfalls}
    return {}


def draw_report(lines: list[MeasureLine], quality: Mapping[Measure, QualityScore] | None = None) -> None:
    """Draw a report, worst measures first.

    Args:
        lines: the measures.
        quality: the measures of ISO/IEC 29794-5; None if not measured.
    """
    title = t("Photo quality")
    Tag("h3", title)
    order = (MeasureRating.REFUSED, MeasureRating.POOR, MeasureRating.GOOD)
    with Tag("ul", classes="plain", aria_label=title):
        for one in sorted(lines, key=lambda line: order.index(line.verdict)):
            with Tag("li"):
                with Tag("div", classes="row"):
                    word, tone = one.verdict.value
                    badge(t(word), tone)
                    Tag("strong", one.name)
                    Tag("span", one.found)
                if one.advice:
                    Tag("div", one.advice, "small soft")
    if quality is not None:
        draw_measures(quality)


def asked(policy: EnrolmentPolicy) -> list[str]:
    """Return a policy's requirements on photos as texts."""
    found, limits = [], _limits(policy)
    if policy.min_quality:
        found.append(t("quality for recognition {limit}", limit=limits["qualityForRecognition"]))
    if policy.max_blur:
        found.append(t("blur {limit}", limit=limits["blur"]))
    if policy.no_occlusion:
        found.append(t("forehead, eyes and mouth not covered"))
    if policy.max_yaw:
        found.append(t("yaw {limit}", limit=limits["yaw"]))
    if policy.max_pitch:
        found.append(t("pitch {limit}", limit=limits["pitch"]))
    if policy.max_roll:
        found.append(t("roll {limit}", limit=limits["roll"]))
    if policy.min_size:
        found.append(t("size of the face {limit}", limit=limits["size"]))
    return found


def _limits(policy: EnrolmentPolicy) -> dict[str, str]:
    """Return the limits of a policy as texts, by measure."""
    found = {}
    if policy.min_quality:
        found["qualityForRecognition"] = t("at least {level}", level=t(LEVELS[policy.min_quality]))
    if policy.max_blur:
        found["blur"] = t("at most {level}", level=t(LEVELS[policy.max_blur]))
    for name, limit in (("yaw", policy.max_yaw), ("pitch", policy.max_pitch), ("roll", policy.max_roll)):
        if limit:
            found[name] = t("at most {limit:g}°", limit=limit)
    if policy.min_size:
        found["size"] = t("at least {count} pixels", count=policy.min_size)
    return found
