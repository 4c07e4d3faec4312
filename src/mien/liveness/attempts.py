"""The life of an attempt: a token is shown, a challenge drawn, an outcome recorded, once."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.orm import Session as DatabaseSession

from mien.clock import Clock
from mien.liveness.abuse import AbuseWatch, Earlier, Subject
from mien.liveness.errors import AttemptOverError, TokenFault, TokenRefusedError
from mien.liveness.records import (
    AbuseReport,
    AttemptResult,
    ClientRequest,
    FlaggedSession,
    Session,
    SessionStatus,
)
from mien.liveness.sessions import Sessions, attempt_what, image_what
from mien.liveness.tokens import Tokens
from mien.liveness.types import Decision
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.tables import LivenessAttemptRow, LivenessImageRow, LivenessSessionRow

Serves = Callable[[UUID, str], bool]
"""Whether a resource serves a client at an address."""

_ID_LETTERS: Final = string.ascii_letters + string.digits
_IMAGE_ID_LENGTH: Final = 44
_MOST_FLAGGED: Final = 50


@dataclass(frozen=True, slots=True)
class Admission:
    """A client whose token was accepted.

    Attributes:
        resource_id: id of the resource that owns the session.
        session: the session.
        subjects: device, user and address that a failure counts against.
        request: the client's request.
        nonce: the session's, which clients bind their proofs to.
    """

    resource_id: UUID
    session: Session
    subjects: tuple[Subject, ...]
    request: ClientRequest
    nonce: str = ""

    @property
    def attempts_left(self) -> int:
        """The number of attempts that may still begin."""
        return max(0, self.session.options.attempts_allowed - len(self.session.attempts))


@dataclass(frozen=True, slots=True)
class Begun:
    """A recorded attempt whose challenge can be sent.

    Attributes:
        number: from 1.
        request_id: the client's `resultId`.
        nonce: 32 bytes that no other attempt has.
        attempts_left: how many may follow it.
    """

    number: int
    request_id: UUID
    nonce: bytes
    attempts_left: int


class Attempts:
    """Begins and ends attempts.

    Args:
        database: the database.
        vault: encrypts results and creates nonces.
        clock: the clock.
        tokens: verifies the tokens of clients.
        sessions: the sessions of the attempts.
        watch: limits abuse.
        serves: returns whether a client is served, given the resource and the client's address.
        test_nonce: for tests only: every attempt's nonce.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        *,
        tokens: Tokens,
        sessions: Sessions,
        watch: AbuseWatch,
        serves: Serves | None = None,
        test_nonce: bytes | None = None,
    ) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._tokens = tokens
        self._sessions = sessions
        self._watch = watch
        self._serves = serves
        self._test_nonce = test_nonce

    def admit(
        self, token: str, request: ClientRequest, *, device: str | None = None, user: str | None = None
    ) -> Admission:
        """Check a client's token; nothing is recorded yet.

        Args:
            token: the session's.
            request: the client's request.
            device: the device correlation id that the client gave, for a session that leaves it to the client.
            user: wait of the user, in seconds.

        Raises:
            TokenRefusedError: the token is not valid (any longer), or not from this address.
            LockedOutError: too many attempts of this device, user or address have failed.
        """
        claims = self._tokens.read(token)
        with self._database.read(EVERY_RESOURCE) as database:
            row = database.scalar(select(LivenessSessionRow).where(LivenessSessionRow.token_id == claims.token_id))
            if row is None or row.session_id != claims.session_id or self._clock.now() >= row.expires_at:
                raise TokenRefusedError(TokenFault.GONE)
            resource_id = row.resource_id
            attempts = self._attempts(database, row.session_id)
        session = self._sessions.session(row, attempts)
        if session.over:
            raise TokenRefusedError(TokenFault.EXPIRED if session.expired else TokenFault.USED_UP)
        options = session.options
        if self._serves is not None and not self._serves(resource_id, request.address):
            raise TokenRefusedError(TokenFault.CLOSED)
        if not _expected(request.address, options.expected_address):
            raise TokenRefusedError(TokenFault.ADDRESS)
        subjects = self._watch.subjects(
            device=device if options.device_set_in_client else options.device_correlation_id,
            user=user if options.user_set_in_client else options.user_correlation_id,
            address=request.address,
        )
        with self._database.read(resource_id) as database:
            self._watch.check(database, subjects)
        return Admission(resource_id, session, subjects, request, claims.nonce)

    def begin(self, admission: Admission, seconds: float) -> Begun:
        """Start the next attempt of a session; one that still runs is cancelled: its client started over.

        Args:
            admission: the admitted client.
            seconds: seconds after which the attempt has failed if it was not finished.

        Raises:
            TokenRefusedError: the session was deleted or has expired, or its attempts are used up.
            LockedOutError: too many attempts of this device, user or address have failed.
        """
        resource_id, session_id = admission.resource_id, UUID(admission.session.id)
        now = self._clock.now()
        request_id = uuid4()
        # Sealed ahead for each number it may get, since sealing may write.
        content = {"request": asdict(admission.request), "outcome": None}
        numbers = range(1, admission.session.options.attempts_allowed + 1)
        sealed = {
            number: self._sessions.seal(resource_id, attempt_what(session_id, number), content) for number in numbers
        }
        with self._database.write(resource_id) as database:
            row = database.scalar(
                select(LivenessSessionRow).where(LivenessSessionRow.session_id == session_id).with_for_update()
            )
            if row is None or now >= row.expires_at:
                raise TokenRefusedError(TokenFault.GONE)
            if now >= row.token_expires_at:
                raise TokenRefusedError(TokenFault.EXPIRED)
            attempts = self._attempts(database, session_id)
            if len(attempts) >= row.attempts_allowed or any(entry.real for entry in attempts):
                raise TokenRefusedError(TokenFault.USED_UP)
            self._watch.check(database, admission.subjects)
            self._cancel_running(database, session_id)
            number = len(attempts) + 1
            database.add(
                LivenessAttemptRow(
                    resource_id=resource_id,
                    session_id=session_id,
                    attempt=number,
                    request_id=request_id,
                    status=SessionStatus.RUNNING.value,
                    real=False,
                    started_at=now,
                    deadline=now + timedelta(seconds=seconds),
                    finished_at=None,
                    sealed=sealed[number],
                )
            )
            if row.started_at is None:
                row.started_at = now
            allowed, session_nonce = row.attempts_allowed, self._sessions.content(row)["nonce"]
        nonce = self._test_nonce or self._vault.keyed_hash(f"liveness nonce/{session_id}/{number}/{session_nonce}")
        return Begun(number, request_id, nonce, allowed - number)

    def repeats(self, admission: Admission, image_hashes: Sequence[bytes]) -> list[Earlier]:
        """Return the earlier attempts of the resource that showed the same frames.

        Args:
            admission: the admission of the attempt.
            image_hashes: SHA-256 of each JPEG.
        """
        with self._database.read(admission.resource_id) as database:
            return self._watch.seen(database, self._watch.digests(image_hashes))

    def finish(
        self,
        admission: Admission,
        begun: Begun,
        outcome: AttemptResult,
        *,
        image: bytes | None = None,
        image_hashes: Sequence[bytes] = (),
        repeats: Sequence[Earlier] = (),
        suspicious: bool = False,
    ) -> AttemptResult:
        """Record the outcome of an attempt.

        Args:
            admission: the admission of the attempt.
            begun: the attempt.
            outcome: the outcome.
            image: the JPEG to store if the session stores images.
            image_hashes: SHA-256 of each JPEG that was judged, to know them again.
            repeats: earlier attempts that showed the same frames.
            suspicious: whether the attempt counts against device, user and address.

        Returns:
            The outcome with the session image's id and the report on abuse.

        Raises:
            AttemptOverError: the attempt has already ended; nothing is recorded.
        """
        resource_id, session_id = admission.resource_id, UUID(admission.session.id)
        real = outcome.decision is Decision.REAL
        sealed_image = None
        if image is not None and admission.session.options.keep_image:
            outcome = replace(outcome, image_id=_image_id())
            what = image_what(outcome.image_id or "")
            sealed_image = self._vault.seal(image, resource_id=resource_id, what=what)
        digests = self._watch.digests(image_hashes)
        outcome = replace(outcome, abuse=self._report(admission, repeats, strike=suspicious))
        content = {"request": asdict(admission.request), "outcome": asdict(outcome)}
        sealed = self._sessions.seal(resource_id, attempt_what(session_id, begun.number), content)
        now = self._clock.now()
        with self._database.write(resource_id) as database:
            changed = database.execute(
                update(LivenessAttemptRow)
                .where(
                    LivenessAttemptRow.session_id == session_id,
                    LivenessAttemptRow.attempt == begun.number,
                    LivenessAttemptRow.status == SessionStatus.RUNNING.value,
                    LivenessAttemptRow.deadline > now,
                )
                .values(
                    status=(SessionStatus.FAILED if outcome.decision is None else SessionStatus.SUCCEEDED).value,
                    real=real,
                    finished_at=now,
                    sealed=sealed,
                )
                .returning(LivenessAttemptRow.attempt)
                .execution_options(synchronize_session=False)
            ).all()
            if not changed:
                raise AttemptOverError("the attempt was cancelled, its session deleted, or its time is over")
            if sealed_image is not None:
                database.add(
                    LivenessImageRow(
                        resource_id=resource_id,
                        image_id=outcome.image_id,
                        session_id=session_id,
                        sealed=sealed_image,
                    )
                )
            self._watch.remember(database, resource_id, session_id, begun.number, digests)
            if suspicious:
                self._watch.strike(database, resource_id, session_id, begun.number, admission.subjects)
            elif real:
                self._watch.clear(database, admission.subjects)
        return outcome

    def cancel(self, admission: Admission, begun: Begun) -> None:
        """Record that the client gave an attempt up; do nothing if it has already ended."""
        with self._database.write(admission.resource_id) as database:
            self._cancel_running(database, UUID(admission.session.id), begun.number)

    def purge(self) -> int:
        """Record attempts that did not finish in time as failed; return how many."""
        now = self._clock.now()
        with self._database.write(EVERY_RESOURCE) as database:
            lost = database.execute(
                update(LivenessAttemptRow)
                .where(LivenessAttemptRow.status == SessionStatus.RUNNING.value, LivenessAttemptRow.deadline <= now)
                .values(status=SessionStatus.FAILED.value, finished_at=LivenessAttemptRow.deadline)
                .returning(LivenessAttemptRow.attempt)
                .execution_options(synchronize_session=False)
            ).all()
        return len(lost)

    def _report(self, admission: Admission, repeats: Sequence[Earlier], *, strike: bool) -> AbuseReport | None:
        """Return the report of abuse monitoring: repeated videos, and too many failures."""
        if not admission.session.abuse_monitoring:
            return None
        own = UUID(admission.session.id)
        with self._database.read(admission.resource_id) as database:
            earlier = [*repeats, *(self._watch.suspects(database, admission.subjects) if strike else ())]
            wanted = {entry.session_id for entry in earlier}
            images = self._images(database, wanted)
        others = {(str(entry.session_id), entry.attempt): None for entry in earlier if entry.session_id != own}
        flagged = (FlaggedSession(session, number, images.get((session, number))) for session, number in others)
        return AbuseReport(bool(earlier), tuple(flagged)[:_MOST_FLAGGED])

    def _images(self, database: DatabaseSession, session_ids: set[UUID]) -> dict[tuple[str, int], str]:
        """Return the session images of attempts, by session and number."""
        rows = database.scalars(
            select(LivenessAttemptRow).where(
                LivenessAttemptRow.session_id.in_(session_ids), LivenessAttemptRow.finished_at.is_not(None)
            )
        ).all()
        found = {}
        for row in rows:
            outcome = self._sessions.attempt(row).outcome
            if outcome is not None and outcome.image_id is not None:
                found[str(row.session_id), row.attempt] = outcome.image_id
        return found

    def _cancel_running(self, database: DatabaseSession, session_id: UUID, number: int | None = None) -> None:
        statement = update(LivenessAttemptRow).where(
            LivenessAttemptRow.session_id == session_id, LivenessAttemptRow.status == SessionStatus.RUNNING.value
        )
        if number is not None:
            statement = statement.where(LivenessAttemptRow.attempt == number)
        database.execute(
            statement.values(status=SessionStatus.CANCELED.value, finished_at=self._clock.now()).execution_options(
                synchronize_session=False
            )
        )

    @staticmethod
    def _attempts(database: DatabaseSession, session_id: UUID) -> Sequence[LivenessAttemptRow]:
        return database.scalars(
            select(LivenessAttemptRow)
            .where(LivenessAttemptRow.session_id == session_id)
            .order_by(LivenessAttemptRow.attempt.desc())
        ).all()


def _image_id() -> str:
    """Return a fresh id in the form of the contract's: 44 letters and digits."""
    return "".join(secrets.choice(_ID_LETTERS) for _ in range(_IMAGE_ID_LENGTH))


def _expected(address: str, expected: str | None) -> bool:
    """Return whether an address is the expected one or in the expected network."""
    if expected is None:
        return True
    try:
        given = ip_address(address)
        mapped = getattr(given, "ipv4_mapped", None) or given
        return mapped in ip_network(expected, strict=False)
    except ValueError:
        return False
