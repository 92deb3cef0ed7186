"""A run of which there is little to read is read where it is asked: that takes less time than to ask a thread.

Rule 1: of a run that turns out to be long no more is read here than shows that it is.
Rule 2: what cannot be read here, for whatever reason, is left to the threads: they tell why.
"""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter

from detent.kernel import Loaded
from detent.tools.stores.sqlite.haste import Haste
from detent.tools.stores.sqlite.reading import Base, Reader, TooLong

__all__ = ["Glance"]

SHORT = 65_536  # bytes: they are read, checked and decoded in about a millisecond
BRIEF = 0.002  # seconds: what takes longer has waited for a disk


class Glance:
    """Reads by a connection of its own, in the thread of the loop."""

    def __init__(self, base: Base, path: str, timer: Callable[[], float] = perf_counter) -> None:
        base.execute("PRAGMA busy_timeout = 0")
        self._base = base
        self._reader = Reader(base, path)
        self._haste = Haste(BRIEF, timer)

    def load(self, run: str) -> tuple[Loaded | None, bool]:
        """See Journal; and whether that is the answer, or it is to be asked of a thread. Raises DamagedStore."""
        if not self._haste.begins():
            return None, False
        try:
            self._base.execute("BEGIN")
            return self._reader.load(run, SHORT), True
        except (TooLong, UnicodeDecodeError, sqlite3.Error):
            return None, False
        finally:
            with suppress(sqlite3.Error):  # of what was only read nothing is lost
                if self._base.in_transaction:
                    self._base.execute("ROLLBACK")
            self._haste.ends()
