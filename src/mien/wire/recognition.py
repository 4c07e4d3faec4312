"""All operations on enrolled and compared faces."""

from __future__ import annotations

from mien.gateway.exchange import Operation
from mien.wire.api_snapshots import Snapshots
from mien.wire.collections import collection_operations
from mien.wire.context import Context
from mien.wire.directory import Directory
from mien.wire.dynamic_groups import DynamicGroupHandlers
from mien.wire.find_similar import FindSimilar
from mien.wire.group import GroupHandler
from mien.wire.identify import Identify
from mien.wire.operations import OperationHandlers
from mien.wire.persisted_faces import persisted_face_operations
from mien.wire.persons import person_operations
from mien.wire.training import training_operations
from mien.wire.verify import Verify


def recognition_operations(context: Context) -> list[Operation]:
    """Return the operations of every family that uses the gallery."""
    directory = context.directory
    of_directory = (
        []
        if directory is None
        else [
            *Directory(context, directory).operations(),
            *DynamicGroupHandlers(context, directory).operations(),
            *OperationHandlers(context, directory).operations(),
            *Snapshots(context, directory).operations(),
        ]
    )
    return [
        *Verify(context).operations(),
        *Identify(context).operations(),
        *FindSimilar(context).operations(),
        *GroupHandler(context).operations(),
        *collection_operations(context),
        *persisted_face_operations(context),
        *training_operations(context),
        *person_operations(context),
        *of_directory,
    ]
