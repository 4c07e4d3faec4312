"""Names of the contract stand in `contract/` only: other modules that spell one out would miss a change."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import mien
from mien.contract import headers
from mien.contract.limits import IMAGE_BYTES
from mien.contract.models import DETECTION_MODELS, RECOGNITION_MODELS
from mien.fetching.fetch import FetchPolicy
from mien.gateway.checks import DOMAIN
from mien.gateway.tokens import AUDIENCE
from mien.models.bindings import DEFAULT_BINDINGS, DEFAULT_RECOGNISER
from mien.settings import Settings

SOURCE = Path(mien.__file__).parent

HEADERS = {value for name, value in vars(headers).items() if name.isupper()} - {headers.KEY_QUERY}

FACTS = {
    "a header": (re.compile("|".join(re.escape(name) for name in HEADERS), re.IGNORECASE), {"contract/headers.py"}),
    "a model": (
        # Texts for people may name one as an example.
        re.compile(f"({'|'.join((*DETECTION_MODELS, *RECOGNITION_MODELS))})$"),
        # Packs know nothing of ours, and settings are named by their fields; the test below compares them.
        {"contract/models.py", "models/bindings.py", "settings/models.py"},
    ),
}


@cache
def sources() -> tuple[tuple[str, str], ...]:
    """Every constant text, after the name of its module."""
    return tuple(
        (file.relative_to(SOURCE).as_posix(), text)
        for file in sorted(SOURCE.rglob("*.py"))
        for text in texts(ast.parse(file.read_text(encoding="utf-8")))
    )


def texts(tree: ast.Module) -> Iterator[str]:
    """Every constant text of a module, without its docstrings."""
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in prose and isinstance(node.value, str | bytes):
            yield node.value if isinstance(node.value, str) else node.value.decode("latin-1")


@pytest.mark.parametrize("fact", FACTS)
def test_a_name_of_the_contract_stands_once(fact: str) -> None:
    pattern, allowed = FACTS[fact]
    found = pattern.match if fact == "a model" else pattern.search
    repeated = [f"{name}: {text[:80]!r}" for name, text in sources() if name not in allowed and found(text)]
    assert repeated == [], "take the name from mien.contract"


def test_packs_and_settings_know_the_models_of_the_contract() -> None:
    models = {*DETECTION_MODELS, *RECOGNITION_MODELS}
    assert set(DEFAULT_BINDINGS) == models
    assert set(Settings().bindings()) == models
    for model, pack in DEFAULT_BINDINGS.items():
        said = Settings.model_fields[model].description or ""
        assert ("the default recogniser" if pack == DEFAULT_RECOGNISER else f"`{pack}`") in said, model


def test_the_front_door_by_itself_has_the_defaults_of_the_settings() -> None:
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    assert defaults["domain"] == DOMAIN
    assert defaults["oidc_audience"] == AUDIENCE
    assert defaults["max_image_bytes"] == FetchPolicy().max_bytes == IMAGE_BYTES[1]
