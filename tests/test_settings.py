import os
from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError
from tools.write_settings_docs import TARGET, render

from mien.gallery.training.engines import ENGINES
from mien.settings import GROUPS, Settings
from mien.settings.unknown import unknown_variables


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MIEN_")]:
        monkeypatch.delenv(name)


def test_the_page_of_settings_is_up_to_date() -> None:
    assert TARGET.read_text(encoding="utf-8") == render(), "run `make docs`"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_says_what_it_does(name: str) -> None:
    assert len(Settings.model_fields[name].description or "") > 15
    assert f"`MIEN_{name.upper()}`" in TARGET.read_text(encoding="utf-8")


def test_settings_come_from_the_environment_and_arguments_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_PORT", "9000")
    monkeypatch.setenv("MIEN_HOST", "0.0.0.0")
    settings = Settings(port=9001)
    assert (settings.host, settings.port) == ("0.0.0.0", 9001)


@pytest.mark.parametrize(
    ("given", "used"),
    [
        (None, "sqlite:////d/mien.db"),
        ("postgresql://u:p@h/db", "postgresql+psycopg://u:p@h/db"),
        ("postgres://u:p@h/db", "postgresql+psycopg://u:p@h/db"),
        ("sqlite:////x.db", "sqlite:////x.db"),
    ],
)
def test_the_database_url_names_the_driver_that_is_installed(given: str | None, used: str) -> None:
    assert Settings(data_dir=Path("/d"), database_url=given).sqlalchemy_url == used


def test_models_and_database_lie_in_the_users_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    settings = Settings()
    assert (settings.data_dir, settings.model_dir) == (tmp_path / "mien", tmp_path / "mien" / "models")


@pytest.mark.parametrize("bad", [{"port": 70000}, {"worker_threads": 0}, {"log_level": "loud"}, {"prot": 1}])
def test_nonsense_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(bad)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("nonsense", "must begin with postgresql://"),
        ("mysql://u@h/db", "must begin with postgresql://"),
        ("postgresql://u@h/db?prepare_threshold=never", "prepare_threshold"),
    ],
)
def test_a_database_url_that_cannot_work_is_refused(bad: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Settings(database_url=bad)
    assert Settings(database_url="postgresql://u:p#/?@h/db?prepare_threshold=none").database_url


def test_the_master_key_does_not_show() -> None:
    assert "ab" * 32 not in repr(Settings.model_validate({"master_key": "ab" * 32}))


def test_every_setting_belongs_to_one_group() -> None:
    grouped = [name for group in GROUPS for name in group.model_fields]
    assert sorted(grouped) == sorted(Settings.model_fields)


def test_every_search_engine_can_be_chosen() -> None:
    assert get_args(Settings.model_fields["search_engine"].annotation) == tuple(ENGINES)


def test_misspelt_variables_are_found_with_the_setting_that_was_meant() -> None:
    given = {
        "MIEN_DATABSE_URL": "x",
        "MIEN_PORT": "80",
        "mien_host": "::1",
        "MIEN_SERVICE_HOST": "10.0.0.1",
        "PATH": "",
    }
    assert list(unknown_variables(given, Settings.model_fields)) == [
        ("MIEN_DATABSE_URL", "MIEN_DATABASE_URL"),
        ("MIEN_SERVICE_HOST", None),
    ]
