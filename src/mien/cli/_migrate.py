"""`mien models migrate`: collections get templates of another recogniser, made from the crops that were kept."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.cli._administration import As, actor, resource_id
from mien.cli._gallery import collection_ref, opened

if TYPE_CHECKING:
    from uuid import UUID

    from mien.gallery.kinds import CollectionRef
    from mien.gallery.reembedding.job import Migrations, Plan, Report

_SHOWN = 10
_CHANGES = {
    "migrated": "gallery.migrate",
    "dropped": "gallery.migrate.drop",
    "rolled back": "gallery.migrate.roll_back",
    "forgotten": "gallery.migrate.forget",
}
"""Names of the results in the audit log; plans and preparations change nothing and are not logged."""


def migrate(
    resource: Annotated[str | None, typer.Option(help="Only collections of this resource.")] = None,
    collection: Annotated[
        str | None,
        typer.Option(help="Only this one, as KIND/ID; directory/recognition_0N are the faces of a person directory."),
    ] = None,
    *,
    to: Annotated[
        str | None, typer.Option(help="Recognition model to migrate to. (default: each collection's own)")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count the faces that can and cannot be migrated.")
    ] = False,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Create the new templates, but keep using the old ones.")
    ] = False,
    leave_out: Annotated[
        bool,
        typer.Option("--leave-out", help="Migrate even if some faces cannot be migrated; these are then not found."),
    ] = False,
    roll_back: Annotated[
        bool, typer.Option("--roll-back", help="Undo the last migration, or delete the prepared templates.")
    ] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Delete the old templates; the migration can then not be rolled back.")
    ] = False,
    as_name: As = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Folder of the database and the trained indexes. [MIEN_DATA_DIR]")
    ] = None,
) -> None:
    """Re-embed collections with the recogniser that their model name is bound to, or with that of --to.

    The templates are computed from the crops that `mien gallery policy --keep-crops` stored. Servers keep using the old
    templates until the end. An interrupted migration continues where it stopped.
    """
    if to and not (resource or collection):
        raise typer.BadParameter("--to needs --resource or --collection: it changes what callers must detect with")
    with opened(data_dir) as (services, _, migrations):
        names = {one.id: one.name for one in services.accounts.resources()}
        refs = _chosen(migrations, resource_id(services, resource or None), collection)
        job = _Job(migrations, names, leave_out=leave_out, as_json=as_json)
        if roll_back or forget:
            migrated = [ref for ref in refs if migrations.last(ref) is not None]
            results = [job.roll_back(ref) if roll_back else job.forget(ref) for ref in migrated]
        else:
            plans = [plan for plan in (migrations.plan(ref, to) for ref in refs) if _worth(plan, collection)]
            results = job.carry_out(plans, dry_run=dry_run, prepare=prepare)
        owners = {name: one for one, name in names.items()}
        for one in results:
            if one["result"] in _CHANGES:
                services.audit.record(
                    actor=actor(as_name), action=_CHANGES[one["result"]], resource_id=owners.get(one["resource"]),
                    details=_noted(one),
                )  # fmt: skip
        _print(results, as_json=as_json)
        if job.failed:
            raise typer.Exit(1)


def _chosen(migrations: Migrations, owner: UUID | None, named: str | None) -> list[CollectionRef]:
    """Return the collections of a resource, or of all; only the named one, if one is named.

    Raises:
        typer.Exit: there is no collection of that name.
    """
    refs = [one for one in migrations.collections(owner) if named is None or _is(one, named)]
    if named and not refs:
        typer.echo(f"mien: there is no collection {named!r}", err=True)
        raise typer.Exit(1)
    return refs


class _Job:
    """Changes collections, or plans it, and returns the results as they are printed in JSON.

    Attributes:
        failed: whether anything was refused.
    """

    def __init__(self, migrations: Migrations, names: Mapping[UUID, str], *, leave_out: bool, as_json: bool) -> None:
        self._migrations = migrations
        self._names = names
        self._leave_out = leave_out
        self._quiet = as_json or not sys.stderr.isatty()
        self.failed = False

    def carry_out(self, plans: Sequence[Plan], *, dry_run: bool, prepare: bool) -> list[dict[str, Any]]:
        """Migrate or only prepare collections; only show the plans if asked to, or if faces would be lost unasked."""
        blocked = not self._leave_out and any(plan.lost for plan in plans)
        if dry_run or blocked:
            results = [self._told(plan, "planned", plan.lost) for plan in plans]
        elif prepare:
            results = [self._do(plan, "prepared", self._migrations.prepare) for plan in plans]
        else:
            results = [self._do(plan, "migrated", self._migrations.migrate) for plan in plans]
        if blocked and not dry_run:
            typer.echo(
                "mien: nothing was changed, because some faces cannot be migrated: no crop of them was kept. Enrol "
                "them again, or leave them out with --leave-out.",
                err=True,
            )
            self.failed = True
        return results

    def roll_back(self, ref: CollectionRef) -> dict[str, Any]:
        """Undo a migration."""
        from mien.gallery.errors import GalleryError

        before = self._migrations.last(ref)
        assert before is not None
        with _progress(ref.path, quiet=self._quiet) as report:
            try:
                plan, lost = self._migrations.roll_back(ref, leave_out=self._leave_out, report=report)
            except GalleryError as error:
                return self._refused(self._migrations.plan(ref, before.from_model), error)
        if before.switched_at is None:
            return self._told(plan, "dropped", ())
        told = self._told(plan, "rolled back", lost)
        bound = self._migrations.bound_to(before.from_model)
        if bound.fingerprint != before.from_fingerprint:
            told["note"] = (
                f"{before.from_model} is bound to {bound.pack}: bind it back to "
                f"{plan.target.pack or 'the old pack'} with `mien models bind`, and restart the servers"
            )
        return told

    def forget(self, ref: CollectionRef) -> dict[str, Any]:
        """Delete old templates."""
        from mien.gallery.errors import GalleryError

        plan = self._migrations.plan(ref)
        try:
            count = self._migrations.forget(ref, leave_out=self._leave_out)
        except GalleryError as error:
            return self._refused(plan, error)
        return {**self._about(ref), "result": "forgotten", "templates": count}

    def _do(self, plan: Plan, result: str, call: Callable[..., list[Any]]) -> dict[str, Any]:
        from mien.gallery.errors import GalleryError

        with _progress(plan.ref.path, quiet=self._quiet) as report:
            try:
                lost = call(plan, leave_out=self._leave_out, report=report)
            except GalleryError as error:
                return self._refused(plan, error)
        told = self._told(plan, result, lost)
        if plan.model == plan.target.label:
            told["note"] = (
                f"servers that were started before {plan.model} was bound to {plan.target.pack} must be restarted"
            )
        return told

    def _refused(self, plan: Plan, error: Exception) -> dict[str, Any]:
        self.failed = True
        return {**self._told(plan, "refused", getattr(error, "lost", ())), "error": str(error)}

    def _told(self, plan: Plan, result: str, lost: Any) -> dict[str, Any]:
        return {
            **self._about(plan.ref),
            "from": {"model": plan.model, "fingerprint": plan.fingerprint},
            "to": {"model": plan.target.label, "fingerprint": plan.target.fingerprint, "pack": plan.target.pack},
            "faces": plan.faces,
            "ready": plan.ready,
            "to_make": plan.to_make,
            "cannot": [{"personId": str(person), "persistedFaceId": str(face)} for person, face in lost],
            "result": result,
        }

    def _about(self, ref: CollectionRef) -> dict[str, Any]:
        return {"resource": self._names.get(ref.resource_id), "collection": ref.path}


def _noted(result: dict[str, Any]) -> dict[str, str | int]:
    """Return the audit log's details of a result."""
    if "to" not in result:
        return {"collection": result["collection"], "templates": result["templates"]}
    ends = {end: f"{result[end]['model']} {result[end]['fingerprint'][:12]}" for end in ("from", "to")}
    return {"collection": result["collection"], **ends, "faces": result["faces"], "left_out": len(result["cannot"])}


def _print(results: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"collections": results}, indent=2))
        return
    if not results:
        typer.echo("There is nothing to do.")
    for one in results:
        if one["result"] == "forgotten":
            typer.echo(f"{one['resource']} {one['collection']}: {one['templates']} old templates deleted")
            continue
        typer.echo(
            f"{one['resource']} {one['collection']}: {one['result']}, {one['from']['model']} "
            f"({one['from']['fingerprint'][:12]}) to {one['to']['model']} ({one['to']['fingerprint'][:12]})"
        )
        typer.echo(
            f"  {one['faces']} faces: {one['ready']} had templates, {one['to_make']} had crops to make them from, "
            f"{len(one['cannot'])} cannot be migrated"
        )
        for face in one["cannot"][:_SHOWN]:
            typer.echo(f"  cannot: face {face['persistedFaceId']} of person {face['personId']}")
        if len(one["cannot"]) > _SHOWN:
            typer.echo(f"  and {len(one['cannot']) - _SHOWN} more; --json lists all")
        for key in ("error", "note"):
            if key in one:
                typer.echo(f"  {one[key]}", err=key == "error")


def _worth(plan: Plan, named: str | None) -> bool:
    """Whether a collection needs anything; one without faces only when it is named, or gets another label."""
    if not plan.needed:
        return False
    return bool(plan.faces or named or (plan.model != plan.target.label and plan.ref.kind != "directory"))


def _is(ref: CollectionRef, text: str) -> bool:
    return collection_ref(ref.resource_id, text, directory=True) == ref


@contextmanager
def _progress(name: str, *, quiet: bool) -> Iterator[Report | None]:
    if quiet:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(name, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
