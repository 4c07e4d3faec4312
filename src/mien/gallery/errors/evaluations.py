"""Evaluations, and the calibrations applied from them."""

from __future__ import annotations

from mien.gallery.errors.base import GalleryError


class InvalidEvaluationNameError(GalleryError):
    """The name of an evaluation is not 1 to 64 letters, digits, spaces and simple punctuation."""

    def __init__(self, name: str) -> None:
        super().__init__("{name!r} cannot be a name: use 1 to 64 letters, digits, spaces and .,()+-", name=name[:80])


class EvaluationExistsError(GalleryError):
    """The resource already has an evaluation of that name."""

    def __init__(self, name: str) -> None:
        super().__init__("there is an evaluation {name!r} already: choose another name, or delete it first", name=name)


class EvaluationNotFoundError(GalleryError):
    """The resource has no evaluation of that name."""

    def __init__(self, name: str) -> None:
        super().__init__("there is no evaluation {name!r}", name=name[:80])


class NotMeasuredError(GalleryError):
    """An evaluation has no calibration: it had too few people for the false match rate."""

    def __init__(self, name: str, missing: int) -> None:
        if missing:
            super().__init__(
                "the evaluation {name!r} has no calibration: it needs {missing:,} more people, or a higher false match "
                "rate",
                name=name,
                missing=missing,
            )
        else:
            super().__init__("the evaluation {name!r} has no calibration", name=name)


class CalibrationMismatchError(GalleryError):
    """A calibration was measured on templates of another recogniser than the scope it is applied to."""

    def __init__(self, name: str, where: str) -> None:
        super().__init__(
            "the evaluation {name!r} was measured on templates of another recogniser than those "
            "of {where}: measure again with the model that is in use",
            name=name,
            where=where,
        )


class NothingToUndoError(GalleryError):
    """No calibration was applied in a scope, or the last one is already undone."""

    def __init__(self, where: str) -> None:
        super().__init__("there is nothing to undo for {where}", where=where)
