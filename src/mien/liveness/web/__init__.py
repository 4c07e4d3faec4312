"""The browser's end of a liveness session: a web component, and how a server hands it out.

The component is `package/mien-face-liveness.js`, one ES module, in an npm package folder. `assets()` returns every file
that a server must serve, with its path, type and headers:

    for asset in assets():
        print(asset.path, asset.integrity)

A page loads it from the stable path, which always has the newest version 1, or pinned to its content with an integrity
hash; `MANIFEST_PATH` has both.
"""

from mien.liveness.web.assets import MANIFEST_PATH, MODULE_PATH, Asset, assets, demo_file

__all__ = ["MANIFEST_PATH", "MODULE_PATH", "Asset", "assets", "demo_file"]
