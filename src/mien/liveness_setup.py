"""The composition root of liveness: builds the sessions and the clients' channel from settings and services."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from hashlib import sha256
from uuid import UUID

import structlog

from mien.accounts import Accounts
from mien.contract.flashes import WithoutFlashes
from mien.contract.models import NEWEST_RECOGNITION
from mien.events import Recorder
from mien.gallery.recognisers import Recognisers
from mien.gateway.cors import Origins
from mien.gateway.origin import parse_networks
from mien.liveness.abuse import AbusePolicy
from mien.liveness.attestation import AppAttest, Attestations, PlayIntegrity, Verifier
from mien.liveness.channel.context import Count
from mien.liveness.ports import FrameJudge
from mien.liveness.recording import FrameLimits
from mien.liveness.reports import ClientPolicy
from mien.liveness.service import Liveness, open_liveness
from mien.liveness.web import assets
from mien.services import Services
from mien.settings import Settings
from mien.vision.ports import Engine
from mien.wire.application import ChannelParts
from mien.wire.liveness.gate import ClientGate

LIVENESS_LABEL = NEWEST_RECOGNITION
"""Liveness sessions compare faces by what this label stands for."""

_log = structlog.get_logger(__name__)


def _frame_limits(settings: Settings) -> FrameLimits:
    """Return how much a client may send; answers prepared for the nonce of tests have all the time of the grace."""
    limits = FrameLimits()
    if settings.liveness_test_nonce is None:
        return limits
    return replace(limits, late_ms=limits.grace_seconds * 1000)


def _client_policy(settings: Settings, accounts: Accounts) -> ClientPolicy:
    """Return what an operator asks of liveness clients."""

    def without_flashes(resource_id: UUID) -> WithoutFlashes:
        resource = accounts.get(resource_id)
        chosen = None if resource is None else resource.without_flashes
        return chosen or WithoutFlashes(settings.liveness_without_flashes)

    scripts = frozenset(sha256(asset.body).digest() for asset in assets() if asset.path.endswith(".js"))
    return ClientPolicy(
        settings.liveness_virtual_cameras,
        settings.liveness_own_script,
        scripts,
        without_flashes,
        _attestations(settings),
    )


def _attestations(settings: Settings) -> Attestations:
    """Return whose attestations are verified.

    Raises:
        ValueError: a key is not base64.
        OSError: Apple's root certificate cannot be read.
    """
    verifiers: dict[str, Verifier] = {}
    package = settings.liveness_play_integrity_package
    opening = settings.liveness_play_integrity_decryption_key
    verifying = settings.liveness_play_integrity_verification_key
    if package and opening and verifying:
        opened, verified = (b64decode(key.get_secret_value(), validate=True) for key in (opening, verifying))
        verifiers["play-integrity"] = PlayIntegrity(package, opened, verified)
    if settings.liveness_app_attest_app_id and settings.liveness_app_attest_root:
        root = settings.liveness_app_attest_root.read_bytes()
        verifiers["app-attest"] = AppAttest(settings.liveness_app_attest_app_id, root)
    return Attestations(verifiers, settings.liveness_attestation_required)


def _attempts_counted(recorder: Recorder) -> Count:
    """Return what counts liveness attempts as calls: frames come by other ways than the front door."""

    def count(resource_id: UUID, error: str, seconds: float, size: int) -> None:
        recorder.call(
            resource_id,
            "Liveness Client - Attempt",
            400 if error else 200,
            error,
            seconds=seconds,
            data_in=size,
            data_out=0,
            transactions=0 if error else 1,
            blocked=False,
        )

    return count


def open_sessions(
    settings: Settings, services: Services, engine: Engine, recognisers: Recognisers, judge: FrameJudge | None
) -> Liveness:
    """Open the liveness sessions."""
    nonce = settings.liveness_test_nonce
    if nonce is not None:
        _log.warning("all liveness challenges are equal: liveness_test_nonce is for tests only")
    return open_liveness(
        services.database,
        services.vault,
        services.clock,
        engine=engine,
        recogniser=recognisers[LIVENESS_LABEL].pack,
        serves=ClientGate(services.accounts, parse_networks(settings.private_networks)),
        policy=AbusePolicy(
            settings.liveness_free_failures, settings.liveness_longest_wait_seconds, settings.liveness_frame_days
        ),
        test_nonce=bytes.fromhex(nonce.get_secret_value()) if nonce else None,
        lacks=judge.lacks if judge is not None else None,
        client_claims=_client_policy(settings, services.accounts).claims,
    )


def channel_parts(
    settings: Settings, accounts: Accounts, engine: Engine, judge: FrameJudge, recorder: Recorder
) -> ChannelParts:
    """Return what serves the clients of liveness sessions.

    Args:
        settings: the settings.
        accounts: looks up the resources.
        engine: finds faces.
        judge: judges attempts.
        recorder: counts attempts as calls.
    """
    return ChannelParts(
        judge=judge,
        finder=engine,
        limits=_frame_limits(settings),
        policy=_client_policy(settings, accounts),
        concurrent=settings.liveness_concurrent,
        origins=Origins.parse(settings.liveness_origins),
        count=_attempts_counted(recorder),
    )
