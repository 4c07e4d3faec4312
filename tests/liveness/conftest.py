"""Sessions on both kinds of databases."""

from __future__ import annotations

from uuid import UUID

import numpy as np
import pytest
from tests.manual_clock import ManualClock

from mien.accounts import DEVELOPMENT_TERMS, Accounts
from mien.liveness.abuse import AbusePolicy
from mien.liveness.records import VerifyReference
from mien.liveness.service import Liveness, open_liveness
from mien.storage import Database, Vault
from mien.vision.types import Embedding, FaceBox, Want


class NoEngine:
    """Sessions are made from references here, never from images."""

    def analyze(self, image: bytes, want: Want) -> object:
        raise AssertionError


REFERENCE = VerifyReference(
    Embedding(np.eye(1, 8, dtype=np.float32)[0], "f" * 64, 2.5), FaceBox(1, 2, 3, 4), "high", "A" * 64
)


@pytest.fixture
def resource_id(database: Database, vault: Vault, clock: ManualClock) -> UUID:
    return Accounts(database, vault, clock).create("front-desk", terms=DEVELOPMENT_TERMS).id


@pytest.fixture
def liveness(database: Database, vault: Vault, clock: ManualClock, resource_id: UUID) -> Liveness:
    return open_liveness(
        database,
        vault,
        clock,
        engine=NoEngine(),  # type: ignore[arg-type]  # never asked
        recogniser="pack",
        policy=AbusePolicy(free_failures=2, longest_wait=60, frame_days=1),
    )
