"""The control plane on an empty database, without a server process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import httpx
import pytest
from tests.conftest import MASTER_KEY
from tests.manual_clock import ManualClock
from tests.memory import shared_engine

from mien.accounts import AccessRequests, Accounts
from mien.accounts.role_assignments import RoleAssignments
from mien.dossier import Dossiers
from mien.dossier.gathering import Gatherer
from mien.events import AlertRules, AuditLog, MetricStore
from mien.gallery.detected_faces import DetectedFaces
from mien.gallery.gallery import open_gallery
from mien.gallery.recognisers import Recognisers
from mien.liveness.sessions import Sessions
from mien.liveness.tokens import Tokens
from mien.management import AdminTokens, Role
from mien.management.application import ControlPlane, ControlPlaneParts
from mien.management.login import Login
from mien.models import ModelStore
from mien.models.bindings import read_bindings
from mien.settings import Settings
from mien.storage import Database, MasterKey, Vault
from mien.subjects import Subjects, open_subjects


@dataclass
class World:
    """A control plane and what it stands on."""

    parts: ControlPlaneParts
    clock: ManualClock

    @cached_property
    def plane(self) -> ControlPlane:
        """The control plane, built when it is first asked: its hundred routes take a third of a second."""
        return ControlPlane(self.parts)

    def token(self, role: Role) -> str:
        """A new admin token of a role."""
        return self.parts.tokens.create(f"a {role}", role, created_by="test").secret

    def client(self, token: str | None) -> httpx.AsyncClient:
        """A client that shows a token; what the server has no answer for is raised."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        transport = httpx.ASGITransport(app=self.plane)
        return httpx.AsyncClient(transport=transport, base_url="http://management.test", headers=headers)


def make_world(database: Database) -> World:
    """A control plane on a migrated database."""
    clock = ManualClock()
    vault = Vault(database, MasterKey.from_hex(MASTER_KEY), clock)
    tokens = AdminTokens(database, vault, clock)
    rules = AlertRules(database, vault, clock)
    parts = ControlPlaneParts(
        accounts=Accounts(database, vault, clock),
        access=AccessRequests(database, clock, AuditLog(database, clock, vault)),
        assignments=RoleAssignments(database, clock, AuditLog(database, clock, vault)),
        tokens=tokens,
        login=Login(tokens),
        audit=AuditLog(database, clock, vault),
        metrics=MetricStore(database),
        alerts=rules,
        try_out=lambda _: "nobody listens",
        database=database,
        clock=clock,
        endpoint="http://127.0.0.1:8080",
        domain="cognitiveservices.localhost",
        subjects=_subjects(database, vault, clock),
    )
    parts = replace(parts, dossiers=_dossiers(parts, vault))
    return World(parts, clock)


def _dossiers(parts: ControlPlaneParts, vault: Vault) -> Dossiers:
    state = (parts.database, vault, parts.clock)
    gatherer = Gatherer(Settings(), *state, audit=parts.audit, access=parts.access, alerts=parts.alerts)
    return Dossiers(gatherer, *state, parts.audit)


def _subjects(database: Database, vault: Vault, clock: ManualClock) -> Subjects:
    """The data-subject tools; photos are really read."""
    store = ModelStore()
    engine, recognisers = shared_engine(), Recognisers.of(store, read_bindings(store, Path("nowhere")))
    faces = DetectedFaces(database, vault, clock)
    return open_subjects(
        database,
        vault,
        clock,
        audit=AuditLog(database, clock, vault),
        gallery=open_gallery(
            database, vault, clock, Path("nowhere"), engine=engine, recognisers=recognisers, detected_faces=faces
        ),
        engine=engine,
        recognisers=recognisers,
        detected_faces=faces,
        sessions=Sessions(database, vault, clock, Tokens(database, vault, clock)),
    )


@pytest.fixture
def world(database: Database) -> World:
    """On SQLite and on PostgreSQL."""
    return make_world(database)


@pytest.fixture
def quick(sqlite: Database) -> World:
    """On SQLite only, for what no database changes."""
    return make_world(sqlite)


@pytest.fixture
async def admin(quick: World) -> AsyncIterator[httpx.AsyncClient]:
    """A client with every permission, on SQLite."""
    async with quick.client(quick.token(Role.ADMIN)) as client:
        yield client
