"""Translations of camera problems, which `mien.video` reports in English."""

from __future__ import annotations

import re
from typing import Final

from mien.portal.texts import mark, t
from mien.portal.visitor import sentence

PROBLEMS: Final = (
    mark("the camera refused the user name or password (401)"),
    mark("the camera refused access (403)"),
    mark("the camera has no such stream (404)"),
    mark("the camera refused the request"),
    mark("the camera answered with an error of its own (5xx)"),
    mark("no data in time"),
    mark("the stream ended"),
    mark("the data is not a video that can be decoded"),
    mark("the camera's answer is not Motion JPEG"),
    mark("the picture is too large"),
    mark("the video's codec is not supported"),
    mark("the protocol is not supported"),
    mark("this build cannot read such devices"),
    mark("the connection was refused"),
    mark("the connection was reset"),
    mark("no answer in time"),
    mark("permission denied"),
    mark("there is no such device or file"),
    mark("the stream failed"),
    mark("input/output error"),
    mark("no frame has come yet"),
    mark("the file has ended"),
)
"""All problems that `mien.video` reports."""

_NO_PICTURE: Final = re.compile(r"no (?:frame|picture) for ([0-9.]+) s")


def said(problem: str) -> str:
    """Return a camera's problem as a sentence; texts of the system or of libraries are not translated."""
    if found := _NO_PICTURE.fullmatch(problem):
        return t("No picture for {seconds:,.0f} s.", seconds=float(found[1]))
    translated = t(problem)
    return translated[:1].upper() + translated[1:] + "." if translated != problem else sentence(problem)
