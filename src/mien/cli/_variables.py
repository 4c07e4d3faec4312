"""Environment variables that single commands read instead of an option, because others can read a command line."""

from __future__ import annotations

from typing import Final

SOURCE: Final = "MIEN_SOURCE"
OSDP_KEY: Final = "MIEN_OSDP_KEY"
OF_COMMANDS: Final = frozenset({SOURCE, OSDP_KEY})
"""All of them; `mien serve` does not report them as misspelt settings."""
