"""Security headers of pages that use the camera: content only from this server, no embedding."""

from __future__ import annotations


def camera_page_headers(connections: str) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers of a page that uses the camera.

    Args:
        connections: sources of the content security policy's `connect-src`.
    """
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
        f"connect-src {connections}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'"
    )
    return (
        (b"content-security-policy", policy.encode()),
        (b"permissions-policy", b"camera=(self)"),
        (b"referrer-policy", b"no-referrer"),
        (b"cache-control", b"no-store"),
    )
