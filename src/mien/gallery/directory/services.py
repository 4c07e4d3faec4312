"""Assembles the services of person directories, operations and v1.0 snapshots from those of collections."""

from __future__ import annotations

from dataclasses import dataclass

from mien.clock import Clock
from mien.gallery.api_snapshots import Transfers
from mien.gallery.copies import Copies
from mien.gallery.directory.dynamic_groups import DynamicGroups
from mien.gallery.directory.persons import DirectoryPersons
from mien.gallery.directory.recognition import DirectoryRecognition
from mien.gallery.directory.rows import DirectoryRows
from mien.gallery.directory.views import DirectoryViews
from mien.gallery.gallery import Gallery
from mien.gallery.insertion import Insertion
from mien.gallery.operations import Operations
from mien.gallery.recognisers import Recognisers
from mien.storage import Database, Vault
from mien.vision.ports import Engine


@dataclass(frozen=True, slots=True)
class DirectoryServices:
    """The services; see `mien.gallery`.

    Attributes:
        directory: persons and their faces.
        dynamic_groups: sets of persons.
        operations: results of asynchronous writes.
        transfers: v1.0 snapshots.
        recognition: verify and identify in the directory.
        views: views for operators.
    """

    directory: DirectoryPersons
    dynamic_groups: DynamicGroups
    operations: Operations
    transfers: Transfers
    recognition: DirectoryRecognition
    views: DirectoryViews

    def purge(self) -> int:
        """Delete expired operations and snapshots; called by the retention worker.

        Returns:
            The number of deleted rows.
        """
        return self.operations.purge_expired() + self.transfers.purge_expired()


def open_directory(
    gallery: Gallery, database: Database, vault: Vault, clock: Clock, *, engine: Engine, recognisers: Recognisers
) -> DirectoryServices:
    """Create the services; starts no thread.

    Args:
        gallery: the services of collections.
        database: the database.
        vault: encrypts templates.
        clock: the clock.
        engine: analyses photos.
        recognisers: bindings of the recognition models.
    """
    operations = Operations(database, clock)
    rows = DirectoryRows(gallery.rows, gallery.collections, recognisers)
    copies = Copies(gallery.rows, gallery.collections, gallery.templates, vault, gallery.indexes)
    return DirectoryServices(
        directory=DirectoryPersons(rows, operations, engine, Insertion(vault, gallery.duplicate_check)),
        dynamic_groups=DynamicGroups(rows, operations),
        operations=operations,
        transfers=Transfers(gallery.rows, gallery.collections, copies, operations),
        recognition=DirectoryRecognition(rows, gallery.recognition, recognisers, gallery.untrained_index),
        views=DirectoryViews(rows),
    )
