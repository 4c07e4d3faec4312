"""The application with liveness sessions on a real database, around an engine that sees what it is told to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

import httpx
from tests.manual_clock import ManualClock
from tests.wire.conftest import DETECTION, KEY, Accounts, Memory, ToldEngine, Web

from mien.accounts import ALL_FEATURES, DEVELOPMENT_TERMS
from mien.accounts import Accounts as RealAccounts
from mien.liveness.abuse import AbusePolicy
from mien.liveness.service import Lacks, Liveness, open_liveness
from mien.storage import Database, Vault
from mien.wire.application import Application, ApplicationParts, ChannelParts
from mien.wire.body import BodyLimits
from mien.wire.detect import ModelLabels
from mien.wire.liveness.gate import ClientGate


@dataclass
class LivenessService:
    """The application and what stands behind it."""

    engine: ToldEngine
    liveness: Liveness
    clock: ManualClock
    application: Application
    accounts: Accounts
    resource_id: UUID

    def client(self, **headers: str) -> httpx.AsyncClient:
        headers = {"Ocp-Apim-Subscription-Key": KEY, **headers}
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.application), base_url="http://mien.test", headers=headers
        )


def make_liveness_service(
    database: Database,
    vault: Vault,
    clock: ManualClock,
    channel: ChannelParts | None = None,
    policy: AbusePolicy | None = None,
    lacks: Lacks | None = None,
) -> LivenessService:
    made = RealAccounts(database, vault, clock).create("front-desk", terms=DEVELOPMENT_TERMS)
    resource = replace(made, features=ALL_FEATURES)
    engine, accounts = ToldEngine(), Accounts()
    accounts.resource = resource
    liveness = open_liveness(
        database,
        vault,
        clock,
        engine=engine,
        recogniser="pack",
        policy=policy,
        serves=ClientGate(accounts),
        lacks=lacks,
        client_claims=channel.policy.claims if channel is not None else lambda _: {},
    )
    application = Application(
        ApplicationParts(
            accounts=accounts,
            engine=engine,
            memory=Memory(),
            download=Web(),
            labels=ModelLabels(DETECTION, {f"recognition_0{n}": "pack" for n in range(1, 5)}),
            limits=BodyLimits(seconds=1),
            session_images=liveness.sessions,
            liveness=liveness,
            channel=channel,
            clock=clock,
        )
    )
    return LivenessService(engine, liveness, clock, application, accounts, resource.id)
