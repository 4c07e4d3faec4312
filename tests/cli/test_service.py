"""`mien service`: the unit that it writes, and that systemd would take it."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mien.cli.service import app

runner = CliRunner()


def install(folder: Path, *more: str) -> str:
    account = pwd.getpwuid(os.geteuid()).pw_name
    arguments = ["install", "--user", account, "--data-dir", str(folder / "data")]
    arguments += ["--settings-file", str(folder / "etc/mien.env"), "--to", str(folder / "mien.service"), *more]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_printing_writes_nothing(tmp_path: Path) -> None:
    told = install(tmp_path, "--print")
    assert f"ReadWritePaths={tmp_path / 'data'}" in told
    assert not any(tmp_path.iterdir())


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("needs systemd-analyze (Debian: systemd)")
    unit = tmp_path / "mien.service"
    unit.write_text(install(tmp_path, "--print"))
    done = subprocess.run([program, "verify", str(unit)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "mien.service" not in done.stderr, "a warning about the unit"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: the command writes files of the system")
def test_it_makes_folder_settings_and_unit_and_keeps_settings_that_are_there(tmp_path: Path) -> None:
    install(tmp_path)
    settings = tmp_path / "etc/mien.env"
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert settings.stat().st_mode & 0o777 == 0o640
    assert "ExecStart=" in (tmp_path / "mien.service").read_text()
    settings.write_text("MIEN_PORT=9090\n")
    install(tmp_path)
    assert settings.read_text() == "MIEN_PORT=9090\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: the command writes files of the system")
def test_an_uninstalled_service_leaves_its_data(tmp_path: Path) -> None:
    install(tmp_path)
    result = runner.invoke(app, ["uninstall", "--to", str(tmp_path / "mien.service")])
    assert result.exit_code == 0
    assert not (tmp_path / "mien.service").exists()
    assert (tmp_path / "data").is_dir()
    assert runner.invoke(app, ["uninstall", "--to", str(tmp_path / "mien.service")]).exit_code == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to take another account")
def test_without_rights_it_says_what_to_do(tmp_path: Path) -> None:
    pid = os.fork()
    if pid == 0:
        os.setuid(65534)
        result = runner.invoke(app, ["install", "--to", "/tmp/never.service"])
        os._exit(0 if result.exit_code == 1 and "--print" in result.output else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
