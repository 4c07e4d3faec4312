"""Nothing of a camera's credentials is left in what is shown."""

from __future__ import annotations

import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.video.redaction import redacted


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://192.0.2.7/stream1", "rtsp://192.0.2.7/stream1"),
        ("rtsp://admin:secret@192.0.2.7:554/ch1", "rtsp://***@192.0.2.7:554/ch1"),
        ("rtsp://admin@192.0.2.7/ch1", "rtsp://***@192.0.2.7/ch1"),
        ("rtsp://admin:p@ss/w0rd@192.0.2.7/ch1", "rtsp://***@192.0.2.7/ch1"),
        ("http://cam/video?user=admin&pwd=secret&channel=1", "http://cam/video?user=***&pwd=***&channel=1"),
        ("http://cam/video?c2VjcmV0", "http://cam/video?***"),
        ("rtsp://cam:554/user=admin&password=secret&channel=1", "rtsp://cam:554/user=***&password=***&channel=1"),
        ("rtsp://cam:554/user=admin_password=secret_channel=1", "rtsp://cam:554/user=***_password=***_channel=1"),
        ("http://cam/a#secret", "http://cam/a#***"),
        ("http://[", "http://***"),
        ("/videos/door.mp4", "/videos/door.mp4"),
        ("webcam:0", "webcam:0"),
    ],
)
def test_an_address_is_shown_without_its_secrets(address: str, shown: str) -> None:
    assert redacted(address) == shown


SECRET = st.text(string.ascii_letters + string.digits + "!$%^*()-+.,~@/:#?& =", min_size=4, max_size=20).map(
    lambda text: f"Zq{text}Qz"
)


@given(SECRET)
def test_no_password_is_shown_however_it_is_written(secret: str) -> None:
    # Escaped as it should be, anything may be in it; and unescaped, as people paste it, up to its @.
    for address in (f"rtsp://admin:{quote(secret, safe='')}@cam/ch1", f"rtsp://admin:{secret}@cam/ch1"):
        shown = redacted(address)
        assert secret not in shown
        assert "Zq" not in shown
    assert "Zq" not in redacted(f"http://cam/video.cgi?password={quote(secret, safe='')}&channel=1")
