"""People from another product into a group: from its folders, its export, or its own interface.

A source yields photos with the name of the person that each shows (`sources`, `azure_export`, `compreface_service`);
`importer` enrols them, writes down what became of each, and goes on where an earlier run stopped.
"""

from mien.importing.importer import Importer, Outcome, Summary
from mien.importing.sources import Photo, SourceError

__all__ = ["Importer", "Outcome", "Photo", "SourceError", "Summary"]
