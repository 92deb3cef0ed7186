"""What is to be written of one run is written where it is asked: that takes less time than to ask a thread.

Rule 1: only what is small is written here, while the thread that writes has nothing to do, and nobody else has the
        file. Otherwise nothing is written, and the thread is asked.
Rule 2: if each commit waits for the disk, that is done here as long as the disk answers sooner than a thread would.
Rule 3: the write-ahead log is emptied by the thread, now and then: that alone the next commit may wait for.
"""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from time import perf_counter

from detent.kernel import Verdict, Write
from detent.tools.stores.sqlite.haste import Haste
from detent.tools.stores.sqlite.reading import Base
from detent.tools.stores.sqlite.writing import Clerk

__all__ = ["Prompt"]

SMALL = 65_536  # bytes: writing more takes longer than a step may stand in the way of others
MANY = 1_000  # commits after which the log is emptied: it is some megabytes long
EMPTY = "PRAGMA wal_checkpoint(PASSIVE)"

BRIEF = 0.0005  # seconds: a little more than it takes to ask a thread


class Prompt:
    """Writes by a connection of its own, in the thread of the loop."""

    def __init__(
        self,
        base: Base,
        clerk: Clerk,
        turn: Lock,
        nudge: Callable[[], None],
        *,
        waits: bool = False,
        timer: Callable[[], float] = perf_counter,
    ) -> None:
        base.execute("PRAGMA busy_timeout = 0")
        base.execute("PRAGMA wal_autocheckpoint = 0")
        self._base = base
        self._clerk = clerk
        self._turn = turn
        self._nudge = nudge
        self._written = 0
        self._haste = Haste(BRIEF, timer) if waits else None

    def write(self, write: Write) -> Verdict | None:
        """See Journal.at_once."""
        haste = self._haste
        if haste is None:
            return self._write(write)
        if not haste.begins():
            return None
        verdict = self._write(write)
        haste.ends()
        return verdict

    def _write(self, write: Write) -> Verdict | None:
        if not self._turn.acquire(blocking=False):
            return None
        try:
            verdict = self._clerk.quick(write, self._base)
            if verdict is None and _weight(write) < SMALL:
                verdict = self._transact(write)
        except sqlite3.Error:  # it is told when the thread is refused the same
            self._clerk.forget()
            return None
        finally:
            self._turn.release()
        self._written += 1
        if self._written == MANY:
            self._nudge()
        return verdict

    def _transact(self, write: Write) -> Verdict:
        """Write all that there is to a write, in one transaction."""
        base, clerk = self._base, self._clerk
        before = len(clerk.numbers)
        with clerk.by(base):
            base.execute("BEGIN IMMEDIATE")
            try:
                (verdict,) = clerk.append((write,))
                clerk.flush()
                base.execute("COMMIT")
            except Exception:
                del clerk.numbers[before:]
                clerk.forget()
                if base.in_transaction:
                    base.execute("ROLLBACK")
                raise
        return verdict

    @property
    def is_full(self) -> bool:
        """Whether so much was written that the log is to be emptied."""
        return self._written >= MANY

    def empty(self, base: Base) -> None:
        """Empty the write-ahead log, by a connection of the thread that calls, if much was written.

        What comes while it is at work would keep the log from being begun anew: that is seen to while nothing comes.
        """
        if self.is_full:
            self._written = 0
            with suppress(sqlite3.Error):  # somebody has the file to himself: next time
                base.execute(EMPTY).fetchall()
                with self._turn:
                    base.execute(EMPTY).fetchall()


def _weight(write: Write) -> int:
    """How many bytes are to be written, about."""
    made = write.checkpoint
    return (
        sum(len(one.body) for one in write.entries)
        + sum(len(one.body) for one in write.beside)
        + (0 if made is None else len(made.body))
    )
