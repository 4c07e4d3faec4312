"""Running networks: one shared ONNX Runtime session a model, one thread a call.

Callers bring their own parallelism (a worker thread a core): on two cores, two intra-operator threads in one worker
gained nothing over one, while two workers with one thread each doubled the throughput. A session may be called from
many threads at once and releases the GIL while it computes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.models.cpu import check_cpu

Array = NDArray[Any]


class Network:
    """A loaded ONNX model.

    Args:
        path: the .onnx file; its hash is the caller's business.
        threads: intra-operator threads a call.

    Raises:
        UnsupportedCpuError: if the processor cannot run ONNX Runtime.

    Attributes:
        inputs: names of the inputs, in the model's order.
        outputs: names of the outputs, in the model's order.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        # Native code of the runtime would die where the check can still speak.
        check_cpu()
        import onnxruntime as ort  # noqa: PLC0415  # must not be loaded before the check

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.inputs: tuple[str, ...] = tuple(node.name for node in self._session.get_inputs())
        self.outputs: tuple[str, ...] = tuple(node.name for node in self._session.get_outputs())

    def run(self, *arrays: Array, outputs: Sequence[str] | None = None) -> list[Array]:
        """Run the model on one array an input, in the order of `inputs`.

        Args:
            arrays: contiguous arrays of the shapes and types that the model declares.
            outputs: names of the outputs wanted, in that order; all of them when None.

        Returns:
            One array an output.
        """
        feeds = dict(zip(self.inputs, arrays, strict=True))
        result: list[Array] = self._session.run(list(outputs) if outputs is not None else None, feeds)
        return [np.asarray(array) for array in result]
