"""Tables by kind: a member that is added to an enum is missing nowhere, or the table is named here with the reason."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from enum import Enum

import mien

PARTIAL = {
    "mien.compreface.answers._MASKS": "CompreFace has no word for an uncertain mask",
    "mien.gallery.api_snapshots._PATHS": "v1.0 snapshots are of lists and groups",
    "mien.gallery.api_snapshots._QUOTA_PERIOD": "paid tiers have another",
    "mien.gallery.drift.OF_CAMERAS": "the others are the same for cameras",
    "mien.gallery.quotas._FREE": "a v1.0 snapshot has the limits of what it was taken of",
    "mien.gallery.quotas._PAID": "likewise",
    "mien.liveness.fusion.NEW_DETAIL": "to the side, photos and heads overlap",
    "mien.portal.pages.choosing.NAMES": "the others cannot be chosen",
    "mien.portal.pages.drift._AXES": "the share of unread faces has no distribution",
    "mien.vision.image_header.other_formats._CONVERT": "the others are formats of the Face API",
    "mien.vision.more_formats._BYTES_PER_PIXEL": "likewise",
    "mien.wire.api_snapshots.BY_KIND": "v1.0 snapshots are of lists and groups",
    "mien.wire.gallery_faults._QUOTAS": "the number of collections has a row for each kind",
}


def tables() -> Iterator[tuple[str, Mapping[Enum, object], type[Enum]]]:
    """Every mapping of a module whose keys are members of one enum, with its name."""
    seen: set[int] = set()
    for found in pkgutil.walk_packages(mien.__path__, "mien."):
        if found.name.startswith("mien.storage.migrations.") or found.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(found.name)).items():
            if not isinstance(value, Mapping) or not value or id(value) in seen:
                continue
            seen.add(id(value))
            kinds = {type(key) for key in value}
            kind = kinds.pop()
            if not kinds and issubclass(kind, Enum):
                yield f"{found.name}.{name}", value, kind


def test_a_table_by_kind_has_every_kind() -> None:
    partial = {name: set(kind) - set(table) for name, table, kind in tables()}
    assert {name: lacking for name, lacking in partial.items() if lacking and name not in PARTIAL} == {}
    assert not {name for name in PARTIAL if not partial.get(name)}, "these are complete, or gone"
