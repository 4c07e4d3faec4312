"""Inputs shared by the estimators of one face: crops, feature maps and the mesh, each computed on first use."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from mien.models.runtime import Network
from mien.vision import align
from mien.vision.landmarks import Mesh
from mien.vision.types import Float32, Pixels

SFACE, LITE0, MESH = "sface-int8", "lite0", "mesh"
"""The packs whose feature maps the heads use, and the pack of the dense mesh. The 8-bit SFace also computes the default
embedding, so it runs once per face."""

SFACE_MAPS = ("conv_6_relu", "conv_9_relu", "conv_12_relu")
"""Middle layers of SFace that the converted model outputs: 256×28², 512×14², 512×14²."""

LITE0_MAPS = ("stage3", "stage5", "stage7")
"""Feature maps of EfficientNet-lite0 that the converted model outputs: 40×28², 112×14², 320×7²."""

LOOSE_SIZE, SMALL_SIZE = 224, 128
_LOOSE_EYES = (112.0, 100.0, 46.0)  # middle of the eyes x, y, and their distance, in pixels of the loose crop
_EYES_112 = (align.TEMPLATE_112[0] + align.TEMPLATE_112[1]) / 2
_EYE_DISTANCE_112 = float(np.linalg.norm(align.TEMPLATE_112[1] - align.TEMPLATE_112[0]))

LOOSE_TEMPLATE: Float32 = np.asarray(
    (align.TEMPLATE_112 - _EYES_112) * (_LOOSE_EYES[2] / _EYE_DISTANCE_112) + np.array(_LOOSE_EYES[:2]), np.float32
)
"""Positions of the five points in the loose crop: 2.2 eye distances above the eyes for hair and hats, 2.7 below for the
beard, 2.4 to each side."""


class FaceContext:
    """The inputs of one face for all requested estimators, each computed once, on first use. Not thread-safe.

    Args:
        pixels: BGR uint8 (h, w, 3), the image at the working scale.
        points: float32 (5, 2), the detection's points in those pixels.
        box: left, top, width, height of the detection in those pixels.
        network: returns the network of a pack by name; called only if needed, at most once per pack.
        find_mesh: finds the dense mesh, see `vision.landmarks.FaceMesh.find`.

    Example:
        >>> context = FaceContext(pixels, detection.points, detection.box, networks.__getitem__, mesh.find)
        >>> estimate_attributes(context, {Attribute.GLASSES}).glasses
        <GlassesType.READING: 'readingGlasses'>
    """

    def __init__(
        self,
        pixels: Pixels,
        points: Float32,
        box: tuple[float, float, float, float],
        network: Callable[[str], Network],
        find_mesh: Callable[[Pixels, Float32], Mesh],
    ) -> None:
        self.pixels = pixels
        self.points = points
        self.box = box
        self._network = network
        self._find_mesh = find_mesh

    @cached_property
    def crop(self) -> Pixels:
        """The input of the embedding network: BGR uint8 (112, 112, 3), upright, tight."""
        return align.crop(self.pixels, self.points)

    @cached_property
    def loose_transform(self) -> Float32:
        """float32 (2, 3): from `pixels` to `loose_crop`."""
        return align.similarity_transform(self.points, LOOSE_TEMPLATE)

    @cached_property
    def loose_crop(self) -> Pixels:
        """The head with hair, hat and chin: BGR uint8 (224, 224, 3), upright; black outside the image."""
        return align.warp(self.pixels, self.loose_transform, LOOSE_SIZE, LOOSE_SIZE)

    @cached_property
    def eye_distance(self) -> float:
        """Distance between the eyes in pixels of `pixels`, a measure of the face's size."""
        return float(np.linalg.norm(self.points[1] - self.points[0]))

    @cached_property
    def sface(self) -> dict[str, Float32]:
        """SFace on `crop`: "fc1" float32 (128,), the embedding before any normalisation, and each of `SFACE_MAPS`.

        Maps are float32 (c, h, w). The engine reads the embedding here too, so the network runs only once.
        """
        return _run(self._network(SFACE), self.crop, ("fc1", *SFACE_MAPS))

    @cached_property
    def norm(self) -> float:
        """Norm of SFace's embedding before normalisation; the engine sets it if it already has it."""
        return float(np.linalg.norm(self.sface["fc1"]))

    @cached_property
    def lite0(self) -> dict[str, Float32]:
        """EfficientNet-lite0 on `loose_crop`: each of `LITE0_MAPS`, float32 (c, h, w)."""
        return _run(self._network(LITE0), self.loose_crop, LITE0_MAPS)

    @cached_property
    def lite0_small(self) -> dict[str, Float32]:
        """As `lite0`, on the loose crop in 128 instead of 224 pixels: a third of the time."""
        points = LOOSE_TEMPLATE * np.float32(SMALL_SIZE / LOOSE_SIZE)
        transform = align.similarity_transform(self.points, points)
        crop = align.warp(self.pixels, transform, SMALL_SIZE, SMALL_SIZE)
        return _run(self._network(LITE0), crop, LITE0_MAPS)

    @cached_property
    def mesh(self) -> Mesh:
        """The dense mesh in `pixels`."""
        return self._find_mesh(self.pixels, self.points)

    def network(self, pack: str) -> Network:
        """Return another pack's network, for estimators with their own (age)."""
        return self._network(pack)

    def feature_map(self, name: str) -> Float32:
        """Return a map by "network/layer", such as "sface/conv_6_relu" or "lite0/stage5".

        Returns:
            float32 (channels, height, width).

        Raises:
            KeyError: if there is no such map.
        """
        network, _, layer = name.partition("/")
        match network:
            case "sface":
                return self.sface[layer]
            case "lite0":
                return self.lite0[layer]
            case "lite0-small":
                return self.lite0_small[layer]
        raise KeyError(name)


def _run(network: Network, crop: Pixels, outputs: tuple[str, ...]) -> dict[str, Float32]:
    """Run a network that takes RGB 0..255 float32 (1, 3, h, w) on a BGR crop."""
    image = np.ascontiguousarray(crop[:, :, ::-1].transpose(2, 0, 1), np.float32)[None]
    return {name: array[0] for name, array in zip(outputs, network.run(image, outputs=outputs), strict=True)}
