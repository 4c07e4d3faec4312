"""Cohorts of the recognisers' score normalisation: averages over twelve people each, as float16 arrays (k, d).

`tools/fit_recogniser.py cohort` builds them; README.md in this folder names the photos.
"""

from __future__ import annotations

import hashlib
import io
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from mien.models.errors import CorruptFileError
from mien.models.manifest import StatedNormalisation


def read_cohort(stated: StatedNormalisation) -> NDArray[np.float32]:
    """Read the cohort of a normalisation, float32 (k, d).

    Raises:
        CorruptFileError: the file is missing, or its hash differs from the manifest's.
    """
    try:
        data = (resources.files("mien.models.cohorts") / stated.cohort).read_bytes()
    except FileNotFoundError as error:
        raise CorruptFileError("the cohort {cohort} is missing: install Mien again", cohort=stated.cohort) from error
    if hashlib.sha256(data).hexdigest() != stated.sha256:
        raise CorruptFileError(
            "the cohort {cohort} is not the one of its pack: install Mien again", cohort=stated.cohort
        )
    cohort: NDArray[np.float32] = np.load(io.BytesIO(data), allow_pickle=False).astype(np.float32)
    return cohort
