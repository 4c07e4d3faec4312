"""A real RTSP server (GStreamer's) in a process of its own; skipped where Debian's packages are not installed.

Run by the system's Python, which alone sees Debian's bindings:

    /usr/bin/python3 tests/video/rtsp_server.py PORT [USER PASSWORD]      # prints the port, serves /live
    /usr/bin/python3 tests/video/rtsp_server.py --clip FILE.mp4 PORT      # the same, from a file with H.264
    /usr/bin/python3 tests/video/rtsp_server.py --clip FILE.mp4 --times FILE PORT
                                    # and writes the time at which each picture is sent: media seconds, seconds of UTC
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PACKAGES = "gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-good, gstreamer1.0-plugins-ugly and python3-gi"
_PYTHON = "/usr/bin/python3"
_NEEDED = """
import gi
gi.require_version("Gst", "1.0"); gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
for name in ("x264enc", "rtph264pay", "videotestsrc"):
    assert Gst.ElementFactory.find(name), name
"""


@dataclass
class RtspServer:
    """A server with a moving test picture at `/live`.

    Attributes:
        port: where it listens.
        process: its process.
    """

    port: int
    process: subprocess.Popen[str]

    @property
    def url(self) -> str:
        """Address of the stream, without credentials."""
        return f"rtsp://127.0.0.1:{self.port}/live"

    def freeze(self) -> None:
        """Stop sending, as a camera that hangs does; the connection stays."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Lose power."""
        self.process.kill()
        self.process.wait(30)


@contextmanager
def rtsp_server(port: int = 0, *credentials: str) -> Iterator[RtspServer]:
    """Run a server; skips the test where it cannot run.

    Args:
        port: where it listens; any free one when 0.
        credentials: user and password that it asks for.
    """
    import pytest  # noqa: PLC0415  the system's Python, which runs this file too, has none

    if not available():
        pytest.skip(f"needs Debian's {PACKAGES}")
    command = [_PYTHON, __file__, str(port), *credentials]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        told = process.stdout.readline().strip()
        assert told.isdigit(), "the RTSP server did not start"
        yield RtspServer(int(told), process)
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()


@cache
def available() -> bool:
    """Whether the server can run here."""
    if shutil.which(_PYTHON) is None:
        return False
    return subprocess.run([_PYTHON, "-c", _NEEDED], capture_output=True, check=False, timeout=120).returncode == 0


_TEST_PICTURE = (
    "( videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=15/1 "
    "! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 ! rtph264pay name=pay0 pt=96 )"
)
_CLIP = (
    "( filesrc location={} ! qtdemux ! h264parse config-interval=1 ! video/x-h264,alignment=au "
    "! identity name=pace sync=true ! rtph264pay name=pay0 pt=96 )"
)
"""Without the pace each picture would leave one earlier, and wait at the network's end."""


def _serve(port: str, *credentials: str, clip: str | None = None, times: str | None = None) -> None:
    import gi  # type: ignore[import-not-found]  # noqa: PLC0415

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer  # type: ignore[import-not-found]  # noqa: PLC0415

    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(_TEST_PICTURE if clip is None else _CLIP.format(json.dumps(clip)))
    factory.set_shared(clip is None)  # everybody sees a clip from its beginning
    if times is not None:

        def note(_: object, media: Any) -> None:
            pace = media.get_element().get_by_name("pace")
            file = Path(times).open("a", buffering=1)  # noqa: SIM115  until the process ends

            def sent(_: object, info: Any) -> Any:
                file.write(f"{info.get_buffer().pts / Gst.SECOND:.3f} {time.time():.4f}\n")
                return Gst.PadProbeReturn.OK

            pace.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, sent)

        factory.connect("media-configure", note)
    if credentials:
        user, password = credentials
        authentication = GstRtspServer.RTSPAuth()
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "user")
        authentication.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
        server.set_auth(authentication)
        rights = Gst.Structure.new_empty("user")
        rights.set_value("media.factory.access", True)
        rights.set_value("media.factory.construct", True)
        factory.add_role_from_structure(rights)
    server.get_mount_points().add_factory("/live", factory)
    server.attach(None)
    print(server.get_bound_port(), flush=True)  # noqa: T201  the parent reads it
    GLib.MainLoop().run()


if __name__ == "__main__":
    sys.path.remove(str(Path(__file__).parent))
    arguments = sys.argv[1:]
    options = {}
    while arguments[0].startswith("--"):
        options[arguments[0][2:]] = arguments[1]
        del arguments[:2]
    _serve(*arguments, **options)
