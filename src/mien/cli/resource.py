"""`mien resource`: make, show, change, delete and bring back the resources of a server."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from mien.accounts.types import Sku
from mien.cli._administration import (
    As,
    AsJson,
    DataDir,
    Name,
    Yes,
    actor,
    confirm,
    fail,
    moment,
    opened,
    opened_resource,
    person,
    plain,
    print_facts,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from mien.accounts import Acknowledgement, Resource
    from mien.services import Services

app = typer.Typer(help="Manage resources: create, configure, delete and restore them.", no_args_is_help=True)

Location = Annotated[str, typer.Option(help="Name of a region, such as westeurope, or your own.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="NAME=VALUE; can be repeated.")]
Rules = Annotated[list[str] | None, typer.Option("--ip-rule", help="Address or network to allow; can be repeated.")]
Action = Annotated[
    str | None, typer.Option("--default-action", help="Allow or Deny callers that match no IP rule. (default: Allow)")
]
PublicAccess = Annotated[
    bool | None, typer.Option("--public/--private", help="Whether the resource accepts calls from public networks.")
]
LocalAuth = Annotated[
    bool | None, typer.Option("--local-auth/--no-local-auth", help="Whether keys are accepted in addition to tokens.")
]
Origins = Annotated[
    list[str] | None,
    typer.Option("--cors-origin", help="Origin of web pages that may call, or *; can be repeated."),
]
WithoutFlashes = Annotated[
    str | None,
    typer.Option(
        "--without-flashes",
        help="Liveness without flashing colours: off, uncertain or realface (the best possible decision), or server.",
    ),
]
RequestLog = Annotated[
    bool | None,
    typer.Option("--request-log/--no-request-log", help="Log the resource's calls for diagnosis, without bodies."),
]


@app.command()
def create(
    name: Name,
    location: Location = "local",
    sku: Annotated[Sku, typer.Option(help="Tier.")] = Sku.STANDARD,
    subdomain: Annotated[
        str | None, typer.Option(help="Custom subdomain: the first label of the resource's host name.")
    ] = None,
    tag: Tags = None,
    ip_rule: Rules = None,
    default_action: Action = None,
    public: PublicAccess = None,
    local_auth: LocalAuth = None,
    request_log: RequestLog = None,
    cors_origin: Origins = None,
    without_flashes: WithoutFlashes = None,
    accept_terms: Annotated[
        bool, typer.Option("--accept-terms", help="You acknowledge the responsible-AI terms.")
    ] = False,
    not_for_police: Annotated[
        bool,
        typer.Option("--not-for-police", help="You declare: no use by or for a police department in the US."),
    ] = False,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Create a resource; you must acknowledge the terms. `mien key list` shows its keys."""
    terms = _terms(person(as_name), accept_terms, not_for_police)
    with opened(data_dir, create=True) as services:
        made = services.accounts.create(
            name,
            terms=terms,
            location=location,
            sku=sku,
            custom_subdomain=subdomain,
            tags=_tags(tag),
            public_network_access=public is not False,
            default_action=default_action or "Allow",
            ip_rules=ip_rule or (),
            local_auth=local_auth is not False,
            request_log=bool(request_log),
            cors_origins=cors_origin or (),
            without_flashes=without_flashes or "server",
            actor=actor(as_name),
        )
        _show(services, made, as_json)


@app.command("list")
def list_resources(
    deleted: Annotated[
        bool, typer.Option("--deleted", help="List deleted resources that can still be restored.")
    ] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List resources."""
    with opened(data_dir) as services:
        accounts = services.accounts
        found = accounts.deleted() if deleted else accounts.resources()
        if as_json:
            print_json([_fields(services, one) for one in found])
            return
        last = "purged at" if deleted else "features"
        print_table(
            ("name", "location", "tier", "subdomain", "created", last),
            (
                (
                    one.name,
                    one.location,
                    one.sku.value,
                    one.custom_subdomain,
                    moment(one.created_at),
                    moment(accounts.purge_at(one)) if deleted else ", ".join(sorted(one.features)),
                )
                for one in found
            ),
        )


@app.command()
def show(name: Name, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show a resource."""
    with opened_resource(name, data_dir) as command:
        _show(command.services, command.resource, as_json)


@app.command()
def update(
    name: Name,
    sku: Annotated[Sku | None, typer.Option(help="Tier.")] = None,
    subdomain: Annotated[str | None, typer.Option(help="Custom subdomain; it cannot be changed later.")] = None,
    tag: Tags = None,
    no_tags: Annotated[bool, typer.Option("--no-tags", help="Remove all tags.")] = False,
    ip_rule: Rules = None,
    no_ip_rules: Annotated[bool, typer.Option("--no-ip-rules", help="Remove all IP rules.")] = False,
    default_action: Action = None,
    public: PublicAccess = None,
    local_auth: LocalAuth = None,
    request_log: RequestLog = None,
    cors_origin: Origins = None,
    without_flashes: WithoutFlashes = None,
    no_cors: Annotated[bool, typer.Option("--no-cors", help="Remove all allowed origins.")] = False,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Change settings of a resource on all servers immediately. Tags, IP rules and origins are replaced as a whole."""
    from mien.accounts import ResourceChange

    change = ResourceChange(
        sku=sku,
        custom_subdomain=subdomain,
        tags={} if no_tags else _tags(tag),
        public_network_access=public,
        default_action=default_action,
        ip_rules=() if no_ip_rules else ip_rule,
        local_auth=local_auth,
        request_log=request_log,
        cors_origins=() if no_cors else cors_origin,
        without_flashes=without_flashes,
    )
    with opened_resource(name, data_dir, as_name) as command:
        changed = command.services.accounts.update(command.resource.id, change, actor=command.actor)
        _show(command.services, changed, as_json)


@app.command()
def delete(name: Name, yes: Yes = False, as_name: As = None, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Delete a resource: its keys are refused immediately; until it is purged, it can be restored."""
    with opened_resource(name, data_dir, as_name) as command:
        services, resource = command.services, command.resource
        confirm(f"Delete the resource {resource.name!r}? Callers are refused immediately.", yes)
        gone = services.accounts.delete(resource.id, actor=command.actor)
        if as_json:
            print_json(_fields(services, gone))
        else:
            until = moment(services.accounts.purge_at(gone))
            typer.echo(f"{gone.name} is deleted; until {until} `mien resource restore {gone.name}` restores it")


@app.command()
def restore(name: Name, as_name: As = None, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Restore a deleted resource."""
    with opened_resource(name, data_dir, as_name, deleted=True) as command:
        restored = command.services.accounts.restore(command.resource.id, actor=command.actor)
        _show(command.services, restored, as_json)


@app.command()
def purge(name: Name, yes: Yes = False, as_name: As = None, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Delete a deleted resource permanently: faces, collections, approvals, keys. This cannot be undone."""
    with opened_resource(name, data_dir, as_name, deleted=True) as command:
        resource = command.resource
        confirm(f"Purge {resource.name!r} with all its data? This cannot be undone.", yes)
        command.services.accounts.purge(resource.id, actor=command.actor)
        if as_json:
            print_json({"purged": resource.name, "id": resource.id})
        else:
            typer.echo(f"{resource.name} is permanently deleted")


def _terms(who: str, accept_terms: bool, not_for_police: bool) -> Acknowledgement:
    """Return what is acknowledged; asks for what no option said when there is somebody to ask."""
    from mien.accounts import Acknowledgement

    if not sys.stdin.isatty():
        missing = [
            option
            for option, given in (("--accept-terms", accept_terms), ("--not-for-police", not_for_police))
            if not given
        ]
        if missing:
            fail(
                "to create a resource, you must acknowledge the responsible-AI terms and declare that it is not used "
                f"by or for a police department in the United States: read docs/limited-access.md, then add "
                f"{' and '.join(missing)}"
            )
    else:
        ask = "Do you acknowledge the responsible-AI terms (docs/limited-access.md)?"
        accept_terms = accept_terms or typer.confirm(ask)
        ask = "Do you declare that it is not used by or for a police department in the United States?"
        not_for_police = not_for_police or typer.confirm(ask)
    return Acknowledgement(who, responsible_ai=accept_terms, not_for_police=not_for_police)


def _tags(given: list[str] | None) -> dict[str, str] | None:
    if given is None:
        return None
    tags = {}
    for one in given:
        name, separator, value = one.partition("=")
        if not separator:
            raise typer.BadParameter(f"{one!r} is not NAME=VALUE", param_hint="--tag")
        tags[name] = value
    return tags


def _fields(services: Services, resource: Resource) -> dict[str, object]:
    fields: dict[str, object] = plain(resource) | {"subscription": _subscription(services, resource)}
    if resource.deleted_at is not None:
        fields["purge_at"] = plain(services.accounts.purge_at(resource))
    return fields


def _subscription(services: Services, resource: Resource) -> str:
    from mien.accounts.subscriptions import subscription_of

    with services.database.read(resource.id) as session:
        return subscription_of(session, resource.id)


def _show(services: Services, resource: Resource, as_json: bool) -> None:
    if as_json:
        print_json(_fields(services, resource))
        return
    terms = resource.terms
    states = (f"{feature} {state.replace('_', ' ')}" for feature, state in sorted(resource.access_state.items()))
    print_facts(
        [
            ("name", resource.name),
            ("id", resource.id),
            ("subscription", _subscription(services, resource)),
            ("location", resource.location),
            ("tier", resource.sku.value),
            ("subdomain", resource.custom_subdomain),
            ("tags", ", ".join(f"{name}={value}" for name, value in resource.tags.items())),
            ("created", moment(resource.created_at)),
            ("terms", f"acknowledged by {terms.accepted_by}, {moment(terms.accepted_at)}" if terms else None),
            ("public access", "enabled" if resource.public_network_access else "disabled"),
            ("other callers", "allowed" if resource.default_action == "Allow" else "denied"),
            ("IP rules", ", ".join(resource.ip_rules)),
            ("keys", "accepted" if resource.local_auth else "refused, tokens only"),
            ("request log", "on" if resource.request_log else "off"),
            ("web pages", ", ".join(resource.cors_origins) or "none"),
            ("no flashes", resource.without_flashes or "as the server"),
            ("limited access", ", ".join(states)),
        ]
    )
