"""Bulk enrolment into a group: from folders, archives, tables, exports of other products or their APIs.

A source yields photos with the name of their person (`sources`, `archives`, `tables`, `azure_export`,
`compreface_service`). Workers compute templates without any state (`computing`; `workers` on this machine,
`ray_workers` on a cluster). `importer` reads photos, has them computed, and stores the results with one writer
(`gallery.filing`), so that it can be killed and run again; `report` lists the result of each photo. `batch` is the
smaller version for the portal.
"""

from mien.importing.importer import Importer, ImportResult, Summary
from mien.importing.sources import ImportSourceError, SourcePhoto

__all__ = ["ImportResult", "ImportSourceError", "Importer", "SourcePhoto", "Summary"]
