"""Storage: the database, its tables and migrations, encryption at rest, and retention.

Main types: `Database` (sessions scoped to a resource), `Vault` (encrypts stored data, per resource), `migrate`.

Example:
    ```
    database = Database(settings.sqlalchemy_url)
    migrate(database)
    vault = Vault(database, load_master_key(settings.data_dir), SystemClock())
    with database.read(resource_id) as session:
        faces = session.scalars(select(DetectedFaceRow)).all()   # this resource's, always
    ```
"""

from mien.storage.crypto import MasterKey, Vault, load_master_key
from mien.storage.database import EVERY_RESOURCE, Database, Scope
from mien.storage.migrations import migrate

__all__ = ["EVERY_RESOURCE", "Database", "MasterKey", "Scope", "Vault", "load_master_key", "migrate"]
