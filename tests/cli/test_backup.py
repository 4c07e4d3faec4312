"""`mien backup` and `mien restore`, from one folder to another; and commands that make nothing by reading."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mien.cli._main import build

runner = CliRunner()


def mien(*arguments: str, folder: Path) -> Result:
    return runner.invoke(build([arguments[0]]), [*arguments, "--data-dir", str(folder)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = mien("resource", "create", "front-desk", "--accept-terms", "--not-for-police", folder=tmp_path / "one")
    assert made.exit_code == 0, made.output
    return tmp_path / "one"


def keys(folder: Path) -> str:
    shown = mien("key", "list", "front-desk", folder=folder)
    assert shown.exit_code == 0, shown.output
    return shown.output


def test_one_command_each_way_with_the_key_inside(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text("correct horse battery\n")
    file = tmp_path / "mien.backup"
    made = mien("backup", str(file), "--with-key", "--passphrase-file", str(secret), folder=folder)
    assert made.exit_code == 0, made.output
    assert "audit log unbroken" in made.output
    restored = mien("restore", str(file), "--passphrase-file", str(secret), folder=tmp_path / "two")
    assert restored.exit_code == 0, restored.output
    assert "front-desk" in restored.output
    assert keys(tmp_path / "two") == keys(folder)
    told = mien("audit", "list", folder=tmp_path / "two").output
    assert "backup.create" in told
    assert "backup.restore" in told


def test_without_the_key_it_is_asked_for(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "mien.backup"
    made = mien("backup", str(file), folder=folder)
    assert made.exit_code == 0, made.output
    assert "keep a copy" in made.output
    refused = mien("restore", str(file), folder=tmp_path / "two")
    assert refused.exit_code == 1
    assert "--key" in refused.output
    assert not (tmp_path / "two" / "mien.db").exists()
    other = tmp_path / "other.key"
    other.write_text("ab" * 32)
    wrong = mien("restore", str(file), "--key", str(other), folder=tmp_path / "two")
    assert wrong.exit_code == 1
    assert "not the master key" in wrong.output
    assert not (tmp_path / "two" / "master.key").exists()
    right = mien("restore", str(file), "--key", str(folder / "master.key"), folder=tmp_path / "two")
    assert right.exit_code == 0, right.output
    assert keys(tmp_path / "two") == keys(folder)


def test_a_second_restore_and_a_second_backup_overwrite_nothing(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "mien.backup"
    mien("backup", str(file), folder=folder)
    again = mien("backup", str(file), folder=folder)
    assert again.exit_code == 1
    assert "exists already" in again.output
    over = mien("restore", str(file), "--key", str(folder / "master.key"), folder=folder)
    assert over.exit_code == 1
    assert "exists already" in over.output
    assert "front-desk" in mien("resource", "list", folder=folder).output


@pytest.mark.parametrize(
    "command",
    [
        ("key", "list", "dev"),
        ("resource", "list"),
        ("audit", "list"),
        ("admin", "token", "list"),
        ("access", "list"),
        ("retention", "list", "dev"),
        ("backup", "/nonexistent/file"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_a_command_that_reads_makes_nothing(command: tuple[str, ...], tmp_path: Path) -> None:
    done = mien(*command, folder=tmp_path / "misspelt")
    assert done.exit_code == 1
    assert "no data of Mien" in done.output
    assert not (tmp_path / "misspelt").exists()
