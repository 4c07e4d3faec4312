"""Parts of pages for running cameras: pictures, outlines, and a text about each face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final
from uuid import UUID

from anyio import to_thread
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from mien.doors.evidence import TrackEvidence
from mien.doors.reasons import Failure
from mien.doors.types import Camera
from mien.management.roles import Permission
from mien.portal.door_reasons import reason
from mien.portal.levels import LEVELS
from mien.portal.parts import PortalParts
from mien.portal.running_cameras import RunningCamera
from mien.portal.session import SESSION, PortalSession
from mien.portal.texts import listed, t

Polygon = Sequence[tuple[float, float]]

PICTURE: Final = "/cameras/{camera_id}/picture"


def serve_pictures(application: FastAPI, parts: PortalParts) -> None:
    """Add the route, behind the portal's sign-in, from which pages load the latest picture of a camera."""

    async def picture(request: Request) -> Response:
        session: PortalSession = request.scope[SESSION]
        resource = await to_thread.run_sync(parts.accounts.named, request.query_params.get("resource", ""))
        camera_id = request.path_params["camera_id"]
        if resource is None or not session.actor.may(Permission.MANAGE, resource.id) or parts.watchers is None:
            return Response(status_code=404)
        found = {str(one): watcher for one, watcher in parts.watchers(resource.id).items()}.get(camera_id)
        shown = found.picture() if found is not None else None
        if shown is None:  # it is starting, or runs on another server: not an error
            return Response(status_code=204)
        return Response(await to_thread.run_sync(shown.jpeg), media_type="image/jpeg")

    application.add_api_route(PICTURE, picture, methods=["GET"], response_class=Response)


def running(parts: PortalParts, resource_id: UUID) -> Mapping[UUID, RunningCamera]:
    """Return the cameras of a resource that run on this server."""
    return parts.watchers(resource_id) if parts.watchers is not None else {}


def where_runs(parts: PortalParts, camera: Camera) -> str | None:
    """Return the server that runs a camera, as `host:pid`; None if no server does."""
    name = f"door/{camera.spec.door}" if camera.spec.door else f"camera/{camera.camera_id}"
    return None if parts.holders is None else parts.holders(name).get(name)


def about_track(evidence: TrackEvidence, missing: Sequence[Failure]) -> str:
    """Describe a track as text.

    Args:
        evidence: evidence of the track.
        missing: conditions that the track does not meet for recognition.
    """
    told = [
        t("{agreeing} of {readable} readable frames agree", agreeing=evidence.agreeing, readable=evidence.readable),
        t("quality: {level}", level=t(LEVELS.get(evidence.quality, evidence.quality))),
    ]
    if evidence.best is not None:
        confidence = t("confidence {value:.2f}", value=evidence.best.confidence)
        told = [confidence, t("margin {value:.2f}", value=evidence.margin), *told]
    told.append(t("face {width} px", width=evidence.face_px))
    if evidence.liveness is not None:
        told.append(t("liveness {value:.2f}", value=evidence.liveness))
    words = listed(told)
    if not missing:
        return words
    reasons = " ".join(reason(one.code, one.have, one.wanted) for one in missing)
    return t("{words}. Not recognised: {missing}", words=words, missing=reasons)


def name_of(evidence: TrackEvidence) -> str:
    """Return the name of a track's person."""
    if evidence.best is None:
        return t("Unknown")
    return evidence.best.name or evidence.best.person_id


def outlines(
    size: tuple[int, int],
    boxes: Mapping[int, tuple[float, float, float, float]],
    labels: Mapping[int, tuple[str, bool]],
) -> str:
    """Return an SVG overlay for a picture with a box and a name for each face.

    Args:
        size: width and height of the picture in pixels.
        boxes: the box of each track, in pixels.
        labels: the name of each track, and whether the person is recognised.
    """
    large = max(size) / 55
    drawn = []
    for number, (left, top, width, height) in boxes.items():
        name, known = labels.get(number, ("", False))
        colour = "#35c46f" if known else "#f0b429"
        drawn.append(
            f'<rect x="{left:.0f}" y="{top:.0f}" width="{width:.0f}" height="{height:.0f}" fill="none" '
            f'stroke="{colour}" stroke-width="{large / 7:.1f}"/>'
        )
        if name:
            above = top - large * 0.5 if top > large * 1.6 else top + height + large * 1.1
            drawn.append(
                f'<text x="{left:.0f}" y="{above:.0f}" font-size="{large:.0f}" font-weight="650" fill="#fff" '
                f'stroke="#000" stroke-width="{large / 6:.1f}" paint-order="stroke">{escape(name)}</text>'
            )
    return "".join(drawn)


def polygons(size: tuple[int, int], watch: Sequence[Polygon], privacy: Sequence[Polygon], draft: Polygon) -> str:
    """Return an SVG overlay with zones, and with an unfinished one."""
    width, height = size
    line = max(size) / 400

    def corners(polygon: Polygon) -> str:
        return " ".join(f"{x * width:.0f},{y * height:.0f}" for x, y in polygon)

    drawn = [
        f'<polygon points="{corners(one)}" fill="#35c46f" fill-opacity="0.12" stroke="#35c46f" stroke-width="{line}"/>'
        for one in watch
    ]
    drawn += [
        f'<polygon points="{corners(one)}" fill="#000" stroke="#fff" stroke-width="{line}" '
        f'stroke-dasharray="{4 * line}"/>'
        for one in privacy
    ]
    if draft:
        drawn.append(f'<polyline points="{corners(draft)}" fill="none" stroke="#4aa3ff" stroke-width="{1.5 * line}"/>')
        drawn += [
            f'<circle cx="{x * width:.0f}" cy="{y * height:.0f}" r="{3 * line}" fill="#4aa3ff"/>' for x, y in draft
        ]
    return "".join(drawn)


def parse_corners(text: str) -> tuple[tuple[float, float], ...]:
    """Parse typed corners: `x,y x,y x,y` in percent of the picture.

    Raises:
        ValueError: the text is not valid; the message describes the format.
    """
    try:
        pairs = [tuple(float(part) / 100 for part in pair.split(",")) for pair in text.split()]
        corners = tuple((x, y) for x, y in pairs)
    except ValueError:
        corners = ()
    if len(corners) < 3 or any(not 0 <= part <= 1 for corner in corners for part in corner):
        raise ValueError(t("write at least three corners as x,y in percent, such as 0,0 50,0 50,100 0,100"))
    return corners


def written_corners(polygon: Polygon) -> str:
    """Return corners in the format of `parse_corners`."""
    return " ".join(f"{100 * x:.3g},{100 * y:.3g}" for x, y in polygon)
