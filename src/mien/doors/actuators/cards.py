"""Card numbers in the formats of door panels."""

from __future__ import annotations

from mien.doors.roster_types import BadgeNumber


def card_bits(badge: BadgeNumber) -> str:
    """Return the bits of a card, most significant first.

    With a facility code, the result is the 26-bit format of Wiegand readers: even parity of the first 12 bits, 8 bits
    facility, 16 bits number, odd parity of the last 12 (SIA AC-01). Without one, the number has as many bits as the
    badge.
    """
    if badge.facility is None:
        return f"{badge.number:0{badge.bits}b}"
    body = f"{badge.facility:08b}{badge.number:016b}"
    even = body[:12].count("1") % 2
    odd = 1 - body[12:].count("1") % 2
    return f"{even}{body}{odd}"


def card_bytes(badge: BadgeNumber) -> tuple[int, bytes]:
    """Return the number of bits of a card, and the bytes that contain them, padded with zeros at the end."""
    bits = card_bits(badge)
    size = (len(bits) + 7) // 8
    return len(bits), int(bits.ljust(size * 8, "0"), 2).to_bytes(size, "big")
