"""The recognisers of the contract's recognition models: pack, fingerprint, calibration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mien.gallery.errors import NotCalibratedError, UnknownRecognitionModelError
from mien.matching import Calibration
from mien.models import ModelStore
from mien.models.bindings import Bindings
from mien.vision.embedder import calibration_of


@dataclass(frozen=True, slots=True)
class Recogniser:
    """The recogniser that a label is bound to.

    Attributes:
        label: `recognition_01` … `recognition_04`.
        pack: name of the model pack.
        fingerprint: fingerprint of its templates.
        measured: its calibration; None if it has none.
    """

    label: str
    pack: str
    fingerprint: str
    measured: Calibration | None

    @property
    def calibration(self) -> Calibration:
        """The calibration.

        Raises:
            NotCalibratedError: the recogniser has none.
        """
        if self.measured is None:
            raise NotCalibratedError(self.pack)
        return self.measured


class Recognisers:
    """The recognisers of a server by label.

    Args:
        by_label: the recogniser of each label.
    """

    def __init__(self, by_label: Mapping[str, Recogniser]) -> None:
        self._by_label = dict(by_label)

    @classmethod
    def of(cls, store: ModelStore, bindings: Bindings) -> Recognisers:
        """Return the recognisers that the labels are bound to; needs no model files."""
        found = {}
        for label, pack in bindings.recognition.items():
            calibration = calibration_of(store.manifest(pack))
            found[label] = Recogniser(label, pack, store.fingerprint(pack), calibration)
        return cls(found)

    def __getitem__(self, label: str) -> Recogniser:
        """Return the recogniser of a label.

        Raises:
            UnknownRecognitionModelError: there is no such label.
        """
        found = self._by_label.get(label)
        if found is None:
            raise UnknownRecognitionModelError("there is no recognition model {label!r}", label=label)
        return found

    def __iter__(self) -> Iterator[Recogniser]:
        """Iterate over the recognisers, one for each label."""
        return iter(self._by_label.values())
