"""Model packs: description, download, storage and execution.

A pack is described by a `Manifest` (files with hashes, licence, conventions, calibration, fingerprint), stored on disk
by a `ModelStore`, and run as `Network`s:

    store = ModelStore()
    store.ensure(["sface"])          # fetches and converts missing files
    pack = store.load("sface")       # checks hashes; a store loads each network once
    pack.network.run(crops)          # float32 (n, 3, 112, 112), see pack.manifest.network.input
    pack.fingerprint                 # stored with every embedding

Every `ModelError` names the command that repairs it.
"""

from mien.models.errors import ModelError
from mien.models.manifest import Manifest, Task
from mien.models.runtime import Network
from mien.models.store import LoadedPack, ModelStore

__all__ = ["LoadedPack", "Manifest", "ModelError", "ModelStore", "Network", "Task"]
