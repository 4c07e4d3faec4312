"""Why a photo is refused, and what to do about it, in a sentence for the operator."""

from __future__ import annotations

from mien.gallery.errors import LowQualityError, NoFaceError, SeveralFacesError


def reason(error: Exception) -> str:
    """Return why a photo was refused, and what to do."""
    match error:
        case NoFaceError():
            return "No face was found: the face must be upright, well lit and at least 36 pixels wide."
        case SeveralFacesError():
            return "It shows several faces: enrol it on the person's page and choose the face there, or crop it."
        case LowQualityError():
            return f"The photo does not meet the requirements: {error}."
        case _:
            text = str(error).strip() or type(error).__name__
            return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
