"""How a call's path comes out wrong when the client was given a wrong endpoint, and what was meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

PREFIX: Final = "face"

_OLD_SESSIONS: Final = "/singleModal/sessions"
_NEW_SESSIONS: Final = "-sessions"


@dataclass(frozen=True, slots=True)
class Misplaced:
    """A call whose path does not begin with `/face/{version}/`, or begins with it twice.

    Attributes:
        before: the path before the call, such as `/face/v1.2` or `/mien`; empty if there is none.
        version: the canonical name of the API version.
        rest: the segments below the version.
        glued: whether the slash after the version is missing.
    """

    before: str
    version: str
    rest: tuple[str, ...]
    glued: bool = False

    def advice(self, endpoint: str) -> str:
        """Describe an error in the client's configuration, and name the endpoint to configure.

        Args:
            endpoint: `scheme://host[:port]` of the server and the base path it is served under.
        """
        if self.glued:
            return (
                f"The path has no slash after {self.version}. A client that joins its base URL and the operation "
                f"needs the base URL {endpoint}/{PREFIX}/{self.version}/ with the slash at its end."
            )
        twice = "/face and the version twice" if _has_version(self.before) else f"{self.before} before /face"
        return (
            f"The path has {twice}: the client adds /face and the version to the endpoint by itself. "
            f"Configure the endpoint {endpoint} without that path."
        )


def misplaced(segments: Sequence[str], versions: Iterable[str]) -> Iterator[Misplaced]:
    """Yield the ways to read a path as a misplaced call, the most probable first.

    Args:
        segments: segments of the path, without empty ones.
        versions: the canonical names of the API versions.
    """
    known = {name.lower(): name for name in versions}
    lowered = [segment.lower() for segment in segments]
    for place in range(len(segments) - 1, 0, -1):
        version = known.get(lowered[place])
        if version is None or place + 1 == len(segments):
            continue
        start = place - 1 if lowered[place - 1] == PREFIX else place
        before = "/" + "/".join(segments[:start])
        # `/v1.2/detect` alone lacks /face; nothing is misplaced there
        if start and (start < place or _has_version(before)):
            yield Misplaced(before, version, tuple(segments[place + 1 :]))
    yield from _glued(segments, lowered, known)


def renamed_sessions(rest: Sequence[str]) -> tuple[str, ...] | None:
    """Return the path of liveness sessions as the other generation of API versions writes it; None if it is not one."""
    path = "/".join(rest)
    for ours, theirs in ((_OLD_SESSIONS, _NEW_SESSIONS), (_NEW_SESSIONS, _OLD_SESSIONS)):
        place = path.lower().find(ours.lower())
        if place > 0:
            return tuple((path[:place] + theirs + path[place + len(ours) :]).split("/"))
    return None


def _glued(segments: Sequence[str], lowered: Sequence[str], known: dict[str, str]) -> Iterator[Misplaced]:
    place = 1 if lowered[:1] == [PREFIX] else 0
    if place >= len(segments):
        return
    for name in sorted(known, key=len, reverse=True):
        after = segments[place][len(name) :]
        if lowered[place].startswith(name) and re.match(r"[A-Za-z]", after):
            yield Misplaced("", known[name], (after, *segments[place + 1 :]), glued=True)
            return


def _has_version(path: str) -> bool:
    return re.search(r"(?:^|/)v\d+\.\d+", path, re.IGNORECASE) is not None
