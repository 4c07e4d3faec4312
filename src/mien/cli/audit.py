"""`mien audit`: who did what to which resource when."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from mien.cli._administration import AsJson, DataDir, fail, opened, print_json, print_table, resource_named
from mien.cli._ids import name_or_id
from mien.cli._times import moment_of

if TYPE_CHECKING:
    from mien.services import Services

app = typer.Typer(help="Read, export and check the audit log.", no_args_is_help=True)


@app.command("list")
def list_entries(
    resource: Annotated[
        str | None, typer.Option(help="Only this resource: its name, or its id (or its beginning) if it was deleted.")
    ] = None,
    actor: Annotated[str | None, typer.Option(help="Only this actor, such as cli:anna.")] = None,
    action: Annotated[
        str | None,
        typer.Option(help="Only this action or family, such as key or key.regenerate; a trailing * is a wildcard."),
    ] = None,
    since: Annotated[str | None, typer.Option(help="Start: an age (90m, 6h, 30d) or a date.")] = None,
    until: Annotated[str | None, typer.Option(help="End: an age or a date.")] = None,
    limit: Annotated[int, typer.Option(help="Maximum number of entries.", min=1, max=1000)] = 50,
    before: Annotated[int | None, typer.Option(help="Only entries before this number, for the next page.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show entries, newest first."""
    with opened(data_dir) as services:
        now = services.clock.now()
        entries = services.audit.search(
            resource_id=None if resource is None else _resource_id(services, resource),
            actor=actor,
            action=action,
            since=None if since is None else moment_of(since, now),
            until=None if until is None else moment_of(until, now),
            before=before,
            limit=limit,
        )
        names = {one.id: one.name for one in services.accounts.resources()}
    if as_json:
        print_json(entries)
        return
    rows = [
        [
            entry.sequence,
            f"{entry.at:%Y-%m-%d %H:%M:%S}",
            entry.actor,
            entry.action,
            None if entry.resource_id is None else names.get(entry.resource_id, entry.resource_id),
            ", ".join(f"{name}={value}" for name, value in entry.details.items()),
        ]
        for entry in entries
    ]
    print_table(["number", "when (UTC)", "who", "what", "resource", "details"], rows)


@app.command()
def export(
    file: Annotated[Path | None, typer.Argument(help="File to write to. (default: standard output)")] = None,
    after: Annotated[int, typer.Option(help="Only entries after this number.", min=0)] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print a summary of the export as JSON.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Write all entries as JSON lines, oldest first; `mien audit verify` can check the file."""
    with opened(data_dir) as services:
        if file is None:
            for line in services.audit.export(after=after):
                typer.echo(line)
            return
        with file.open("w", encoding="utf-8") as out:
            count = sum(out.write(f"{line}\n") > 0 for line in services.audit.export(after=after))
    if as_json:
        print_json({"entries": count, "file": str(file)})
    else:
        typer.echo(f"{count} entries written to {file}")


@app.command()
def verify(
    file: Annotated[Path | None, typer.Argument(help="A complete export. (default: the database)")] = None,
    known: Annotated[str | None, typer.Option(help="A known entry, as NUMBER:HASH, that must still exist.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Check the hash chain; if it was tampered with, print the first broken entry and exit with 1."""
    from mien.events.audit_chain import AuditEntry, verify_entries

    noted = None if known is None else _noted(known)
    if file is None:
        with opened(data_dir) as services:
            found = services.audit.verify(known=noted)
    else:
        key = _key(data_dir)
        try:
            with file.open(encoding="utf-8") as lines:
                found = verify_entries((AuditEntry.from_json(line) for line in lines), known=noted, key=key)
        except (OSError, ValueError) as error:
            fail(str(error))
    if as_json:
        print_json(found)
    elif found.broken is None:
        typer.echo(f"{found.entries} entries, unbroken; note {found.entries}:{found.head}")
        if found.keyed_from is not None and found.keyed_from > 1:
            typer.echo(f"entries before {found.keyed_from} are of a version without a key: they could be written anew")
        if found.unchecked:
            typer.echo(f"{found.unchecked} hashes need the server's key: only their order was checked", err=True)
    else:
        typer.echo(f"entry {found.broken} is broken: {found.reason}")
    if found.broken is not None:
        raise typer.Exit(1)


def _key(data_dir: Path | None) -> bytes | None:
    """Return the key of the log's hashes where a server's database is at hand, to check an export of it."""
    from mien.settings import Settings

    settings = Settings(data_dir=data_dir.absolute()) if data_dir else Settings()
    if settings.database_url is None and not (settings.data_dir / "mien.db").exists():
        return None
    with opened(data_dir) as services:
        return services.audit.key


def _noted(text: str) -> tuple[int, str]:
    number, _, digest = text.partition(":")
    if not number.isdigit() or not re.fullmatch(r"[0-9a-fA-F]{64}|hmac-[\w-]{43}", digest, re.ASCII):
        raise typer.BadParameter(f"{text!r} is not NUMBER:HASH, as `mien audit verify` prints it")
    return int(number), digest if digest.startswith("hmac-") else digest.lower()


def _resource_id(services: Services, text: str) -> UUID:
    if services.accounts.named(text) is not None:
        return resource_named(services, text).id
    deleted = [(one.id, one.name) for one in services.accounts.deleted()]
    wanted = name_or_id(text, deleted, "resource")
    try:
        return UUID(wanted)
    except ValueError:
        return resource_named(services, text).id
