"""Face → template: alignment to each network's crop, the networks, their fusion, and score normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from mien.matching import Calibration, Normalisation
from mien.models.cohorts import read_cohort
from mien.models.inputs import to_input
from mien.models.manifest import Manifest, template_points
from mien.models.store import LoadedPack
from mien.vision import align
from mien.vision.spare_cores import SpareCores
from mien.vision.types import Embedding, Float32, Pixels

_READABLE = 2 / 3
"""Share of the limit of low quality below which templates are meaningless: those of upside-down faces, blurred specks
and animals are similar to each other, whoever they show (`bench/rotation.py`)."""


@dataclass(frozen=True, slots=True)
class _Vector:
    unit: Float32
    norm: float


class Embedder:
    """Computes templates with one pack; thread-safe.

    Args:
        pack: a recogniser, or a fusion of several.
        cores: spare cores to run the networks of a fusion in parallel, or a single network on two cores; None for one
            core.

    Attributes:
        fingerprint: fingerprint of the pack; only embeddings with the same fingerprint may be compared.
        packs: names of the packs whose networks it runs.
        dimension: length of its templates.
    """

    def __init__(self, pack: LoadedPack, cores: SpareCores | None = None) -> None:
        self._cores = cores or SpareCores(1)
        self.fingerprint = pack.fingerprint
        if pack.parts:
            parts = [(_Single(part, self._cores), share) for part, share in pack.parts]
            self._parts = tuple(
                (single, float(np.sqrt(share)), settings.reliability)
                for (single, share), settings in zip(parts, pack.manifest.fusion, strict=True)
            )
        else:
            self._parts = ((_Single(pack, self._cores), 1.0, None),)
        # The norm of an embedding is the norm of the first part's.
        first = pack.parts[0][0] if pack.parts else pack
        cuts = first.manifest.calibration.quality_cuts if first.manifest.calibration else None
        self._least, self._plain = (_READABLE * cuts[0], sum(cuts) / 2) if cuts else (0.0, np.inf)
        self.packs = frozenset(single.name for single, _, _ in self._parts)
        self._normalisation = normalisation_of(pack.manifest)
        vector = sum(single.dimension for single, _, _ in self._parts)
        self.dimension = self._normalisation.dimension if self._normalisation else vector

    def embed(self, pixels: Pixels, points: Float32, known: Mapping[str, Float32] | None = None) -> Embedding:
        """Compute the template of one face.

        Args:
            pixels: BGR uint8 (h, w, 3).
            points: float32 (5, 2) in those pixels, see `Detection.points`.
            known: outputs already computed for this face, float32 (d,) by pack; these networks are not run again.

        Returns:
            The template, with the norm of the first part's network before normalisation. If that norm is too low for a
            face, the template of an unreadable face.
        """
        known = known or {}
        calls = [
            partial(single.finish, known[single.name]) if single.name in known else partial(single.run, pixels, points)
            for single, _, _ in self._parts
        ]
        found = self._cores.run(calls)
        if found[0].norm < self._least:
            return self.unread()
        weighted = [
            vector.unit * np.float32(root * (reliability.weight(vector.norm) if reliability else 1.0))
            for vector, (_, root, reliability) in zip(found, self._parts, strict=True)
        ]
        joined = weighted[0] if len(weighted) == 1 else _unit(np.concatenate(weighted))[0]
        if self._normalisation is not None:
            joined = self._normalisation.apply(joined[None])[0]
        return Embedding(joined, self.fingerprint, found[0].norm)

    def unread(self) -> Embedding:
        """Return the template of an unreadable face: zeros, which match nothing."""
        return Embedding(np.zeros(self.dimension, np.float32), self.fingerprint, 0.0)

    def widen(self) -> None:
        """Prepare for calls on two cores, see `Network.widen`."""
        for single, _, _ in self._parts:
            single.widen()

    def is_doubtful(self, embedding: Embedding) -> bool:
        """Return whether the norm of a template is so low that the face may not have been upright."""
        return embedding.norm < self._plain


def normalisation_of(manifest: Manifest) -> Normalisation | None:
    """Return a recogniser's score normalisation; None if it has none.

    Raises:
        CorruptFileError: its cohort is missing or damaged.
    """
    stated = manifest.normalisation
    if stated is None:
        return None
    return Normalisation(read_cohort(stated), stated.floor, stated.gain, stated.scale)


def calibration_of(manifest: Manifest) -> Calibration | None:
    """Return the calibration in a recogniser's manifest; None if there is none."""
    stated = manifest.calibration
    return None if stated is None else Calibration.of(stated.model_dump())


class _Single:
    """One network with its input and output conventions."""

    def __init__(self, pack: LoadedPack, cores: SpareCores) -> None:
        self._cores = cores
        file = pack.manifest.network
        if file.input is None or file.output.dimension is None:  # the manifest's own checks exclude this
            message = f"pack {pack.manifest.name} does not say what its network takes and gives"
            raise ValueError(message)
        self.name = pack.manifest.name
        self._network = pack.network
        self._input = file.input
        self._template = template_points(file.input)
        self._output = [file.output.name or self._network.outputs[0]]
        self._centre = np.array(file.output.centre, np.float32) if file.output.centre else None
        self.dimension = file.output.dimension

    def run(self, pixels: Pixels, points: Float32) -> _Vector:
        width, height = self._input.width or 0, self._input.height or 0
        crop = align.warp(pixels, align.similarity_transform(points, self._template), width, height)
        given = to_input(crop[None], self._input)
        with self._cores.second() as wide:
            (answer,) = self._network.run(given, outputs=self._output, wide=wide)
        return self.finish(np.asarray(answer, np.float32).reshape(-1))

    def widen(self) -> None:
        self._network.widen()

    def finish(self, vector: Float32) -> _Vector:
        unit, norm = _unit(vector)
        return _Vector(unit if self._centre is None else _unit(unit - self._centre)[0], norm)


def _unit(vector: Float32) -> tuple[Float32, float]:
    """Scale a vector to length 1; also return its original length."""
    length = float(np.sqrt(vector.dot(vector)))
    unit: Float32 = vector / np.float32(max(length, 1e-12))
    return unit, length
