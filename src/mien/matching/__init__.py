"""Decisions about templates: similarity, confidence, ranking and grouping.

Pure numpy; imports nothing else of Mien. A template is a float32 unit vector. Only templates of the same recogniser may
be compared; callers check the fingerprint.

* `similarity` - cosine similarity, one to one and many to many.
* `normalisation` - `Normalisation` turns a recogniser's vector into a template that needs more similarity in crowded
  regions.
* `calibration` - `Calibration` turns a similarity into a confidence, 0.5 at the operating point; `fit` measures one.
* `rates` - error rates and their confidence intervals.
* `negatives` - lower scores for probes that resemble faces known not to be the person.
* `open_set` - the threshold that grows with the size of the gallery.
* `persons` - the score of a person with several faces; one template for several photos.
* `grouping` - clustering of unknown people's faces.

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
from mien.matching.negatives import lower_by_negatives
from mien.matching.normalisation import Normalisation
from mien.matching.persons import person_scores, person_template, scores_of_persons
from mien.matching.similarity import cosine, cosine_matrix

__all__ = [
    "Calibration",
    "Grouping",
    "Normalisation",
    "cosine",
    "cosine_matrix",
    "fit",
    "group",
    "lower_by_negatives",
    "person_scores",
    "person_template",
    "scores_of_persons",
]
