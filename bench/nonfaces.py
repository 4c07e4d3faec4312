"""False detections on photos without people, and faces that re-detection loses.

    uv run --group bench python bench/nonfaces.py                  (all photos of the shared data)
    uv run --group bench python bench/nonfaces.py --every 5 --list

Without people: `faces/nonfaces`, boxes as Detect reports them (of the contract's minimum size or more). With people:
`faces/fairface`, `azure` and `lfw`, boxes with and without the re-detection that checks whether an uncertain face is a
person's (`vision/people.py`). Lost faces are listed for inspection.

The head was trained with these photos; its card (`heads/person.npz`) gives the rates on held-out parts.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from mien.vision import engine as engine_module
from mien.vision.engine import FaceEngine
from mien.vision.types import OperatingPoint, Want


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = next((p / "shared" for p in Path(__file__).resolve().parents if (p / "shared" / "faces").is_dir()), None)
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("MIEN_SHARED", default or "../shared")))
    parser.add_argument("--every", type=int, default=1, help="take every n-th photo with people only")
    parser.add_argument("--sets", nargs="*", default=["fairface", "azure", "lfw"])
    parser.add_argument("--points", nargs="*", type=OperatingPoint, default=list(OperatingPoint))
    parser.add_argument("--list", action="store_true", help="name every false box")
    options = parser.parse_args()
    engine, inside = FaceEngine(), vars(engine_module)
    faces = options.shared / "faces"
    without = sorted((faces / "nonfaces").glob("*.JPEG"))
    print("| photos | point | boxes | dropped by the second look |\n|---|---|---|---|")
    for point in options.points:
        want = Want(operating_point=point)
        boxes = 0
        for path in without:
            found = engine.analyze(path.read_bytes(), want).faces
            boxes += len(found)
            if options.list and found:
                print(f"  {path.name}: " + ", ".join(f"{face.score:.2f} {face.box}" for face in found))
        print(f"| {len(without)} without people | {point} | {boxes} | |", flush=True)
    sure = inside["SURE"]
    for name in options.sets:
        photos = sorted((faces / name).rglob("*.jpg"))[:: options.every]
        for point in options.points:
            want, kept, lost = Want(operating_point=point), 0, []
            for path in photos:
                with_look = {face.box for face in engine.analyze(path.read_bytes(), want).faces}
                kept += len(with_look)
                inside["SURE"] = 0.0
                lost += [
                    f"{path.relative_to(faces)} {face.score:.2f} {face.box}"
                    for face in engine.analyze(path.read_bytes(), want).faces
                    if face.box not in with_look
                ]
                inside["SURE"] = sure
            print(f"| {len(photos)} of {name} | {point} | {kept} | {len(lost)} |", flush=True)
            for line in lost:
                print(f"  lost: {line}")


if __name__ == "__main__":
    main()
