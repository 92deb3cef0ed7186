"""What goes wrong with a store: answers that are lost, commits that fail or are slow, kernels that die at one.

    journal = Faulty(MemoryJournal(), Random(7), Faults(lose=0.2))

Rule 1: it is the journal inside that keeps everything: what is there after a fault is there for the next kernel too.
Rule 2: a crash is the end of a kernel at a commit, before or after it was written: nothing it writes afterwards counts.
Rule 3: chance is asked only about what can happen, so that a seed means the same whatever else might.
"""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Literal, TypeAlias

import trio
from attrs import frozen

from detent.kernel import Delivery, Journal, Store, StoreFailed, Unconfirmed, Verdict, Write
from detent.tools.stores import Through

__all__ = ["Crash", "Faults", "Faulty", "FaultyStore", "Moment"]

Moment: TypeAlias = Literal["before", "after"]

TURNS = 3  # a commit takes fewer turns of the loop than this
SLOW = 50  # and one that is slow so many more


class Crash(Exception):
    """The process dies here."""


@frozen
class Faults:
    """How often what goes wrong, each from 0 to 1, and how slow handlers are (in virtual seconds, at most).

    `fail`: a handler raises instead of beginning; `crash`: a commit is the last thing a kernel does, written or not;
    `lose`: nobody knows whether a commit was written; `refuse`: a commit fails, and nothing is written; `slow`: it
    takes many turns of the loop; `delay`: how long a handler takes beside its own time.
    """

    fail: float = 0.0
    crash: float = 0.0
    lose: float = 0.0
    delay: float = 0.0
    refuse: float = 0.0
    slow: float = 0.0


class Faulty(Through):
    """A journal whose commits take some turns of the loop, get lost, fail, and are the last of their kernel.

    `crash_at` says at which commit, counted from 1, a kernel dies; without it, chance does, by the faults.
    """

    def __init__(
        self,
        inside: Journal,
        chance: Random,
        faults: Faults = Faults(),
        crash_at: tuple[int, Moment] | None = None,
    ) -> None:
        super().__init__(inside)
        self.chance = chance
        self.faults = faults
        self.crash_at = crash_at
        self.commits = 0
        self.is_dead = False
        self.has_failed = False

    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        """See Journal. Raises Crash where the kernel is to die, and when it should be dead; StoreFailed."""
        self._check_alive()
        turns = self.chance.randrange(TURNS) + (SLOW if self._happens(self.faults.slow) else 0)
        for _ in range(turns):
            await trio.lowlevel.checkpoint()
        self._check_alive()
        self.commits += 1
        dies = self._dies()
        if dies == "before":
            self._die()
        if self._happens(self.faults.refuse):
            self.has_failed = True
            raise StoreFailed(f"commit {self.commits} was refused by a test")
        is_lost = self._happens(self.faults.lose)
        lost = tuple(Unconfirmed("the answer was lost") for _ in batch)
        if is_lost and not self._happens(0.5):
            return lost
        verdicts = await self.inside.append(batch)
        if dies == "after":
            self._die()
        return lost if is_lost else verdicts

    async def claim(self, runs: Iterable[str]) -> Mapping[str, int]:
        """See Journal. Raises Crash to a kernel that should be dead."""
        self._check_alive()
        return await self.inside.claim(runs)

    async def deliver(self, deliveries: Sequence[Delivery]) -> tuple[Verdict, ...]:
        """See Journal. Raises Crash to a kernel that should be dead."""
        self._check_alive()
        return await self.inside.deliver(deliveries)

    def revive(self) -> None:
        """Another process has the journal now."""
        self.is_dead = self.has_failed = False
        self.crash_at = None

    def _check_alive(self) -> None:
        if self.is_dead:
            raise Crash("after the crash")

    def _happens(self, how_often: float) -> bool:
        """Ask chance; it is not asked about what never happens."""
        return how_often > 0 and self.chance.random() < how_often

    def _dies(self) -> Moment | None:
        if self.crash_at is not None:
            number, moment = self.crash_at
            return moment if number == self.commits else None
        if self._happens(self.faults.crash):
            return "before" if self._happens(0.5) else "after"
        return None

    def _die(self) -> None:
        self.is_dead = True
        raise Crash(f"at commit {self.commits}")


@frozen
class FaultyStore:
    """A store whose journal is faulty, and counts its commits also when it is opened again."""

    store: Store
    journal: Faulty

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Journal]:
        """See Store."""
        async with self.store.open() as self.journal.inside:
            yield self.journal
