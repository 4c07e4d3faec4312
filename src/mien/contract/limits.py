"""The contract's limits: sizes, lengths and counts. Pairs are minimum and maximum."""

from __future__ import annotations

from typing import Final

IMAGE_BYTES: Final = (1024, 6 * 1024 * 1024)
"""Length of an image file, in bytes (contract, section 10)."""

FACE_ID_SECONDS: Final = (60, 86_400)
"""How long a face id lives; the most is the default."""

TOP: Final = (1, 1_000)
"""Entries of a page; the most is the default."""

ID_LENGTH: Final = 64
"""Characters of a collection id, and of where a page starts."""

ID_CHARACTERS: Final = "[a-z0-9_-]"
"""The characters of a collection id, as a class of a regular expression."""

NAME_LENGTH: Final = 128
"""Characters of the name of a collection or person."""

USER_DATA_LENGTH: Final = 16_384
"""Characters of the user data of a collection or person."""

FACE_USER_DATA_LENGTH: Final = 1_024
"""Characters of the user data of a face."""

IDENTIFY_FACE_IDS: Final = (1, 10)
IDENTIFY_PERSON_IDS: Final = (1, 30)
IDENTIFY_CANDIDATES: Final = (1, 100)

FIND_SIMILAR_FACE_IDS: Final = (1, 1_000)
FIND_SIMILAR_CANDIDATES: Final = (1, 1_000)
FIND_SIMILAR_CANDIDATES_DEFAULT: Final = 20

GROUP_FACE_IDS: Final = (2, 1_000)

FACES_OF_PERSON: Final = 248
FACES_OF_SMALL_LIST: Final = 1_000

LIVENESS_TOKEN_SECONDS: Final = (60, 86_400)
LIVENESS_TOKEN_SECONDS_DEFAULT: Final = 600
LIVENESS_ID_LENGTH: Final = 64
"""Characters of a device correlation id or user correlation id."""

LIVENESS_ATTEMPTS: Final = (1, 3)
"""Attempts within one liveness session."""
