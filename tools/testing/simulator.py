"""The real kernel in virtual time, with chance in the place of the world: seeded order, faults, crashes.

    simulated = Simulator(seed=7, faults=Faults(fail=0.2, crash=0.05))
    end = simulated.run(World(order, handlers=[...]), scenario)

Rule 1: what is simulated is the world (handlers' speed and failures, the journal's answers, crashes). The kernel, the
        step and the log are those that run in earnest.
Rule 2: one seed, one log. What fails is found again with its seed.
Rule 3: a kernel that has died, or whose store has failed, is followed by another, which finds what was written.
Rule 4: blocking handlers are called where they are, without a thread: what threads do is in nobody's order.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import wraps
from inspect import isawaitable
from random import Random
from typing import Any, TypeVar

import trio
from attrs import define, evolve, field

from detent.kernel import Handled, Kernel, MemoryJournal, Store, StoreFailed, World, open_kernel
from detent.tools.testing.faults import Crash, Faults, Faulty, FaultyStore, Moment
from detent.tools.testing.virtual import VirtualClock, run_virtually

__all__ = ["Crash", "Faults", "Moment", "Simulated", "Simulator"]

T = TypeVar("T")


class Simulated(Exception):
    """A failure that was thrown in."""


@define(eq=False)
class Simulator:
    """Runs a world in virtual time.

    `journal` is what it has stored, `crashes` how often a kernel died. Without a `store` all is kept in memory; a store
    is opened by every kernel, and what is read of it in between is read where it is.
    """

    seed: int = 0
    faults: Faults = Faults()
    crash_at: tuple[int, Moment] | None = None
    store: Store | None = None
    clock: VirtualClock = field(factory=VirtualClock, init=False)
    chance: Random = field(init=False)
    journal: Faulty = field(init=False)
    crashes: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.chance = Random(self.seed)
        self.journal = Faulty(MemoryJournal(), self.chance, self.faults, self.crash_at)

    def run(self, world: World, scenario: Callable[[Kernel], Awaitable[T]]) -> T:
        """What a scenario comes to. After a crash it is begun again, with a kernel that takes up what was written.

        So it starts its runs with ids, and sends its events with keys.
        """

        async def survived() -> T:
            while True:
                try:
                    async with self.open(world) as kernel:
                        return await scenario(kernel)
                except* (Crash, StoreFailed):
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
            journal=self.journal if self.store is None else None,
            store=None if self.store is None else FaultyStore(self.store, self.journal),
            clock=self.clock,
            chance=self.chance,
            limiters=world.limiters,
            breakers=world.breakers,
            taps=world.taps,
            baggage=world.baggage,
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
