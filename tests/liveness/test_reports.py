"""What clients report about themselves: cameras that are programs, proofs of the script, malformed reports."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.liveness.reports import (
    CameraReport,
    CaptureReport,
    ClientPolicy,
    ReportError,
    read_camera,
    read_capture,
    read_proof,
    report_json,
)

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(["label", "width", "height", "frameRate", "facingMode", "cameras", "captured", "proof"])


@pytest.mark.parametrize(
    "label",
    ["OBS Virtual Camera", "fake_device_0", "ManyCam Virtual Webcam", "Snap Camera", "DroidCam Source 3",
     "Dummy video device (0x0000)"],
)  # fmt: skip
def test_cameras_that_are_programs(label: str) -> None:
    assert CameraReport(label).virtual


@pytest.mark.parametrize(
    "label",
    [
        "", "FaceTime HD Camera (Built-in)", "Integrated Camera (04f2:b6d9)", "HD Pro Webcam C920 (046d:082d)",
        "camera2 1, facing front", "Front Camera", "Surface Camera Front", "iPhone Camera", "Logitech BRIO",
    ],
)  # fmt: skip
def test_cameras_that_are_devices(label: str) -> None:
    assert not CameraReport(label).virtual


def test_a_proof_is_bound_to_script_and_nonce() -> None:
    script, nonce = b"export {};", "n0nce"
    policy = ClientPolicy(scripts=frozenset({hashlib.sha256(script).digest()}))
    # As docs/liveness-protocol.md tells a client to make it.
    proof = hashlib.sha256(b"mien-liveness.1 client\nn0nce\n" + hashlib.sha256(script).digest()).hexdigest()
    assert policy.proves(proof, nonce) is True
    assert policy.proves(proof.upper(), nonce) is True
    assert policy.proves(proof, "another") is False
    assert policy.proves("0" * 64, nonce) is False
    assert policy.proves(None, nonce) is None


@given(st.dictionaries(FIELDS, ANYTHING, max_size=6) | ANYTHING)
def test_reports_are_read_or_refused(said: Any) -> None:
    for read in (read_camera, read_capture, read_proof):
        try:
            told = read(said)
        except ReportError:
            continue
        camera = told if isinstance(told, CameraReport) else None
        capture = told if isinstance(told, CaptureReport) else None
        assert json.dumps(report_json(camera, None, capture), allow_nan=False)


def test_what_is_kept_of_reports() -> None:
    camera = read_camera({"label": "Front Camera", "width": 1280, "frameRate": 29.97, "more": []})
    capture = read_capture({"timestamps": "camera", "captured": 40, "dropped": 2})
    assert report_json(camera, True, capture) == {
        "camera": "Front Camera",
        "width": 1280,
        "frameRate": 29.97,
        "script": "own",
        "timestamps": "camera",
        "captured": 40,
        "dropped": 2,
    }
    assert report_json(None, None, None) == {}
