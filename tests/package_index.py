"""Fetches one file of the package index that pip is set up to use, by its hash; nothing of it is built or run."""

from __future__ import annotations

import hashlib
import os
import ssl
import subprocess
import sys

import httpx


def download(project: str, file: str, sha256: str) -> bytes:
    """Return a file of a project, found through the index's JSON (PEP 691).

    Raises:
        httpx.HTTPError: the index cannot be reached.
        ValueError: it has no such file, or another one under the name.
    """
    asked = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True, check=False
    )
    index = os.environ.get("PIP_INDEX_URL") or asked.stdout.strip() or "https://pypi.org/simple"
    trust = ssl.create_default_context(cafile=os.environ.get("PIP_CERT"))
    with httpx.Client(verify=trust, follow_redirects=True, timeout=60) as client:
        page = client.get(
            f"{index.rstrip('/')}/{project}/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}
        ).raise_for_status()
        for candidate in page.json()["files"]:
            if candidate["filename"] == file:
                content = client.get(page.url.join(candidate["url"])).raise_for_status().content
                if hashlib.sha256(content).hexdigest() != sha256:
                    raise ValueError(f"{file} of the package index is not the one that is expected")
                return content
    raise ValueError(f"the package index has no {file}")
