"""Claims of a liveness client about itself, and the refusal of its camera."""

from __future__ import annotations

from dataclasses import dataclass

from mien.contract.flashes import WithoutFlashes
from mien.liveness.reports import CameraReport, ClientPolicy


@dataclass(frozen=True, slots=True)
class DeviceClaims:
    """The claims of a client about itself that are checked.

    Attributes:
        camera: the report about its camera.
        proven: whether it runs the server's own script; None when it did not try to prove that.
        flashes: whether the screen may flash.
        without_flashes: the most that an attempt may conclude in which it does not.
        attested: the platform that attested the app, None without.
    """

    camera: CameraReport | None
    proven: bool | None
    flashes: bool
    without_flashes: WithoutFlashes
    attested: str | None = None


def refusal_of_camera(camera: CameraReport | None, policy: ClientPolicy) -> str | None:
    """Return why a camera is refused (it is virtual, and the operator does not allow that), or None."""
    if camera is None or not camera.virtual or policy.virtual_cameras:
        return None
    return f"the camera {camera.label!r} is a program, not a device: choose another camera"
