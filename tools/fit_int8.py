"""Measure the scales of SFace in 8-bit integers, and write models/convert/ranges/sface.npz.

    uv run python tools/fit_int8.py        # prints the sha256 for packs/sface-int8.toml

Photos: every 24th of ../shared/attributes/lfw, none of those that the accuracy is measured on. Change the manifest's
`revision` with its sha256: templates of other scales are other templates.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from onnx import ModelProto, helper
from onnxruntime import InferenceSession

from mien.models.convert.block_quantised import float_model
from mien.models.convert.chain import Chain, Float64, Layer, read_chain
from mien.models.convert.static_int8 import LEVELS, Steps
from mien.models.sources import fetch
from mien.models.store import ModelStore
from mien.vision import FaceEngine, Want, align

SHARED = next(
    parent / "shared" for parent in Path(__file__).resolve().parents if (parent / "shared" / "attributes").is_dir()
)
TARGET = Path(__file__).resolve().parents[1] / "src/mien/models/convert/ranges/sface.npz"
FLOATS = 5
"""Layers that stay in floats: up to the last one of 64 channels and fewer, integers took as long or longer."""
EVERY = 24
POSITIONS = 1500
"""Places of each photo's map whose values are looked at."""
LARGEST = 0.9999
"""Share of a channel's values that its factor covers."""
BALANCE = 0.5
"""How far channels are brought to one range where a layer follows whose weights share a scale over its inputs: 1 would
be all the way, and enlarge the weights of a few inputs; 0 leaves them as they are."""


def crops() -> list[np.ndarray]:
    """Aligned faces, BGR uint8 (112, 112, 3)."""
    engine, found = FaceEngine(), []
    for photo in sorted((SHARED / "attributes/lfw").glob("*.jpg"))[::EVERY]:
        read = cv2.imread(str(photo))
        assert read is not None, photo
        pixels = np.asarray(read, np.uint8)
        faces = engine.analyze(pixels, Want(recogniser="sface")).faces
        found += [align.crop(pixels, face.points) for face in faces[:1]]
    return found


def values(model: ModelProto, chain: Chain, faces: list[np.ndarray]) -> list[Float64]:
    """The output of each layer before its parametric ReLU: (channels, samples)."""
    wanted = [node.input[0] for node in model.graph.node if node.op_type == "PRelu"]
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in wanted)
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    kept: list[list[np.ndarray]] = [[] for _ in chain.layers]
    for face in faces:
        image = np.ascontiguousarray(face[:, :, ::-1].transpose(2, 0, 1), np.float32)[None]
        for layer, array in zip(kept, session.run(wanted, {model.graph.input[0].name: image}), strict=True):
            flat = array[0].reshape(array.shape[1], -1)
            layer.append(flat[:, random.permutation(flat.shape[1])[:POSITIONS]])
    return [np.concatenate(layer, axis=1).astype(np.float64) for layer in kept]


def parametric_relu(x: Float64, slopes: Float64) -> Float64:
    return np.where(x > 0, x, slopes[:, None] * x)


def factors_of(y: Float64, following: Layer | None) -> Float64:
    """The divisor of each channel (channels, samples)."""
    largest = np.quantile(np.abs(y), LARGEST, axis=1)
    largest = np.maximum(largest, 1e-3 * np.abs(y).max())
    if following is not None and following.groups > 1:
        return largest  # a depthwise layer has a scale for each input
    balanced = largest**BALANCE
    return np.asarray(balanced / np.median(balanced))


def importance(factors: Float64, chain: Chain, index: int) -> Float64:
    """How much an error of each channel counts: the squared weights on it, (channels, 1)."""
    if index + 1 == len(chain.layers):
        weights = np.square(chain.last_weights).sum(axis=(0, 2))
    else:
        following = chain.layers[index + 1]
        if following.groups > 1:
            return np.ones((len(factors), 1))
        weights = np.square(following.weights).sum(axis=(0, 2, 3))
    counted = weights * factors**2
    return np.asarray((counted / counted.mean())[:, None])


def steps_of(x: Float64, layer: Layer, factors: Float64, counts: Float64) -> Steps:
    """Choose the limits of a layer's values with the least error after its parametric ReLU."""
    x, slopes = x / factors[:, None], layer.slopes
    y = parametric_relu(x, slopes)
    best = (np.inf, 1.0, 0)
    for high in np.linspace(0.35, 1, 14) * x.max():
        for low in np.linspace(0.2, 1, 9) * x.min():
            scale = (high - low) / LEVELS
            zero = round(-low / scale)
            seen = (np.clip(np.round(x / scale) + zero, 0, LEVELS) - zero) * scale
            error = float((np.square(parametric_relu(seen, slopes) - y) * counts).mean())
            best = min(best, (error, scale, zero))
    _, scale, zero = best
    lowest = np.maximum(x, -zero * scale)
    added = np.maximum(0, (slopes - 1)[:, None] * lowest)
    after = round(float(-np.quantile(parametric_relu(lowest, slopes), 1e-5) / scale))
    return Steps(factors, scale, zero, min(max(after, 0), LEVELS), float(added.max()) / LEVELS)


def main() -> None:
    """Measure and write."""
    store = ModelStore()
    file = store.manifest("sface").network
    with TemporaryDirectory() as folder:
        fetch([file], Path(folder))
        model = float_model(Path(folder) / file.sha256)
    chain = read_chain(model)
    faces = crops()
    found: list[Steps] = []
    for index, (x, layer) in enumerate(zip(values(model, chain, faces), chain.layers, strict=True)):
        if index < FLOATS - 1:
            continue
        following = chain.layers[index + 1] if index + 1 < len(chain.layers) else None
        factors = factors_of(parametric_relu(x, layer.slopes), following).astype(np.float32).astype(np.float64)
        if index == FLOATS - 1:  # only what follows the parametric ReLU is made bytes
            y = parametric_relu(x, layer.slopes)
            plain = Layer(layer.name, layer.weights, layer.bias, np.ones_like(layer.slopes), 1, 0, 1)
            step = steps_of(y, plain, factors, importance(factors, chain, index))
            found.append(Steps(factors, step.scale, step.zero, step.zero, 1.0))
        else:
            found.append(steps_of(x, layer, factors, importance(factors, chain, index)))
        print(f"{layer.name}: scale {found[-1].scale:.4g}, zero {found[-1].zero}, after {found[-1].zero_after}")
    np.savez_compressed(
        TARGET,
        channels=np.array([len(step.factors) for step in found]),
        factors=np.concatenate([step.factors for step in found]).astype(np.float32),
        scale=np.array([step.scale for step in found], np.float32),
        zero=np.array([step.zero for step in found], np.uint8),
        zero_after=np.array([step.zero_after for step in found], np.uint8),
        negative=np.array([step.negative for step in found], np.float32),
    )
    print(f"{len(faces)} faces; sha256 {hashlib.sha256(TARGET.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
