"""Model packs: what they are, where they come from, and how they are run.

A pack is described by a `Manifest` (files with hashes, licence, conventions, calibration, fingerprint), kept on disk by
a `ModelStore`, and run as `Network`s:

    store = ModelStore()
    store.ensure(["sface"])          # fetches and converts what is missing
    pack = store.load("sface")       # checks hashes; each network is loaded once a store
    pack.network.run(crops)          # float32 (n, 3, 112, 112), as pack.manifest.network.input says
    pack.fingerprint                 # goes with every embedding

Every `ModelError` says which command repairs it.
"""

from mien.models.errors import ModelError
from mien.models.manifest import Manifest, Task
from mien.models.runtime import Network
from mien.models.store import LoadedPack, ModelStore

__all__ = ["LoadedPack", "Manifest", "ModelError", "ModelStore", "Network", "Task"]
