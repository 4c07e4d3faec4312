"""Templates and calibrations of another recogniser."""

from __future__ import annotations

from mien.gallery.errors.base import GalleryError
from mien.gallery.kinds import CollectionRef
from mien.messages import Message


class IncompatibleModelError(GalleryError):
    """The faces of a comparison are of different recognition models."""


class FingerprintMismatchError(GalleryError):
    """Templates of one label are of different weights, as the label was rebound. The text says how to fix it.

    Args:
        label: the recognition model.
        ref: the collection whose faces are of other weights; None for a short-lived face.
    """

    def __init__(self, label: str, ref: CollectionRef | None = None) -> None:
        if ref is None:
            super().__init__(
                "{label} was bound to another recogniser since a face was detected: detect it again", label=label
            )
            return
        name = f"{ref.kind.value}/{ref.collection_id}"
        super().__init__(
            "{label} was bound to another recogniser since the faces of {name} were enrolled: "
            "the operator runs `mien models migrate --collection {name}` and starts the servers "
            "anew, or binds {label} back (`mien models bind`)",
            label=label,
            name=name,
        )


class OtherRecogniserError(GalleryError):
    """The target group of a move has faces of another recogniser. The text says how to fix it.

    Args:
        ref: the person's collection.
        to: the target collection.
        labels: the recognition models of both; equal if only the weights differ.
        stale: the collection to re-embed.
    """

    def __init__(self, ref: CollectionRef, to: CollectionRef, labels: tuple[str, str], stale: CollectionRef) -> None:
        name, other, which = (f"{one.kind.value}/{one.collection_id}" for one in (ref, to, stale))
        if labels[0] != labels[1]:
            why = Message(
                "{name} is of {label} and {other} of {other_label}",
                name=name,
                label=labels[0],
                other=other,
                other_label=labels[1],
            )
            command = f"{which} --to {max(labels)}"
        else:
            command = which
            why = Message(
                "the faces of {name} and {other} were computed with different weights of {label}",
                name=name,
                other=other,
                label=labels[0],
            )
        super().__init__(
            "{why}, whose templates cannot be compared: the operator runs `mien models migrate "
            "--collection {command}` first, or the person's photos are enrolled there anew",
            why=why,
            command=command,
        )
        self.ref = ref
        self.to = to


class NotCalibratedError(GalleryError):
    """A recogniser has no calibration, so its similarities cannot be interpreted. The text says how to fix it."""

    def __init__(self, pack: str) -> None:
        super().__init__(
            "the recogniser {pack} has no calibration: give it one with `mien models calibrate {pack} FILE`", pack=pack
        )
