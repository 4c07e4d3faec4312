"""Runs networks: one shared ONNX Runtime session per model, one thread per call.

Callers run in parallel (one worker thread per core): two workers with one thread each have twice the throughput. A
session is thread-safe and releases the GIL while it computes. All sessions allocate from one arena; with separate
arenas, every session would keep the memory of its largest call.

A call that has the machine to itself may use a second core (`Network.widen`): a second session with two threads takes
.6 of the time for SFace and for YuNet on 256×256 pixels. Its second thread spins during a call, which would take a core
from other calls, so the caller says whether one is free. If two cores share no cache, which on a virtual machine can
change from one minute to the next, that session takes 1.3 of the time; so each network chooses by the times of its last
calls.
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
"""Share of the time below which a second core is used."""
_TRY_AGAIN: Final = 25
"""Number of calls after which the slower session is tried again."""
_FIRST: Final = 8
"""Number of first calls that alternate between the sessions; the very first ones are slow in both."""
_SMOOTHING: Final = 0.2


class Network:
    """A loaded ONNX model.

    Args:
        path: the .onnx file, whose hash the caller has checked.
        threads: intra-operator threads per call.

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
        """Run the model on one array for each input, in the order of `inputs`.

        Args:
            arrays: contiguous arrays of the shapes and types that the model declares.
            outputs: names of the requested outputs, in that order; None for all.
            wide: whether a second core is free for this call; used after `widen` if it makes calls faster. Results do
                not change.

        Returns:
            One array for each output.
        """
        feeds = dict(zip(self.inputs, arrays, strict=True))
        wanted = self.outputs if outputs is None else outputs
        if wide and self._twin is not None:
            return self._twin.run(self._call, wanted, feeds)
        return self._call(wanted, feeds, None)

    def widen(self) -> None:
        """Prepare for calls that may use a second core; takes memory for a second copy of the weights."""
        if self._twin is None:
            self._twin = _Twin(_call_of(_session(self._path, _WIDE_THREADS)))


Call = Callable[[Sequence[str], dict[str, Array], None], list[Array]]
"""Runs a session: names of the outputs, arrays by the inputs' names, None for options."""


def _call_of(session: Any) -> Call:
    """Return a session's native `run`, without the checks of ONNX Runtime's Python class.

    These checks (missing inputs, other devices) take as long as cropping a face.
    """
    call: Call = getattr(session, "_sess", session).run
    return call


class _Twin:
    """A session of two threads, and the times of calls with and without it.

    Args:
        call: runs a session of the same model.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._took = [math.inf, math.inf]  # with one thread, with two: seconds per input value
        self._calls = 0

    def run(self, narrow: Call, outputs: Sequence[str], feeds: dict[str, Array]) -> list[Array]:
        """Run the model with the recently faster session, and from time to time with the other one."""
        self._calls += 1
        wide = self._calls % 2 == 0 if self._calls <= _FIRST else self._faster() != (self._calls % _TRY_AGAIN == 0)
        begun = perf_counter()
        result = (self._call if wide else narrow)(outputs, feeds, None)
        seconds = (perf_counter() - begun) / sum(array.size for array in feeds.values())
        # Two concurrent calls may lose one measurement, which is harmless.
        before = self._took[wide]
        if self._calls <= _FIRST:
            self._took[wide] = min(before, seconds)
        else:
            # Limit outliers with one thread; with two threads, delays by other work count in full.
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
    # Without this check the runtime's native code could crash the process.
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
        # Threads spin between the operations of a call, and stop at its end.
        options.add_session_config_entry("session.intra_op.allow_spinning", "1")
        options.add_session_config_entry("session.force_spinning_stop", "1")
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
