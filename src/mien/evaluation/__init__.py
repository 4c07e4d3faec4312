"""Error rates on an operator's own people, in the terms of ISO/IEC 19795-1 and -10.

Pure numpy, and a writer of reports; imports only `mien.matching`. Results contain no names, photos or templates.

* `samples` - templates of known people, compared with each other; each person counts with a few photos at most.
* `intervals` - 95 % intervals over people.
* `verification` - ROC and DET, thresholds that the data supports, a calibration.
* `openset` - FPIR and FNIR by size of the gallery.
* `groups`, `group_report` - error rates by group of people.
* `drift` - changes of a distribution over time.
"""

from mien.evaluation.intervals import by_person
from mien.evaluation.samples import Comparisons, Samples, TooFewSamplesError, compare, of_pairs
from mien.evaluation.verification import CalibrationRun, RateLevel, measure, measure_comparisons, people_for

__all__ = [
    "CalibrationRun",
    "Comparisons",
    "RateLevel",
    "Samples",
    "TooFewSamplesError",
    "by_person",
    "compare",
    "measure",
    "measure_comparisons",
    "of_pairs",
    "people_for",
]
