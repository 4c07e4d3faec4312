"""Time to decode JPEGs: `mien.vision.decode` against bare libjpeg-turbo and OpenCV, one thread, interleaved.

    uv run python bench/decoding.py

The photo is a shared sample, resized, with sensor noise, at quality 88. Prints minima and medians.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import simplejpeg

from mien.vision.decode import decode
from mien.vision.image_header.reading import read_header

SIZES = ((250, 250), (640, 480), (1920, 1080), (4000, 3000), (6000, 4000))


def photo(source: Path, width: int, height: int) -> bytes:
    """Return a noisy JPEG of a size."""
    rng = np.random.default_rng(1)
    read = cv2.imread(str(source))
    assert read is not None, source
    pixels = np.asarray(cv2.resize(read, (width, height), interpolation=cv2.INTER_CUBIC))
    grain = rng.normal(0, 4, pixels.shape).astype(np.int16)
    pixels = np.clip(pixels.astype(np.int16) + grain, 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = next((p / "shared" for p in Path(__file__).resolve().parents if (p / "shared" / "faces").is_dir()), None)
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("MIEN_SHARED", default or "../shared")))
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    print(
        "| size | KB | header µs | libjpeg-turbo ms | decode, working 1600 | working 960 | OpenCV | OpenCV reduced 2 |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for width, height in SIZES:
        data = photo(options.shared / "faces" / "azure" / "detection5.jpg", width, height)
        array = np.frombuffer(data, np.uint8)
        ways: list[Callable[[], object]] = [
            lambda data=data: read_header(data),
            lambda data=data: simplejpeg.decode_jpeg(data, "BGR"),
            lambda data=data: decode(data),
            lambda data=data: decode(data, working_side=960),
            lambda array=array: cv2.imdecode(array, cv2.IMREAD_COLOR),
            lambda array=array: cv2.imdecode(array, cv2.IMREAD_REDUCED_COLOR_2),
        ]
        times: list[list[float]] = [[] for _ in ways]
        for _ in range(options.runs):
            for way, taken in zip(ways, times, strict=True):
                began = time.perf_counter()
                way()
                taken.append(1000 * (time.perf_counter() - began))
        header = f"{1000 * statistics.median(times[0]):.0f}"
        rest = " | ".join(f"{min(t):.2f} / {statistics.median(t):.2f}" for t in times[1:])
        print(f"| {width}×{height} | {len(data) // 1024} | {header} | {rest} |", flush=True)


if __name__ == "__main__":
    main()
