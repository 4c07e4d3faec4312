"""Problems in an attempt's frames, in the contract's names: mistakes and bad light, never attacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from mien.contract.attributes import Attribute, ExposureLevel, Level3, MaskType
from mien.liveness.challenge import Challenge
from mien.liveness.turns import Neutral
from mien.liveness.types import AttemptProblem, LivenessError, RecognitionError
from mien.vision.presentation.track import FaceTrack
from mien.vision.types import Attributes

ATTRIBUTES: Final = frozenset({Attribute.MASK, Attribute.OCCLUSION, Attribute.BLUR, Attribute.EXPOSURE})
"""The attributes that `face_problem` needs."""

_TRACKED: Final = 0.7
"""Share of the frames that must show the face."""
_SMALLEST: Final = 0.15
"""Least width of the face, as a share of the frame's shorter side; the client requires 0.22."""
_FRONTAL: Final = 25.0
"""Degrees of yaw beyond which a person does not look at the camera."""
_UPRIGHT: Final = 35.0
"""Degrees of pitch or roll."""

UNREADABLE: Final = AttemptProblem(
    LivenessError.UNEXPECTED_CLIENT_ERROR, RecognitionError.CONTENT_DECODING, "The frames could not be decoded."
)
NO_FACE: Final = AttemptProblem(
    LivenessError.NO_FACE_DETECTED, RecognitionError.FACE_NOT_FOUND, "No face was found in the frames.", "LookAtCamera"
)
LOST: Final = AttemptProblem(
    LivenessError.FACE_TRACKING_FAILED,
    RecognitionError.NONE,
    "The face could not be followed through the frames.",
    "TooMuchMovement",
)
SEVERAL: Final = AttemptProblem(
    LivenessError.FACE_TRACKING_FAILED,
    RecognitionError.SEVERAL_FACES,
    "More than one face is in the frames.",
    "LookAtCamera",
)
TOO_SMALL: Final = AttemptProblem(
    LivenessError.FACE_TRACKING_FAILED,
    RecognitionError.IMAGE_TOO_SMALL,
    "The face is too small in the frames.",
    "MoveCloser",
)
NOT_FRONTAL: Final = AttemptProblem(
    LivenessError.FACE_TRACKING_FAILED,
    RecognitionError.FACE_NOT_FRONTAL,
    "The face does not look at the camera.",
    "LookAtCamera",
)
TOO_DARK: Final = AttemptProblem(
    LivenessError.FACE_TRACKING_FAILED,
    RecognitionError.GENERIC_FAILURE,
    "The face is too dark.",
    "IncreaseBrightnessToMax",
)
TOO_BRIGHT: Final = AttemptProblem(LivenessError.BRIGHTNESS, RecognitionError.BRIGHTNESS, "The face is too bright.")
BLURRED: Final = AttemptProblem(
    LivenessError.BLUR, RecognitionError.BLUR, "The face is too blurred.", "TooMuchMovement"
)
MASKED: Final = AttemptProblem(LivenessError.MASK, RecognitionError.MASK, "Mask detected on face image.")
EYES: Final = AttemptProblem(
    LivenessError.EYES_NOT_VISIBLE, RecognitionError.EYES_NOT_VISIBLE, "The eyes cannot be seen."
)
MOUTH: Final = AttemptProblem(
    LivenessError.MOUTH_NOT_VISIBLE, RecognitionError.MOUTH_NOT_VISIBLE, "The mouth cannot be seen."
)
TOO_SLOW: Final = AttemptProblem(
    LivenessError.TIMED_OUT, RecognitionError.NONE, "The frames came too late: the connection is too slow."
)
NOT_TURNED: Final = AttemptProblem(
    LivenessError.HEAD_TURN_NOT_PERFORMED,
    RecognitionError.NONE,
    "The head was not turned as asked.",
)


def server_lacks(what: str) -> AttemptProblem:
    """The reason of an attempt that cannot succeed because of the server; it is not the person's failure."""
    return AttemptProblem(LivenessError.UNEXPECTED_SERVER_ERROR, RecognitionError.NONE, what)


def track_problem(track: FaceTrack, challenge: Challenge, ahead: Neutral | None) -> AttemptProblem | None:
    """Problems that prevent tracking of the face: none, several, lost, too small, turned away."""
    if len(track.observations) < 0.1 * track.frames or not track.observations:
        return NO_FACE
    if track.most_faces > 1:
        return SEVERAL
    frontal = [observation for observation in track.observations if observation.time_ms <= challenge.frontal_ms]
    if len(track.observations) < _TRACKED * track.frames or not frontal or ahead is None:
        return LOST
    widths = sorted(observation.width for observation in frontal)
    if widths[len(widths) // 2] < _SMALLEST * min(track.size):
        return TOO_SMALL
    roll = sorted(abs(observation.pose.roll) for observation in frontal)[len(frontal) // 2]
    if abs(ahead.yaw) > _FRONTAL or abs(ahead.pitch) > _UPRIGHT or roll > _UPRIGHT:
        return NOT_FRONTAL
    return None


def face_problem(faces: Sequence[Attributes]) -> AttemptProblem | None:
    """Problems that hide the face or degrade its picture, if they occur in all of the examined frames."""
    checks: tuple[tuple[AttemptProblem, Callable[[Attributes], bool]], ...] = (
        (TOO_DARK, lambda face: face.exposure is not None and face.exposure.level is ExposureLevel.UNDER),
        (TOO_BRIGHT, lambda face: face.exposure is not None and face.exposure.level is ExposureLevel.OVER),
        (BLURRED, lambda face: face.blur is not None and face.blur.level is Level3.HIGH),
        (MASKED, lambda face: face.mask is not None and face.mask.type is MaskType.FACE_MASK),
        (EYES, lambda face: face.occlusion is not None and face.occlusion.eye),
        (MOUTH, lambda face: face.occlusion is not None and face.occlusion.mouth),
    )
    if not faces:
        return None
    return next((problem for problem, holds in checks if all(holds(face) for face in faces)), None)
