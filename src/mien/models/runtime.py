"""Running networks: one shared ONNX Runtime session a model, one thread a call.

Callers bring their own parallelism (a worker thread a core): two workers with one thread each double the throughput.
A session may be called from many threads at once and releases the GIL while it computes. All sessions take their memory
from one arena: with one each, every session keeps what its largest call needed.

A call that has the machine to itself may use a second core (`Network.widen`): a twin session of two threads takes .6 of
the time for SFace and for YuNet on 256×256 pixels. Its second thread waits for each operation by spinning, which costs
nothing between calls but would take a core from other calls meanwhile, so the caller says when one is free. Where two
cores share no cache, as a virtual machine's may and may not from one minute to the next, the twin takes 1.3 of the time
instead; so each network goes by what its last calls took.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import Any, Final

from numpy.typing import NDArray

from mien.models.cpu import check_cpu

Array = NDArray[Any]

_WIDE_THREADS: Final = 2
_WIDE_GAIN: Final = 0.9
"""Share of the time below which a second core is worth having."""
_TRY_AGAIN: Final = 25
"""After how many calls the way that was slower is tried once more."""
_FIRST: Final = 8
"""How many calls take turns at first: the very first ones are slow either way."""
_SMOOTHING: Final = 0.2


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
        self._path = path
        session = _session(path, threads)
        self._call = _call_of(session)
        self._twin: _Twin | None = None
        self.inputs: tuple[str, ...] = tuple(node.name for node in session.get_inputs())
        self.outputs: tuple[str, ...] = tuple(node.name for node in session.get_outputs())

    def run(self, *arrays: Array, outputs: Sequence[str] | None = None, wide: bool = False) -> list[Array]:
        """Run the model on one array an input, in the order of `inputs`.

        Args:
            arrays: contiguous arrays of the shapes and types that the model declares.
            outputs: names of the outputs wanted, in that order; all of them when None.
            wide: whether a second core is free for this call; used after `widen`, where it makes calls faster. The
                numbers are the same.

        Returns:
            One array an output.
        """
        feeds = dict(zip(self.inputs, arrays, strict=True))
        wanted = self.outputs if outputs is None else outputs
        if wide and self._twin is not None:
            return self._twin.run(self._call, wanted, feeds)
        return self._call(wanted, feeds, None)

    def widen(self) -> None:
        """Prepare for calls that may use a second core; costs a second copy of the weights."""
        if self._twin is None:
            self._twin = _Twin(_call_of(_session(self._path, _WIDE_THREADS)))


Call = Callable[[Sequence[str], dict[str, Array], None], list[Array]]
"""Runs a session: the outputs wanted, arrays by the inputs' names, no options."""


def _call_of(session: Any) -> Call:
    """Return what runs a session, without the checks that ONNX Runtime's Python class does in each call.

    They are of inputs that are missing and of other processors than this one's, and take as long as cutting out a face.
    """
    call: Call = getattr(session, "_sess", session).run
    return call


class _Twin:
    """A session of two threads, and how long calls take with it and without.

    Args:
        call: runs a session of the same model.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._took = [math.inf, math.inf]  # with one thread, with two: seconds for each number of the input
        self._calls = 0

    def run(self, narrow: Call, outputs: Sequence[str], feeds: dict[str, Array]) -> list[Array]:
        """Run a model by the session that was faster lately, now and then by the other one."""
        self._calls += 1
        wide = self._calls % 2 == 0 if self._calls <= _FIRST else self._faster() != (self._calls % _TRY_AGAIN == 0)
        begun = perf_counter()
        result = (self._call if wide else narrow)(outputs, feeds, None)
        seconds = (perf_counter() - begun) / sum(array.size for array in feeds.values())
        # Two calls at once may lose one figure.
        before = self._took[wide]
        if self._calls <= _FIRST:
            self._took[wide] = min(before, seconds)
        else:
            # A long call on one core may be chance; what a second core costs when others want it counts in full.
            self._took[wide] = before + _SMOOTHING * ((seconds if wide else min(seconds, 2 * before)) - before)
        return result

    def _faster(self) -> bool:
        return self._took[True] <= _WIDE_GAIN * self._took[False]


_MAKING: Final = Lock()


@cache
def _arena() -> None:
    """Create the arena from which all sessions of this process allocate; call it with `_MAKING` held."""
    import onnxruntime as ort  # noqa: PLC0415  # see `_session`

    place = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    ort.create_and_register_allocator(place, ort.OrtArenaCfg(0, 0, -1, -1))  # ONNX Runtime's defaults


def _session(path: Path, threads: int) -> Any:
    # Native code of the runtime would die where the check can still speak.
    check_cpu()
    import onnxruntime as ort  # noqa: PLC0415  # must not be loaded before the check

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    with _MAKING:
        _arena()
    options.add_session_config_entry("session.use_env_allocators", "1")
    if threads > 1:
        # Threads spin for the next operation of a call and stop with it.
        options.add_session_config_entry("session.intra_op.allow_spinning", "1")
        options.add_session_config_entry("session.force_spinning_stop", "1")
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
