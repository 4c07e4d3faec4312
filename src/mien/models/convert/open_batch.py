"""Conversion of a float32 ONNX network for one picture to a dynamic batch; also rewrites parametric ReLUs."""

from __future__ import annotations

from pathlib import Path

import onnx

from mien.models.convert.block_quantised import open_axes
from mien.models.convert.parametric_relu import split_parametric_relus


def convert(source: Path, target: Path) -> None:
    """Write a network that accepts any number of pictures; results differ only by rounding.

    Args:
        source: an ONNX file with one image input (1, c, h, w), whose inner shapes are derived from its input's.
        target: the file to write; reproducible byte for byte.

    Raises:
        ValueError: if the file is not such a network.
    """
    try:
        model = onnx.load(str(source))
        split_parametric_relus(model)
        open_axes(model, ("batch",))
        onnx.checker.check_model(model)
    except (IndexError, onnx.checker.ValidationError) as error:
        message = f"{source.name} is no network of one picture: {error}"
        raise ValueError(message) from error
    target.write_bytes(model.SerializeToString(deterministic=True))
