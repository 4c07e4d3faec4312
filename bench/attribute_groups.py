"""Rates of reported attributes, and errors of estimated ages, by group of FairFace.

    python bench/attribute_groups.py --shared ../shared

Each of the 270 photos (`../shared/faces/fairface`) is analysed once, at the most thorough operating point, with all
attributes; the face nearest to the centre is the labelled one. Age band, sex and race are the labels of FairFace's
annotators. For most attributes there is no ground truth, so the table gives rates: a difference between groups can be
in the photos (old people do wear more glasses) or in the estimator. Intervals are 95 % (Wilson's for rates).
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from mien.contract.attributes import GlassesType, Level3, MaskType
from mien.vision import Attributes, FaceEngine, OperatingPoint, Want
from mien.vision.attributes.registry import ESTIMATORS
from mien.vision.types import FaceBox

T = TypeVar("T")

BANDS = {
    "0-2": 1.5, "3-9": 6.5, "10-19": 15.0, "20-29": 25.0, "30-39": 35.0, "40-49": 45.0, "50-59": 55.0, "60-69": 65.0,
    "70+": 76.0,
}  # fmt: skip
"""FairFace's bands and their assumed middle, in years."""

REPORTED: Mapping[str, Callable[[Attributes], bool]] = {
    "glasses": lambda found: found.glasses is not GlassesType.NONE,
    "sunglasses": lambda found: found.glasses is GlassesType.SUN,
    "headWear": lambda found: any(item.type == "headWear" for item in _told(found.accessories)),
    "mask": lambda found: _told(found.mask).type is not MaskType.NONE,
    "forehead hidden": lambda found: _told(found.occlusion).forehead,
    "eye hidden": lambda found: _told(found.occlusion).eye,
    "mouth hidden": lambda found: _told(found.occlusion).mouth,
    "moustache": lambda found: _told(found.facial_hair).moustache >= 0.5,
    "beard": lambda found: _told(found.facial_hair).beard >= 0.5,
    "sideburns": lambda found: _told(found.facial_hair).sideburns >= 0.5,
    "bald": lambda found: _told(found.hair).bald >= 0.5,
    "hair hidden": lambda found: _told(found.hair).invisible,
    "smile": lambda found: _told(found.smile) >= 0.5,
    "eye makeup": lambda found: _told(found.makeup).eye,
    "lip makeup": lambda found: _told(found.makeup).lip,
    "blur not low": lambda found: _told(found.blur).level is not Level3.LOW,
    "noise not low": lambda found: _told(found.noise).level is not Level3.LOW,
    "exposure not good": lambda found: _told(found.exposure).level.value != "goodExposure",
    "quality low": lambda found: found.quality is Level3.LOW,
    "quality high": lambda found: found.quality is Level3.HIGH,
    "turned by over 30°": lambda found: abs(_told(found.head_pose).yaw) > 30,
}


def main() -> None:
    """Analyse the photos, or load earlier results, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True, help="folder with faces/fairface")
    parser.add_argument("--cache", type=Path, help="JSON file in which what was found is kept between runs")
    options = parser.parse_args()
    folder = options.shared / "faces/fairface"
    labels = {row["file"]: row for row in csv.DictReader((folder / "labels.csv").open())}
    if options.cache and options.cache.exists():
        found = json.loads(options.cache.read_text())
    else:
        found = look(folder)
        if options.cache:
            options.cache.write_text(json.dumps(found))
    print(f"{len(found)} of {len(labels)} labelled faces found\n")
    groups = grouped({name: labels[name] for name in found})
    print_rates(found, groups)
    print_ages(found, {name: labels[name] for name in found}, groups)


def look(folder: Path) -> dict[str, dict[str, Any]]:
    """Return, by file, the reported attributes and the age in years."""
    engine = FaceEngine()
    want = Want(operating_point=OperatingPoint.BEST, attributes=frozenset(ESTIMATORS))
    found = {}
    for photo in sorted(folder.glob("*.jpg")):
        analysis = engine.analyze(photo.read_bytes(), want)
        if not analysis.faces:
            continue

        middle = (analysis.width / 2, analysis.height / 2)
        attributes = min(analysis.faces, key=lambda face: _away(face.box, middle)).attributes  # called at once
        found[photo.name] = {name: bool(holds(attributes)) for name, holds in REPORTED.items()} | {
            "age": attributes.age
        }
    return found


def grouped(labels: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """Return the files of each group: all, each sex, each race, each age band."""
    groups = {"all": list(labels)}
    for column, values in (
        ("sex", ("Female", "Male")),
        ("race", sorted({row["race"] for row in labels.values()})),
        ("age_label", tuple(BANDS)),
    ):
        for value in values:
            groups[value.replace("_", " ")] = [name for name, row in labels.items() if row[column] == value]
    return groups


def print_rates(found: Mapping[str, Mapping[str, Any]], groups: Mapping[str, list[str]]) -> None:
    """Print a row per attribute and a column per group, with rates and intervals in percent."""
    print("| reported, % (95 %) | " + " | ".join(f"{name} ({len(files)})" for name, files in groups.items()) + " |")
    print("|---" * (len(groups) + 1) + "|")
    for attribute in REPORTED:
        cells = []
        for files in groups.values():
            count = sum(found[name][attribute] for name in files)
            low, high = wilson(count, len(files))
            cells.append(f"{100 * count / len(files):.0f} ({100 * low:.0f}–{100 * high:.0f})")
        print(f"| {attribute} | " + " | ".join(cells) + " |")


def print_ages(
    found: Mapping[str, Mapping[str, Any]], labels: Mapping[str, Mapping[str, str]], groups: Mapping[str, list[str]]
) -> None:
    """Print the differences of ages from the middles of the annotators' bands."""
    error = {name: found[name]["age"] - BANDS[labels[name]["age_label"]] for name in found}
    print("\n| group | photos | bias, years (95 %) | mean absolute error |\n|---|---|---|---|")
    for group, files in groups.items():
        errors = np.array([error[name] for name in files])
        margin = 1.96 * errors.std(ddof=1) / np.sqrt(len(errors))
        print(f"| {group} | {len(errors)} | {errors.mean():+.1f} ± {margin:.1f} | {np.abs(errors).mean():.1f} |")


def wilson(count: int, total: int) -> tuple[float, float]:
    """Return Wilson's interval of 95 % for a rate."""
    rate, z = count / total, 1.96
    middle = rate + z * z / (2 * total)
    spread = z * np.sqrt(rate * (1 - rate) / total + z * z / (4 * total * total))
    # max: without hits the difference is 0, apart from rounding
    return max(0.0, float((middle - spread) / (1 + z * z / total))), float((middle + spread) / (1 + z * z / total))


def _away(box: FaceBox, place: tuple[float, float]) -> float:
    return float(np.hypot(box.left + box.width / 2 - place[0], box.top + box.height / 2 - place[1]))


def _told(value: T | None) -> T:
    assert value is not None
    return value


if __name__ == "__main__":
    main()
