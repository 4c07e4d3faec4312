"""Group reports: photos and labels in, a document and numbers out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from mien.evaluation import TooFewSamplesError
from mien.evaluation.document import Document, NoPdfError, Text, to_html, to_pdf
from mien.evaluation.group_report import report, to_csv
from mien.evaluation.groups import Grouped, by_group
from mien.gallery.grouping_labels import read_labels, read_people
from mien.gallery.recognisers import Recogniser
from mien.gallery.sampling import PhotoReader, SourceError
from mien.matching.calibration import DEFAULT_FMR
from mien.matching.rates import threshold_at_fmr
from mien.vision.ports import Engine


@dataclass(frozen=True, slots=True)
class GroupReport:
    """A report.

    Attributes:
        document: for people.
        groups: the numbers, an attribute each.
    """

    document: Document
    groups: tuple[Grouped, ...]

    def write(self, folder: Path) -> list[Path]:
        """Write `groups.html`, `groups.csv` and, where the package is installed, `groups.pdf`."""
        folder.mkdir(parents=True, exist_ok=True)
        html, numbers, pdf = (folder / f"groups.{suffix}" for suffix in ("html", "csv", "pdf"))
        html.write_text(to_html(self.document), encoding="utf-8")
        numbers.write_text(to_csv(self.groups), encoding="utf-8")
        try:
            pdf.write_bytes(to_pdf(self.document))
        except NoPdfError:
            return [html, numbers]
        return [html, numbers, pdf]

    def plain(self) -> list[str]:
        """Return the sentences of the first page."""
        sentences = []
        for block in self.document.blocks:
            if isinstance(block, Text):
                if block.note:
                    break
                sentences.append(block.text)
        return sentences


def make_report(
    engine: Engine,
    recogniser: Recogniser,
    folder: Path,
    labels: Path,
    *,
    at: datetime,
    attributes: Sequence[str] = (),
    fmr: float | None = None,
    cap: int = 5,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> GroupReport:
    """Measure the groups of some people.

    Args:
        engine: analyses the photos.
        recogniser: with the calibration in use.
        folder: of folders, or of photos of one person each.
        labels: CSV.
        at: when.
        attributes: columns of it; all when empty.
        fmr: measure at the threshold of this rate on everybody; None for the threshold in use.
        cap: photos of one person that count at most.
        seed: of the draws.
        progress: told how many photos are done, and of how many.

    Raises:
        SourceError: photos or labels cannot be used, or no attribute has two groups that are large enough.
    """
    given = read_labels(labels, attributes)
    reader = PhotoReader(engine, recogniser.pack, progress=progress, quality=True)
    people = read_people(folder, given, reader, cap=cap, seed=seed)
    target = fmr if fmr is not None else recogniser.calibration.fmr or DEFAULT_FMR
    threshold = recogniser.calibration.threshold
    if fmr is not None:
        try:
            threshold = threshold_at_fmr(people.comparisons.impostor.astype(np.float64), fmr)
        except ValueError as error:
            raise SourceError(str(error)) from error
    groups, refused = [], []
    for attribute, by_person in people.labels.items():
        try:
            groups.append(
                by_group(attribute, by_person, people.comparisons, people.photos, threshold=threshold, target=target)
            )
        except TooFewSamplesError as error:
            refused.append(str(error))
    if not groups:
        raise SourceError("; ".join(refused))
    said = (
        f"{people.comparisons.people:,} people, {people.photos_read:,} photos; {recogniser.pack}, fingerprint "
        f"{recogniser.fingerprint[:16]}; threshold {threshold:.4f}; {at:%Y-%m-%d}"
    )
    document = report(groups, title="Error rates by group", subtitle=said, footer=f"Mien, {at:%Y-%m-%d}")
    return GroupReport(document, tuple(groups))
