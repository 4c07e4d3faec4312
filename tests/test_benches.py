"""Benches and tools run rarely: whatever they import of ours must be where they look for it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from tests.shared import REPOSITORY

ROOTS = (REPOSITORY / "src", REPOSITORY)
SCRIPTS = sorted(path for folder in ("bench", "tools") for path in (REPOSITORY / folder).rglob("*.py"))


def find_module(name: str, beside: Path) -> Path | None:
    """The file of a module of ours; None for a package without a file of its own, and for what others wrote."""
    path = name.replace(".", "/")
    for root in (*ROOTS, beside):  # scripts import those beside them by their bare names
        for file in (root / f"{path}.py", root / path / "__init__.py"):
            if file.is_file():
                return file
    return None


@cache
def names_in(path: Path) -> frozenset[str]:
    """The names that a module binds at its top level, also under a condition, and its submodules."""
    found = {file.stem for file in path.parent.iterdir()} if path.name == "__init__.py" else set[str]()
    waiting: list[ast.AST] = list(ast.parse(path.read_text(encoding="utf-8")).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {one.asname or one.name for one in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        waiting += ast.iter_child_nodes(node)
    return frozenset(found)


def lost(path: Path) -> Iterator[str]:
    """The imports of a script that lead nowhere."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            ours = node.module.split(".")[0] in {"mien", "tests", "bench", "tools"}
            module = find_module(node.module, path.parent)
            if module is None:
                folder = any((root / node.module.replace(".", "/")).is_dir() for root in ROOTS)
                for one in node.names if ours else ():
                    if not folder or find_module(f"{node.module}.{one.name}", path.parent) is None:
                        yield f"line {node.lineno}: {node.module}.{one.name}"
            else:
                for one in node.names:
                    if one.name not in names_in(module):
                        yield f"line {node.lineno}: {node.module}.{one.name}"
        elif isinstance(node, ast.Import):
            for one in node.names:
                if one.name.split(".")[0] == "mien" and find_module(one.name, path.parent) is None:
                    yield f"line {node.lineno}: {one.name}"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_what_a_bench_or_tool_imports_of_ours_is_there(script: Path) -> None:
    assert list(lost(script)) == []


def test_a_name_that_moved_is_noticed(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import numpy\nimport mien.nowhere\nfrom mien.nowhere import Thing\n\n\ndef run():\n"
        "    from mien.clock import Clock, Sundial\n    from bench.nothing import run\n",
        encoding="utf-8",
    )
    assert sorted(lost(script)) == [
        "line 2: mien.nowhere",
        "line 3: mien.nowhere.Thing",
        "line 7: mien.clock.Sundial",
        "line 8: bench.nothing.run",
    ]
