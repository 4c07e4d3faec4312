"""What became of asynchronous writes; answered for 48 hours."""

from __future__ import annotations

from uuid import UUID

from mien.gallery.types import Operation


class Operations:
    """The operations of a resource."""

    def get(self, resource_id: UUID, operation_id: str) -> Operation:
        """Return an operation.

        Raises:
            OperationNotFoundError: there is none, or it is older than 48 hours.
        """
        raise NotImplementedError
