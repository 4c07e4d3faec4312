"""Labels of people that an operator brings for a group report: read for one run, never stored."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from mien.contract.attributes import Level3
from mien.evaluation import Comparisons, Samples, compare
from mien.evaluation.groups import Photo
from mien.evaluation.samples import pair_keys
from mien.gallery.sampling import PhotoReader, Read, SourceError, collected, photos_in, plain_photos

_KEYS: Final = ("person", "file")
_LONGEST: Final = 60


@dataclass(frozen=True, slots=True)
class Labels:
    """Groups by attribute and by person; a person is named by a folder, or by a file where each photo is a person."""

    of: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Labelled:
    """Photos of labelled people, read.

    Attributes:
        comparisons: everybody with everybody.
        photos: all photos, with and without a template.
        labels: group by person, by attribute.
        photos_read: photos with a template.
    """

    comparisons: Comparisons
    photos: Sequence[Photo]
    labels: Mapping[str, Mapping[int, str]]
    photos_read: int


def read_labels(path: Path, attributes: Sequence[str] = ()) -> Labels:
    """Read a CSV: a column `person` (folder) or `file`, and a column for each attribute.

    Args:
        path: the file, in UTF-8.
        attributes: columns to use; all when empty.

    Raises:
        SourceError: it is malformed, or lacks a column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path} cannot be read as CSV in UTF-8: {error}") from error
    names = list(rows[0]) if rows else []
    key = next((name for name in _KEYS if name in names), None)
    if key is None:
        raise SourceError(f"{path} needs a column 'person' (the folder's name) or 'file'")
    wanted = list(attributes) or [name for name in names if name != key]
    if missing := [name for name in wanted if name not in names]:
        raise SourceError(f"{path} has no column {', '.join(map(repr, missing))}; it has {', '.join(names)}")
    of: dict[str, dict[str, str]] = {name: {} for name in wanted}
    for row in rows:
        for name in wanted:
            label = " ".join((row[name] or "").split())[:_LONGEST]
            known = of[name].setdefault(row[key], label)
            if known != label:
                raise SourceError(f"{path}: {row[key]!r} has two labels of {name!r}")
    return Labels({name: {person: label for person, label in one.items() if label} for name, one in of.items()})


def read_people(folder: Path, labels: Labels, reader: PhotoReader, *, cap: int, seed: int) -> Labelled:
    """Read the photos of a folder of folders, or of a folder of photos of one person each.

    Raises:
        SourceError: there are none, or none of the people has a label.
    """
    plain = plain_photos(folder)
    people = {path.name: [path] for path in plain} if plain else photos_in(folder)
    names = list(people)
    if not any(name in one for one in labels.of.values() for name in names):
        raise SourceError(
            f"no person in {folder} has a label: the first column must have the names of the folders or files"
        )
    paths = [path for photos in people.values() for path in photos]
    owners = [person for person, photos in enumerate(people.values()) for _ in photos]
    read = reader.read(paths)
    samples = collected(read, owners, [path.name for path in paths])
    kept = sorted({owner for owner, one in zip(owners, read, strict=True) if one.embedding is not None})
    # People without any template keep a place of their own after those who have one: they count for FTE.
    place = {owner: number for number, owner in enumerate(kept)}
    for owner in range(len(names)):
        place.setdefault(owner, len(place))
    photos = [Photo(place[owner], one.embedding is None, _poor(one)) for owner, one in zip(owners, read, strict=True)]
    found = {
        attribute: {place[number]: one[name] for number, name in enumerate(names) if name in one}
        for attribute, one in labels.of.items()
    }
    return Labelled(_compared(samples, cap, seed), photos, found, samples.photos)


def _compared(samples: Samples, cap: int, seed: int) -> Comparisons:
    """Compare everybody; unlike for a calibration, nobody needs a second photo."""
    if np.bincount(samples.owner).max() > 1:
        return compare(samples, cap, seed=seed)
    first, second = np.triu_indices(samples.photos, 1)
    scores = np.clip(samples.templates @ samples.templates.T, -1, 1)[first, second].astype(np.float32)
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
