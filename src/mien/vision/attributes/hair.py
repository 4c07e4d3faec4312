"""Hair: baldness, whether it is hidden, and its colour."""

from __future__ import annotations

import cv2
import numpy as np

from mien.vision.attributes.context import FaceContext
from mien.vision.attributes.heads import load_head
from mien.vision.attributes.worn import probability
from mien.vision.types import Float32, Hair, HairColor, Pixels

_CELLS = 7
_ROWS = 4
COLOR_GRID = _ROWS * _CELLS * 3
"""Length of `hair_colors_vector`."""

_NO_HAIR_LEFT = 0.985
"""Above this baldness no colour is given."""


def hair(context: FaceContext) -> Hair:
    """Estimate baldness in [0, 1], whether headwear hides the hair, and the colours by descending confidence.

    If the hair is hidden, baldness is 0 (unknown) and there are no colours; nor are there for a nearly bald head.
    "unknown" and "other" always have confidence 0: dyed colours were too rare to learn.
    """
    if probability("hair_hidden", context) >= load_head("hair_hidden").thresholds["present"]:
        return Hair(bald=0.0, invisible=True, colors=())
    bald = probability("bald", context)
    colors = () if bald > _NO_HAIR_LEFT else hair_colors(context)
    return Hair(bald=round(bald, 2), invisible=False, colors=colors)


def hair_colors(context: FaceContext) -> tuple[HairColor, ...]:
    """Estimate the colour of visible hair, all of the contract's names by descending confidence."""
    head = load_head("hair_color")
    values = dict(zip(head.classes, head(context, colors=hair_colors_vector(context.loose_crop)).tolist(), strict=True))
    values.update({"other": 0.0, "unknown": 0.0})
    ranked = sorted(values.items(), key=lambda item: -item[1])
    return tuple(HairColor(color, round(confidence, 2)) for color, confidence in ranked)


def hair_colors_vector(loose_crop: Pixels) -> Float32:
    """Return the mean colours of cells in the upper part of the loose crop.

    Args:
        loose_crop: see `FaceContext.loose_crop`.

    Returns:
        float32 (84,): 4 rows of 7 cells of CIE Lab (OpenCV's 8-bit scaling), from the top of the crop to the cheeks.
    """
    cell = loose_crop.shape[0] // _CELLS
    lab = cv2.cvtColor(np.ascontiguousarray(loose_crop[: _ROWS * cell]), cv2.COLOR_BGR2LAB)
    cells = cv2.resize(lab.astype(np.float32), (_CELLS, _ROWS), interpolation=cv2.INTER_AREA)
    return np.asarray(cells, np.float32).ravel()
