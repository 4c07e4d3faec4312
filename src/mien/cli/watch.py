"""`mien watch`: prints who is recognised in a video at once, without configuration."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from mien.cli._administration import AsJson, DataDir
from mien.cli._printable import printable
from mien.cli._variables import SOURCE

if TYPE_CHECKING:
    from mien.cli._gallery import CommandServices
    from mien.doors.agreement import Agreement
    from mien.doors.evidence import TrackEvidence
    from mien.doors.reasons import Failure
    from mien.doors.recognition import Watcher
    from mien.doors.searching import GroupSearch
    from mien.video.zones import Zones

_LIVE = 0.5
_STEP_SECONDS = 0.25
_END_SECONDS = 30.0
"""The longest wait for the thread that reads the stream: opening and reading have time-outs of their own."""


def command(
    source: Annotated[
        str,
        typer.Argument(
            help="rtsp://…, http://… (Motion JPEG), a video file, or webcam:0. [MIEN_SOURCE]", envvar=SOURCE
        ),
    ],
    *,
    group: Annotated[
        str, typer.Option("--group", "-g", help="Group to search: its id, KIND/ID, or `directory` for everybody.")
    ],
    resource: Annotated[str | None, typer.Option(help="Name of the resource; optional if there is only one.")] = None,
    as_json: AsJson = False,
    as_table: Annotated[bool, typer.Option("--table", help="Print a table (default).")] = False,
    liveness: Annotated[
        bool, typer.Option("--liveness", help=f"Require passive liveness evidence of at least {_LIVE}.")
    ] = False,
    rate: Annotated[float, typer.Option(help="Analysed frames a second; 3 times as many while a face is new.")] = 5.0,
    udp: Annotated[bool, typer.Option("--udp", help="Fetch RTSP over UDP instead of TCP.")] = False,
    zones: Annotated[
        Path | None,
        typer.Option(help="JSON file with zones to watch and zones to black out.", exists=True, dir_okay=False),
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="Stop after this number of seconds.", min=0.0)] = None,
    data_dir: DataDir = None,
) -> None:
    """Watch a video and print who is recognised; nothing is stored, no door is opened.

    A person is printed once for each visit, as soon as three frames agree; a person who leaves unrecognised is printed
    with the reason. Problems of the stream are printed to standard error. Put an address with a password into
    MIEN_SOURCE: other users of the machine can read the command line.
    """
    from mien.cli._administration import actor, fail
    from mien.cli._gallery import opened_faces
    from mien.doors.searching import TargetError
    from mien.video.errors import VideoError, VideoExtraMissingError

    if as_json and as_table:
        raise typer.BadParameter("choose one of --json and --table")
    if not 0.5 <= rate <= 30:
        raise typer.BadParameter("must be 0.5 to 30", param_hint="--rate")
    try:
        import av  # noqa: F401  whether the extra is there, before the models are loaded
    except ImportError:
        fail(str(VideoExtraMissingError()))
    with opened_faces(data_dir, TargetError, VideoError) as faces:
        owner = _owner(faces, resource)
        if missing := _not_approved(faces, owner):
            fail(missing)
        recogniser = _recogniser(faces, owner, group)
        watcher = _watcher(faces, recogniser, source, rate=rate, udp=udp, zones=_zones(zones), liveness=liveness)
        details = {"source": watcher.name[:200], "group": group[:100]}
        faces.services.audit.record(actor=actor(None), action="camera.watch", resource_id=owner, details=details)
        _run(watcher, _printer(as_json=as_json, liveness=liveness), seconds)


def _owner(faces: CommandServices, resource: str | None) -> UUID:
    from mien.cli._administration import fail, resource_named

    if resource is not None:
        return resource_named(faces.services, resource).id
    every = faces.services.accounts.resources()
    if len(every) != 1:
        fail(f"there are {len(every)} resources; name one with --resource")
    return every[0].id


def _not_approved(faces: CommandServices, owner: UUID) -> str | None:
    """Return why people of a resource may not be identified in video, and what to do; None if they may."""
    from mien.accounts import Feature

    found = faces.services.accounts.get(owner)
    if found is None or Feature.VIDEO_IDENTIFICATION in found.features:
        return None
    return (
        f"{found.name} is not approved for VideoIdentification, so nobody is identified in video for it. "
        f"Request it: mien access request {found.name} --feature VideoIdentification, then have it approved"
    )


def _recogniser(faces: CommandServices, owner: UUID, group: str) -> GroupSearch:
    from mien.doors.searching import GroupSearch, target_named
    from mien.gallery.directory.services import open_directory

    services = faces.services
    directory = open_directory(
        faces.gallery,
        services.database,
        services.vault,
        services.clock,
        engine=faces.engine,
        recognisers=faces.recognisers,
    )
    target = target_named(faces.gallery, directory, owner, group)
    return GroupSearch(faces.gallery, directory, faces.recognisers, owner, [target])


def _watcher(
    faces: CommandServices,
    recogniser: GroupSearch,
    source: str,
    *,
    rate: float,
    udp: bool,
    zones: Zones,
    liveness: bool,
) -> Watcher:
    from mien.cli._pull import pull
    from mien.doors.recognition import open_watcher
    from mien.video.faces import PACKS, FaceReader
    from mien.video.redaction import redacted
    from mien.video.sampling import Rates
    from mien.video.sources import Transport

    pull(faces.store, [*PACKS, recogniser.pack])
    reader = FaceReader(faces.engine, recogniser.pack, faces.store)
    return open_watcher(
        redacted(source),
        source,
        reader,
        recogniser,
        transport=Transport.UDP if udp else Transport.TCP,
        zones=zones,
        rates=Rates.of(rate),
        liveness=liveness,
    )


def _zones(path: Path | None) -> Zones:
    from mien.video.errors import ZoneError
    from mien.video.zones import NOTHING_HIDDEN, Zones

    if path is None:
        return NOTHING_HIDDEN
    try:
        return Zones.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, ZoneError) as error:
        raise typer.BadParameter(f"{path}: {error}", param_hint="--zones") from None


def _run(watcher: Watcher, printer: _Printer, seconds: float | None) -> None:
    """Watch, and report the stream's health beside it."""
    failed: list[Exception] = []

    def watch() -> None:
        try:
            watcher.run(printer.seen, printer.gone)
        except Exception as error:  # it is raised again in the main thread
            failed.append(error)

    thread = threading.Thread(target=watch, name="mien-watch", daemon=True)
    told: str | None = None
    begun = time.monotonic()
    with _interrupts() as came:
        printer.begin()
        thread.start()
        while thread.is_alive() and not came:
            thread.join(_STEP_SECONDS)
            waited = time.monotonic() - begun
            if seconds is not None and waited >= seconds:
                break
            problem = watcher.problem or watcher.health().problem
            if problem != told and waited > 1.0:
                typer.echo(f"mien: {watcher.name}: {problem or 'connected'}", err=True)
                told = problem
    watcher.stop()
    thread.join(_END_SECONDS)  # Python must not end while the thread is inside the decoder: the process could hang
    if failed:
        raise failed[0]


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Collect interrupts (Ctrl+C); an exception in the middle of a wait could leave its lock taken for ever."""
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield came
    finally:
        signal.signal(signal.SIGINT, before)


class _Printer:
    """Prints each visit once.

    Args:
        agreement: from when a person counts as recognised.
        as_json: whether JSON lines are printed.
    """

    def __init__(self, agreement: Agreement, *, as_json: bool) -> None:
        self._agreement = agreement
        self._as_json = as_json
        self._told: dict[str, str] = {}

    def begin(self) -> None:
        """Print the head of the table."""
        if not self._as_json:
            typer.echo(_row("time", "event", "person", "confidence", "margin", "frames", "quality", "face", "liveness"))

    def seen(self, evidence: TrackEvidence) -> None:
        """Print a person from the moment that the frames agree; again if they come to agree on somebody else."""
        if self._agreement.missing(evidence) or evidence.best is None:
            return
        if self._told.get(evidence.track) != evidence.best.person_id:
            self._told[evidence.track] = evidence.best.person_id
            self._print("recognised", evidence, [])

    def gone(self, evidence: TrackEvidence) -> None:
        """Print who left without having been recognised."""
        if self._told.pop(evidence.track, None) is None and evidence.readable:
            event = "stranger" if evidence.best is None else "refused"
            self._print(event, evidence, self._agreement.missing(evidence))

    def _print(self, event: str, evidence: TrackEvidence, reasons: list[Failure]) -> None:
        if self._as_json:
            typer.echo(json.dumps(_as_json(event, evidence, reasons), ensure_ascii=False))
            return
        best = evidence.best
        line = _row(
            f"{evidence.updated_at.astimezone():%H:%M:%S}",
            event,
            printable(best.name or best.person_id) if best else "",
            f"{best.confidence:.2f}" if best else "",
            f"{evidence.margin:.2f}" if best else "",
            f"{evidence.agreeing}/{evidence.readable}",
            evidence.quality,
            f"{evidence.face_px} px",
            "" if evidence.liveness is None else f"{evidence.liveness:.2f}",
        )
        typer.echo(f"{line}  {' '.join(one.text for one in reasons)}".rstrip())


def _printer(*, as_json: bool, liveness: bool) -> _Printer:
    from mien.doors.agreement import Agreement

    return _Printer(Agreement(liveness=_LIVE if liveness else None), as_json=as_json)


def _row(*cells: str) -> str:
    widths = (8, 10, 24, 10, 6, 6, 7, 6, 8)
    return "  ".join(cell[:width].ljust(width) for cell, width in zip(cells, widths, strict=True))


def _as_json(event: str, evidence: TrackEvidence, reasons: list[Failure]) -> dict[str, Any]:
    def candidate(one: Any) -> dict[str, Any] | None:
        if one is None:
            return None
        return {
            "personId": one.person_id,
            "name": one.name,
            "group": one.collection,
            "confidence": round(one.confidence, 5),
        }

    return {
        "event": event,
        "time": evidence.updated_at.isoformat(),
        "camera": evidence.camera,
        "track": evidence.track,
        "person": candidate(evidence.best),
        "second": candidate(evidence.second),
        "margin": round(evidence.margin, 5),
        "frames": {"seen": evidence.frames, "readable": evidence.readable, "agreeing": evidence.agreeing},
        "quality": evidence.quality,
        "facePixels": evidence.face_px,
        "liveness": None if evidence.liveness is None else round(evidence.liveness, 4),
        "reasons": [one.text for one in reasons],
    }
