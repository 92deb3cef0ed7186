"""What tasks ask to be written, in transactions: as much at once as has been asked meanwhile.

Rule 1: what was asked together is written in one transaction. If SQLite refuses that, each part is written in one of
        its own, so that only what is at fault fails.
Rule 2: of what SQLite refuses for a while (no room, locked, an error of the disk) nothing was written, as far as this
        process can see; but after a crash it may be there. So nobody can say: Unconfirmed.
Rule 3: deliveries of other processes are looked for (PRAGMA data_version) a few times a second.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from attrs import frozen

from detent.kernel import DamagedStore, DetentError, StoreFailed, Unconfirmed, Verdict, Write
from detent.tools.stores.sqlite.reading import Base
from detent.tools.stores.sqlite.threads import Asked
from detent.tools.stores.sqlite.writing import Clerk

__all__ = ["Committer", "Ear", "Order", "told"]

BEYOND_HELP = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
PATIENCE = 200  # milliseconds: what emptying the write-ahead log waits for who reads it

HEARD = """
    SELECT number, runs.run FROM inbox JOIN runs ON runs.id = inbox.run
    WHERE number > ? ORDER BY number
"""


@frozen
class Order:
    """Something besides writes that is asked: all or none of it is done.

    `count` is how many verdicts it comes to, if it does.
    """

    do: Callable[[Clerk], Any]
    count: int = 0


def told(path: str, error: sqlite3.Error | UnicodeDecodeError) -> DetentError:
    """An error of SQLite, for people. What is named in it may be no text any more."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in BEYOND_HELP or isinstance(error, UnicodeDecodeError):
        return DamagedStore(
            f"{path!r} is damaged: {error}. Restore it from a backup, or save what can be read "
            "with `sqlite3 FILE .recover`"
        )
    return StoreFailed(f"{path!r}: {error}. Nothing was changed; see to the disk, then try again")


class Committer:
    """Writes what is asked, by one connection."""

    def __init__(self, base: Base, clerk: Clerk, path: str) -> None:
        self._base = base
        self._clerk = clerk
        self._path = path

    def work(self, batch: Sequence[Asked]) -> None:
        """Answer: to a batch of writes with their verdicts, to an Order with what it came to."""
        if len(batch) == 1 and self._quick(batch[0]):
            return
        if self._all(batch):
            return
        for asked in batch:
            try:
                asked.answer = self._by_parts(asked.what)
            except Exception as error:
                asked.error = told(self._path, error) if isinstance(error, sqlite3.Error) else error

    def tidy(self) -> None:
        """Empty the write-ahead log if something in it was erased."""
        if self._clerk.has_erased:
            wait: int = self._base.execute("PRAGMA busy_timeout").fetchone()[0]
            self._base.execute(f"PRAGMA busy_timeout = {PATIENCE}")
            with suppress(sqlite3.Error):  # somebody reads it: later
                is_busy, *_ = self._base.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                self._clerk.has_erased = bool(is_busy)
            self._base.execute(f"PRAGMA busy_timeout = {wait}")

    def _quick(self, asked: Asked) -> bool:
        """Write what takes one statement, if it is such."""
        if isinstance(asked.what, Order) or len(asked.what) != 1:
            return False
        try:
            verdict = self._clerk.quick(asked.what[0])
        except Exception:  # it is told when the same fails once more
            self._clerk.forget()
            return False
        asked.answer = None if verdict is None else (verdict,)
        return verdict is not None

    def _all(self, batch: Sequence[Asked]) -> bool:
        """Write everything in one transaction, if that can be done."""
        try:
            answers = self._transact([asked.what for asked in batch])
        except Exception:  # whatever it was: each for itself
            return False
        for asked, answer in zip(batch, answers, strict=True):
            asked.answer = answer
        return True

    def _by_parts(self, what: Any) -> Any:
        """Do what is asked, each part of it that is all or none in a transaction of its own."""
        if isinstance(what, Order):
            return self._unless_unsaid(what, what.count)
        parts: dict[str, list[Write]] = {}
        for write in what:
            mark = f"run {write.run}" if write.together is None else f"mark {write.together}"
            parts.setdefault(mark, []).append(write)
        verdicts: dict[str, Verdict] = {}
        for part in parts.values():
            said = self._unless_unsaid(tuple(part), len(part))
            verdicts |= {write.run: one for write, one in zip(part, said, strict=True)}
        return tuple(verdicts[write.run] for write in what)

    def _unless_unsaid(self, what: Any, count: int) -> Any:
        """Do what is asked; if SQLite will not for a while, nobody can say what came of it."""
        try:
            return self._transact([what])[0]
        except sqlite3.OperationalError as error:
            if not count or error.sqlite_errorcode & 0xFF in BEYOND_HELP:
                raise
            return (Unconfirmed(f"{self._path!r}: {error}"),) * count

    def _transact(self, asked: Sequence[Any]) -> list[Any]:
        base, clerk = self._base, self._clerk
        before = len(clerk.numbers)
        try:
            base.execute("BEGIN IMMEDIATE")
            answers = [
                what.do(clerk) if isinstance(what, Order) else clerk.append(what) for what in asked
            ]
            clerk.flush()
            base.execute("COMMIT")
        except Exception:
            with suppress(sqlite3.Error):
                if base.in_transaction:
                    base.execute("ROLLBACK")
            clerk.forget()
            del clerk.numbers[before:]
            raise
        self.tidy()
        return answers


class Ear:
    """Hears what other processes put into the inboxes of a file."""

    def __init__(self, base: Base, clerk: Clerk) -> None:
        self._base = base
        self._clerk = clerk
        row = base.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'inbox'").fetchone()
        self._last: int = row[0] or 0
        self._version = self._looked()

    def heard(self) -> list[str]:
        """The runs into whose inboxes something was put since this was asked last."""
        own, version = set(self._clerk.numbers), self._looked()
        self._clerk.numbers.clear()
        runs: list[str] = []
        if version != self._version:
            self._version = version
            for number, run in self._base.execute(HEARD, (self._last,)):
                self._last = number
                if number not in own:
                    runs.append(run)
        self._last = max(self._last, *own, 0)
        return runs

    def _looked(self) -> int:
        version: int = self._base.execute("PRAGMA data_version").fetchone()[0]
        return version
