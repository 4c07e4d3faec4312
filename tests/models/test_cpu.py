"""The processor check, on what Linux prints for processors with and without what is needed."""

from pathlib import Path

import pytest

from mien.models import runtime
from mien.models.cpu import check_cpu, missing_features
from mien.models.errors import UnsupportedCpuError

OLD = "processor\t: 0\nmodel name\t: old\nflags\t\t: fpu sse sse2 ssse3 sse4_1 sse4_2 popcnt\n"
NEW = OLD.replace("popcnt", "popcnt avx avx2")


def test_a_processor_without_avx_is_found_out() -> None:
    assert missing_features("x86_64", OLD) == {"avx"}
    assert missing_features("AMD64", OLD) == {"avx"}
    assert missing_features("x86_64", NEW) == set()


def test_other_machines_and_unreadable_lists_pass() -> None:
    assert missing_features("aarch64", "Features\t: fp asimd\n") == set()
    assert missing_features("riscv64", "isa : rv64\n") == set()
    assert missing_features("x86_64", "") == set()
    check_cpu(Path("/nonexistent"))


def test_a_network_is_not_loaded_where_it_would_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(OLD)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(runtime, "check_cpu", lambda: check_cpu(cpuinfo))
    with pytest.raises(UnsupportedCpuError, match="lacks avx"):
        runtime.Network(tmp_path / "whatever.onnx")
