"""The vendor's JavaScript SDKs, unmodified, against a real server process with TLS: they refuse plain HTTP."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import partial
from uuid import uuid4

import pytest
from tests.conftest import Server, StartServer
from tests.npm import FOLDER, node_modules
from tests.shared import shared_path

pytestmark = pytest.mark.sdk


@pytest.fixture(scope="module")
def node() -> str:
    """Node.js with the SDKs installed."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node.js and npm")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=20, check=True).stdout
    if int(version.lstrip("v").partition(".")[0]) < 20:
        pytest.skip(f"needs Node.js 20 or newer, this one is {version.strip()}")
    node_modules()
    return node


@pytest.fixture(scope="module")
def tls_server(start_server: StartServer) -> Server:
    return start_server("--tls")


@pytest.mark.parametrize("script", ["rest", "legacy", "liveness"])
def test_the_javascript_sdk(script: str, node: str, tls_server: Server) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "ENDPOINT": tls_server.endpoint,
        "KEY": tls_server.key1,
        "PHOTOS": str(shared_path("faces", "azure")),
        "NAME": f"js-{uuid4().hex[:8]}",
        "NODE_EXTRA_CA_CERTS": str(tls_server.data_dir / "tls" / "ca.pem"),
    }
    command = [node, "--no-deprecation", f"{script}.mjs"]
    run = partial(subprocess.run, capture_output=True, text=True, timeout=120, check=False)
    done = run(command, cwd=FOLDER, env=environment)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr + done.stdout
