"""Lists the texts of other packages that pages show, so that they are translated."""

from __future__ import annotations

from typing import Final

from mien.accounts.intake_checks import explanations
from mien.accounts.terms import TERMS
from mien.accounts.types import BEING_DELETED, NOBODY_ADMITTED
from mien.contract.attributes import DECLARED, LIMITED
from mien.doors.reasons import WORDS
from mien.evaluation.charts import DET_TEXTS, ROC_TEXTS
from mien.evaluation.drift import NEEDS
from mien.events import METRICS
from mien.events.actions import ACTIONS, DETAILS
from mien.events.drift import BINS
from mien.gallery.drift import NAMES, OF_CAMERAS, UNMOVED
from mien.gallery.sampling import FAILURES as NO_TEMPLATE
from mien.gallery.training.trainer import FAILURES
from mien.management.arm.shapes import TIERS
from mien.management.roles import ABOUT
from mien.models.manifest_files import builtin_manifests
from mien.vision.measures import MEASURES

BORROWED: Final[tuple[str, ...]] = (
    *ABOUT.values(),
    *ACTIONS.values(),
    *DETAILS.values(),
    *TERMS,
    BEING_DELETED,
    NOBODY_ADMITTED,
    *WORDS.values(),
    *TIERS.values(),
    *NAMES.values(),
    *OF_CAMERAS.values(),
    UNMOVED,
    *FAILURES,
    *NEEDS,
    *NO_TEMPLATE,
    *(text for one in (DET_TEXTS, ROC_TEXTS) for text in (one.title, one.across, one.up)),
    *(text for pack in builtin_manifests().values() for text in (pack.summary, pack.notes.strip()) if text),
    *(pack.calibration.measured_on for pack in builtin_manifests().values() if pack.calibration is not None),
    *(one.extra for one in BINS.values() if one.extra),
    *explanations(),
    *(metric.display for metric in METRICS.values()),
    *(DECLARED[one].label for one in LIMITED),
    *(text for one in MEASURES.values() for text in (one.name, one.definition, one.advice) if text),
)
