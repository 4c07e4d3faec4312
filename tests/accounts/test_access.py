from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from tests.accounts.conftest import TERMS, on_sqlite
from tests.examples import examples
from tests.manual_clock import ManualClock

from mien.accounts import (
    ALL_FEATURES,
    DEVELOPMENT_TERMS,
    AccessRequest,
    AccessRequests,
    Accounts,
    Feature,
    RequestState,
    Resource,
    access_hint,
)
from mien.accounts.errors import (
    AccessRequestNotFoundError,
    AlreadyRequestedError,
    InvalidValueError,
    ReasonMissingError,
    ResourceNotFoundError,
    TransitionError,
)
from mien.events import AuditLog

GOOD = (
    "Employees of our bakery verify themselves at the warehouse door with their own enrolled photo, instead of a badge "
    "that gets lost. Everybody signs a consent form first and may keep a badge as an alternative."
)
DAY = timedelta(days=1)


@pytest.fixture
def resource(accounts: Accounts) -> Resource:
    return accounts.create("bakery", terms=TERMS)


def ask(access: AccessRequests, resource: Resource, *features: Feature, use_case: str = GOOD) -> AccessRequest:
    return access.submit(
        resource.id,
        features or (Feature.VERIFICATION, Feature.IDENTIFICATION),
        organisation="Bakery Brotlieb",
        contact="it@brotlieb.example",
        use_case=use_case,
        actor="anna",
    )


def test_a_request_on_its_way_to_an_approval(
    access: AccessRequests, accounts: Accounts, resource: Resource, clock: ManualClock, audit: AuditLog
) -> None:
    def now() -> tuple[set[Feature], str | None]:
        found = accounts.get(resource.id)
        assert found is not None
        return set(found.features), found.access_state.get(Feature.VERIFICATION)

    assert now() == (set(), None)
    made = ask(access, resource)
    assert now() == (set(), "submitted")
    assert (made.state, made.requested_by, made.findings) == (RequestState.SUBMITTED, "anna", ())
    access.review(made.id, actor="ben")
    assert now() == (set(), "in_review")
    approved = access.approve(made.id, actor="cleo", note="until the move")
    assert now() == ({Feature.VERIFICATION, Feature.IDENTIFICATION}, "approved")
    assert (approved.changed_by, approved.reason) == ("cleo", "until the move")
    assert approved.expires_at == clock.now() + timedelta(days=365)
    assert access.get(made.id) == approved
    assert access.requests(resource.id) == [approved]
    revoked = access.revoke(made.id, actor="dora", reason="They moved.")
    assert now() == (set(), "revoked")
    assert revoked.reason == "They moved."
    found = [(one.actor, one.action, one.details["state"]) for one in reversed(audit.search(action="access.*"))]
    assert found == [
        ("anna", "access.request", "submitted"),
        ("ben", "access.review", "in_review"),
        ("cleo", "access.approve", "approved"),
        ("dora", "access.revoke", "revoked"),
    ]
    entry = audit.search(action="access.revoke")[0]
    assert entry.details["reason"] == "They moved."
    assert "brotlieb" not in "".join(audit.export()).lower()  # whom to ask back is nobody's business but the reviewer's


def test_an_approval_ends_at_its_hour_and_lasts_on_when_verified_anew(
    access: AccessRequests, accounts: Accounts, resource: Resource, clock: ManualClock, audit: AuditLog
) -> None:
    made = ask(access, resource, Feature.LIVENESS)
    access.review(made.id, actor="b")
    access.approve(made.id, actor="b", lasts=10 * DAY)
    key = accounts.keys(resource.id).key1

    def granted() -> bool:
        found = accounts.find_by_key(key)
        assert found is not None
        return Feature.LIVENESS in found.features

    assert granted()
    clock.advance(9 * DAY)
    assert granted()
    assert access.renew(made.id, actor="b", lasts=DAY / 2).expires_at == clock.now() + DAY  # never sooner than before
    assert access.renew(made.id, actor="b", lasts=2 * DAY).expires_at == clock.now() + 2 * DAY
    clock.advance(2 * DAY - timedelta(seconds=1))
    assert granted()
    clock.advance(timedelta(seconds=1))
    assert not granted()
    assert access.get(made.id).state is RequestState.EXPIRED
    assert access.expire_due() == 1
    assert access.expire_due() == 0
    assert [one.actor for one in audit.search(action="access.expire")] == ["mien"]
    assert access.renew(made.id, actor="c").state is RequestState.APPROVED
    assert granted()


def test_an_expired_approval_gives_way_to_a_newer_request(
    access: AccessRequests, accounts: Accounts, resource: Resource, clock: ManualClock
) -> None:
    old = ask(access, resource, Feature.LIVENESS)
    access.review(old.id, actor="b")
    access.approve(old.id, actor="b", lasts=DAY)
    with pytest.raises(AlreadyRequestedError, match="Liveness is requested already") as caught:
        ask(access, resource, Feature.LIVENESS)
    assert caught.value.request_id == old.id
    clock.advance(DAY)
    new = ask(access, resource, Feature.LIVENESS)
    with pytest.raises(AlreadyRequestedError):
        access.renew(old.id, actor="b")
    access.withdraw(new.id, actor="a")
    assert access.renew(old.id, actor="b").state is RequestState.APPROVED
    found = accounts.get(resource.id)
    assert found is not None
    assert found.features == {Feature.LIVENESS}


STEPS: dict[str, Callable[[AccessRequests, AccessRequest], AccessRequest]] = {
    "review": lambda access, one: access.review(one.id, actor="b"),
    "approve": lambda access, one: access.approve(one.id, actor="b"),
    "reject": lambda access, one: access.reject(one.id, actor="b", reason="no"),
    "revoke": lambda access, one: access.revoke(one.id, actor="b", reason="no"),
    "renew": lambda access, one: access.renew(one.id, actor="b"),
    "withdraw": lambda access, one: access.withdraw(one.id, actor="b"),
}
LEGAL = {
    ("submitted", "review"): "in_review",
    ("in_review", "approve"): "approved",
    ("in_review", "reject"): "rejected",
    ("approved", "revoke"): "revoked",
    ("approved", "renew"): "approved",
    ("submitted", "withdraw"): "withdrawn",
    ("in_review", "withdraw"): "withdrawn",
    ("approved", "withdraw"): "withdrawn",
}


@on_sqlite
@examples(25, HealthCheck.function_scoped_fixture)
@given(steps=st.lists(st.sampled_from(sorted(STEPS)), max_size=6))
def test_only_legal_steps_are_taken_whatever_is_tried(
    access: AccessRequests, accounts: Accounts, clock: ManualClock, steps: list[str]
) -> None:
    resource = accounts.named("walk") or accounts.create("walk", terms=TERMS)
    for one in access.requests(resource.id, {RequestState.SUBMITTED, RequestState.IN_REVIEW, RequestState.APPROVED}):
        access.withdraw(one.id, actor="a")
    clock.advance(timedelta(seconds=1))
    made = ask(access, resource, Feature.LIVENESS)
    for step in steps:
        state = access.get(made.id).state.value
        if (state, step) in LEGAL:
            assert STEPS[step](access, made).state.value == LEGAL[state, step]
        else:
            with pytest.raises(TransitionError) as caught:
                STEPS[step](access, made)
            assert caught.value.state == state
            assert access.get(made.id).state.value == state
    found = accounts.get(resource.id)
    assert found is not None
    end = access.get(made.id).state.value
    assert (Feature.LIVENESS in found.features) == (end == "approved")
    assert found.access_state[Feature.LIVENESS] == end


@on_sqlite
def test_reasons_are_required(access: AccessRequests, resource: Resource) -> None:
    made = ask(access, resource)
    access.review(made.id, actor="b")
    with pytest.raises(ReasonMissingError):
        access.reject(made.id, actor="b", reason=" ")
    access.approve(made.id, actor="b")
    with pytest.raises(ReasonMissingError):
        access.revoke(made.id, actor="b", reason="")
    with pytest.raises(InvalidValueError, match="reason"):
        access.revoke(made.id, actor="b", reason="x" * 1001)
    assert access.revoke(made.id, actor="b", reason="x" * 1000).reason == "x" * 1000  # the audit log takes less


@on_sqlite
def test_what_a_request_must_have(access: AccessRequests, resource: Resource) -> None:
    for features in ([], [Feature.LIVENESS, Feature.VERIFICATION], list(ALL_FEATURES)):
        with pytest.raises(InvalidValueError) as caught:
            access.submit(resource.id, features, organisation="o", contact="c", use_case="u", actor="a")
        assert caught.value.field == "features"
    for field in ("organisation", "contact", "use_case"):
        texts = {"organisation": "o", "contact": "c", "use_case": "u", field: "\x00"}
        with pytest.raises(InvalidValueError) as caught:
            access.submit(resource.id, [Feature.LIVENESS], actor="a", **texts)
        assert caught.value.field == field
    with pytest.raises(ResourceNotFoundError):
        access.submit(uuid4(), [Feature.LIVENESS], organisation="o", contact="c", use_case="u", actor="a")
    with pytest.raises(AccessRequestNotFoundError):
        access.review(uuid4(), actor="a")
    ask(access, resource, Feature.VERIFICATION)
    with pytest.raises(AlreadyRequestedError):
        ask(access, resource, Feature.VERIFICATION, Feature.IDENTIFICATION)
    ask(access, resource, Feature.IDENTIFICATION)
    access.review(ask(access, resource, Feature.LIVENESS).id, actor="b")
    assert len(access.requests()) == 3
    assert [one.features for one in access.requests(states={RequestState.IN_REVIEW})] == [{Feature.LIVENESS}]


@on_sqlite
def test_a_vague_request_is_flagged_to_the_reviewer_and_in_the_audit_log(
    access: AccessRequests, resource: Resource, audit: AuditLog
) -> None:
    made = ask(access, resource, use_case="We want to use the Face API for testing purposes.")
    assert {one.rule for one in made.findings} >= {"short", "boilerplate", "who", "why", "consent"}
    assert str(audit.search(action="access.request")[0].details["flagged"]).startswith("short, ")


def test_a_development_resource_has_everything_but_what_was_taken_from_it(
    access: AccessRequests, accounts: Accounts, clock: ManualClock
) -> None:
    made = accounts.create("dev", terms=DEVELOPMENT_TERMS)
    access.approve_for_development(made)
    clock.advance(timedelta(days=10_000))
    granted = accounts.get(made.id)
    assert granted is not None
    assert granted.features == ALL_FEATURES
    access.approve_for_development(granted)
    (only,) = access.requests(made.id)
    assert access.renew(only.id, actor="a").expires_at is None
    access.revoke(only.id, actor="a", reason="to see what a 403 looks like")
    taken = accounts.get(made.id)
    assert taken is not None
    access.approve_for_development(taken)
    assert len(access.requests(made.id)) == 1


def test_requests_go_with_their_resource(access: AccessRequests, accounts: Accounts, resource: Resource) -> None:
    made = ask(access, resource)
    accounts.delete(resource.id)
    with pytest.raises(ResourceNotFoundError):
        access.review(made.id, actor="b")
    assert access.get(made.id).resource_name == "bakery"
    accounts.purge(resource.id)
    assert access.requests() == []


@on_sqlite
def test_hints_say_where_the_request_stands_and_what_to_do(
    access: AccessRequests, accounts: Accounts, resource: Resource, clock: ManualClock
) -> None:
    def hint(*missing: Feature) -> str:
        found = accounts.get(resource.id)
        assert found is not None
        return access_hint(found, missing)

    both = (Feature.VERIFICATION, Feature.IDENTIFICATION)
    assert hint(*both) == (
        "Nobody has requested Identification and Verification for the resource 'bakery': "
        "the operator of this server does so with `mien access request bakery`."
    )
    made = ask(access, resource)
    assert hint(*both) == (
        "The request for Identification and Verification of the resource 'bakery' "
        "was submitted and waits for a reviewer."
    )
    access.review(made.id, actor="b")
    assert "is in review" in hint(Feature.VERIFICATION)
    access.approve(made.id, actor="b", lasts=DAY)
    clock.advance(DAY)
    assert "has expired" in hint(Feature.VERIFICATION)
    assert hint(Feature.VERIFICATION, Feature.LIVENESS).count("bakery") == 3
    access.revoke(made.id, actor="b", reason="r")
    assert "was revoked" in hint(Feature.VERIFICATION)
