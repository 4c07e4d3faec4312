from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select
from tests.accounts.conftest import TERMS, on_sqlite
from tests.conftest import MASTER_KEY
from tests.manual_clock import ManualClock

from mien.accounts import AccountRules, Accounts, Acknowledgement, ProvisioningState, ResourceChange, Sku, Terms
from mien.accounts.errors import (
    InvalidValueError,
    NameTakenError,
    NotDeletedError,
    ResourceNotFoundError,
    ResourceQuotaError,
    SoftDeletedError,
    SubdomainFixedError,
    SubdomainTakenError,
    TermsNotAcceptedError,
)
from mien.contract.flashes import WithoutFlashes
from mien.events import AuditLog
from mien.storage import EVERY_RESOURCE, Database, MasterKey, Vault
from mien.storage.base import Base
from mien.storage.tables import DetectedFaceRow, GaugeRow, KeyRow, ResourceRow


def test_a_new_resource_has_two_keys_and_both_find_it(accounts: Accounts, clock: ManualClock) -> None:
    made = accounts.create(
        "front-desk",
        terms=TERMS,
        location="West Europe",
        sku=Sku.FREE,
        custom_subdomain="Front-Desk",
        tags={"team": "lobby"},
        public_network_access=False,
        default_action="deny",
        ip_rules=["10.0.0.7/32", "10.1.0.0/16", "fd00::/64", "10.0.0.7"],
        local_auth=False,
        request_log=True,
    )
    keys = accounts.keys(made.id)
    assert keys.key1 != keys.key2
    assert all(len(key) == 32 and set(key) <= set("0123456789abcdef") for key in (keys.key1, keys.key2))
    assert accounts.find_by_key(keys.key1) == accounts.find_by_key(keys.key2) == made
    assert accounts.find_by_subdomain("FRONT-desk") == accounts.get(made.id) == accounts.named("Front-Desk") == made
    assert accounts.resources() == [made]
    assert (made.location, made.custom_subdomain, made.tags) == ("westeurope", "front-desk", {"team": "lobby"})
    assert (made.public_network_access, made.default_action) == (False, "Deny")
    assert made.ip_rules == ("10.0.0.7", "10.1.0.0/16", "fd00::/64")
    assert (made.local_auth, made.request_log, made.state) == (False, True, ProvisioningState.SUCCEEDED)
    assert made.terms == Terms("Anna Admin", clock.now())
    assert (made.features, made.access_state, made.deleted_at) == (frozenset(), {}, None)


@on_sqlite
@pytest.mark.parametrize(
    "terms",
    [None, replace(TERMS, responsible_ai=False), replace(TERMS, not_for_police=False)],
    ids=["nobody", "not the terms", "no word on police"],
)
def test_without_all_terms_nothing_is_made(accounts: Accounts, terms: Acknowledgement | None) -> None:
    with pytest.raises(TermsNotAcceptedError) as caught:
        accounts.create("a", terms=terms)
    assert caught.value.code == "ResourceKindRequireAcceptTerms"
    assert ("police" in str(caught.value)) == (terms is None or not terms.not_for_police)
    assert accounts.resources() == []
    with pytest.raises(InvalidValueError, match="accepted by"):
        accounts.create("a", terms=replace(TERMS, accepted_by=" "))


@on_sqlite
@pytest.mark.parametrize("change", [str.upper, lambda k: k + " ", lambda k: k[:-1], lambda k: "", lambda k: "\udcff"])
def test_only_the_exact_key_is_accepted(accounts: Accounts, change: Callable[[str], str]) -> None:
    made = accounts.create("a", terms=TERMS)
    key = accounts.keys(made.id).key1
    while key.isdigit():  # one in three million
        key = accounts.regenerate_key(made.id, 1)
    assert accounts.find_by_key(change(key)) is None
    assert accounts.find_by_key(key) == made


@on_sqlite
def test_keys_are_compared_in_constant_time(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    key = accounts.keys(accounts.create("a", terms=TERMS).id).key1
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return False

    monkeypatch.setattr("mien.accounts.lookup.hmac.compare_digest", compare)
    assert accounts.find_by_key(key) is None
    assert [one == other for one, other in compared] == [True]
    assert key.encode() not in compared[0]


def test_regenerating_one_key_refuses_the_old_at_once_and_leaves_the_other(accounts: Accounts) -> None:
    made = accounts.create("a", terms=TERMS)
    before = accounts.keys(made.id)
    assert accounts.find_by_key(before.key2) == made
    fresh = accounts.regenerate_key(made.id, 2)
    assert accounts.find_by_key(before.key2) is None
    assert accounts.find_by_key(fresh) == accounts.find_by_key(before.key1) == made
    assert accounts.keys(made.id).key1 == before.key1


def test_keys_are_nowhere_in_clear(accounts: Accounts, database: Database, audit: AuditLog) -> None:
    made = accounts.create("a", terms=TERMS)
    keys = accounts.keys(made.id)
    again = accounts.regenerate_key(made.id, 1)
    assert keys.key1 not in f"{keys!r} {keys}"
    with database.read(EVERY_RESOURCE) as session:
        stored = [(row.lookup, row.sealed) for row in session.scalars(select(KeyRow))]
    logged = "".join(audit.export())
    for key in (keys.key1, keys.key2, again):
        assert key not in logged
        for lookup, sealed in stored:
            assert key.encode() not in lookup + sealed
            assert bytes.fromhex(key) not in lookup + sealed


def test_names_and_subdomains_are_unique(accounts: Accounts) -> None:
    accounts.create("Desk", terms=TERMS, custom_subdomain="sub")
    with pytest.raises(NameTakenError, match="Desk"):
        accounts.create("desk", terms=TERMS)
    with pytest.raises(SubdomainTakenError):
        accounts.create("b", terms=TERMS, custom_subdomain="SUB")
    assert not accounts.is_free("Sub")
    assert accounts.is_free("other")


@on_sqlite
@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("name", ["", "-a", "a-", "a b", "a" * 65, "ä"]),
        ("location", ["", "w", "westeurop", "west_europe", "Mars!"]),
        ("custom_subdomain", ["a", "-ab", "ab-", "a.b", "a" * 65, "api", "ä" * 3]),
        ("ip_rules", [["10.0.0.1/24"], ["10.0.0"], [""], ["10.0.0.1"] * 201, ["host.example"]]),
        ("tags", [{"": "v"}, {"a<b": "v"}, {"n": "v" * 257}, {"n": "\ud800"}, {str(i): "" for i in range(51)}]),
        ("default_action", ["", "Maybe"]),
    ],
)
def test_malformed_values_are_refused_by_field(accounts: Accounts, field: str, values: list[object]) -> None:
    for value in values:
        given: dict[str, Any] = {"name": "a", field: value}
        with pytest.raises(InvalidValueError) as caught:
            accounts.create(given.pop("name"), terms=TERMS, **given)
        assert caught.value.field == field, value
    assert accounts.resources() == []


@on_sqlite
def test_locations_of_ones_own_are_fine_and_misspelt_regions_are_not(accounts: Accounts) -> None:
    assert accounts.create("a", terms=TERMS, location="cellar-2").location == "cellar-2"
    with pytest.raises(InvalidValueError, match="did you mean 'westeurope'"):
        accounts.create("b", terms=TERMS, location="westeuorpe")


def test_update_changes_what_it_names_and_is_seen_at_once(accounts: Accounts, audit: AuditLog) -> None:
    made = accounts.create("a", terms=TERMS, sku=Sku.FREE, tags={"a": "1"})
    key = accounts.keys(made.id).key1
    assert accounts.find_by_key(key) == made
    change = ResourceChange(
        sku=Sku.STANDARD, custom_subdomain="Sub", ip_rules=["::1"], default_action="Deny", local_auth=False, tags={}
    )
    changed = accounts.update(made.id, change, actor="anna")
    assert changed == replace(
        made,
        sku=Sku.STANDARD,
        custom_subdomain="sub",
        ip_rules=("::1",),
        default_action="Deny",
        local_auth=False,
        tags={},
    )
    assert accounts.find_by_key(key) == accounts.find_by_subdomain("sub") == changed
    assert accounts.update(made.id, ResourceChange(request_log=True)).request_log
    assert accounts.update(made.id, ResourceChange(custom_subdomain="SUB", request_log=True)).request_log
    with pytest.raises(SubdomainFixedError):
        accounts.update(made.id, ResourceChange(custom_subdomain="other"))
    entries = audit.search(action="resource.update")
    assert [one.details["changed"] for one in entries] == [
        "request_log",
        "custom_subdomain, default_action, ip_rules, local_auth, sku, tags",
    ]
    with pytest.raises(ResourceNotFoundError):
        accounts.update(uuid4(), ResourceChange())
    assert changed.without_flashes is None
    calm = accounts.update(made.id, ResourceChange(without_flashes="Uncertain"))
    assert calm.without_flashes is WithoutFlashes.UNCERTAIN
    assert accounts.update(made.id, ResourceChange(without_flashes="server")).without_flashes is None
    with pytest.raises(InvalidValueError, match="choose server, off, uncertain or realface"):
        accounts.update(made.id, ResourceChange(without_flashes="spoofface"))


def test_the_number_of_resources_is_limited_by_tier_and_location(accounts: Accounts, database: Database) -> None:
    free = [accounts.create(name, terms=TERMS, sku=Sku.FREE) for name in ("f1", "f2")]
    with pytest.raises(ResourceQuotaError, match="2 resources of tier F0"):
        accounts.create("f3", terms=TERMS, sku=Sku.FREE)
    for number in range(5):
        accounts.create(f"u{number}", terms=TERMS, location="uaenorth", sku=Sku.ENTERPRISE if number else Sku.STANDARD)
    with pytest.raises(ResourceQuotaError, match="5 resources"):
        accounts.create("u5", terms=TERMS, location="uaenorth")
    paid = accounts.create("p", terms=TERMS)
    with pytest.raises(ResourceQuotaError):
        accounts.update(paid.id, ResourceChange(sku=Sku.FREE))
    accounts.delete(free[0].id)
    accounts.update(paid.id, ResourceChange(sku=Sku.FREE))
    with pytest.raises(ResourceQuotaError):
        accounts.restore(free[0].id)


def test_a_deleted_resource_is_refused_and_comes_back_as_it_was(accounts: Accounts, clock: ManualClock) -> None:
    made = accounts.create("a", terms=TERMS, custom_subdomain="sub")
    keys = accounts.keys(made.id)
    assert accounts.find_by_key(keys.key1) == made
    deleted = accounts.delete(made.id)
    assert deleted.deleted_at == clock.now()
    assert accounts.purge_at(deleted) == clock.now() + timedelta(hours=48)
    assert accounts.find_by_key(keys.key1) is accounts.find_by_subdomain("sub") is accounts.get(made.id) is None
    assert (accounts.resources(), accounts.deleted()) == ([], [deleted])
    assert accounts.named("a") is None
    assert accounts.named("a", deleted=True) == deleted
    for refused in (
        lambda: accounts.keys(made.id),
        lambda: accounts.regenerate_key(made.id, 1),
        lambda: accounts.update(made.id, ResourceChange(request_log=True)),
        lambda: accounts.delete(made.id),
    ):
        with pytest.raises(ResourceNotFoundError):
            refused()
    with pytest.raises(SoftDeletedError, match="restore it, or purge it"):
        accounts.create("A", terms=TERMS)
    assert not accounts.is_free("sub")
    assert accounts.restore(made.id) == made
    assert accounts.keys(made.id) == keys
    assert accounts.find_by_key(keys.key1) == made
    with pytest.raises(NotDeletedError):
        accounts.restore(made.id)


def test_a_purge_leaves_nothing(database: Database, vault: Vault, clock: ManualClock, audit: AuditLog) -> None:
    erased: list[UUID] = []
    accounts = Accounts(database, vault, clock, erasers=[erased.append])
    made, other = (accounts.create(name, terms=TERMS) for name in ("a", "b"))
    sealed = {one.id: vault.seal(b"face", resource_id=one.id, what="w") for one in (made, other)}
    with database.write(EVERY_RESOURCE) as session:
        for one in (made, other):
            face = DetectedFaceRow(
                resource_id=one.id,
                face_id=uuid4(),
                recognition_model="recognition_04",
                fingerprint="f",
                sealed=sealed[one.id],
                expires_at=clock.now() + timedelta(days=1),
            )
            session.add(face)
            session.add(GaugeRow(resource_id=one.id, minute=1, name="FacesStored", value=1))
    with pytest.raises(NotDeletedError):
        accounts.purge(made.id)
    accounts.delete(made.id)
    accounts.purge(made.id, actor="anna")
    assert erased == [made.id]
    assert rows_of(database, made.id) == {"audit_log"}  # who did what stays
    assert rows_of(database, other.id) == {
        "audit_log",
        "data_keys",
        "detected_faces",
        "keys",
        "metric_gauges",
        "resources",
    }
    assert vault.owners() == {other.id}
    with pytest.raises(Exception, match="key"):
        vault.open(sealed[made.id], resource_id=made.id, what="w")
    assert [one.actor for one in audit.search(action="resource.purge")] == ["anna"]
    with pytest.raises(ResourceNotFoundError):
        accounts.purge(made.id)
    assert accounts.create("a", terms=TERMS).id != made.id


def test_no_table_can_keep_what_a_purge_should_delete() -> None:
    """Whoever adds a table with a resource's rows lets the database delete them with it, or `Accounts.purge` does."""
    apart = set()
    for table in Base.metadata.sorted_tables:
        if (column := table.c.get("resource_id")) is not None:
            parents = {key.column.table.name: key.ondelete for key in column.foreign_keys}
            if parents.get("resources") != "CASCADE":
                apart.add(table.name)
    # A token of a purged resource stays, and opens nothing.
    assert apart == {"admin_tokens", "audit_log", "metric_calls", "metric_gauges"}


def rows_of(database: Database, resource_id: UUID) -> set[str]:
    """The tables that have anything of a resource."""
    found = set()
    with database.engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            column = table.c.get("resource_id") if table.name != "resources" else table.c.id
            if column is not None and connection.execute(select(1).where(column == resource_id)).first():
                found.add(table.name)
    return found


def test_deleted_resources_go_after_their_time_and_after_a_purge_that_was_cut_short(
    accounts: Accounts, database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, cut, living = (accounts.create(name, terms=TERMS) for name in ("old", "cut", "living"))
    accounts.delete(old.id)
    clock.advance(timedelta(hours=47))
    accounts.delete(cut.id)
    assert accounts.purge_due() == 0

    real = accounts._audit.record_in

    def fail(*arguments: object, **more: object) -> None:
        raise OSError("the machine went away")

    monkeypatch.setattr(accounts._audit, "record_in", fail)
    with pytest.raises(OSError, match="went away"):
        accounts.purge(cut.id)
    monkeypatch.setattr(accounts._audit, "record_in", real)
    with pytest.raises(ResourceNotFoundError):
        accounts.restore(cut.id)
    assert {one.name: one.state.value for one in accounts.deleted()} == {"old": "Succeeded", "cut": "Deleting"}
    assert accounts.purge_due() == 1
    clock.advance(timedelta(hours=1))
    assert accounts.purge_due() == 1
    assert (accounts.deleted(), accounts.resources()) == ([], [living])


def test_everything_is_audited_with_its_actor(accounts: Accounts, audit: AuditLog) -> None:
    made = accounts.create("a", terms=TERMS, actor="anna")
    accounts.keys(made.id, actor="ben")
    accounts.regenerate_key(made.id, 1, actor="cleo")
    accounts.delete(made.id, actor="dora")
    accounts.restore(made.id, actor="emil")
    found = [(one.actor, one.action, one.resource_id) for one in reversed(audit.search())]
    assert found == [
        ("anna", "resource.create", made.id),
        ("ben", "key.list", made.id),
        ("cleo", "key.regenerate", made.id),
        ("dora", "resource.delete", made.id),
        ("emil", "resource.restore", made.id),
    ]
    assert audit.verify().broken is None


def test_a_row_of_an_older_version_is_a_resource_without_terms(database: Database, accounts: Accounts) -> None:
    identity = uuid4()
    with database.writing_connection() as connection:
        connection.execute(
            insert(ResourceRow),
            {"id": identity, "name": "old", "location": "local", "sku": "S0", "created_at": accounts._clock.now()},
        )
    found = accounts.get(identity)
    assert found is not None
    assert (found.terms, found.public_network_access, found.default_action) == (None, True, "Allow")
    assert (found.local_auth, found.request_log, found.ip_rules, found.tags) == (True, False, (), {})


@on_sqlite
def test_rules_may_be_wider(database: Database, vault: Vault, clock: ManualClock) -> None:
    accounts = Accounts(database, vault, clock, rules=AccountRules(paid_resources=12))
    for number in range(12):
        accounts.create(f"r{number}", terms=TERMS, location="uaenorth")
    with pytest.raises(ResourceQuotaError, match="12"):
        accounts.create("r12", terms=TERMS, location="uaenorth")


def test_of_many_at_once_one_gets_the_name_and_none_goes_over_the_quota(
    database_url: str, database: Database, clock: ManualClock
) -> None:
    """Each with connections of its own, as in so many processes."""
    opened = [Database(database_url) for _ in range(4)]
    many = [Accounts(one, Vault(one, MasterKey.from_hex(MASTER_KEY), clock), clock) for one in opened]

    def outcome(accounts: Accounts, name: str, sku: Sku) -> str:
        try:
            return accounts.create(name, terms=TERMS, sku=sku).name
        except (NameTakenError, ResourceQuotaError) as error:
            return type(error).__name__

    with ThreadPoolExecutor(4) as pool:
        same = list(pool.map(outcome, many, ["same"] * 4, [Sku.STANDARD] * 4))
        free = list(pool.map(outcome, many, [f"free-{number}" for number in range(4)], [Sku.FREE] * 4))
    assert sorted(same) == ["NameTakenError"] * 3 + ["same"]
    assert free.count("ResourceQuotaError") == 3
    assert len(many[0].resources()) == 2
    for one in opened:
        one.close()
