"""Pausing another process in the middle of its work, but not of a transaction."""

from __future__ import annotations

import signal
import subprocess
from typing import Any

from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from tests.waiting import until

from mien.gallery.rows import is_lock_timeout
from mien.storage import EVERY_RESOURCE, Database
from mien.storage.tables import ClaimRow


def pause(process: subprocess.Popen[Any], database: Database) -> None:
    """Stop a process that holds a claim, by SIGSTOP.

    It renews the claim several times in each lease. Stopped just then, it would keep the row locked, on SQLite the
    whole database: it goes on, and is stopped again.
    """

    def is_paused_without_a_lock() -> bool:
        process.send_signal(signal.SIGSTOP)
        try:
            with database.write(EVERY_RESOURCE) as session:
                session.execute(update(ClaimRow).values(lease=ClaimRow.lease))
        except OperationalError as error:
            process.send_signal(signal.SIGCONT)
            if not is_lock_timeout(error):
                raise
            return False
        return True

    until(is_paused_without_a_lock)
