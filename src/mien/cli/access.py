"""`mien access`: request, review, approve, reject, revoke and renew limited access."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.accounts.requests import RequestState
from mien.cli._administration import (
    As,
    AsJson,
    DataDir,
    Name,
    Yes,
    actor,
    confirm,
    moment,
    opened,
    print_facts,
    print_json,
    print_table,
    resource_id,
    resource_named,
)
from mien.cli._ids import short, whole_id
from mien.contract.features import Feature

if TYPE_CHECKING:
    from mien.accounts import AccessRequest
    from mien.accounts.access import AccessRequests
    from mien.services import Services

app = typer.Typer(help="Request, review and revoke limited access.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="Id of the request, or a unique prefix.")]
Reason = Annotated[str, typer.Option(help="Reason; the applicant can read it.")]
Note = Annotated[str | None, typer.Option(help="Note for the applicant.")]
Days = Annotated[float | None, typer.Option(help="Duration of the approval. (default: MIEN_APPROVAL_DAYS)", min=0)]


@app.command()
def request(
    name: Name,
    feature: Annotated[
        list[Feature],
        typer.Option(help="Feature; Identification and Verification can be requested together, the others separately."),
    ],
    organisation: Annotated[str, typer.Option(help="Organisation responsible for the application.")],
    contact: Annotated[str, typer.Option(help="Contact: an e-mail address or telephone number.")],
    use_case: Annotated[
        str | None, typer.Option(help="Use case: whose faces, for what purpose, and how people consent.")
    ] = None,
    use_case_file: Annotated[
        Path | None, typer.Option(help="File that contains the use case.", exists=True, dir_okay=False)
    ] = None,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Request access for a resource."""
    if (use_case is None) == (use_case_file is None):
        raise typer.BadParameter("describe the use case with --use-case or --use-case-file")
    text = use_case if use_case_file is None else use_case_file.read_text("utf-8", errors="replace")
    with opened(data_dir) as services:
        made = services.access.submit(
            resource_named(services, name).id,
            feature,
            organisation=organisation,
            contact=contact,
            use_case=text or "",
            actor=actor(as_name),
        )
        _show(made, as_json)


@app.command()
def review(request_id: Id, as_name: As = None, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Start the review of a submitted request and show what is missing in its description."""
    with _opened(request_id, data_dir) as (access, found):
        _show(access.review(found.id, actor=actor(as_name)), as_json)


@app.command()
def approve(
    request_id: Id,
    days: Days = None,
    note: Note = None,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Approve a request in review; it takes effect on every server immediately."""
    with _opened(request_id, data_dir) as (access, found):
        lasts = None if days is None else timedelta(days=days)
        _show(access.approve(found.id, actor=actor(as_name), lasts=lasts, note=note), as_json)


@app.command()
def reject(
    request_id: Id, reason: Reason, as_name: As = None, as_json: AsJson = False, data_dir: DataDir = None
) -> None:
    """Reject a request in review."""
    with _opened(request_id, data_dir) as (access, found):
        _show(access.reject(found.id, actor=actor(as_name), reason=reason), as_json)


@app.command()
def revoke(
    request_id: Id,
    reason: Reason,
    yes: Yes = False,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Revoke an approval; callers are refused immediately."""
    with _opened(request_id, data_dir) as (access, found):
        confirm(f"Revoke {_features(found)} of {found.resource_name!r}? Callers are refused immediately.", yes)
        _show(access.revoke(found.id, actor=actor(as_name), reason=reason), as_json)


@app.command()
def renew(
    request_id: Id,
    days: Days = None,
    note: Note = None,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Renew an approval, expired or not, after verifying the use case again."""
    with _opened(request_id, data_dir) as (access, found):
        lasts = None if days is None else timedelta(days=days)
        _show(access.renew(found.id, actor=actor(as_name), lasts=lasts, note=note), as_json)


@app.command()
def withdraw(
    request_id: Id, yes: Yes = False, as_name: As = None, as_json: AsJson = False, data_dir: DataDir = None
) -> None:
    """Withdraw a request, or return an approval."""
    with _opened(request_id, data_dir) as (access, found):
        if found.state is RequestState.APPROVED:
            confirm(f"Give {_features(found)} of {found.resource_name!r} back? Callers are refused immediately.", yes)
        _show(access.withdraw(found.id, actor=actor(as_name)), as_json)


@app.command("list")
def list_requests(
    name: Annotated[str | None, typer.Argument(help="Name of a resource. (default: all)")] = None,
    state: Annotated[
        list[RequestState] | None, typer.Option(help="Only requests in this state; can be repeated.")
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List requests, oldest first."""
    with opened(data_dir) as services:
        owner = resource_id(services, name or None)
        found = services.access.requests(owner, state or None)
        if as_json:
            print_json(found)
            return
        print_table(
            ("id", "resource", "features", "state", "since", "expires", "flags", "reason"),
            (
                (
                    short(one.id),
                    one.resource_name,
                    _features(one),
                    one.state.value,
                    moment(one.changed_at),
                    moment(one.expires_at),
                    ", ".join(finding.rule for finding in one.findings),
                    one.reason,
                )
                for one in found
            ),
        )


@app.command()
def show(request_id: Id, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show a request with all information for its review."""
    with _opened(request_id, data_dir) as (_, found):
        _show(found, as_json)


@contextmanager
def _opened(request_id: str, data_dir: Path | None) -> Iterator[tuple[AccessRequests, AccessRequest]]:
    """Open the database for a command on one request; also gives the request."""
    with opened(data_dir) as services:
        yield services.access, _find(services, request_id)


def _find(services: Services, text: str) -> AccessRequest:
    """Return the request whose id is or begins with `text`."""
    known = ((one.id, f"{one.resource_name}, {_features(one)}") for one in services.access.requests())
    return services.access.get(whole_id(text, known, "access request"))


def _features(one: AccessRequest) -> str:
    return ", ".join(sorted(one.features))


def _show(one: AccessRequest, as_json: bool) -> None:
    if as_json:
        print_json(one)
        return
    print_facts(
        [
            ("id", one.id),
            ("resource", one.resource_name),
            ("features", _features(one)),
            ("state", one.state.value.replace("_", " ")),
            ("requested", f"{moment(one.requested_at)} by {one.requested_by}"),
            ("last step", f"{moment(one.changed_at)} by {one.changed_by}"),
            ("expires", moment(one.expires_at)),
            ("reason", one.reason),
            *((("note", "approved by the requester"),) if one.by_requester else ()),
            ("organisation", one.organisation),
            ("contact", one.contact),
            ("use case", one.use_case),
            *((f"ask: {finding.rule}", finding.explanation) for finding in one.findings),
        ]
    )
