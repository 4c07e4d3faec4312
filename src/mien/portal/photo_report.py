"""The quality report of a photo to enrol: every measure, its requirement, and advice for a better photo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from mien.contract.attributes import Attribute, ExposureLevel, Level3
from mien.gallery.errors import LowQualityError, Shortfall
from mien.gallery.policy import EnrolmentPolicy
from mien.portal.standard_report import draw_measures
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
"""The attributes that a report is made of."""

ADVISED: Final = EnrolmentPolicy(
    min_quality="high", max_blur="low", no_occlusion=True, max_yaw=30, max_pitch=30, max_roll=30, min_size=100
)
"""Recommended quality for reliable recognition; photos below it are enrolled unless a policy refuses them."""


class Verdict(Enum):
    """The verdict on a measure."""

    GOOD = ("good", "good")
    POOR = ("poor", "warn")
    REFUSED = ("not accepted", "bad")


@dataclass(frozen=True, slots=True)
class Line:
    """One measure of a photo.

    Attributes:
        name: what was measured, in words.
        found: what the photo has.
        verdict: whether that is good.
        advice: what is asked for or advised, and how to get there; empty when it is good.
    """

    name: str
    found: str
    verdict: Verdict
    advice: str = ""


_TIPS: Final[Mapping[str, str]] = {
    "qualityForRecognition": "Take a sharp, well-lit photo from the front.",
    "blur": "Hold still, clean the lens, and let the camera focus on the face.",
    "occlusion": "Uncover the forehead, eyes and mouth.",
    "yaw": "Look straight into the camera.",
    "pitch": "Hold the camera at eye level.",
    "roll": "Keep the head upright.",
    "size": "Go nearer, or take a photo with more pixels.",
    "exposure": "Light the face from the front, neither dim nor glaring.",
    "noise": "Take the photo with more light.",
}


def report_on(face: Face, policy: EnrolmentPolicy) -> list[Line]:
    """Return what a photo is like.

    Args:
        face: analysed with `MEASURED`.
        policy: what is asked of photos where it is to be enrolled.
    """
    asked, advised = _shortfalls(policy, face), _shortfalls(ADVISED, face)

    def line(measure: str, name: str, found: str) -> Line:
        for failed, verdict, words in ((asked, Verdict.REFUSED, "asked for"), (advised, Verdict.POOR, "advised")):
            if measure in failed:
                required = failed[measure].required
                wanted = f"{required[:1].upper()}{required[1:]} is {words}. " if measure != "occlusion" else ""
                return Line(name, found, verdict, wanted + _TIPS[measure])
        return Line(name, found, Verdict.GOOD)

    return [line(*one) for one in _measures(face)] + list(_light(face.attributes))


def _measures(face: Face) -> Iterator[tuple[str, str, str]]:
    """Give measure, name in words, and what was found of everything that a policy can ask for."""
    found = face.attributes
    if found.quality is not None:
        yield "qualityForRecognition", "Quality for recognition", found.quality.value
    if found.blur is not None:
        yield "blur", "Blur", f"{found.blur.level.value} ({found.blur.value:.2f})"
    yield "size", "Size of the face", f"{face.box.width} × {face.box.height} pixels"
    if found.occlusion is not None:
        covered = [name for name in ("forehead", "eye", "mouth") if getattr(found.occlusion, name)]
        words = " and ".join("eyes" if name == "eye" else name for name in covered) or "nothing"
        mask = found.mask is not None and found.mask.nose_and_mouth_covered
        yield "occlusion", "Covered", words + (", by a mask" if mask and covered else "")
    if found.head_pose is not None:
        for name, words in (("yaw", "Yaw"), ("pitch", "Pitch"), ("roll", "Roll")):
            yield name, words, f"{abs(getattr(found.head_pose, name)):.0f}°"


def _light(found: Attributes) -> Iterator[Line]:
    """Give what no policy asks for."""
    if found.exposure is not None:
        good = found.exposure.level is ExposureLevel.GOOD
        words = {ExposureLevel.UNDER: "too dark", ExposureLevel.OVER: "too bright"}.get(found.exposure.level, "good")  # type: ignore[arg-type]  # of Level3 there is none
        yield Line("Light", words, Verdict.GOOD if good else Verdict.POOR, "" if good else _TIPS["exposure"])
    if found.noise is not None:
        good = found.noise.level is not Level3.HIGH
        yield Line(
            "Noise", found.noise.level.value, Verdict.GOOD if good else Verdict.POOR, "" if good else _TIPS["noise"]
        )


def _shortfalls(policy: EnrolmentPolicy, face: Face) -> dict[str, Shortfall]:
    try:
        policy.check(face)
    except LowQualityError as error:
        return {one.measure: one for one in error.shortfalls}
    return {}


def draw_report(lines: list[Line], quality: Mapping[Measure, QualityScore] | None = None) -> None:
    """Draw a report, what is worst first.

    Args:
        lines: what a policy can ask for.
        quality: the measures of ISO/IEC 29794-5, where they were taken.
    """
    title = "Photo quality"
    Tag("h3", title)
    order = (Verdict.REFUSED, Verdict.POOR, Verdict.GOOD)
    with Tag("ul", classes="plain", aria_label=title):
        for one in sorted(lines, key=lambda line: order.index(line.verdict)):
            with Tag("li"):
                with Tag("div", classes="row"):
                    badge(*one.verdict.value)
                    Tag("strong", one.name)
                    Tag("span", one.found)
                if one.advice:
                    Tag("div", one.advice, "small soft")
    if quality is not None:
        draw_measures(quality)


def asked(policy: EnrolmentPolicy) -> list[str]:
    """Return what a policy asks of photos, in words."""
    found = []
    if policy.min_quality:
        found.append(f"quality for recognition at least {policy.min_quality}")
    if policy.max_blur:
        found.append(f"blur at most {policy.max_blur}")
    if policy.no_occlusion:
        found.append("forehead, eyes and mouth not covered")
    for name, words in (("yaw", "yaw"), ("pitch", "pitch"), ("roll", "roll")):
        if limit := getattr(policy, f"max_{name}"):
            found.append(f"{words} at most {limit:g}°")
    if policy.min_size:
        found.append(f"a face of {policy.min_size} pixels or more")
    return found
