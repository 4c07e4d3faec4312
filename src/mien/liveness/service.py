"""The services behind liveness sessions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from mien.clock import Clock
from mien.liveness.abuse import AbusePolicy, AbuseWatch
from mien.liveness.attempts import Attempts, Serves
from mien.liveness.errors import ModeNotAvailableError
from mien.liveness.records import Session, SessionOptions
from mien.liveness.reference import make_reference
from mien.liveness.sessions import ClientClaims, Sessions, no_claims
from mien.liveness.tokens import Tokens
from mien.liveness.types import Mode
from mien.messages import Message
from mien.storage import Database, Vault
from mien.vision.ports import Engine

Lacks = Callable[[Mode], Message | None]
"""Returns a hint on what the server lacks for a mode; None if nothing."""


@dataclass(frozen=True, slots=True)
class Liveness:
    """The liveness sessions of a server.

    Attributes:
        sessions: making, reading, listing, erasing.
        attempts: beginning and ending.
        tokens: signing and reading.
        watch: strikes and repeated frames.
        engine: analyses verify images.
        recogniser: pack of the templates that are compared.
        lacks: returns the reason why the server cannot serve a mode; None if it can.
    """

    sessions: Sessions
    attempts: Attempts
    tokens: Tokens
    watch: AbuseWatch
    engine: Engine
    recogniser: str
    lacks: Lacks | None = None

    def create(self, resource_id: UUID, options: SessionOptions, verify_image: bytes | None = None) -> Session:
        """Create a session.

        Args:
            resource_id: id of the resource that owns it.
            options: the options of the session; the caller has checked them.
            verify_image: an image file with the face to compare with, or None.

        Raises:
            ModeNotAvailableError: no attempt in this mode can succeed on this server.
            ImageError: the image cannot be analysed.
            NoFaceError: there is no face in it.
            SeveralFacesError: there is more than one.
        """
        if self.lacks is not None and (hint := self.lacks(options.mode)) is not None:
            raise ModeNotAvailableError(hint)
        reference = make_reference(self.engine, verify_image, self.recogniser) if verify_image is not None else None
        return self.sessions.create(resource_id, options, reference)

    def purge(self) -> int:
        """Delete expired sessions, and close attempts that were not finished; return how many rows."""
        return self.sessions.purge() + self.attempts.purge() + self.watch.purge() + self.tokens.purge()


def open_liveness(
    database: Database,
    vault: Vault,
    clock: Clock,
    *,
    engine: Engine,
    recogniser: str,
    policy: AbusePolicy | None = None,
    serves: Serves | None = None,
    test_nonce: bytes | None = None,
    lacks: Lacks | None = None,
    client_claims: ClientClaims = no_claims,
) -> Liveness:
    """Return the liveness sessions of a database.

    Args:
        database: the database.
        vault: encrypts their data.
        clock: the clock.
        engine: analyses verify images.
        recogniser: pack of the templates that are compared.
        policy: the operator's policy against abuse.
        serves: returns whether a client is served, given the resource and the client's address; None to serve all.
        test_nonce: for tests only: every attempt's nonce, so that the answer to a challenge can be prepared.
        lacks: returns the reason why the server cannot serve a mode; None for a server that serves all.
        client_claims: returns the claims about the policy for the tokens of a resource.
    """
    tokens = Tokens(database, vault, clock)
    sessions = Sessions(database, vault, clock, tokens, client_claims)
    watch = AbuseWatch(database, vault, clock, policy or AbusePolicy())
    attempts = Attempts(
        database, vault, clock, tokens=tokens, sessions=sessions, watch=watch, serves=serves, test_nonce=test_nonce
    )
    return Liveness(sessions, attempts, tokens, watch, engine, recogniser, lacks)
