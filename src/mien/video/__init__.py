"""Convert streams to tracks: sources (RTSP, MJPEG, file, webcam), sampling, zones, tracking, best shot.

Uses no HTTP server and no database; works as a library. Needs the extra `mien[video]` (PyAV):

    from mien.video import Camera, FaceReader, open_source
    from mien.vision import FaceEngine

    camera = Camera("entrance", open_source("rtsp://user:password@192.0.2.7/stream1"), FaceReader(FaceEngine()))
    for update in camera.updates():
        print(update.track.number, update.track.box, update.track.readable)

The steps have a module each: `sources` and `reader` (address → frames), `frames` (a frame with its privacy zones
blacked out), `sampling` and `motion` (which frames are analysed), `faces` (frame → faces and templates), `tracks`
(faces → tracks). `camera` combines them; `health` reports the state of a camera.
"""

from typing import TYPE_CHECKING

from mien.lazy import lazily
from mien.video.errors import SourceError, VideoError, VideoExtraMissingError, ZoneError
from mien.video.health import Health
from mien.video.redaction import redacted
from mien.video.zones import NOTHING_HIDDEN, Zone, ZoneKind, Zones

if TYPE_CHECKING:
    from mien.video.camera import Camera, TrackUpdate
    from mien.video.faces import FaceReader, Reading
    from mien.video.sampling import Rates
    from mien.video.sources import Source, open_source
    from mien.video.tracks import Track, Tracker

__all__ = [
    "NOTHING_HIDDEN",
    "Camera",
    "FaceReader",
    "Health",
    "Rates",
    "Reading",
    "Source",
    "SourceError",
    "Track",
    "TrackUpdate",
    "Tracker",
    "VideoError",
    "VideoExtraMissingError",
    "Zone",
    "ZoneError",
    "ZoneKind",
    "Zones",
    "open_source",
    "redacted",
]

__getattr__ = lazily(
    __name__,
    Camera="camera",
    TrackUpdate="camera",
    FaceReader="faces",
    Reading="faces",
    Rates="sampling",
    Source="sources",
    open_source="sources",
    Track="tracks",
    Tracker="tracks",
)
