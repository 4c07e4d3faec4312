"""People into a group, by the thousand: from folders, archives, tables, another product's export or its interface.

A source yields photos with the name of the person that each shows (`sources`, `archives`, `tables`, `azure_export`,
`compreface_service`). Workers compute templates without any state (`computing`; `workers` on this machine,
`ray_workers` on a cluster). `importer` reads, has computed, and files with one writer (`gallery.filing`), so that it
can be killed and run again; `report` says the result of each photo. `batch` is the portal's smaller sibling.
"""

from mien.importing.importer import Importer, Outcome, Summary
from mien.importing.sources import Photo, SourceError

__all__ = ["Importer", "Outcome", "Photo", "SourceError", "Summary"]
