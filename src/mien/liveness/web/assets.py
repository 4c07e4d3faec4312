"""The files of the web component as a server hands them out: paths, hashes, headers."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

_BASE: Final = "/liveness/web"
_NAME: Final = "mien-face-liveness"

MANIFEST_PATH: Final = f"{_BASE}/manifest.json"
MODULE_PATH: Final = f"{_BASE}/v1/{_NAME}.js"
"""Path of the newest version 1 of the component; stable across updates."""

_PACKED: Final = 499162500
"""The date of every file in an npm package, 1985-10-26: the same content gives the same archive."""

_SCRIPT: Final = "text/javascript; charset=utf-8"
_JSON: Final = "application/json; charset=utf-8"

_UNTIL_UPDATED: Final = "public, max-age=300"
_FOREVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file to serve.

    Attributes:
        path: path of its URL, absolute.
        body: its bytes.
        content_type: value of that header.
        cache_control: value of that header; immutable if the path contains a hash of the content.
    """

    path: str
    body: bytes
    content_type: str
    cache_control: str

    @property
    def integrity(self) -> str:
        """The hash for an `integrity` attribute: "sha384-" and base64."""
        return "sha384-" + base64.b64encode(hashlib.sha384(self.body).digest()).decode()

    @property
    def headers(self) -> dict[str, str]:
        """Headers that allow pages of other origins to use it, including isolated ones (COEP)."""
        return {
            "cache-control": self.cache_control,
            "access-control-allow-origin": "*",
            "cross-origin-resource-policy": "cross-origin",
        }


@cache
def assets() -> tuple[Asset, ...]:
    """Every file of the component, the manifest last."""
    folder = {name: _read("package", name) for name in _package_files()}
    script, types = folder[f"{_NAME}.js"], folder[f"{_NAME}.d.ts"]
    version = json.loads(folder["package.json"])["version"]
    pinned = f"{_BASE}/{version}-{hashlib.sha256(b''.join(folder.values())).hexdigest()[:12]}"
    module = Asset(f"{pinned}/{_NAME}.js", script, _SCRIPT, _FOREVER)
    declarations = Asset(f"{pinned}/{_NAME}.d.ts", types, "text/plain; charset=utf-8", _FOREVER)
    package = Asset(f"{pinned}/{_NAME}-{version}.tgz", _archive(folder), "application/gzip", _FOREVER)
    manifest = {
        "name": _NAME,
        "version": version,
        "stable": MODULE_PATH,
        "module": {"path": module.path, "integrity": module.integrity},
        "types": {"path": declarations.path, "integrity": declarations.integrity},
        "package": {"path": package.path, "integrity": package.integrity},
    }
    return (
        Asset(MODULE_PATH, script, _SCRIPT, _UNTIL_UPDATED),
        module,
        declarations,
        package,
        Asset(MANIFEST_PATH, json.dumps(manifest, indent=1).encode(), _JSON, _UNTIL_UPDATED),
    )


def demo_file(name: str) -> bytes:
    """A file of the demo page: "index.html", "demo.js" or "demo.css"."""
    return _read("demo", name)


def _package_files() -> list[str]:
    """Return the files that npm would pack: the manifest and the files that it lists."""
    return ["package.json", *json.loads(_read("package", "package.json"))["files"]]


def _read(folder: str, name: str) -> bytes:
    return (files("mien.liveness.web") / folder / name).read_bytes()


def _archive(folder: dict[str, bytes]) -> bytes:
    """Pack files like `npm pack`, so that `npm install <URL>` accepts them."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in folder.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size, entry.mtime, entry.mode = len(content), _PACKED, 0o644
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)
