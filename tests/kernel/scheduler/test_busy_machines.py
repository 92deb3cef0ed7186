"""Machines that always have something to do hold nobody up: no cancel, and no host that shuts down."""

from typing import Any

import pytest
import trio
from attrs import frozen

from detent import (
    After,
    Breaker,
    Call,
    Effect,
    Final,
    Limits,
    Machine,
    On,
    RunExists,
    Secret,
    Spawn,
    State,
    World,
    handle,
    open_kernel,
)
from detent.kernel import Key, MemoryJournal, Seen
from detent.kernel.scheduler.turns import DEEPEST
from detent.tools.testing.virtual import VirtualClock, run_virtually, virtually
from detent.tools.testing.watchdog import watchdog


@frozen
class Fetch(Effect[int], recovery="idempotent"):
    """Something that never works."""


@frozen
class Last(Effect[int], recovery="idempotent"):
    """Something that never ends."""


@frozen
class Data:
    word: Secret[str] = ""

    def fetch(self) -> Fetch:
        return Fetch()

    def last(self) -> Last:
        return Last()

    def itself(self) -> "Data":
        return self


async def refuse(order: Fetch) -> int:
    raise RuntimeError("never")


async def sleep(order: Last) -> int:
    return await trio.sleep_forever()


KEY = Key(b"k" * 32)
eager = Call(Fetch, Data.fetch, breaker="shop")
zealous = Call(Fetch, Data.fetch, breaker="shop", name="zealous")


def circling(*does: Call[Data, int]) -> Machine[Data, Data, Data]:
    """Whatever is declined is ordered again at once."""
    rows = [On(one.failed | one.declined, to="going") for one in does]
    heard = [On(one.returned) for one in does]
    return Machine("circling", State("going", *rows, *heard, do=does), data=Data)


def world_of(machine: Machine[Data, Data, Data], clock: VirtualClock) -> World:
    return World(
        machine,
        handlers=[handle(Fetch, refuse)],
        breakers={"shop": Breaker(1, 3600.0)},
        clock=clock,
    )


def test_a_machine_that_orders_again_what_is_declined_waits_a_second_now_and_then() -> None:
    machine, clock = circling(eager), VirtualClock()

    async def circle() -> tuple[str, str]:
        async with open_kernel(world_of(machine, clock)) as kernel:
            run = await kernel.start(machine, Data())
            await trio.sleep(2.5)
            flight: Any = (await run.snapshot()).effects[0]
            await run.cancel()
            return flight.life.held, (await run.wait_end()).status

    with watchdog(30.0):
        assert run_virtually(circle, clock=clock) == ("circling", "cancelled")
    assert clock.current_time() == 2.5


def test_a_run_that_always_has_something_in_line_can_be_cancelled() -> None:
    """What waits for another order to be declined is in line when that is: there is one turn after the other."""
    machine, clock = circling(eager, zealous), VirtualClock()

    async def circle() -> str:
        async with open_kernel(world_of(machine, clock)) as kernel:
            run = await kernel.start(machine, Data())
            async for sight in run.watch():
                if isinstance(sight, Seen) and sight.seq == 100:
                    await run.cancel()
            return (await run.wait_end()).status

    with watchdog(10.0):
        assert run_virtually(circle, clock=clock) == "cancelled"


def test_a_host_that_shuts_down_waits_for_no_timer() -> None:
    """A timer that is always due leaves no time for the grace, in which virtual time would pass."""
    long = Call(Last, Data.last)
    inner = State("going", After(0.0, to="going"))
    rows = On(long.returned | long.failed, to="busy")
    machine = Machine("busy", State("busy", rows, inner, do=long), data=Data)
    clock, journal = VirtualClock(), MemoryJournal()

    async def shut_down() -> None:
        handlers = [handle(Last, sleep)]
        world = World(machine, handlers=handlers, journal=journal, clock=clock, key=KEY)
        with trio.CancelScope() as host:
            async with open_kernel(world, on_cancel="suspend") as kernel:
                await kernel.start(machine, Data(), id="run")
                host.cancel()
                await trio.sleep_forever()

    with watchdog(10.0):
        run_virtually(shut_down, clock=clock)

    assert clock.current_time() == Limits().grace


@virtually
async def test_a_run_that_began_with_something_large_or_secret_is_known_by_its_id() -> None:
    machine = Machine("door", State("shut"), data=Data)
    world = World(machine, journal=MemoryJournal(), key=KEY, large=64)
    async with open_kernel(world) as kernel:
        first = await kernel.start(machine, Data("x" * 100), id="run")

        assert await kernel.start(machine, Data("x" * 100), id="run") == first
        with pytest.raises(RunExists):
            await kernel.start(machine, Data("y" * 100), id="run")


class Itself:
    """A definition whose machine spawns it."""

    name = "doll"

    @property
    def machine(self) -> Any:
        """A doll, in which there is a doll."""
        return DOLL

    __begins_with__ = __results_in__ = None


SMALLER: Any = Spawn
INSIDE: Any = SMALLER(Itself(), Data.itself, name="inside")
DOLL: Any = Machine(
    "doll", State("whole", On(INSIDE.ended, to="open"), do=INSIDE), Final("open"), data=Data
)


@virtually
async def test_a_machine_that_spawns_itself_comes_to_an_end() -> None:
    async with open_kernel(World(DOLL, journal=MemoryJournal(), key=KEY)) as kernel:
        run = await kernel.start(DOLL, Data(), id="run")
        assert (await run.wait_end()).status == "completed"

        deepest = "run" + "/1" * DEEPEST
        (first, last) = await kernel.journal.entries(deepest)

    assert "is a child of children 50 deep" in str(last.event)
    assert first.seq == 1
