"""The real kernel in virtual time, with chance in the place of the world: seeded order, faults, crashes.

    simulated = Simulator(seed=7, faults=Faults(fail=0.2, crash=0.05))
    end = simulated.run(World(order, handlers=[...]), scenario)

Rule 1: what is simulated is the world (handlers' speed and failures, the journal's answers, crashes). The kernel, the
        step and the log are those that run in earnest.
Rule 2: one seed, one log. What fails is found again with its seed.
Rule 3: a crash is the end of a kernel at a commit, before or after it was written: nothing it does afterwards counts,
        and the next kernel finds what was written.
Rule 4: blocking handlers are called where they are, without a thread: what threads do is in nobody's order.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import wraps
from inspect import isawaitable
from random import Random
from typing import Any, Literal, TypeAlias, TypeVar

import trio
from attrs import define, evolve, field, frozen

from detent.kernel import (
    Handled,
    Kernel,
    MemoryJournal,
    Unconfirmed,
    Verdict,
    World,
    Write,
    open_kernel,
)
from detent.tools.testing.virtual import VirtualClock, run_virtually

__all__ = ["Crash", "Faults", "FaultyJournal", "Moment", "Simulated", "Simulator"]

T = TypeVar("T")
Moment: TypeAlias = Literal["before", "after"]

TURNS = 3  # a commit takes fewer turns of the loop than this


class Crash(Exception):
    """The process dies here."""


class Simulated(Exception):
    """A failure that was thrown in."""


@frozen
class Faults:
    """How often what goes wrong, each from 0 to 1, and how slow handlers are (in virtual seconds, at most).

    `fail`: a handler raises instead of beginning; `crash`: a commit is the last thing a kernel does, written or not;
    `lose`: nobody knows whether a commit was written; `delay`: how long a handler takes beside its own time.
    """

    fail: float = 0.0
    crash: float = 0.0
    lose: float = 0.0
    delay: float = 0.0


@define(eq=False)
class FaultyJournal(MemoryJournal):
    """A journal in memory whose commits take some turns of the loop, get lost, and are the last of their kernel.

    `crash_at` says at which commit, counted from 1; without it, chance does, by the faults.
    """

    chance: Random
    faults: Faults = Faults()
    crash_at: tuple[int, Moment] | None = None
    commits: int = 0
    is_dead: bool = False

    has_backlogs = False

    def __attrs_pre_init__(self) -> None:
        super().__init__()

    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        """See Journal. Raises Crash where the kernel that writes is to die, and to a kernel that should be dead."""
        if self.is_dead:
            raise Crash("after the crash")
        for _ in range(self.chance.randrange(TURNS)):
            await trio.lowlevel.checkpoint()
        self.commits += 1
        dies = self._dies()
        if dies == "before":
            self._die()
        if self._happens(self.faults.lose):
            if self._happens(0.5):
                await super().append(batch)
            return tuple(Unconfirmed("the answer was lost") for _ in batch)
        verdicts = await super().append(batch)
        if dies == "after":
            self._die()
        return verdicts

    def revive(self) -> None:
        """Another process has the journal now."""
        self.is_dead = False
        self.crash_at = None

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


@define(eq=False)
class Simulator:
    """Runs a world in virtual time.

    `journal` is what it has stored, `crashes` how often a kernel died.
    """

    seed: int = 0
    faults: Faults = Faults()
    crash_at: tuple[int, Moment] | None = None
    clock: VirtualClock = field(factory=VirtualClock, init=False)
    chance: Random = field(init=False)
    journal: FaultyJournal = field(init=False)
    crashes: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.chance = Random(self.seed)
        self.journal = FaultyJournal(self.chance, self.faults, self.crash_at)

    def run(self, world: World, scenario: Callable[[Kernel], Awaitable[T]]) -> T:
        """What a scenario comes to. After a crash it is begun again, with a kernel that takes up what was written.

        So it starts its runs with ids, and sends its events with keys.
        """

        async def survived() -> T:
            while True:
                try:
                    async with self.open(world) as kernel:
                        return await scenario(kernel)
                except* Crash:
                    self.crashes += 1
                    self.journal.revive()

        return run_virtually(survived, seed=self.seed, clock=self.clock)

    @asynccontextmanager
    async def open(self, world: World, **options: Any) -> AsyncGenerator[Kernel]:
        """A kernel in this simulation, inside `run_virtually`."""
        async with open_kernel(self.simulated(world), **options) as kernel:
            yield kernel

    def simulated(self, world: World) -> World:
        """A world with simulated time, chance, journal and handlers."""
        return World(
            *world.machines,
            handlers=[self._faulty(handled) for handled in world.handlers],
            journal=self.journal,
            clock=self.clock,
            chance=self.chance,
            limiters=world.limiters,
            breakers=world.breakers,
            taps=world.taps,
            limits=world.limits,
            key=world.key,
            large=world.large,
        )

    def _faulty(self, handled: Handled) -> Handled:
        """A handler that is slow, fails before it begins, and needs no thread."""
        query = handled.query
        return evolve(
            handled,
            by=self._slow(handled.by),
            query=None if query is None else self._slow(query),
        )

    def _slow(self, by: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
        @wraps(by)
        async def slow(*arguments: Any) -> Any:
            if self.faults.delay:
                await trio.sleep(self.chance.random() * self.faults.delay)
            if self.faults.fail and self.chance.random() < self.faults.fail:
                raise Simulated("thrown in")
            came = by(*arguments)
            return await came if isawaitable(came) else came

        return slow
