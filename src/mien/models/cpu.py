"""Check of required processor features, before native code could crash with an illegal instruction.

Imports only the standard library, so that the check can run before numpy or ONNX Runtime is loaded.
"""

from __future__ import annotations

import platform
from pathlib import Path

from mien.models.errors import UnsupportedCpuError

_NEEDED = {
    "x86_64": frozenset({"ssse3", "sse4_1", "sse4_2", "popcnt", "avx"}),
    "aarch64": frozenset({"asimd"}),
}
_NAMES = {"amd64": "x86_64", "arm64": "aarch64"}


def missing_features(machine: str, cpuinfo: str) -> frozenset[str]:
    """Return the required instruction sets that a processor lacks.

    Args:
        machine: result of `platform.machine()`.
        cpuinfo: text of Linux's /proc/cpuinfo; empty if there is none.

    Returns:
        Names as in /proc/cpuinfo; empty if none is missing or it cannot be determined.
    """
    needed = _NEEDED.get(_NAMES.get(machine.lower(), machine.lower()), frozenset())
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        if key.strip() in {"flags", "Features"}:
            return needed - set(value.split())
    return frozenset()


def check_cpu(cpuinfo: Path = Path("/proc/cpuinfo")) -> None:
    """Refuse a processor on which the runtime would crash.

    Raises:
        UnsupportedCpuError: a feature is missing; the text names it.
    """
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    missing = missing_features(platform.machine(), text)
    if missing:
        raise UnsupportedCpuError(
            "this processor lacks {features}, which the networks' runtime needs. In a virtual machine, pass the "
            "host's processor through (QEMU: -cpu host); otherwise use a machine with AVX.",
            features=", ".join(sorted(missing)),
        )
