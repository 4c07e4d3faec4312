"""All tables, a module a subject. Importing this package fills `Base.metadata`, which migrations are compared with."""

from mien.storage.tables.accounts import KeyRow, ResourceRow
from mien.storage.tables.crypto import DataKeyRow
from mien.storage.tables.faces import DetectedFaceRow

__all__ = ["DataKeyRow", "DetectedFaceRow", "KeyRow", "ResourceRow"]
