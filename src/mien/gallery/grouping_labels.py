"""Labels of people for a group report: read for one run, never stored."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Final
from uuid import UUID

import numpy as np

from mien.contract.attributes import Level3
from mien.evaluation import Comparisons, Samples, compare
from mien.evaluation.groups import LabelledPhoto
from mien.evaluation.samples import MAX_COMPARISONS, pair_keys
from mien.gallery.kinds import parse_id
from mien.gallery.sampling import (
    EnrolledSamples,
    PhotoReader,
    Read,
    SampleSourceError,
    collected,
    photos_in,
    plain_photos,
)
from mien.messages import Message

_KEYS: Final = ("person", "file")
_LONGEST: Final = 60
_SHOWN: Final = 3
_TABLE: Final = Message("the table of labels")


@dataclass(frozen=True, slots=True)
class Labels:
    """Group by person, by attribute; a person is identified by a folder, or by a file if each photo is a person."""

    of: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Labelled:
    """The photos of labelled people.

    Attributes:
        comparisons: all comparisons between people.
        photos: all photos, with and without a template.
        labels: group by person, by attribute.
        photos_read: photos with a template.
    """

    comparisons: Comparisons
    photos: Sequence[LabelledPhoto]
    labels: Mapping[str, Mapping[int, str]]
    photos_read: int


def read_labels(path: Path, attributes: Sequence[str] = ()) -> Labels:
    """Read a file of labels; see `parse_labels`.

    Args:
        path: the file, in UTF-8.
        attributes: columns to use; empty for all.

    Raises:
        SampleSourceError: it cannot be read, is malformed, or lacks a column.
    """
    return parse_labels(read_text(path), attributes, what=str(path))


def read_text(path: Path) -> str:
    """Return the text of a table of labels.

    Raises:
        SampleSourceError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SampleSourceError("{path} cannot be read as CSV in UTF-8: {reason}", path=path, reason=error) from error


def parse_labels(text: str, attributes: Sequence[str] = (), *, what: str = _TABLE) -> Labels:
    """Parse a CSV with a column `person` (folder, name or person id) or `file`, and a column for each attribute.

    Args:
        text: the CSV, separated by commas, semicolons or tabs.
        attributes: columns to use; empty for all.
        what: name of the source in errors.

    Raises:
        SampleSourceError: it is malformed, or lacks a column.
    """
    text = text.removeprefix("\ufeff")
    first = text.partition("\n")[0]
    try:
        rows = list(csv.DictReader(StringIO(text, newline=""), delimiter=max(",;\t", key=first.count)))
    except csv.Error as error:
        raise SampleSourceError("{what} cannot be read as CSV: {reason}", what=what, reason=error) from error
    names = list(rows[0]) if rows else []
    key = next((name for name in _KEYS if name in names), None)
    if key is None:
        raise SampleSourceError(
            "{what} needs a column 'person' (a name) or 'file', and a line for each person", what=what
        )
    if any(None in row for row in rows):
        raise SampleSourceError("{what} has lines with more values than it has columns", what=what)
    wanted = list(attributes) or [name for name in names if name != key]
    if not wanted:
        raise SampleSourceError("{what} has no column of labels beside {key!r}", what=what, key=key)
    if missing := [name for name in wanted if name not in names]:
        raise SampleSourceError(
            "{what} has no column {missing}; it has {names}",
            what=what,
            missing=", ".join(map(repr, missing)),
            names=", ".join(names),
        )
    of: dict[str, dict[str, str]] = {name: {} for name in wanted}
    for row in rows:
        person = (row[key] or "").strip()
        for name in wanted:
            label = " ".join((row[name] or "").split())[:_LONGEST]
            known = of[name].setdefault(person, label)
            if known != label:
                raise SampleSourceError(
                    "{what}: {person!r} has two labels of {name!r}", what=what, person=person, name=name
                )
    return Labels({name: {person: label for person, label in one.items() if label} for name, one in of.items()})


def match_enrolled(
    found: EnrolledSamples, names: Mapping[UUID, str], labels: Labels, *, cap: int, seed: int, skip_unknown: bool
) -> Labelled:
    """Assign labels to enrolled people.

    A person without a usable template counts only for the failure-to-enrol rate (FTE). The quality of enrolled photos
    is unknown.

    Args:
        found: the templates.
        names: names of all persons, by id.
        labels: labels by name or by person id.
        cap: most photos to use of one person.
        seed: seed of the random generator.
        skip_unknown: skip lines that match nobody, instead of refusing them.

    Raises:
        SampleSourceError: a line matches nobody or several people, or a person has two labels.
    """
    known = _persons(names, {person for one in labels.of.values() for person in one}, skip_unknown=skip_unknown)
    place = {person: number for number, person in enumerate(dict.fromkeys((*found.people, *sorted(found.unread))))}
    photos = [LabelledPhoto(owner, failed=False) for owner in found.samples.owner.tolist()]
    photos += [
        LabelledPhoto(place[person], failed=True) for person, count in found.unread.items() for _ in range(count)
    ]
    by_attribute: dict[str, dict[int, str]] = {}
    for attribute, one in labels.of.items():
        mine = by_attribute.setdefault(attribute, {})
        for written, label in one.items():
            person_place = place.get(known[written]) if written in known else None
            if person_place is not None and mine.setdefault(person_place, label) != label:
                raise SampleSourceError(
                    "{written!r} has two labels of {attribute!r}: by name and by person id",
                    written=written,
                    attribute=attribute,
                )
    return Labelled(_compared(found.samples, cap, seed), photos, by_attribute, found.samples.photos)


def _persons(names: Mapping[UUID, str], written: set[str], *, skip_unknown: bool) -> dict[str, UUID]:
    """Return the person of each written name or id."""
    called: dict[str, list[UUID]] = {}
    for person, name in names.items():
        called.setdefault(name.strip(), []).append(person)
    known: dict[str, UUID] = {}
    unknown = []
    for one in sorted(written):
        by_id = parse_id(one)
        found = [by_id] if by_id in names else called.get(one, [])
        if len(found) > 1:
            raise SampleSourceError(
                "{count} people are called {name!r}: write their person ids instead", count=len(found), name=one
            )
        if found and found[0] is not None:
            known[one] = found[0]
        else:
            unknown.append(one)
    if written and not known:
        raise SampleSourceError(
            "no line of the labels names an enrolled person: the column 'person' must have names or ids"
        )
    if unknown and not skip_unknown:
        shown = ", ".join(map(repr, unknown[:_SHOWN]))
        if len(unknown) > _SHOWN:
            shown = Message("{names} and others", names=shown)
        raise SampleSourceError(
            "{count} of {all} labelled people are not enrolled here: {shown}. Correct the "
            "names, or choose to leave such lines out",
            count=len(unknown),
            all=len(written),
            shown=shown,
        )
    return known


def read_people(folder: Path, labels: Labels, reader: PhotoReader, *, cap: int, seed: int) -> Labelled:
    """Read the photos of a folder of folders, or of a folder of photos of one person each.

    Raises:
        SampleSourceError: there are none, or none of the people has a label.
    """
    plain = plain_photos(folder)
    people = {path.name: [path] for path in plain} if plain else photos_in(folder)
    names = list(people)
    if not any(name in one for one in labels.of.values() for name in names):
        raise SampleSourceError(
            "no person in {folder} has a label: the first column must have the names of the folders or files",
            folder=folder,
        )
    paths = [path for photos in people.values() for path in photos]
    owners = [person for person, photos in enumerate(people.values()) for _ in photos]
    read = reader.read(paths)
    samples = collected(read, owners, [path.name for path in paths])
    kept = sorted({owner for owner, one in zip(owners, read, strict=True) if one.embedding is not None})
    # People without a template are numbered after those with one: they count for the FTE.
    place = {owner: number for number, owner in enumerate(kept)}
    for owner in range(len(names)):
        place.setdefault(owner, len(place))
    photos = [
        LabelledPhoto(place[owner], one.embedding is None, _poor(one)) for owner, one in zip(owners, read, strict=True)
    ]
    found = {
        attribute: {place[number]: one[name] for number, name in enumerate(names) if name in one}
        for attribute, one in labels.of.items()
    }
    return Labelled(_compared(samples, cap, seed), photos, found, samples.photos)


def _compared(samples: Samples, cap: int, seed: int) -> Comparisons:
    """Compare all people, or a sample of about 4,000; unlike for a calibration, one photo per person is enough."""
    if np.bincount(samples.owner).max() > 1:
        return compare(samples, cap, seed=seed)
    kept = np.arange(samples.photos)
    if len(kept) > (most := math.isqrt(2 * MAX_COMPARISONS)):
        kept = np.sort(np.random.default_rng(seed).choice(kept, most, replace=False))
    first, second = (kept[places] for places in np.triu_indices(len(kept), 1))
    chosen = samples.templates[kept]
    scores = np.clip(chosen @ chosen.T, -1, 1)[np.triu_indices(len(kept), 1)].astype(np.float32)
    owners = np.sort(np.stack([samples.owner[first], samples.owner[second]], axis=1), axis=1)
    order = np.argsort(pair_keys(owners, samples.people), kind="stable")
    nobody = np.zeros(0, np.intp)
    places = np.stack([first, second], axis=1)
    return Comparisons(
        np.zeros(0, np.float32), nobody, np.zeros((0, 2), np.intp), scores[order], owners[order], places[order],
        samples.people,
    )  # fmt: skip


def _poor(one: Read) -> bool | None:
    return None if one.quality is None else one.quality is Level3.LOW
