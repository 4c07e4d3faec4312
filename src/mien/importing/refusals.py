"""The reason why a photo is refused and the remedy, in a sentence for the operator."""

from __future__ import annotations

from mien.gallery.errors import LowQualityError, NoFaceError, SeveralFacesError
from mien.messages import Message, message_of


def reason(error: Exception) -> str:
    """Return why a photo was refused, and what to do."""
    match error:
        case NoFaceError():
            return Message("No face was found: the face must be upright, well lit and at least 36 pixels wide.")
        case SeveralFacesError():
            return Message(
                "It shows several faces: enrol it on the person's page and choose the face there, or crop it."
            )
        case LowQualityError():
            return Message("The photo does not meet the requirements: {shortfalls}.", shortfalls=error.message)
        case _:
            return Message.sentence(message_of(error) or type(error).__name__)
