"""Dossiers follow what is configured, rest on facts, are signed, and can be compared."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr
from tests.manual_clock import ManualClock
from tests.subjects.world import SubjectsWorld

from mien.accounts import AccessRequests, Accounts, Resource
from mien.contract.features import Feature
from mien.doors.cameras import Cameras
from mien.doors.types import CameraSpec
from mien.dossier import PAPERS, DossierError, DossierNotFoundError, Dossiers, InvalidDossierError, compare
from mien.dossier.comparison import ChangeKind
from mien.dossier.gathering import Gatherer
from mien.dossier.papers import Statement
from mien.dossier.service import rendered
from mien.events import AlertRules
from mien.gallery.kinds import CollectionRef
from mien.gallery.kinds import Kind as Place
from mien.gallery.policy import EnrolmentPolicy
from mien.gallery.reviews import Reviews
from mien.settings import Settings
from mien.storage import Database, Vault
from mien.subjects import Receipts, What

STAFF = "staff"
SECRET = "hunter2hunter2"


@dataclass(frozen=True)
class Office:
    """What tests work on."""

    place: SubjectsWorld
    settings: Settings
    database: Database
    vault: Vault
    clock: ManualClock
    access: AccessRequests
    accounts: Accounts

    @property
    def resource(self) -> Resource:
        found = self.accounts.get(self.place.owner)
        assert found is not None
        return found

    @property
    def dossiers(self) -> Dossiers:
        state = (self.database, self.vault, self.clock)
        audit = self.place.audit
        alerts = AlertRules(*state)
        return Dossiers(Gatherer(self.settings, *state, audit=audit, access=self.access, alerts=alerts), *state, audit)

    def content(self, language: str = "en", **answers: str) -> Mapping[str, Any]:
        return self.dossiers.create(self.resource, language=language, answers=answers, actor="cli:anna").content


@pytest.fixture
def office(place: SubjectsWorld, database: Database, vault: Vault, clock: ManualClock) -> Office:
    access = AccessRequests(database, clock, place.audit, timedelta(days=365))
    return Office(place, Settings(), database, vault, clock, access, Accounts(database, vault, clock, place.audit))


def items(content: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for paper in content["papers"]:
        for section in paper["sections"]:
            yield from ((str(paper["id"]), item) for item in section["items"])


def variant(content: Mapping[str, Any], paper: str, key: str) -> str | None:
    return next((item["variant"] for of, item in items(content)
                 if of == paper and item["key"] == key and item["kind"] == "statement"), None)  # fmt: skip


def asked(content: Mapping[str, Any], paper: str) -> set[str]:
    return {item["key"] for of, item in items(content) if of == paper and item["kind"] == "question"}


def approve(office: Office, *features: Feature) -> None:
    request = office.access.submit(
        office.resource.id, features, organisation="Example Ltd", contact="it@example.com",
        use_case="Employees who agreed open the door of the office", actor="cli:anna",
    )  # fmt: skip
    office.access.review(request.id, actor="cli:otto")
    office.access.approve(request.id, actor="cli:otto")


def test_a_new_resource_gets_questions_and_no_claims(office: Office) -> None:
    content = office.content()
    assert {paper["id"] for paper in content["papers"]} == set(PAPERS)
    assert variant(content, "dpia", "functions") == "none"
    assert variant(content, "dpia", "consents") == "nobody"
    assert variant(content, "notice", "purpose") is None
    assert {"controller", "purpose", "retention", "accuracy", "fairness", "backup"} <= asked(content, "dpia")
    assert "bipa_schedule" in asked(content, "notice")


@pytest.mark.heavy_on_postgresql
def test_every_statement_rests_on_facts_that_are_in_the_dossier(office: Office) -> None:
    content = office.content()
    known = {one["name"] for one in content["facts"]}
    for _, item in items(content):
        assert set(item["facts"]) <= known
        assert (item["kind"] == "statement") == bool(item["facts"])
    assert all(one["readAt"] and one["where"] for one in content["facts"])
    rest_on = {fact for paper in PAPERS.values() for section in paper.sections for item in section.items
               if isinstance(item, Statement) for fact in item.facts}  # fmt: skip
    assert known <= rest_on


@pytest.mark.heavy_on_postgresql
def test_statements_follow_what_is_configured(office: Office) -> None:
    before = office.content()
    place, owner = office.place, office.resource.id
    ref = CollectionRef(owner, Place.LARGE_PERSON_GROUP, STAFF)
    place.world.gallery.collections.create(ref, "Staff", None, "recognition_04")
    anna = place.enrol(ref, "Anna", 1, 2)
    place.enrol(ref, "Otto", 3)
    place.subjects.consents.add(ref, anna, given_by="Anna", purpose="door", actor="cli:anna")
    place.subjects.rules.set(owner, What.NOT_SEEN, 400, actor="cli:anna")
    place.world.gallery.policies.set(owner, EnrolmentPolicy(keep_crops=True, min_quality="medium"))
    approve(office, Feature.IDENTIFICATION, Feature.VERIFICATION)
    state = (office.database, office.vault, office.clock, place.audit)
    spec = CameraSpec(groups=("directory",))
    Cameras(*state).create(owner, "porch", f"rtsp://user:{SECRET}@camera.example/one", spec, actor="cli:anna")
    reviews = Reviews(place.world.gallery.rows, office.vault, place.audit)
    reviews.policies.set(owner, reviewers=2, keep_days=14, actor="cli:anna")
    changed = replace(office, settings=Settings(metrics_days=400, tls=True, oidc_issuer="https://issuer.example"))
    after = changed.content()

    assert variant(after, "dpia", "functions") == "approved"
    assert variant(after, "dpia", "crops") == "kept"
    assert variant(after, "dpia", "consents") == "some"
    assert variant(after, "dpia", "cameras") == "some"
    assert variant(after, "dpia", "transport") == "tls"
    assert variant(after, "oversight", "review") == "two"
    assert variant(after, "oversight", "filing") == "all"
    assert variant(after, "oversight", "months") == "enough"
    assert variant(after, "notice", "bipa_schedule") == "within"
    assert {"purpose", "retention", "transport"}.isdisjoint(asked(after, "dpia"))
    assert "bipa_schedule" not in asked(after, "notice")
    assert "second" not in asked(after, "oversight")
    texts = {(of, item["key"]): item["text"] for of, item in items(after)}
    assert "1 of 2 enrolled people; 1 have none" in texts["dpia", "consents"]
    assert "14 days after the decision" in texts["retention", "review_pictures"]
    facts = {one["name"]: one for one in after["facts"]}
    assert facts["retention_rules"]["entry"]["action"] == "retention.set"
    assert facts["features"]["entry"]["action"] == "access.approve"
    assert facts["metrics_days"]["where"] == "MIEN_METRICS_DAYS"

    changes = {(one.paper, one.item, one.key): one for one in compare(before, after)}
    assert changes["dpia", "statement", "rules"].facts == {"retention_rules": ((), ("notSeen 400",))}
    assert changes["retention", "question", "retention"].kind is ChangeKind.REMOVED
    assert changes["notice", "statement", "purpose"].kind is ChangeKind.ADDED
    assert ("dpia", "statement", "doors") not in changes
    assert ("dpia", "statement", "encryption") not in changes


@pytest.mark.heavy_on_postgresql
def test_a_translation_is_no_change(office: Office) -> None:
    english, german = office.content(), office.content("de")
    kinds = {(one.paper, one.key): one.facts for one in compare(english, german)}
    # Creating the first dossier added an entry to the log.
    assert {fact for facts in kinds.values() for fact in facts} == {"audit_entries", "audit_head"}
    assert all(facts for facts in kinds.values())


@pytest.mark.heavy_on_postgresql
def test_answers_fill_questions_and_are_taken_over(office: Office) -> None:
    first = office.content(controller="Example Ltd, 1 High Street", **{"dpia.risks": "Low"})
    given = {(of, item["key"]): item["answer"] for of, item in items(first) if item["answer"]}
    assert given == {("dpia", "controller"): "Example Ltd, 1 High Street", ("dpia", "risks"): "Low",
                     ("notice", "controller"): "Example Ltd, 1 High Street"}  # fmt: skip
    again = office.dossiers.create(office.resource, actor="cli:otto").content
    assert again["answers"] == first["answers"]
    changed = office.content(controller="Sample Ltd")
    kinds = {(one.paper, one.key): one.kind for one in compare(first, changed)}
    assert kinds["notice", "controller"] is ChangeKind.ANSWERED
    with pytest.raises(DossierError, match="no question 'colour'"):
        office.content(colour="blue")
    with pytest.raises(DossierError, match="characters"):
        office.content(controller=" ")
    with pytest.raises(DossierError, match="language"):
        office.content("xx")


def test_whatever_is_changed_in_a_dossier_it_does_not_verify(office: Office) -> None:
    made = office.dossiers.create(office.resource, actor="cli:anna")
    content = office.dossiers.verify(made.document)
    assert content == made.content
    document = json.loads(made.document)
    changes: tuple[Callable[[dict[str, Any]], object], ...] = (
        lambda one: one["dossier"]["papers"][0]["sections"][0]["items"][2].update(text="All is well"),
        lambda one: one["dossier"]["facts"][0].update(value="another"),
        lambda one: one["dossier"].update(createdBy="cli:mallory"),
        lambda one: one.update(signature=one["signature"][:-6] + "AAAAAA"),
    )
    for change in changes:
        broken = json.loads(made.document)
        change(broken)
        assert broken != document
        with pytest.raises(InvalidDossierError):
            office.dossiers.verify(json.dumps(broken))
    receipts = Receipts(office.database, office.vault, office.clock)
    with pytest.raises(InvalidDossierError, match="not a dossier"):
        office.dossiers.verify(receipts.sign({"type": "mien-erasure-receipt-1"}).replace('"receipt"', '"dossier"', 1))


@pytest.mark.heavy_on_postgresql
@pytest.mark.parametrize("language", ["en", "de"])
def test_papers_are_files_that_the_signature_covers(office: Office, language: str) -> None:
    made = office.dossiers.create(office.resource, language=language, actor="cli:anna")
    assert set(made.content["files"]) == {f"{paper}.{form}" for paper in PAPERS for form in ("html", "pdf")}
    for paper in PAPERS:
        page = rendered(made.content, paper, "html")
        office.dossiers.verify_file(made.document, f"{paper}.html", page)
        office.dossiers.verify_file(made.document, f"{paper}.pdf", rendered(made.content, paper, "pdf"))
        with pytest.raises(InvalidDossierError, match="not the file"):
            office.dossiers.verify_file(made.document, f"{paper}.html", page.replace(b"e", b"a", 1))
        text = page.decode()
        assert f'<html lang="{language}">' in text
        assert {"en": "A DRAFT, NOT LEGAL ADVICE", "de": "ENTWURF, KEINE RECHTSBERATUNG"}[language] in text
        foot = re.search(r"<tfoot><tr><td>([^<]+)", text)
        assert foot is not None  # the foot of the table is printed on every page
        assert foot[1].startswith({"en": "A draft, not legal advice", "de": "Entwurf, keine Rechtsberatung"}[language])
        assert "http" not in re.sub(r"https://issuer[^ ]*", "", re.sub(r"<style>.*?</style>", "", text))
        for number in re.findall(r'href="#note-(\d+)"', text):
            assert f'id="note-{number}"' in text


def test_dossiers_are_listed_deleted_and_audited(office: Office, place: SubjectsWorld) -> None:
    dossiers = office.dossiers
    first = dossiers.create(office.resource, actor="cli:anna")
    office.clock.advance(timedelta(minutes=1))
    second = dossiers.create(office.resource, language="de", actor="cli:otto")
    assert [one.id for one in dossiers.all(office.resource.id)] == [second.id, first.id]
    assert dossiers.get(office.resource.id).id == second.id
    assert dossiers.all(place.other) == []
    with pytest.raises(DossierNotFoundError):
        dossiers.get(place.other, first.id)
    dossiers.delete(office.resource.id, first.id, actor="cli:anna")
    with pytest.raises(DossierNotFoundError):
        dossiers.delete(office.resource.id, first.id, actor="cli:anna")
    actions = [entry.action for entry in place.audit.search(resource_id=office.resource.id, action="dossier.*")]
    assert actions == ["dossier.delete", "dossier.create", "dossier.create"]


def test_no_secret_and_no_person_is_in_a_dossier(office: Office) -> None:
    place, owner = office.place, office.resource.id
    ref = CollectionRef(owner, Place.LARGE_PERSON_GROUP, STAFF)
    place.world.gallery.collections.create(ref, "Staff", None, "recognition_04")
    place.enrol(ref, "Annabella Beispiel", 1)
    state = (office.database, office.vault, office.clock, place.audit)
    spec = CameraSpec(groups=("directory",))
    Cameras(*state).create(owner, "porch", f"rtsp://user:{SECRET}@camera.example/one", spec, actor="cli:anna")
    settings = Settings(
        mqtt_url=SecretStr(f"mqtt://user:{SECRET}@broker.example"),
        master_key=SecretStr("ab" * 32),
        database_url=f"postgresql://user:{SECRET}@host/mien",
    )
    made = replace(office, settings=settings).dossiers.create(office.resource, actor="cli:anna")
    for secret in (SECRET, "ab" * 32, "Annabella", "broker.example"):
        assert secret not in made.document
    keys = office.accounts.keys(owner)
    assert keys.key1 not in made.document


def test_a_broken_log_is_said_loudly(office: Office, place: SubjectsWorld) -> None:
    place.audit.record(actor="cli:anna", action="note.one", resource_id=UUID(int=1))
    with office.database.engine.begin() as connection:
        if office.database.engine.dialect.name == "sqlite":
            for (name,) in connection.exec_driver_sql(
                "select name from sqlite_master where type='trigger' and tbl_name='audit_log'"
            ).fetchall():
                connection.exec_driver_sql(f"drop trigger {name}")
        else:
            connection.exec_driver_sql("alter table audit_log disable trigger all")
        connection.exec_driver_sql("update audit_log set actor='cli:mallory' where sequence=1")
    content = office.content("de")
    assert variant(content, "dpia", "audit") == "broken"
    assert "UNTERBROCHEN" in next(item["text"] for _, item in items(content) if item["key"] == "audit")
