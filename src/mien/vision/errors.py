"""Errors of images and analysis requests; the wire maps them to the contract's errors."""

from __future__ import annotations

from mien.messages import MessageError


class VisionError(MessageError):
    """Base of the errors of `vision`."""


class ImageError(VisionError):
    """The image cannot be analysed."""


class ImageTooSmallError(ImageError):
    """The file is smaller than the contract's minimum."""


class ImageTooLargeError(ImageError):
    """The file is larger than the contract's maximum."""


class UnreadableImageError(ImageError):
    """The bytes are not a JPEG, PNG, GIF or BMP that can be decoded within the limits.

    The text gives the reason, for the error's hint.
    """


class ImageInputError(VisionError, TypeError):
    """The image argument has an unsupported type: a mistake of the program, not of the photo."""


class UnsupportedAttributeError(VisionError):
    """This build has no method for a requested attribute."""

    def __init__(self, attribute: str, reason: str) -> None:
        """Store the attribute's contract name and the reason, for the error's hint."""
        super().__init__("{attribute}: {reason}", attribute=attribute, reason=reason)
        self.attribute = attribute
        self.reason = reason
