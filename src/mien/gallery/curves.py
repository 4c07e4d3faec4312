"""The calibration in effect for a resource or collection: the operator's own if one was applied, else the pack's.

Calibrations are cached; each resource costs one query every `remembered.KNOWN_FOR`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from uuid import UUID

from sqlalchemy import select

from mien.gallery.recognisers import Recogniser
from mien.gallery.remembered import Remembered
from mien.gallery.rows import Rows
from mien.matching import Calibration
from mien.storage.tables import AppliedCalibrationRow

_Key = tuple[UUID | None, str]


class Curves:
    """Cache of the applied calibrations by resource.

    Args:
        rows: opens sessions.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._remembered = Remembered(rows.clock, self._read)

    def of(self, recogniser: Recogniser, resource_id: UUID, collection: UUID | None = None) -> Recogniser:
        """Return a recogniser with the calibration in effect.

        A collection's own calibration takes precedence over its resource's. Both are looked up by the recogniser's
        fingerprint, so a calibration measured on other templates is never used.

        Args:
            recogniser: the server's recogniser.
            resource_id: id of the calling resource.
            collection: the searched collection; None for comparisons outside collections.
        """
        curves = self._remembered.of(resource_id)
        if not curves:
            return recogniser
        for scope in dict.fromkeys((collection, None)):
            key = (scope, recogniser.fingerprint)
            if key in curves and (found := curves[key]) is not None:
                return replace(recogniser, measured=found)
        return recogniser

    def forget(self, resource_id: UUID) -> None:
        """Drop the cached calibrations of a resource."""
        self._remembered.forget(resource_id)

    def _read(self, resource_id: UUID) -> dict[_Key, Calibration | None]:
        row = AppliedCalibrationRow
        query = select(row.collection, row.fingerprint, row.curve).order_by(row.version)
        with self._rows.database.read(resource_id) as session:
            return {(scope, print_): read_curve(text) for scope, print_, text in session.execute(query)}


def write_curve(curve: Calibration) -> str:
    """Return a calibration as JSON."""
    return json.dumps(curve.stated())


def read_curve(text: str | None) -> Calibration | None:
    """Parse the output of `write_curve`; None for None."""
    return None if text is None else Calibration.of(json.loads(text))
