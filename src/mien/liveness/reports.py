"""Reports of a client about its camera, its script and the timing of its frames. They are claims, not proof.

A program that speaks the protocol can report anything. The reports detect only honest clients: a virtual camera that
was chosen in an unmodified page, an old or changed script, a page that cannot keep up.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from mien.contract.flashes import WithoutFlashes
from mien.liveness.attestation import Attestations

_LONGEST_LABEL: Final = 256
_LARGEST: Final = 1_000_000

_VIRTUAL: Final = (
    "virtual", "obs-camera", "obs camera", "manycam", "snap camera", "xsplit", "splitcam", "sparkocam", "youcam",
    "webcamoid", "akvcam", "v4l2loopback", "v4l2 loopback", "dummy video", "droidcam", "iriun", "epoccam", "ivcam",
    "reincubate camo", "ndi webcam", "ndi video", "newtek ndi", "mmhmm", "camtwist", "altercam", "fakewebcam",
    "fake_device", "fake device", "screen-capture", "screen capture", "unity video capture", "vtubestudio", "vcam",
    "e2esoft", "avatarify", "deepfacelive", "facerig", "animaze", "prezi video", "chromacam", "evocam", "wirecast",
    "cyberlink webcam splitter", "logi capture", "spark camera", "fdcam",
)  # fmt: skip
"""Parts of the names of virtual cameras, in lower case. Apps that use a phone as a webcam are among them: their drivers
show any picture that they are given."""


class ReportError(ValueError):
    """A report is malformed; the text says how."""


@dataclass(frozen=True, slots=True)
class CameraReport:
    """The camera as the client's platform describes it.

    Attributes:
        label: its name; "" when the platform does not say.
        width: pixels of its frames, or None.
        height: height of the camera's picture in pixels.
        frame_rate: frames a second that it was set to, or None.
        facing: "user", "environment" or another word of the platform; "" when it does not say.
        cameras: how many cameras the device has, or None.
    """

    label: str = ""
    width: float | None = None
    height: float | None = None
    frame_rate: float | None = None
    facing: str = ""
    cameras: float | None = None

    @property
    def virtual(self) -> bool:
        """Whether the name is that of a virtual camera."""
        label = self.label.lower()
        return any(part in label for part in _VIRTUAL)


@dataclass(frozen=True, slots=True)
class ClientPolicy:
    """The operator's requirements for clients.

    Attributes:
        virtual_cameras: whether cameras that are programs may be used.
        own_script: whether only the component of this server may be used, as its proof says.
        scripts: SHA-256 of each script that counts as this server's.
        without_flashes: returns for a resource whether challenges without flashes are allowed, and the best decision
            that they may reach.
        attestations: the verifiable attestations of native apps, and whether clients without one are refused.
    """

    virtual_cameras: bool = False
    own_script: bool = False
    scripts: frozenset[bytes] = frozenset()
    without_flashes: Callable[[UUID], WithoutFlashes] = lambda _: WithoutFlashes.OFF
    attestations: Attestations = field(default_factory=Attestations)

    def claims(self, resource_id: UUID) -> dict[str, bool]:
        """Return the part for clients in a resource's tokens; settings that are not allowed are omitted."""
        told = {"vc": self.virtual_cameras, "wf": self.without_flashes(resource_id) is not WithoutFlashes.OFF}
        return {name: True for name, allowed in told.items() if allowed}

    def proves(self, proof: str | None, nonce: str) -> bool | None:
        """Return whether a proof is that of one of this server's scripts; None without a proof."""
        if proof is None:
            return None
        return any(hmac.compare_digest(script_proof(digest, nonce), proof.lower()) for digest in self.scripts)


def script_proof(script: bytes, nonce: str) -> str:
    """Return the proof that a component gives of its script.

    Args:
        script: SHA-256 of the script's bytes as served.
        nonce: claim of the session's token.

    Returns:
        64 lower-case hex digits.
    """
    return hashlib.sha256(f"mien-liveness.1 client\n{nonce}\n".encode() + script).hexdigest()


def read_camera(said: object) -> CameraReport | None:
    """Return the report `camera` of a message; None if it is absent.

    Raises:
        ReportError: it is malformed.
    """
    if said is None:
        return None
    if not isinstance(said, dict):
        raise ReportError("camera is an object")
    return CameraReport(
        label=_text(said, "label"),
        width=_number(said, "width"),
        height=_number(said, "height"),
        frame_rate=_number(said, "frameRate"),
        facing=_text(said, "facingMode"),
        cameras=_number(said, "cameras"),
    )


def read_proof(said: object) -> str | None:
    """Return `client.proof` of a hello; None when it is absent.

    Raises:
        ReportError: it is malformed.
    """
    proof = said.get("proof") if isinstance(said, dict) else None
    if proof is None:
        return None
    if not isinstance(proof, str) or len(proof) != 64:
        raise ReportError("client.proof has 64 hex digits")
    return proof


@dataclass(frozen=True, slots=True)
class CaptureReport:
    """Timing of the client's capture, by its own clock.

    Attributes:
        timestamps: source of the capture times: "camera", "callback" or "clock"; "" if unknown.
        measured: measured values by name: frames captured and dropped, milliseconds from capture to sending, and from a
            positioning frame to the server's answer.
    """

    timestamps: str = ""
    measured: Mapping[str, float] = field(default_factory=dict)


_CAPTURE: Final = ("captured", "dropped", "delayMs", "longestDelayMs", "roundTripMs", "frameRate")


def read_capture(said: object) -> CaptureReport | None:
    """Return the report `capture` of the last message; None if it is absent.

    Raises:
        ReportError: it is malformed.
    """
    if said is None:
        return None
    if not isinstance(said, dict):
        raise ReportError("capture is an object")
    numbers = {name: _number(said, name) for name in _CAPTURE}
    return CaptureReport(
        _text(said, "timestamps"), {name: value for name, value in numbers.items() if value is not None}
    )


def report_json(
    camera: CameraReport | None,
    proven: bool | None,
    capture: CaptureReport | None,
    *,
    origin: str = "",
    flashes: bool = True,
    attested: str | None = None,
) -> dict[str, Any]:
    """Return the part of a client's reports that an audit entry has; empty if there were none.

    Args:
        camera: the camera as it was reported, or None.
        proven: whether the client proved that its script is the server's; None when it tried not.
        capture: how the frames were taken, or None.
        origin: origin of the page that connected, by its browser; "" for a client that is no page.
        flashes: whether the challenge had any.
        attested: the kind of attestation that was verified, or None.
    """
    told: dict[str, Any] = {"origin": origin[:_LONGEST_LABEL]} if origin else {}
    if not flashes:
        told["flashes"] = False
    if attested is not None:
        told["attestation"] = attested
    if camera is not None:
        sizes = {"width": camera.width, "height": camera.height, "frameRate": camera.frame_rate}
        told["camera"] = camera.label
        told |= _given([*sizes.items(), ("facingMode", camera.facing or None), ("cameras", camera.cameras)])
    if proven is not None:
        told["script"] = "own" if proven else "another"
    if capture is not None:
        told |= _given([("timestamps", capture.timestamps or None), *capture.measured.items()])
    return told


def _given(entries: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in entries if value is not None}


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ReportError(f"{name} is a text")
    return value[:_LONGEST_LABEL]


def _number(said: Mapping[str, Any], name: str) -> float | None:
    value = said.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LARGEST:
        raise ReportError(f"{name} is a number from 0 to {_LARGEST}")
    return value if math.isfinite(value) else None
