"""Numbers that the pages and the error catalogue repeat for people are those of the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from mien.contract.catalogue import row
from mien.contract.limits import FACE_ID_SECONDS, FACES_OF_SMALL_LIST, IMAGE_BYTES
from mien.doors.kiosks import ACCEPTANCE, ACCEPTANCE_DAYS
from mien.doors.searching import TRACK_FPIR
from mien.doors.types import DoorSpec
from mien.events import failed_calls
from mien.gallery import api_snapshots, correction_records, operations
from mien.gateway import short_tokens
from mien.importing.importer import TRAINED_WITHIN
from mien.importing.sources import LARGEST_FILE
from mien.liveness import sessions
from mien.management import tokens
from mien.settings import Settings
from mien.storage.crypto import DATA_KEY_AGE
from mien.tls import RENEW_BEFORE

ROOT = Path(__file__).parents[2]
MB = 1024 * 1024
HOUR = 3600
WORDS = {10: "ten"}


def hours(seconds: float) -> str:
    return f"{seconds / HOUR:g} hours"


SESSIONS = hours(sessions.KEPT_FOR.total_seconds())
SNAPSHOTS = hours(api_snapshots.KEPT_FOR.total_seconds())
OPERATIONS = hours(operations.KEPT_FOR.total_seconds())
FACE_IDS = hours(FACE_ID_SECONDS[1])
TOKENS = f"{WORDS[int(short_tokens.LIFE.total_seconds()) // 60]} minutes"
PORT = Settings.model_fields["port"].default
KEEP_DELETED = hours(Settings.model_fields["keep_deleted_hours"].default * HOUR)
PICTURE_DAYS = DoorSpec.__dataclass_fields__["picture_days"].default

PROSE = [
    ("docs/architecture.md", f"a new one every {DATA_KEY_AGE.days} days"),
    ("docs/cameras.md", f"1 in {1 / TRACK_FPIR:,.0f} templates of strangers"),
    ("docs/deploy.md", f"--publish {PORT}:{PORT} --publish 127.0.0.1:{PORT + 1}:{PORT + 1}"),
    ("docs/deploy.md", f"the data plane on port {PORT}"),
    ("docs/doors.md", f"deleted after {PICTURE_DAYS} days or with the person"),
    ("docs/front-door.md", f"Tokens for {TOKENS}"),
    ("docs/front-door.md", f"may use for {TOKENS}"),
    ("docs/import.md", f"files over {IMAGE_BYTES[1] // MB} MB are converted"),
    ("docs/import.md", f"files over {LARGEST_FILE // MB} MB are refused"),
    ("docs/import.md", f"waits up to {WORDS[int(TRAINED_WITHIN) // 60]} minutes"),
    ("docs/kiosk.md", f"allows check-ins for {ACCEPTANCE.total_seconds() / 60:g} minutes"),
    ("docs/kiosk.md", f"at which 1 in {1 / TRACK_FPIR:,.0f} pictures"),
    ("docs/kiosk.md", f"those of a deleted kiosk after {ACCEPTANCE_DAYS} days"),
    ("docs/liveness.md", f"stored for {SESSIONS}"),
    ("docs/manage.md", f"A token expires after {tokens.LIFE.days} days unless"),
    ("docs/move-from-azure.md", f"face ids of {FACE_IDS}"),
    ("docs/operate.md", f"have up to {IMAGE_BYTES[1] // MB} MB"),
    ("docs/portal.md", f"can be undone for {correction_records.KEPT.days} days"),
    ("docs/portal.md", f"why the last {failed_calls.KEPT:,} calls of a resource failed"),
    ("docs/portal.md", f"Addresses are kept for {failed_calls.KEPT_FOR.days} days"),
    ("docs/privacy.md", f"{FACE_IDS}, or `faceIdTimeToLive`"),
    ("docs/privacy.md", f"{SESSIONS}, or until deleted"),
    ("docs/recognise.md", f"hold {FACES_OF_SMALL_LIST:,} faces"),
    ("docs/recognise.md", f"can be queried for {OPERATIONS}"),
    ("docs/resources.md", f"keeps all data for {KEEP_DELETED} (`MIEN_KEEP_DELETED_HOURS`)"),
    ("docs/start.md", f"renewed {RENEW_BEFORE.days} days before it expires"),
    ("src/mien/cli/serve.py", f"0 picks a free port. (default: {PORT})"),
    ("src/mien/doors/recognition.py", f"1 in {1 / TRACK_FPIR:,.0f}"),
    ("src/mien/gallery/api_snapshots.py", f"has expired after {SNAPSHOTS}"),
    ("src/mien/gallery/operations.py", f"or it is older than {OPERATIONS}"),
    ("src/mien/liveness/sessions.py", f"or it is older than {SESSIONS}"),
    ("src/mien/wire/directory.py", f"kept for {OPERATIONS}"),
]
"""A file, and what it says."""

ROWS = [
    ("liveness_session.not_found", f"past its {SESSIONS}"),
    ("mien.operation_not_found", f"operations are kept for {OPERATIONS}"),
    ("mien.snapshot_not_found", f"snapshots expire after {SNAPSHOTS}"),
    ("mien.liveness_session_not_found", f"older than {SESSIONS}"),
]


@pytest.mark.parametrize(("name", "sentence"), PROSE)
def test_the_page_has_the_number_of_the_code(name: str, sentence: str) -> None:
    text = " ".join((ROOT / name).read_text(encoding="utf-8").split())
    assert sentence in text


@pytest.mark.parametrize(("name", "sentence"), ROWS)
def test_the_catalogue_has_the_number_of_the_code(name: str, sentence: str) -> None:
    assert sentence in row(name).explanation
