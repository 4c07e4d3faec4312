"""The user's own recognisers: creates a pack from an ONNX file and its input conventions.

The file is first run on synthetic pictures, so that wrong conventions are detected when the pack is added, not at the
first request. This detects a wrong size, layout or output, but not a wrong colour order or scale: such networks still
return vectors, only worse ones.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from mien.models.errors import ManifestError
from mien.models.inputs import to_input
from mien.models.manifest import (
    ARCFACE_TEMPLATE,
    AddedSource,
    InputConvention,
    Licence,
    Manifest,
    OutputConvention,
    PackFile,
    StatedCalibration,
    Task,
)
from mien.models.manifest_files import invalid
from mien.models.runtime import Network
from mien.models.sources import sha256_of

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TrialRun:
    """The output of a recogniser on synthetic pictures.

    Attributes:
        output: name of the output with the vectors.
        dimension: length of the vectors.
        normalised: whether the network returns unit vectors.
        batch: whether several pictures in one call give the same results as single calls.
    """

    output: str
    dimension: int
    normalised: bool
    batch: bool


def scaled_template(size: int) -> tuple[tuple[float, float], ...]:
    """Return ArcFace's alignment template for square crops of another size than 112 pixels."""
    return tuple((x * size / 112, y * size / 112) for x, y in ARCFACE_TEMPLATE)


def describe(
    name: str,
    path: Path,
    convention: InputConvention,
    *,
    output: str | None = None,
    dimension: int | None = None,
    calibration: StatedCalibration | None = None,
    licence: str = "not stated",
    summary: str = "",
) -> Manifest:
    """Test a recogniser and return its manifest.

    Args:
        name: name of the pack.
        path: the ONNX file, with weights inside.
        convention: its input convention, with the template.
        output: name of the output with the vectors; None to find it by its shape.
        dimension: expected length of the vectors; None for any.
        calibration: calibration of its similarities, if known.
        licence: licence of the weights.
        summary: a readable line.

    Raises:
        ManifestError: if file and conventions do not fit; the text gives the reason.
    """
    found = try_network(path, convention, output=output)
    if dimension is not None and found.dimension != dimension:
        message = f"{path.name} gives vectors of {found.dimension} numbers, not of {dimension}"
        raise ManifestError(message)
    file = PackFile(
        sha256=sha256_of(path),
        size=path.stat().st_size,
        source=AddedSource(file_name=path.name),
        input=convention.model_copy(update={"batch": found.batch}),
        output=OutputConvention(name=found.output, dimension=found.dimension, normalised=found.normalised),
    )
    try:
        return Manifest(
            name=name,
            version=file.sha256[:12],
            task=Task.RECOGNISER,
            summary=summary or f"{path.name}, added by hand, {found.dimension} dimensions",
            licence=Licence(spdx=licence, attribution="see the user's own terms"),
            files={"network": file},
            calibration=calibration,
        )
    except ValidationError as error:
        raise invalid(f"the pack {name!r}", error) from error


def try_network(path: Path, convention: InputConvention, *, output: str | None = None) -> TrialRun:
    """Run a recogniser on two synthetic pictures, one by one and together.

    Raises:
        ManifestError: if it cannot be loaded or run, or does not return one finite vector for each picture.
    """
    if not path.is_file():
        message = f"there is no file {path}"
        raise ManifestError(message)
    if not convention.width or not convention.height:
        message = "a recogniser needs a fixed width and height"
        raise ManifestError(message)
    images = to_input(_pictures(convention.width, convention.height), convention)
    with tempfile.TemporaryDirectory(prefix="mien-") as scratch:
        # On a copy, as in the store, where external weights in a second file would be missing.
        network = _load(Path(shutil.copy(path, scratch)))
    first, second = (_run(network, images[index : index + 1]) for index in range(2))
    name = _vector_output(network, first, output)
    vectors = np.concatenate([first[name], second[name]]).astype(np.float32)
    lengths = np.linalg.norm(vectors, axis=1)
    if not np.isfinite(vectors).all() or not lengths.all():
        message = f"the output {name!r} has numbers that are not finite, or only zeros"
        raise ManifestError(message)
    units = vectors / lengths[:, None]
    if float(units[0] @ units[1]) > 0.99999:
        message = f"the output {name!r} is the same for two different pictures: is it the embedding?"
        raise ManifestError(message)
    return TrialRun(
        output=name,
        dimension=vectors.shape[1],
        normalised=bool(np.allclose(lengths, 1, atol=1e-3)),
        batch=_batches(network, images, name, vectors),
    )


def _load(path: Path) -> Network:
    try:
        network = Network(path)
    except Exception as error:  # ONNX Runtime has an exception type for each status code
        message = f"{path.name} cannot be loaded (one ONNX file with its weights inside is needed): {error}"
        raise ManifestError(message) from error
    if len(network.inputs) != 1:
        message = f"{path.name} has {len(network.inputs)} inputs ({', '.join(network.inputs)}), not one"
        raise ManifestError(message)
    return network


def _run(network: Network, images: Float32) -> dict[str, NDArray[np.float32]]:
    try:
        return dict(zip(network.outputs, network.run(images), strict=True))
    except Exception as error:  # ONNX Runtime has an exception type for each status code
        message = f"the network cannot take an input of shape {images.shape}: {error}"
        raise ManifestError(message) from error


def _vector_output(network: Network, values: dict[str, NDArray[np.float32]], wanted: str | None) -> str:
    shapes = ", ".join(f"{name} {values[name].shape}" for name in network.outputs)
    vectors = [name for name in network.outputs if values[name].ndim == 2 and values[name].shape[0] == 1]
    if wanted is not None and wanted in vectors:
        return wanted
    if wanted is not None or len(vectors) != 1:
        message = f"which output is the embedding, of shape (1, dimension)? There are: {shapes}. Say so with --output"
        raise ManifestError(message)
    return vectors[0]


def _batches(network: Network, images: Float32, name: str, expected: Float32) -> bool:
    try:
        together = _run(network, images)[name]
    except ManifestError:
        return False
    return together.shape == expected.shape and bool(np.allclose(together, expected, rtol=1e-2, atol=1e-3))


def _pictures(width: int, height: int) -> NDArray[np.uint8]:
    """Return two pictures with a light ellipse on a gradient, at different positions and in different colours."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / (height, width)[0]
    pictures = []
    for middle, colour in ((0.45, (90, 130, 190)), (0.6, (180, 120, 60))):
        inside = ((x - middle) / 0.3) ** 2 + ((y - 0.5) / 0.4) ** 2 < 1
        ground = np.stack([255 * x, 255 * y, 255 * (1 - x * y)], axis=-1)
        pictures.append(np.where(inside[..., None], np.array(colour, np.float32), ground))
    return np.asarray(np.clip(np.stack(pictures), 0, 255), dtype=np.uint8)
