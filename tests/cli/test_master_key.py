import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.warm import MienProgram

from mien.accounts import DEVELOPMENT_TERMS
from mien.services import open_services
from mien.settings import Settings

Rotate = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def rotate(mien_program: MienProgram) -> Rotate:
    """Runs `mien master-key rotate` in a process that has no other environment than it is given."""

    def run(data_dir: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [*mien_program.command, "master-key", "rotate", "--data-dir", str(data_dir), *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)

    return run


def test_keys_of_resources_outlive_the_master_key(tmp_path: Path, rotate: Rotate) -> None:
    settings = Settings(data_dir=tmp_path, master_key=None, master_key_file=None, database_url=None)
    services = open_services(settings)
    made = services.accounts.create("a", terms=DEVELOPMENT_TERMS)
    keys = services.accounts.keys(made.id)
    services.close()
    before = (tmp_path / "master.key").read_text()
    done = rotate(tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "master.key").read_text() != before
    services = open_services(settings)
    assert services.accounts.keys(made.id) == keys
    (entry,) = services.audit.search(action="master_key.rotate")
    assert entry.details == {"data_keys": 2}
    assert services.accounts.find_by_key(keys.key1) == made
    services.close()


def test_a_key_that_comes_from_elsewhere_is_not_replaced_here(tmp_path: Path, rotate: Rotate) -> None:
    done = rotate(tmp_path, MIEN_MASTER_KEY="00" * 32)
    assert done.returncode == 1
    assert "MIEN_MASTER_KEY" in done.stderr


def test_a_key_that_comes_from_a_file_is_followed_by_one_in_another_file(tmp_path: Path, rotate: Rotate) -> None:
    """As with compose and on Kubernetes, where all replicas read a file that none of them may write."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("0f" * 32)
    settings = Settings(data_dir=tmp_path, master_key=None, master_key_file=old, database_url=None)
    services = open_services(settings)
    made = services.accounts.create("a", terms=DEVELOPMENT_TERMS)
    keys = services.accounts.keys(made.id)
    services.close()
    done = rotate(tmp_path, "--to", str(new), MIEN_MASTER_KEY_FILE=str(old))
    assert done.returncode == 0, done.stderr
    assert new.stat().st_mode & 0o777 == 0o600
    services = open_services(settings.model_copy(update={"master_key_file": new}))
    assert services.accounts.keys(made.id) == keys
    services.close()
    assert not (tmp_path / "master.key").exists()
    refused = rotate(tmp_path, "--to", str(new), MIEN_MASTER_KEY_FILE=str(new))
    assert (refused.returncode, "exists" in refused.stderr) == (1, True)


def test_a_key_of_the_data_folder_is_replaced_there(tmp_path: Path, rotate: Rotate) -> None:
    done = rotate(tmp_path, "--to", str(tmp_path / "new"))
    assert (done.returncode, "leave out --to" in done.stderr) == (1, True)
