"""Explanations of failed calls and advice, in the language of the visitor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mien.contract.catalogue import row
from mien.events.failed_calls import FailedCall
from mien.portal.texts import mark


@dataclass(frozen=True, slots=True)
class Advice:
    """Advice about a failed call.

    Attributes:
        text: the problem and the remedy, to be translated.
        action: label (to be translated) and path of the page for the remedy; None if there is none.
    """

    text: str
    action: tuple[str, str] | None = None


_KEYS: Final = (mark("Keys and endpoint"), "/keys")
_ACCESS: Final = (mark("Limited access"), "/access")
_NETWORK: Final = (mark("Networking"), "/networking")
_PEOPLE: Final = (mark("People"), "/people")
_METRICS: Final = (mark("Metrics and alerts"), "/metrics-and-alerts")
_TRY: Final = (mark("Try it"), "/try")

_BY_CODE: Final[dict[str, Advice]] = {
    "UnsupportedFeature": Advice(mark("The resource is not approved for this feature: request access."), _ACCESS),
    "PersonGroupNotTrained": Advice(mark("The group was never trained: train it."), _PEOPLE),
    "LargePersonGroupNotTrained": Advice(mark("The group was never trained: train it."), _PEOPLE),
    "PersonGroupTrainingNotFinished": Advice(mark("The group was being trained: wait until that has ended."), _PEOPLE),
    "LargePersonGroupTrainingNotFinished": Advice(
        mark("The group was being trained: wait until that has ended."), _PEOPLE
    ),
    "InvalidImage": Advice(mark("The body is not a readable image: send JPEG, PNG, GIF or BMP."), _TRY),
    "InvalidImageSize": Advice(mark("The image file is too small or too large: at most 6 MB."), _TRY),
    "InvalidURL": Advice(mark("The image's address could not be fetched: the hint says why.")),
    "FaceNotFound": Advice(mark("The face id is unknown or has expired: detect the face again.")),
    "PersonNotFound": Advice(mark("There is no such person in the group: it may have been merged or erased."), _PEOPLE),
    "PersonGroupNotFound": Advice(mark("There is no such group: it may have another id or kind."), _PEOPLE),
    "LargePersonGroupNotFound": Advice(mark("There is no such group: it may have another id or kind."), _PEOPLE),
    "BadArgument": Advice(mark("A parameter or the body is wrong: the message names it.")),
}

_BY_MESSAGE: Final[dict[str, Advice]] = {
    row("common.no_face").message: Advice(
        mark("No face was found in the photo: use a sharp, upright photo with a larger face."), _TRY
    ),
    row("common.several_faces").message: Advice(
        mark("The photo shows several faces: crop it to one person, or say with targetFace which face is meant."), _TRY
    ),
    row("mien.low_quality").message: Advice(
        mark("The photo does not meet the requirements of the group: the hint says which one it misses."), _PEOPLE
    ),
}
"""Advice by message, for codes of the API that have several causes."""

_BY_STATUS: Final[dict[int, Advice]] = {
    401: Advice(mark("The key or token was not accepted: compare it with the resource's keys."), _KEYS),
    403: Advice(mark("The call is not allowed for this resource or key."), _ACCESS),
    404: Advice(mark("There is nothing at this address: compare the path with the endpoint's."), _KEYS),
    408: Advice(mark("The request was too slow.")),
    413: Advice(mark("The request was too long.")),
    429: Advice(mark("Too many calls: send fewer, or wait as long as Retry-After says."), _METRICS),
    431: Advice(mark("The request's headers were too long.")),
}
_SERVER: Final = Advice(mark("The server could not answer. Its log has more, under the request id."))
_REQUEST: Final = Advice(mark("The message and the hint say what is wrong with the request."))
_NOT_LET_IN: Final = Advice(mark("The network rules do not let the caller's address in."), _NETWORK)


def advice(call: FailedCall) -> Advice:
    """Return advice on a failed call by its message, else its code, else its status."""
    if call.status == 403 and call.hint.startswith("The call came from"):
        return _NOT_LET_IN
    found = _BY_MESSAGE.get(call.message) or _BY_CODE.get(call.code) or _BY_STATUS.get(call.status)
    return found or (_SERVER if call.status >= 500 else _REQUEST)
