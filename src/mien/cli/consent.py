"""`mien consent`: on what ground somebody is enrolled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli._administration import As, AsJson, Name, actor, moment, print_facts, print_json, print_table
from mien.cli._gallery import DataDir
from mien.cli._ids import short, whole_id
from mien.cli._subjects import Where, member_of, opened_for, place_ref
from mien.cli._times import moment_of

if TYPE_CHECKING:
    from mien.subjects import Consent

app = typer.Typer(help="Record, list and withdraw consents of enrolled people.", no_args_is_help=True)

_STATES = "valid, expired or withdrawn"


@app.command()
def add(
    name: Name,
    collection: Annotated[str, typer.Argument(help="directory, or KIND/ID.")],
    member: Annotated[str, typer.Argument(help="The personId, or its beginning; in face lists the persistedFaceId.")],
    purpose: Annotated[str, typer.Option(help="To what.")],
    given_by: Annotated[str, typer.Option(help="Person who consented, or their legal representative.")],
    evidence: Annotated[str | None, typer.Option(help="Reference to the proof: a form number or a link.")] = None,
    given: Annotated[str | None, typer.Option(help="When: an age (6h, 30d) or a date. (default: now)")] = None,
    expires: Annotated[str | None, typer.Option(help="Expiry date. (default: none)")] = None,
    *,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Record a consent."""
    with opened_for(name, data_dir) as (services, subjects, owner):
        now = services.clock.now()
        ref = place_ref(owner, collection)
        made = subjects.consents.add(
            ref,
            member_of(services, ref, member),
            given_by=given_by,
            purpose=purpose,
            evidence=evidence,
            given_at=None if given is None else moment_of(given, now),
            expires_at=None if expires is None else moment_of(expires, now),
            actor=actor(as_name),
        )
    _show(made, as_json)


@app.command("list")
def list_consents(
    name: Name,
    collection: Where = None,
    member: Annotated[
        str | None,
        typer.Option(help="Only of this id, or its beginning; with --collection."),
    ] = None,
    state: Annotated[str | None, typer.Option(help=f"Only consents that are {_STATES}.")] = None,
    *,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List consents, oldest first."""
    from mien.subjects import ConsentState

    if member is not None and collection is None:
        raise typer.BadParameter("--member needs --collection")
    if state is not None and state not in {"valid", "expired", "withdrawn"}:
        raise typer.BadParameter(f"{state!r} is not {_STATES}")
    with opened_for(name, data_dir) as (services, subjects, owner):
        ref = None if collection is None else place_ref(owner, collection)
        if ref is not None and member is not None:
            member = member_of(services, ref, member)
        found = subjects.consents.find(owner, ref, member, None if state is None else ConsentState(state))
    if as_json:
        print_json(found)
        return
    print_table(
        ("consent", "where", "of", "given by", "purpose", "given", "expires", "state"),
        (
            (
                short(one.consent_id),
                one.collection,
                one.person_id or one.face_id,
                one.given_by,
                one.purpose,
                moment(one.given_at),
                moment(one.expires_at),
                one.state.value,
            )
            for one in found
        ),
    )


@app.command()
def withdraw(
    name: Name,
    consent_id: Annotated[str, typer.Argument(help="Id, or its beginning.")],
    reason: Annotated[str | None, typer.Option(help="Why.")] = None,
    at: Annotated[str | None, typer.Option(help="When: an age (6h, 30d) or a date. (default: now)")] = None,
    *,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Record that a consent was withdrawn; the person stays enrolled until you or a retention rule erases them."""
    with opened_for(name, data_dir) as (services, subjects, owner):
        when = None if at is None else moment_of(at, services.clock.now())
        known = ((one.consent_id, f"{one.purpose}, by {one.given_by}") for one in subjects.consents.find(owner))
        found = whole_id(consent_id, known, "consent")
        done = subjects.consents.withdraw(owner, found, reason=reason, at=when, actor=actor(as_name))
    _show(done, as_json)


def _show(one: Consent, as_json: bool) -> None:
    if as_json:
        print_json(one)
        return
    print_facts(
        [
            ("consent", one.consent_id),
            ("of", f"{one.person_id or one.face_id} in {one.collection}"),
            ("given by", one.given_by),
            ("purpose", one.purpose),
            ("evidence", one.evidence),
            ("given", moment(one.given_at)),
            ("expires", moment(one.expires_at)),
            ("withdrawn", moment(one.withdrawn_at)),
            ("reason", one.reason),
            ("state", one.state.value),
        ]
    )
