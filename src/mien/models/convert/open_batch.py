"""A float32 ONNX network for one picture, opened to many at once; parametric ReLUs are rewritten on the way."""

from __future__ import annotations

from pathlib import Path

import onnx

from mien.models.convert.block_quantised import open_axes
from mien.models.convert.parametric_relu import split_parametric_relus


def convert(source: Path, target: Path) -> None:
    """Write a network that takes any number of pictures at once; it differs by rounding only.

    Args:
        source: an ONNX file with one image input (1, c, h, w), whose inner shapes follow that of its input.
        target: the file to write; the same source always gives the same bytes.

    Raises:
        ValueError: if the file is no such network.
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
