"""The vendor's JavaScript SDKs, unmodified, against a real server process with TLS: they refuse plain HTTP."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from tests.conftest import Server, StartServer
from tests.issuer import Issuer, running_issuer
from tests.npm import FOLDER, node_modules
from tests.second_resource import SUBSCRIPTION, file_resource
from tests.shared import shared_path

from mien.clock import SystemClock

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
def issuer() -> Iterator[Issuer]:
    with running_issuer(SystemClock()) as running:
        yield running


@pytest.fixture(scope="module")
def tls_server(start_server: StartServer, issuer: Issuer) -> Server:
    return start_server("--tls", oidc_issuer=issuer.url)


def run_script(script: str, node: str, server: Server, **more: str) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "ENDPOINT": server.endpoint,
        "KEY": server.key1,
        "PHOTOS": str(shared_path("faces", "azure")),
        "NAME": f"js-{uuid4().hex[:8]}",
        "NODE_EXTRA_CA_CERTS": str(server.data_dir / "tls" / "ca.pem"),
    }
    command = [node, "--no-deprecation", "--import", "./localhost.mjs", f"{script}.mjs"]
    run = partial(subprocess.run, capture_output=True, text=True, timeout=120, check=False)
    done = run(command, cwd=FOLDER, env=environment | more)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr + done.stdout


def below_the_domain(server: Server, label: str) -> str:
    """The server's endpoint under a host below its domain; its certificate must be good for that too."""
    return f"https://{label}.cognitiveservices.localhost:{urlsplit(server.endpoint).port}"


@pytest.mark.parametrize("script", ["rest", "legacy", "liveness"])
def test_the_javascript_sdk(script: str, node: str, tls_server: Server) -> None:
    run_script(script, node, tls_server)


def test_a_snapshot_is_applied_from_another_subscription(node: str, tls_server: Server) -> None:
    target = file_resource(tls_server, "target")
    run_script("snapshot", node, tls_server, TARGET_KEY=target, TARGET_SUBSCRIPTION=SUBSCRIPTION)


@pytest.mark.parametrize("label", ["dev", "local.api"])
def test_a_key_at_the_resources_own_host_and_its_regions(label: str, node: str, tls_server: Server) -> None:
    run_script("rest", node, tls_server, ENDPOINT=below_the_domain(tls_server, label))


def test_a_token_at_the_resources_own_host(node: str, tls_server: Server, issuer: Issuer) -> None:
    token = issuer.token("Cognitive Services Face Recognizer")
    own, regional = (below_the_domain(tls_server, label) for label in ("dev", "local.api"))
    run_script("token", node, tls_server, ENDPOINT=own, REGIONAL=regional, TOKEN=token)
