"""Authentication of administrators, and the pauses after wrong tokens."""

from uuid import uuid4

import pytest
from tests.management.conftest import World

from mien.management import Permission, Role
from mien.management.errors import ManagementError
from mien.management.login import FREE_FAILURES, LONGEST_PAUSE, Actor, Backoff, Login
from mien.management.roles import Grant


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_guessing_gets_slower_and_locks_out_nobody_with_a_right_token(quick: World) -> None:
    seconds = Seconds()
    login = Login(quick.parts.tokens, backoff=Backoff(seconds))
    right = quick.token(Role.READER)

    async def status(token: str, address: str = "192.0.2.1") -> tuple[int, str | None]:
        try:
            await login.identify(f"Bearer {token}", address)
        except ManagementError as error:
            return error.status, error.headers.get("Retry-After")
        return 200, None

    assert [(await status(f"wrong {n}"))[0] for n in range(FREE_FAILURES + 1)] == [401] * (FREE_FAILURES + 1)
    pauses = []
    for _ in range(8):
        code, wait = await status("wrong")
        assert code == 429
        assert wait is not None
        pauses.append(int(wait))
        assert (await status(right))[0] == 200  # whoever guesses may be somebody else behind the same proxy
        assert (await status("wrong", "192.0.2.2"))[0] == 401  # another address has nothing to do with it
        seconds.now += int(wait)
        assert (await status("wrong"))[0] == 401
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    seconds.now += LONGEST_PAUSE + 900
    assert (await status("wrong"))[0] == 401
    assert (await status("wrong"))[0] == 401  # counting began anew


async def test_a_missing_token_is_no_guess(quick: World) -> None:
    for _ in range(FREE_FAILURES * 3):
        with pytest.raises(ManagementError, match="header is missing"):
            await quick.parts.login.identify(None, "192.0.2.1")


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic {}", "{}", "Bearer x{}", "Bearer {}x", "Bearer mien_admin_", "Bearer \xe9"],
)
async def test_anything_but_the_token_as_bearer_is_refused(quick: World, header: str) -> None:
    secret = quick.token(Role.ADMIN)
    with pytest.raises(ManagementError) as caught:
        await quick.parts.login.identify(header.format(secret), "192.0.2.1")
    assert caught.value.status == 401
    assert secret not in caught.value.message


async def test_the_scheme_is_read_in_any_case(quick: World) -> None:
    assert (await quick.parts.login.identify(f"bEARER  {quick.token(Role.READER)}", "x")).role is Role.READER


def test_roles_grant_what_their_names_say() -> None:
    granted = {role: {one for one in Permission if role.may(one)} for role in Role}
    reading = {Permission.SEE, Permission.AUDIT, Permission.METRICS, Permission.LOOK_UP}
    assert granted[Role.OWNER] == granted[Role.ADMIN] == set(Permission)
    writing = {Permission.PEOPLE, Permission.REQUEST, Permission.MANAGE, Permission.KEYS}
    assert granted[Role.OPERATOR] == reading | writing, "a new permission is not the operator's by itself"
    assert granted[Role.READER] == reading
    assert granted[Role.APPROVER] == reading | {Permission.REQUEST, Permission.APPROVE, Permission.CONFIRM}
    assert granted[Role.REVIEWER] == {Permission.SEE, Permission.LOOK_UP, Permission.CONFIRM}
    assert granted[Role.ENROLLER] == {Permission.SEE, Permission.LOOK_UP, Permission.PEOPLE}
    assert granted[Role.AUDITOR] == {Permission.AUDIT, Permission.METRICS}
    with pytest.raises(ManagementError, match="'manage'"):
        Actor.of("token:x", Role.APPROVER).require(Permission.MANAGE, "it")


def test_roles_of_several_places_add_up() -> None:
    here, there = uuid4(), uuid4()
    actor = Actor("oidc:x", (Grant(Role.AUDITOR), Grant(Role.ENROLLER, here)))
    assert actor.may(Permission.PEOPLE, here)
    assert not actor.may(Permission.PEOPLE, there)
    assert not actor.may(Permission.PEOPLE)
    assert actor.may(Permission.AUDIT, there)
    assert actor.reach(Permission.AUDIT) is None
    assert actor.reach(Permission.PEOPLE) == frozenset({here})
    assert actor.reach(Permission.KEYS) == frozenset()
    limited = Actor.of("token:y", Role.OWNER, here)
    assert [limited.sees(one) for one in (here, there, None)] == [True, False, False]
    with pytest.raises(ManagementError, match="whole server"):
        limited.require(Permission.TOKENS, "it")


def test_a_flood_of_addresses_does_not_fill_the_memory() -> None:
    backoff = Backoff(Seconds())
    for number in range(10_050):
        backoff.failed(str(number))
    assert len(backoff._failures) == 10_000
