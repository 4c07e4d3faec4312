"""The health route, which load balancers and probes call without authentication."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from mien.management.routing import Shown
from mien.storage import Database


class Health(Shown):
    """The response to the probe."""

    status: Literal["ok", "failing"]
    database: Literal["ok", "failing"]
    version: str
    uptime_seconds: float


def routes(database: Database, uptime: Callable[[], float]) -> APIRouter:
    """Return the route.

    Args:
        database: checked by every probe.
        uptime: seconds since the start.
    """
    router = APIRouter(tags=["health"])

    @router.get("/health", response_model=Health, responses={503: {"model": Health}})
    def health() -> JSONResponse:
        """Return whether the service can do its work; 503 when it cannot."""
        well = database.answers()
        word: Literal["ok", "failing"] = "ok" if well else "failing"
        told = Health(status=word, database=word, version=version("mien"), uptime_seconds=uptime())
        return JSONResponse(told.model_dump(by_alias=True), 200 if well else 503)

    return router
