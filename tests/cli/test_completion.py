"""Completion in a real bash: commands, their subcommands and options."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mien.cli._main import build

TYPE = """
eval "$(mien completion bash)"
COMP_WORDS=({words}); COMP_CWORD={at}
$(complete -p mien | sed -E 's/.*-F ([^ ]+) .*/\\1/') mien
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def completed(*words: str) -> set[str]:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("needs bash")
    script = TYPE.format(words=" ".join(f"'{word}'" for word in words), at=len(words) - 1)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [bash, "--norc", "-c", script], capture_output=True, text=True, timeout=250, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("words", "among", "not_among"),
    [
        (("mien", "al"), {"alert"}, {"audit", "serve"}),
        (("mien", "alert", ""), {"create", "list", "show"}, {"serve"}),
        (("mien", "alert", "list", "--re"), {"--resource"}, {"--json"}),
        (("mien", "completion", ""), {"bash", "zsh", "fish"}, {"alert"}),
    ],
)
def test_bash_completes_what_is_typed(words: tuple[str, ...], among: set[str], not_among: set[str]) -> None:
    found = completed(*words)
    assert among <= found
    assert not not_among & found


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(shell: str) -> None:
    result = CliRunner().invoke(build(["completion"]), ["completion", shell])
    assert result.exit_code == 0
    assert "_MIEN_COMPLETE" in result.stdout
    assert f"complete_{shell}" in result.stdout
