"""Error rates on an operator's own people, in the terms of ISO/IEC 19795-1 and -10.

Pure numpy, and a writer of reports; of Mien only `mien.matching` is imported. Nobody's name, photo or template is in a
result.

* `samples` - templates of known people, compared with each other; one person counts a few photos at most.
* `intervals` - 95 % intervals over people.
* `verification` - ROC and DET, thresholds that the data can bear, a calibration.
* `openset` - FPIR and FNIR by size of the gallery.
"""

from mien.evaluation.intervals import by_person, by_two_persons
from mien.evaluation.samples import Comparisons, Samples, TooFewSamplesError, compare, of_pairs
from mien.evaluation.verification import CalibrationRun, RateLevel, measure, measure_comparisons, people_for

__all__ = [
    "CalibrationRun",
    "Comparisons",
    "RateLevel",
    "Samples",
    "TooFewSamplesError",
    "by_person",
    "by_two_persons",
    "compare",
    "measure",
    "measure_comparisons",
    "of_pairs",
    "people_for",
]
