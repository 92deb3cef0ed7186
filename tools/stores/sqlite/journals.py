"""The journals of a file: who drives it, who visits it, and who only reads.

Rule 1: all that is asked is asked of threads, but for what takes less time than to ask: no task of the loop waits for
        a disk.
Rule 2: what was acknowledged is read from then on, by every connection.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from threading import Lock
from typing import Any, NoReturn

import trio

from detent.kernel import (
    Beside,
    Cell,
    Checkpoint,
    Committed,
    Delivery,
    Entry,
    Loaded,
    NotDriving,
    Outline,
    RunStatus,
    Standing,
    Verdict,
    Write,
    WrongInput,
)
from detent.tools.stores.sqlite.committing import Committer, Ear, Order, told
from detent.tools.stores.sqlite.finding import Wanted, find, machines, next_due, shapes
from detent.tools.stores.sqlite.glance import Glance
from detent.tools.stores.sqlite.prompt import Prompt
from detent.tools.stores.sqlite.reading import Base, Reader
from detent.tools.stores.sqlite.threads import Asked, Desk, Work
from detent.tools.stores.sqlite.writing import Clerk

__all__ = ["Driving", "Reading", "Visiting"]

LOOK = 0.2  # seconds: how late a kernel hears of what another process has sent


class Reading:
    """Reads a file, by the first connection where it is asked, by each of the others in a thread. It writes nothing."""

    def __init__(self, path: str, bases: Sequence[Base]) -> None:
        first, *others = bases
        self._path = path
        self._glance = Glance(first, path)
        self._readers = Desk(*(_answering(base, path) for base in others), most=1)
        self._listeners: list[Callable[[str], None]] = []

    @property
    def at_once(self) -> Callable[[Write], Verdict | None] | None:
        """See Journal. Nothing is written here."""
        return None

    def close(self) -> None:
        """Ask no more. It waits until what was asked is answered."""
        self._readers.close()

    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        """Refuse. Raises NotDriving."""
        self._refuse("append entries to")

    async def claim(self, runs: Iterable[str]) -> Mapping[str, int]:
        """Refuse. Raises NotDriving."""
        self._refuse("own runs of")

    async def deliver(self, deliveries: Sequence[Delivery]) -> tuple[Verdict, ...]:
        """Refuse. Raises NotDriving."""
        raise NotDriving(f"{self._path!r} was opened by read(): visit() it to send to its runs")

    async def erase(self, digests: Iterable[str]) -> int:
        """Refuse. Raises NotDriving."""
        self._refuse("erase anything in")

    async def load(self, run: str) -> Loaded | None:
        """See Journal. Raises DamagedStore."""
        self._readers.be_open()
        loaded, is_loaded = self._glance.load(run)
        if is_loaded:
            await trio.lowlevel.cancel_shielded_checkpoint()
            return loaded
        asked: Loaded | None = await self._ask(Reader.load, run)
        return asked

    async def entries(self, run: str, after: int = 0, limit: int = 1000) -> tuple[Entry, ...]:
        """See Journal. Raises DamagedStore."""
        found: tuple[Entry, ...] = await self._ask(Reader.entries, run, after, limit)
        return found

    async def opening(self, run: str) -> Checkpoint | None:
        """See Journal. Raises DamagedStore."""
        made: Checkpoint | None = await self._ask(Reader.opening, run)
        return made

    async def holds(self, run: str, seq: int, hash: str) -> bool:
        """See Journal."""
        is_there: bool = await self._ask(Reader.holds, run, seq, hash)
        return is_there

    async def taken(self, run: str, key: str) -> int | None:
        """See Journal."""
        number: int | None = await self._ask(Reader.taken, run, key)
        return number

    async def find(
        self,
        *,
        due_by: int | None = None,
        in_flight: bool | None = None,
        held: bool | None = None,
        mail: bool | None = None,
        statuses: Iterable[RunStatus] = (),
        machines: Iterable[str] = (),
        shapes: Iterable[str] = (),
        after: str = "",
        limit: int = 1000,
    ) -> tuple[tuple[str, Standing], ...]:
        """See Journal."""
        flags = (due_by, in_flight, held, mail)
        wanted = Wanted(*flags, tuple(statuses), tuple(machines), tuple(shapes), after, limit)
        found: tuple[tuple[str, Standing], ...] = await self._ask(_find, wanted)
        return found

    async def next_due(self, after: int) -> int | None:
        """See Journal."""
        due: int | None = await self._ask(_next_due, after)
        return due

    async def shapes(self) -> tuple[tuple[str, str], ...]:
        """See Journal."""
        found: tuple[tuple[str, str], ...] = await self._ask(_shapes)
        return found

    async def machines(self, runs: Iterable[str]) -> Mapping[str, tuple[str, str]]:
        """See Journal."""
        found: Mapping[str, tuple[str, str]] = await self._ask(_machines, tuple(runs))
        return found

    def listen(self, heard: Callable[[str], None]) -> None:
        """See Journal."""
        self._listeners.append(heard)

    async def inbox(self, run: str) -> tuple[Delivery, ...]:
        """See Journal."""
        found: tuple[Delivery, ...] = await self._ask(Reader.inbox, run)
        return found

    async def cells(self, names: Iterable[str]) -> tuple[Cell, ...]:
        """See Journal."""
        found: tuple[Cell, ...] = await self._ask(Reader.cells, tuple(names))
        return found

    async def beside(self, digests: Iterable[str]) -> Mapping[str, Beside]:
        """See Journal."""
        found: Mapping[str, Beside] = await self._ask(Reader.beside, tuple(digests))
        return found

    async def outline(self, digest: str) -> Outline | None:
        """See Journal."""
        outline: Outline | None = await self._ask(Reader.outline, digest)
        return outline

    async def _ask(self, call: Callable[..., Any], *given: Any) -> Any:
        return await self._readers.ask((call, given))

    def _refuse(self, what: str) -> NoReturn:
        raise NotDriving(f"only the kernel that drives {self._path!r} can {what} it")


class Visiting(Reading):
    """Reads a file that somebody else may be driving, and sends to its runs.

    Who listens to it is told of what is delivered through it.
    """

    def __init__(self, path: str, bases: Sequence[Base], base: Base, *, drives: bool = False):
        super().__init__(path, bases)
        self._clerk = Clerk(base, remembers=drives)
        self._committer = Committer(base, self._clerk, path)
        self._ear = Ear(base, self._clerk)
        self._turn = Lock()
        self._writer = Desk(self._work, look=self._look, pause=LOOK if drives else None)

    def close(self) -> None:
        """Ask no more. It waits until what was asked is written."""
        self._writer.close()
        super().close()

    async def deliver(self, deliveries: Sequence[Delivery]) -> tuple[Verdict, ...]:
        """See Journal."""
        sent = tuple(deliveries)
        order = Order(partial(_deliver, sent), len(sent))
        verdicts: Sequence[Verdict] = await self._writer.ask(order)
        for delivery, verdict in zip(sent, verdicts, strict=True):
            if isinstance(verdict, Committed):
                self._tell([delivery.run])
        return tuple(verdicts)

    def _work(self, batch: Sequence[Asked]) -> None:
        with self._turn:
            self._committer.work(batch)

    def _look(self) -> None:
        """What the thread does when it has nothing else to do."""
        with suppress(sqlite3.Error):  # somebody has the file to himself: next time
            with self._turn:
                self._committer.tidy()
                runs = self._ear.heard()
            if runs:
                self._writer.tell(self._tell, runs)

    def _tell(self, runs: Iterable[str]) -> None:
        for run in runs:
            for heard in self._listeners:
                heard(run)


class Driving(Visiting):
    """The journal of the kernel that drives a file."""

    def __init__(
        self, path: str, bases: Sequence[Base], base: Base, prompt: Base, is_full: bool
    ) -> None:
        self._prompt: Prompt | None = None
        self._base = base
        super().__init__(path, bases, base, drives=True)
        self._prompt = Prompt(prompt, self._clerk, self._turn, self._writer.nudge, waits=is_full)

    @property
    def at_once(self) -> Callable[[Write], Verdict | None] | None:
        """See Journal."""
        return None if self._prompt is None else self._prompt.write

    def _look(self) -> None:
        super()._look()
        if self._prompt is not None:
            self._prompt.empty(self._base)

    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        """See Journal. Raises DamagedStore."""
        if len({write.run for write in batch}) != len(batch):
            raise WrongInput("a batch names each run once")
        verdicts: tuple[Verdict, ...] = await self._writer.ask(tuple(batch))
        return verdicts

    async def claim(self, runs: Iterable[str]) -> Mapping[str, int]:
        """See Journal. Raises StoreFailed."""
        order = Order(partial(_claim, tuple(runs)))
        claimed: Mapping[str, int] = await self._writer.ask(order)
        return claimed

    async def erase(self, digests: Iterable[str]) -> int:
        """See Journal. What is erased is overwritten in the file. Raises StoreFailed."""
        order = Order(partial(_erase, frozenset(digests)))
        count: int = await self._writer.ask(order)
        return count


def _find(reader: Reader, wanted: Wanted) -> tuple[tuple[str, Standing], ...]:
    return find(reader.base, wanted)


def _next_due(reader: Reader, after: int) -> int | None:
    return next_due(reader.base, after)


def _machines(reader: Reader, runs: Sequence[str]) -> Mapping[str, tuple[str, str]]:
    return machines(reader.base, runs)


def _shapes(reader: Reader) -> tuple[tuple[str, str], ...]:
    return shapes(reader.base)


def _deliver(deliveries: Sequence[Delivery], clerk: Clerk) -> tuple[Verdict, ...]:
    return clerk.deliver(deliveries)


def _claim(runs: Sequence[str], clerk: Clerk) -> Mapping[str, int]:
    return clerk.claim(runs)


def _erase(digests: Iterable[str], clerk: Clerk) -> int:
    return clerk.erase(digests)


def _answering(base: Base, path: str) -> Work:
    """What a thread does that reads."""
    reader = Reader(base, path)

    def work(batch: Sequence[Asked]) -> None:
        for asked in batch:
            call, given = asked.what
            try:
                base.execute("BEGIN")
                asked.answer = call(reader, *given)
            except (sqlite3.Error, UnicodeDecodeError) as error:
                asked.error = told(path, error)
            except Exception as error:
                asked.error = error
            with suppress(sqlite3.Error):  # of what was only read nothing is lost
                if base.in_transaction:
                    base.execute("ROLLBACK")

    return work
