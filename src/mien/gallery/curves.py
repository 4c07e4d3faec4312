"""The calibration that holds for a resource or a collection: an operator's own where one was applied, else the pack's.

A resource without one costs a query every `KNOWN_FOR`, and nothing on the way of a call.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from mien.gallery.recognisers import Recogniser
from mien.gallery.rows import Rows
from mien.matching import Calibration
from mien.storage.tables import AppliedCalibrationRow

KNOWN_FOR: Final = timedelta(seconds=10)
"""How long the calibrations of a resource are remembered: other processes follow a change after that."""

_Key = tuple[UUID | None, str]


@dataclass(frozen=True, slots=True)
class _Known:
    at: datetime
    curves: dict[_Key, Calibration | None]


class Curves:
    """The applied calibrations, remembered by resource.

    Args:
        rows: opens sessions.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._known: dict[UUID, _Known] = {}

    def of(self, recogniser: Recogniser, resource_id: UUID, collection: UUID | None = None) -> Recogniser:
        """Return a recogniser with the calibration that holds.

        A collection's own wins over its resource's. Both are looked up by the recogniser's fingerprint, so that one
        which was measured on other templates never holds.

        Args:
            recogniser: as the server has it.
            resource_id: id of the calling resource.
            collection: the searched collection; None for comparisons outside collections.
        """
        curves = self._of_resource(resource_id)
        if not curves:
            return recogniser
        for scope in dict.fromkeys((collection, None)):
            key = (scope, recogniser.fingerprint)
            if key in curves and (found := curves[key]) is not None:
                return replace(recogniser, measured=found)
        return recogniser

    def forget(self, resource_id: UUID) -> None:
        """Read the calibrations of a resource again at the next call."""
        self._known.pop(resource_id, None)

    def _of_resource(self, resource_id: UUID) -> dict[_Key, Calibration | None]:
        now = self._rows.clock.now()
        known = self._known.get(resource_id)
        if known is None or now - known.at >= KNOWN_FOR:
            row = AppliedCalibrationRow
            query = select(row.collection, row.fingerprint, row.curve).order_by(row.version)
            with self._rows.database.read(resource_id) as session:
                found = {(scope, print_): read_curve(text) for scope, print_, text in session.execute(query)}
            known = self._known[resource_id] = _Known(now, found)
        return known.curves


def write_curve(curve: Calibration) -> str:
    """Return a calibration as JSON."""
    stated = {"threshold": curve.threshold, "fmr": curve.fmr, "tail": curve.tail, "levels": curve.levels}
    return json.dumps(stated)


def read_curve(text: str | None) -> Calibration | None:
    """Read what `write_curve` wrote; None for None."""
    if text is None:
        return None
    stated: dict[str, Any] = json.loads(text)
    levels = tuple((float(rate), float(similarity)) for rate, similarity in stated["levels"])
    return Calibration(stated["threshold"], stated["fmr"], stated["tail"], levels)
