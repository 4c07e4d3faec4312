"""Headers of the pages that use the camera: their content comes from this server, and nothing embeds them."""

from __future__ import annotations


def camera_page_headers(connections: str) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers of a page that uses the camera.

    Args:
        connections: origins to which its scripts may connect, as sources of a content security policy.
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
