"""Decisions about templates: how alike two are, how sure that makes us, who ranks first, who belongs together.

Pure numpy; nothing else of Mien is imported. A template is a float32 unit vector; two are compared only when they come
from the same recogniser (the callers see to that, by fingerprint).

* `similarity` - cosine similarity, one to one and many to many.
* `normalisation` - `Normalisation` turns a recogniser's vector into a template whose cosine counts crowding.
* `calibration` - `Calibration` turns a similarity into a confidence, 0.5 at the operating point; `fit` measures one.
* `rates` - error rates and their confidence intervals.
* `persons` - the score of a person of several faces; one template for several photos.
* `grouping` - faces of unknown people sorted into groups.

Example:
    >>> import numpy as np
    >>> from mien.matching import Calibration, cosine
    >>> calibration = Calibration(threshold=0.42)
    >>> a = np.array([1.0, 0.0], dtype=np.float32)
    >>> calibration.confidence(cosine(a, a)) > 0.99
    True
"""

from mien.matching.calibration import Calibration, fit
from mien.matching.grouping import Grouping, group
from mien.matching.negatives import apart
from mien.matching.normalisation import Normalisation
from mien.matching.persons import person_scores, person_template, scores_of_persons
from mien.matching.similarity import cosine, cosine_matrix

__all__ = [
    "Calibration",
    "Grouping",
    "Normalisation",
    "apart",
    "cosine",
    "cosine_matrix",
    "fit",
    "group",
    "person_scores",
    "person_template",
    "scores_of_persons",
]
