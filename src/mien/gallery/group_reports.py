"""Reports of error rates by group, from photos and labels."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from mien.evaluation import TooFewSamplesError
from mien.evaluation.document import Document, NoPdfError, Text, to_html, to_pdf
from mien.evaluation.group_report import report, to_csv, to_json
from mien.evaluation.groups import Grouped, by_group
from mien.gallery.grouping_labels import Labelled, read_labels, read_people
from mien.gallery.recognisers import Recogniser
from mien.gallery.sampling import PhotoReader, SampleSourceError
from mien.matching.calibration import DEFAULT_FMR
from mien.matching.rates import threshold_at_fmr
from mien.messages import Message, message_of
from mien.vision.ports import Engine

FORMATS: Final[Mapping[str, str]] = {
    "json": "application/json",
    "html": "text/html",
    "pdf": "application/pdf",
    "csv": "text/csv",
}
"""The file formats of a report, with their media types."""


@dataclass(frozen=True, slots=True)
class GroupReport:
    """A report.

    Attributes:
        document: the readable report.
        groups: the figures, one entry per attribute.
        recogniser: recogniser of the measured templates.
        source: the measured source: `folder`, or KIND/ID of a collection.
        people: number of compared people.
    """

    document: Document
    groups: tuple[Grouped, ...]
    recogniser: Recogniser
    source: str
    people: int

    def write(self, folder: Path) -> list[Path]:
        """Write `groups.html`, `groups.csv` and, if its package is installed, `groups.pdf`; returns the paths."""
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for form in ("html", "csv", "pdf"):
            path = folder / f"groups.{form}"
            with suppress(NoPdfError):
                path.write_bytes(self.rendered(form))
                written.append(path)
        return written

    def rendered(self, form: str) -> bytes:
        """Return the report in one of `FORMATS`.

        Raises:
            NoPdfError: the package that writes PDF is not installed.
        """
        match form:
            case "html":
                return to_html(self.document).encode()
            case "pdf":
                return to_pdf(self.document)
            case "csv":
                return to_csv(self.groups).encode()
            case _:
                return json.dumps({"plain": self.plain(), **to_json(self.groups)}, ensure_ascii=False).encode()

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
    """Measure error rates by group for people whose photos are in a folder.

    Args:
        engine: analyses the photos.
        recogniser: recogniser with the calibration in use.
        folder: folder of folders, or of photos of one person each.
        labels: CSV file of labels.
        at: the time.
        attributes: label columns to use; empty for all.
        fmr: measure at the threshold of this false match rate over all people; None for the threshold in use.
        cap: most photos to use of one person.
        seed: seed of the random generator.
        progress: called with the number of finished photos and the total.

    Raises:
        SampleSourceError: photos or labels cannot be used, or no attribute has two groups that are large enough.
    """
    given = read_labels(labels, attributes)
    reader = PhotoReader(engine, recogniser.pack, progress=progress, quality=True)
    people = read_people(folder, given, reader, cap=cap, seed=seed)
    return report_on(people, recogniser, "folder", at=at, fmr=fmr)


def report_on(
    people: Labelled, recogniser: Recogniser, source: str, *, at: datetime, fmr: float | None = None
) -> GroupReport:
    """Measure error rates by group for labelled people.

    Args:
        people: the people, who are compared with each other.
        recogniser: recogniser with the calibration in use.
        source: the source of the templates.
        at: the time.
        fmr: measure at the threshold of this false match rate over all people; None for the threshold in use.

    Raises:
        SampleSourceError: no attribute has two groups that are large enough, or there is no threshold.
    """
    target = fmr if fmr is not None else recogniser.calibration.fmr or DEFAULT_FMR
    threshold = recogniser.calibration.threshold
    if fmr is not None:
        try:
            threshold = threshold_at_fmr(people.comparisons.impostor.astype(np.float64), fmr)
        except ValueError as error:
            raise SampleSourceError(message_of(error)) from error
    groups = []
    refused: list[str] = []
    for attribute, by_person in people.labels.items():
        try:
            groups.append(
                by_group(attribute, by_person, people.comparisons, people.photos, threshold=threshold, target=target)
            )
        except TooFewSamplesError as error:
            refused.append(error.message)
    if not groups:
        raise SampleSourceError(Message.listed(refused))
    said = (
        f"{people.comparisons.people:,} people, {people.photos_read:,} photos; {recogniser.pack}, fingerprint "
        f"{recogniser.fingerprint[:16]}; threshold {threshold:.4f}; {at:%Y-%m-%d}"
    )
    document = report(groups, title="Error rates by group", subtitle=said, footer=f"Mien, {at:%Y-%m-%d}")
    return GroupReport(document, tuple(groups), recogniser, source, people.comparisons.people)
