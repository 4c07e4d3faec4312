"""Conversion of pixels to a network's input, by its manifest."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.models.manifest import InputConvention


def to_input(images: NDArray[np.uint8], convention: InputConvention) -> NDArray[np.float32]:
    """Convert images of one size to a network's input.

    Args:
        images: uint8 (n, height, width, 3), BGR.
        convention: the network's colour order, mean, standard deviation and layout.

    Returns:
        Contiguous float32: (n, 3, height, width), or (n, height, width, 3) if the layout is "nhwc".
    """
    if convention.layout == "nchw":
        result = np.asarray(cv2.dnn.blobFromImages(list(images), swapRB=convention.colour == "rgb"), np.float32)
        shape = (1, 3, 1, 1)
    else:
        ordered = images[..., ::-1] if convention.colour == "rgb" else images
        result = np.ascontiguousarray(ordered, dtype=np.float32)
        shape = (1, 1, 1, 3)
    if any(convention.mean):
        result -= np.array(convention.mean, np.float32).reshape(shape)
    if any(value != 1 for value in convention.std):
        result /= np.array(convention.std, np.float32).reshape(shape)
    return result
