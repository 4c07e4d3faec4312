"""The TensorFlow Lite converter: a small hand-built file against direct arithmetic, and MediaPipe's against LiteRT."""

import os
from pathlib import Path

import flatbuffers
import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.examples import examples

from mien.models.convert.tflite import convert

Array = NDArray[np.float32]
Field = tuple[int, str, int]


def table(builder: flatbuffers.Builder, fields: list[Field]) -> int:
    """Write a flatbuffer table of (field number, kind, value or offset)."""
    builder.StartObject(max((number for number, _, _ in fields), default=-1) + 1)
    for number, kind, value in fields:
        if kind == "offset":
            builder.PrependUOffsetTRelativeSlot(number, value, 0)
        elif kind == "byte":
            builder.PrependInt8Slot(number, value, 0)
        elif kind == "uint":
            builder.PrependUint32Slot(number, value, 0)
        else:
            builder.PrependInt32Slot(number, value, 0)
    return int(builder.EndObject())


def offsets(builder: flatbuffers.Builder, items: list[int]) -> int:
    builder.StartVector(4, len(items), 4)
    for item in reversed(items):
        builder.PrependUOffsetTRelative(item)
    return int(builder.EndVector())


def ints(builder: flatbuffers.Builder, items: list[int]) -> int:
    return int(builder.CreateNumpyVector(np.array(items, np.int32)))


class TinyModel:
    """A TensorFlow Lite file under construction, by the field numbers of the published schema."""

    def __init__(self) -> None:
        self.tensors: list[tuple[str, list[int], NDArray[np.float32] | NDArray[np.int32] | None]] = []
        self.operators: list[tuple[int, list[int], int, list[Field]]] = []

    def tensor(self, name: str, shape: list[int], values: NDArray[np.float32] | NDArray[np.int32] | None = None) -> int:
        self.tensors.append((name, shape, values))
        return len(self.tensors) - 1

    def constant(self, name: str, values: NDArray[np.float32] | NDArray[np.int32]) -> int:
        return self.tensor(name, list(values.shape), values)

    def then(self, kind: int, inputs: list[int], name: str, shape: list[int], options: list[Field]) -> int:
        output = self.tensor(name, shape)
        self.operators.append((kind, inputs, output, options))
        return output

    def write(self, path: Path, inputs: list[int], outputs: list[int]) -> Path:
        builder = flatbuffers.Builder(0)
        buffers = [table(builder, [])]
        tensors = []
        for name, shape, values in self.tensors:
            fields = [(3, "offset", builder.CreateString(name)), (0, "offset", ints(builder, shape))]
            if values is not None:
                data = builder.CreateByteVector(values.tobytes())
                fields += [(2, "uint", len(buffers)), (1, "byte", 2 if values.dtype == np.int32 else 0)]
                buffers.append(table(builder, [(0, "offset", data)]))
            tensors.append(table(builder, fields))
        kinds = sorted({kind for kind, *_ in self.operators})
        operators = []
        for kind, sources, output, options in self.operators:
            fields = [
                (0, "uint", kinds.index(kind)),
                (1, "offset", ints(builder, sources)),
                (2, "offset", ints(builder, [output])),
                (4, "offset", table(builder, options)),
            ]
            operators.append(table(builder, fields))
        graph = table(
            builder,
            [
                (0, "offset", offsets(builder, tensors)),
                (1, "offset", ints(builder, inputs)),
                (2, "offset", ints(builder, outputs)),
                (3, "offset", offsets(builder, operators)),
            ],
        )
        codes = [table(builder, [(0, "byte", kind), (3, "int", kind)]) for kind in kinds]
        root = table(
            builder,
            [
                (0, "uint", 3),
                (1, "offset", offsets(builder, codes)),
                (2, "offset", offsets(builder, [graph])),
                (4, "offset", offsets(builder, buffers)),
            ],
        )
        builder.Finish(root, b"TFL3")
        path.write_bytes(bytes(builder.Output()))
        return path


def windows(image: Array, size: int, stride: int) -> Array:
    """Channels-last "same" windows of an even-sized image: (n, h, w, channels, size, size)."""
    total = max(size - stride, 0)
    pads = (total // 2, total - total // 2)
    padded = np.pad(image, ((0, 0), pads, pads, (0, 0)))
    return np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))[:, ::stride, ::stride]


def tiny(path: Path) -> tuple[Path, dict[str, Array]]:
    """Every operator that the converter knows, in a file with an 8×8 image of 3 channels."""
    rng = np.random.default_rng(3)

    def random(*shape: int) -> Array:
        return rng.normal(size=shape).astype(np.float32)

    values = {
        "kernel": random(4, 3, 3, 3),
        "bias": random(4),
        "slopes": random(1, 1, 4),
        "depthwise": random(1, 3, 3, 4),
        "last": random(5, 2, 2, 6),
    }
    model = TinyModel()
    image = model.tensor("image", [1, 8, 8, 3])
    index = {name: model.constant(name, array) for name, array in values.items()}
    pads = model.constant("pads", np.array([[0, 0], [0, 0], [0, 0], [0, 2]], np.int32))
    strides: list[Field] = [(1, "int", 2), (2, "int", 2)]
    convolved = model.then(3, [image, index["kernel"], index["bias"]], "convolved", [1, 4, 4, 4], strides)
    bent = model.then(54, [convolved, index["slopes"]], "bent", [1, 4, 4, 4], [])
    depth = model.then(
        4, [bent, index["depthwise"], -1], "depth", [1, 4, 4, 4], [(1, "int", 1), (2, "int", 1), (3, "int", 1)]
    )
    summed = model.then(0, [bent, depth], "summed", [1, 4, 4, 4], [(0, "byte", 1)])
    pooled = model.then(17, [summed], "pooled", [1, 2, 2, 4], [*strides, (3, "int", 2), (4, "int", 2)])
    padded = model.then(34, [pooled, pads], "padded", [1, 2, 2, 6], [])
    last = model.then(
        3, [padded, index["last"], -1], "last/out", [1, 1, 1, 5], [(0, "byte", 1), (1, "int", 1), (2, "int", 1)]
    )
    flat = model.then(22, [last], "flat", [1, 5], [])
    return model.write(path, [image], [flat, padded]), values


def tiny_by_hand(image: Array, values: dict[str, Array]) -> tuple[Array, Array]:
    convolved = np.einsum("nhwcij,oijc->nhwo", windows(image, 3, 2), values["kernel"]) + values["bias"]
    bent = np.where(convolved > 0, convolved, convolved * values["slopes"])
    depth = np.einsum("nhwcij,ijc->nhwc", windows(bent, 3, 1), values["depthwise"][0])
    summed = np.maximum(bent + depth, 0)
    pooled = windows(summed, 2, 2).max((-1, -2))
    padded = np.pad(pooled, ((0, 0), (0, 0), (0, 0), (0, 2)))
    return np.einsum("nijc,oijc->no", padded, values["last"]), padded


def run(path: Path, image: Array) -> list[Array]:
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (name,) = (node.name for node in session.get_inputs())
    return [np.asarray(array) for array in session.run(None, {name: np.ascontiguousarray(image.transpose(0, 3, 1, 2))})]


def test_every_known_operator_computes_what_it_should(tmp_path: Path) -> None:
    source, values = tiny(tmp_path / "tiny.tflite")
    convert(source, tmp_path / "tiny.onnx")
    image = np.random.default_rng(5).normal(size=(2, 8, 8, 3)).astype(np.float32)
    flat, padded = run(tmp_path / "tiny.onnx", image)
    expected_flat, expected_padded = tiny_by_hand(image, values)
    np.testing.assert_allclose(flat, expected_flat, atol=1e-4)
    np.testing.assert_allclose(padded, expected_padded.transpose(0, 3, 1, 2), atol=1e-4)


def test_no_layout_change_and_no_parametric_relu_is_left(tmp_path: Path) -> None:
    source, _ = tiny(tmp_path / "tiny.tflite")
    convert(source, tmp_path / "tiny.onnx")
    kinds = {node.op_type for node in onnx.load(str(tmp_path / "tiny.onnx")).graph.node}
    assert not kinds & {"Transpose", "PRelu", "Pad", "Reshape"}


def test_the_same_bytes_in_give_the_same_bytes_out(tmp_path: Path) -> None:
    source, _ = tiny(tmp_path / "tiny.tflite")
    convert(source, tmp_path / "a.onnx")
    convert(source, tmp_path / "b.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_an_unknown_operator_is_named(tmp_path: Path) -> None:
    model = TinyModel()
    image = model.tensor("image", [1, 8, 8, 3])
    out = model.then(14, [image], "out", [1, 8, 8, 3], [])
    with pytest.raises(ValueError, match="operator 14"):
        convert(model.write(tmp_path / "x.tflite", [image], [out]), tmp_path / "x.onnx")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x00" * 64])
def test_another_kind_of_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.tflite").write_bytes(content)
    with pytest.raises(ValueError, match="TensorFlow Lite"):
        convert(tmp_path / "x.tflite", tmp_path / "x.onnx")
    assert not (tmp_path / "x.onnx").exists()


@examples(60)
@given(st.data())
def test_a_damaged_file_is_a_value_error_or_still_a_network(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    source, _ = tiny(folder / "x.tflite")
    content = bytearray(source.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(8, len(content) - 1))] = data.draw(st.integers(0, 255))
    source.write_bytes(bytes(content[: data.draw(st.integers(8, len(content)))]))
    try:
        convert(source, folder / "x.onnx")
    except ValueError:
        return
    onnx.load(str(folder / "x.onnx"))


@pytest.mark.parametrize("name", ["face_landmark.tflite", "iris_landmark.tflite"])
def test_mediapipe_networks_agree_with_litert(tmp_path: Path, name: str) -> None:
    """Coordinates are pixels of the network's input; 1e-4 of its width is asked for, per coordinate."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter", reason="ai-edge-litert (group bench) is not there")
    folder = os.environ.get("MIEN_TFLITE_DIR")
    if folder is None:
        pytest.skip("MIEN_TFLITE_DIR does not name a folder with MediaPipe's .tflite files")
    source = Path(folder) / name
    convert(source, tmp_path / "x.onnx")
    peer = interpreter.Interpreter(str(source), num_threads=1)
    peer.allocate_tensors()
    (entry,) = peer.get_input_details()
    rng = np.random.default_rng(1)
    for _ in range(5):
        image = rng.uniform(0, 1, entry["shape"]).astype(np.float32)
        peer.set_tensor(entry["index"], image)
        peer.invoke()
        for output, detail in zip(run(tmp_path / "x.onnx", image), peer.get_output_details(), strict=True):
            expected = peer.get_tensor(detail["index"]).ravel()
            np.testing.assert_allclose(output.ravel(), expected, atol=1e-4 * image.shape[1])
