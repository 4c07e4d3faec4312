"""Heads: linear models on region means of feature maps, shipped as `.npz` files with their model cards.

A head takes a few small matrix products; the network below it takes most of the time, and runs once per face. Scripts
in `tools/` write the files in `heads/`, which contain no pickles.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mien.vision.attributes.context import FaceContext
from mien.vision.types import Float32

Link = Literal["logistic", "softmax", "identity"]


@dataclass(frozen=True, slots=True)
class RegionPool:
    """Means of one feature map over rectangles.

    Attributes:
        source: the map's name, see `FaceContext.feature_map`.
        boxes: float32 (r, 4): left, top, right, bottom as fractions of the map's sides.
    """

    source: str
    boxes: Float32

    def pool(self, feature_map: Float32) -> Float32:
        """Average a map, float32 (c, h, w), over each rectangle: float32 (r · c,), region by region.

        Cells that are partly inside a rectangle are weighted by that part.
        """
        channels, height, width = feature_map.shape
        weights = _pool_matrix(self.boxes.tobytes(), height, width)
        return np.asarray(weights @ feature_map.reshape(channels, -1).T, np.float32).ravel()


@cache
def _pool_matrix(boxes: bytes, height: int, width: int) -> Float32:
    """Return the weights of cells, float32 (r, height · width), each row summing to 1."""
    left, top, right, bottom = np.frombuffer(boxes, np.float32).reshape(-1, 4).T

    def cover(low: Float32, high: Float32, size: int) -> Float32:
        cells = np.arange(size)
        ends = np.minimum((high * size)[:, None], cells + 1)
        return np.asarray(np.clip(ends - np.maximum((low * size)[:, None], cells), 0, 1), np.float32)

    weights = cover(top, bottom, height)[:, :, None] * cover(left, right, width)[:, None, :]
    weights = weights.reshape(len(left), -1)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


@dataclass(frozen=True, slots=True)
class Head:
    """A linear model: `link(weights · features + bias)`.

    Attributes:
        name: file name without suffix.
        classes: names of the outputs; one name for a single logistic or identity output.
        link: function from the sums to values; calibration is folded into weights and bias.
        pools: the features, in order.
        vectors: names and lengths of further features that the caller passes, after those of `pools`.
        weights: float32 (k, n); standardisation of the features is folded in.
        bias: float32 (k,).
        thresholds: named operating points on the output, such as {"present": 0.5}.
        card: the model card: training data, method and held-out figures.
    """

    name: str
    classes: tuple[str, ...]
    link: Link
    pools: tuple[RegionPool, ...]
    weights: Float32
    bias: Float32
    thresholds: Mapping[str, float] = field(default_factory=dict)
    vectors: tuple[tuple[str, int], ...] = ()
    card: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, context: FaceContext, **vectors: Float32) -> Float32:
        """Evaluate on one face.

        Args:
            context: the face.
            vectors: the features named in `vectors`.

        Returns:
            float32 (k,): probabilities for "logistic" (independent) and "softmax" (summing to 1).
        """
        return self.apply(self.features(context, **vectors))

    def features(self, context: FaceContext, **vectors: Float32) -> Float32:
        """Return the head's features, float32 (n,)."""
        parts = [pool.pool(context.feature_map(pool.source)) for pool in self.pools]
        parts.extend(np.asarray(vectors[name], np.float32).reshape(length) for name, length in self.vectors)
        return np.concatenate(parts)

    def apply(self, features: Float32) -> Float32:
        """Map features, float32 (n,) or (faces, n), to values, float32 (k,) or (faces, k)."""
        sums = features @ self.weights.T + self.bias
        match self.link:
            case "logistic":
                return np.asarray(1 / (1 + np.exp(-np.clip(sums, -60, 60))), np.float32)
            case "softmax":
                powers = np.exp(sums - sums.max(axis=-1, keepdims=True))
                return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)
            case "identity":
                return np.asarray(sums, np.float32)

    def save(self, path: Path) -> None:
        """Write the head; the file is reproducible byte for byte."""
        description = {
            "classes": self.classes,
            "link": self.link,
            "sources": [pool.source for pool in self.pools],
            "vectors": self.vectors,
            "thresholds": dict(self.thresholds),
            "card": dict(self.card),
        }
        arrays = {f"boxes_{index}": pool.boxes for index, pool in enumerate(self.pools)}
        buffer = BytesIO()
        text = np.frombuffer(json.dumps(description, sort_keys=True).encode(), np.uint8)
        np.savez(buffer, description=text, weights=self.weights, bias=self.bias, **arrays)  # type: ignore[arg-type]  # numpy types the keywords as its own option
        path.write_bytes(buffer.getvalue())


@cache
def load_head(name: str) -> Head:
    """Load a head of the package; cached.

    Raises:
        FileNotFoundError: if there is no such head.
    """
    data = (resources.files("mien.vision.attributes") / "heads" / f"{name}.npz").read_bytes()
    return read_head(name, data)


def read_head(name: str, data: bytes) -> Head:
    """Read a head from the bytes of its `.npz` file.

    Raises:
        ValueError: if the weights do not fit the description.
    """
    with np.load(BytesIO(data), allow_pickle=False) as archive:
        description = json.loads(archive["description"].tobytes())
        pools = tuple(
            RegionPool(source, archive[f"boxes_{index}"]) for index, source in enumerate(description["sources"])
        )
        weights, bias = archive["weights"], archive["bias"]
    if weights.ndim != 2 or bias.shape != weights.shape[:1] or len(description["classes"]) != len(bias):
        message = f"head {name}: weights {weights.shape} and bias {bias.shape} do not fit its classes"
        raise ValueError(message)
    return Head(
        name=name,
        classes=tuple(description["classes"]),
        link=description["link"],
        pools=pools,
        weights=weights,
        bias=bias,
        thresholds=description["thresholds"],
        vectors=tuple((vector, int(length)) for vector, length in description["vectors"]),
        card=description["card"],
    )
