"""Structured logs on stderr, with keys and tokens redacted in every message."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, Literal

import structlog

REDACTED: Final = "***"

_SECRET_NAMES: Final = re.compile(r"(^|[_-])(key[12]?|keys|token|secret|password|authorization|cookie)$", re.IGNORECASE)
# Keys (32 hexadecimal characters; longer runs are hashes), tokens, and keys in a query or header of any form.
_SECRETS: Final = re.compile(
    r"(?<![0-9A-Za-z-])[0-9a-f]{32}(?![0-9A-Za-z-])"
    r"|(?i:(?<=bearer )\S+)"
    r"|(?i:(?<=subscription-key[=:])\s*[^\s&'\"]+)"
    r"|eyJ[\w-]+\.[\w-]+\.[\w-]+"
    r"|mien_admin_[\w-]{20,}"
)


# What uvicorn says for each request of a client that errs; a flood of them must not flood the log. We count those that
# are not HTTP ourselves, and what is no WebSocket here is answered as any other call.
_OF_CLIENTS: Final = frozenset(
    {
        "Invalid HTTP request received.",
        "Unsupported upgrade request.",
        "ASGI callable returned without completing handshake.",
    }
)


def redact(text: str) -> str:
    """Return `text` with everything that looks like a key or a token redacted."""
    return _SECRETS.sub(REDACTED, text)


def is_secret_name(name: str) -> bool:
    """Return whether a field of this name holds a secret, whatever its value looks like."""
    return _SECRET_NAMES.search(name) is not None


def redact_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Structlog processor: redact secrets in every field, by the field's name and by what it looks like."""
    for name, value in event.items():
        event[name] = REDACTED if _SECRET_NAMES.search(name) and value is not None else _clean(value)
    return event


def _is_ours(record: logging.LogRecord) -> bool:
    return record.msg not in _OF_CLIENTS


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, bytes):
        return redact(value.decode("latin-1"))
    if isinstance(value, Mapping):
        return {key: REDACTED if _SECRET_NAMES.search(str(key)) else _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value


def configure_logs(level: str = "info", form: Literal["auto", "console", "json"] = "auto") -> None:
    """Send all logs of this process, of structlog and of the standard library, to stderr in one form.

    Args:
        level: the least serious that is written: debug, info, warning, error.
        form: `json`, one object a line; `console`, for people; `auto`, console on a terminal.
    """
    people = form == "console" or (form == "auto" and sys.stderr.isatty())
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,  # as text, without local variables: those hold keys and images
        redact_event,
    ]
    renderer: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if people
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *(step for step in shared if not isinstance(step, structlog.stdlib.ExtraAdder)),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact_event, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("alembic", "httpx", "httpcore", "asyncio", "uvicorn.error"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    logging.getLogger("uvicorn.error").addFilter(_is_ours)
    # It warns of every malformed form, which is the client's fault and answered as such.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
