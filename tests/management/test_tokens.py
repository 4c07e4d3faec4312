"""Admin tokens: made, shown once, expired, revoked; in Python and over HTTP."""

from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text
from tests.management.conftest import World

from mien.logs import redact
from mien.management import Role, TokenError


def test_a_token_opens_until_it_is_revoked_and_is_stored_nowhere(world: World) -> None:
    tokens = world.parts.tokens
    made = tokens.create("anna", Role.APPROVER, created_by="test")
    found = tokens.find(made.secret)
    assert found is not None
    assert (found.id, found.name, found.role) == (made.token.id, "anna", Role.APPROVER)
    assert made.secret not in repr(made)
    with world.parts.database.engine.connect() as connection:
        stored = connection.execute(text("SELECT * FROM admin_tokens")).all()
    assert made.secret.encode() not in b"".join(
        bytes(cell) if isinstance(cell, memoryview | bytes) else str(cell).encode() for row in stored for cell in row
    )
    tokens.revoke(made.token.id)
    assert tokens.find(made.secret) is None


def test_a_token_expires_to_the_second(quick: World) -> None:
    made = quick.parts.tokens.create("guest", Role.READER, created_by="test", life=timedelta(hours=1))
    quick.clock.advance(timedelta(minutes=59, seconds=59))
    assert quick.parts.tokens.find(made.secret) is not None
    assert quick.parts.tokens.any_valid()
    quick.clock.advance(timedelta(seconds=1))
    assert quick.parts.tokens.find(made.secret) is None
    assert not quick.parts.tokens.any_valid()


@pytest.mark.parametrize("name", ["", "x" * 101, "a\nb"])
def test_a_token_needs_a_name(quick: World, name: str) -> None:
    with pytest.raises(TokenError):
        quick.parts.tokens.create(name, Role.READER, created_by="test")


def test_the_log_redacts_tokens(quick: World) -> None:
    secret = quick.token(Role.READER)
    assert secret not in redact(f"GET /x?token={secret} {secret!r}")


async def test_over_http_a_token_is_shown_once_and_its_life_is_audited(quick: World, admin: httpx.AsyncClient) -> None:
    made = await admin.post("/mien/v1/admin-tokens", json={"name": "ci", "role": "reader", "days": 2})
    assert made.status_code == 201
    secret, token_id = made.json()["token"], made.json()["id"]
    listed = await admin.get("/mien/v1/admin-tokens")
    assert secret not in listed.text
    assert [token["name"] for token in listed.json()["value"]] == ["a admin", "ci"]
    async with quick.client(secret) as reader:
        assert (await reader.get("/mien/v1/admin-tokens")).status_code == 403
        assert (await admin.delete(f"/mien/v1/admin-tokens/{token_id}")).status_code == 200
        assert (await reader.get("/mien/v1/admin-tokens")).status_code == 401
    assert (await admin.delete(f"/mien/v1/admin-tokens/{uuid4()}")).status_code == 404
    newest_first = quick.parts.audit.search()
    assert [entry.action for entry in newest_first] == ["admin.token.revoke", "admin.token.create"]
    assert {entry.actor for entry in newest_first} == {"token:a admin"}
    assert UUID(token_id) == UUID(str(newest_first[1].details["token_id"]))
