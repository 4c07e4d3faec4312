"""The image: built on Debian's packages without a registry, and run without rights, network or a writable root."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from tests.deploy.conftest import DEPLOY
from tests.shared import azure_photo

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1800)]  # building takes minutes on a busy machine

_NEEDED = ("podman", "mmdebstrap", "runc")
_LIMITS = ("--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096")  # a container's defaults may be above ours


def podman(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = ["podman", "--runtime", "runc", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=1800, check=check)


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    if os.geteuid() != 0 or not all(shutil.which(program) for program in _NEEDED):
        pytest.skip("needs root, podman, runc and mmdebstrap (Debian packages)")
    tag = f"localhost/mien-test:{uuid4().hex[:8]}"
    environment = os.environ | {"BASE": "debian", "BUILDAH_ISOLATION": "chroot"}
    built = subprocess.run(
        [DEPLOY / "build_image.sh", tag], env=environment, capture_output=True, text=True, timeout=1800, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    yield tag
    podman("rmi", "--force", tag, check=False)


def test_it_says_what_it_is_and_what_is_in_it(image: str) -> None:
    told = json.loads(podman("image", "inspect", image).stdout)[0]
    assert told["Config"]["User"] == "10001:0"
    assert told["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert told["Healthcheck"]["Test"][0] == "CMD"
    bill = podman("run", "--rm", *_LIMITS, "--network", "none", "--entrypoint", "cat", image, "/opt/mien/sbom.cdx.json")
    components = {part["name"] for part in json.loads(bill.stdout)["components"]}
    assert {"fastapi", "numpy", "onnxruntime", "sqlalchemy"} <= components
    kept = podman("run", "--rm", *_LIMITS, "--network", "none", "--entrypoint", "env", image).stdout
    assert "PIP_CERT" not in kept, "what the build was lent stays out of the image"


def test_it_finds_a_face_without_rights_and_with_nothing_but_its_volume_to_write_to(image: str) -> None:
    name = f"mien-{uuid4().hex[:8]}"
    limits = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "all", "--security-opt", "no-new-privileges")
    settings = ("--env", "MIEN_HOST=127.0.0.1", "--env", "MIEN_PORT=0", "--env", "MIEN_MANAGEMENT_PORT=0")
    # Any id of group 0: OpenShift chooses one.
    podman(
        *("run", "--detach", "--name", name, "--user", "123456:0", "--network", "host", *_LIMITS, *limits, *settings),
        *(image, "serve", "--dev", "--ready-file", "/tmp/ready.json"),
    )
    try:
        told: dict[str, str] = {}
        deadline = time.monotonic() + 180
        while not told:
            assert time.monotonic() < deadline, podman("logs", name, check=False).stderr
            time.sleep(0.5)
            asked = podman("exec", name, "cat", "/tmp/ready.json", check=False)
            told = json.loads(asked.stdout) if asked.returncode == 0 else {}
        headers = {"Ocp-Apim-Subscription-Key": told["key1"], "Content-Type": "application/octet-stream"}
        answer = httpx.post(
            f"{told['endpoint']}/face/v1.2/detect?detectionModel=detection_03",
            headers=headers,
            content=azure_photo("detection1").read_bytes(),
            timeout=60,
            trust_env=False,
        )
        assert answer.status_code == 200, answer.text
        assert len(answer.json()) == 1
        assert podman("exec", name, "touch", "/opt/mien/x", check=False).returncode != 0
    finally:
        podman("rm", "--force", name, check=False)
