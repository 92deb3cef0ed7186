"""Single entries are written where they are asked: what takes less time than to ask a thread.

Rule 1: only what is one statement is written here, while the thread that writes has nothing to do, nobody else has the
        file, and a commit waits for no disk. Otherwise nothing is written, and the thread is asked.
Rule 2: the write-ahead log is emptied by the thread, now and then; it is for that alone that the next commit waits.
"""

import sqlite3
from contextlib import suppress
from threading import Lock

from detent.kernel import Verdict, Write
from detent.tools.stores.sqlite.reading import Base
from detent.tools.stores.sqlite.writing import Clerk

__all__ = ["Prompt"]

MANY = 500  # commits after which the log is emptied: it is some megabytes long


class Prompt:
    """Writes by a connection of its own, in the thread of the loop."""

    def __init__(self, base: Base, clerk: Clerk, turn: Lock) -> None:
        base.execute("PRAGMA busy_timeout = 0")
        base.execute("PRAGMA wal_autocheckpoint = 0")
        self._base = base
        self._clerk = clerk
        self._turn = turn
        self._written = 0

    def write(self, write: Write) -> Verdict | None:
        """See Journal.at_once."""
        if not self._turn.acquire(blocking=False):
            return None
        try:
            verdict = self._clerk.quick(write, self._base)
        except sqlite3.Error:  # it is told when the thread is refused the same
            self._clerk.forget()
            return None
        finally:
            self._turn.release()
        self._written += 1
        return verdict

    def empty(self, base: Base) -> None:
        """Empty the write-ahead log, by a connection of the thread that calls, if much was written."""
        if self._written >= MANY:
            self._written = 0
            with suppress(sqlite3.Error):  # somebody has the file to himself: next time
                base.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
