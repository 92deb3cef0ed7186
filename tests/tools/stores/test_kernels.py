"""Kernels whose runs are in a file: they end, are taken up by the next kernel, and are sent to from outside."""

from pathlib import Path

import pytest
import trio
from attrs import evolve, frozen

from detent import (
    Call,
    Defer,
    Effect,
    Event,
    Final,
    Machine,
    On,
    Returned,
    State,
    World,
    handle,
    open_kernel,
)
from detent.kernel import StoreInUse
from detent.tools.stores import SQLite
from detent.tools.testing.virtual import VirtualClock, virtually


@frozen
class Go(Event):
    """Go on."""


@frozen
class Nap(Effect[int], recovery="pure"):
    """Sleep for some seconds."""

    seconds: float


@frozen
class Naps:
    """How often somebody has slept."""

    count: int = 0

    def nap(self) -> Nap:
        """A longer one each time."""
        return Nap(10.0 * (self.count + 1))

    def slept(self, event: Returned[int]) -> "Naps":
        """Once more."""
        return evolve(self, count=self.count + 1)


napping = Call(Nap, Naps.nap, timeout=100.0)
sleeper = Machine(
    "sleeper",
    State("awake", On(Go, to="asleep")),
    State(
        "asleep",
        On(napping.returned, to="rested", when="data.count >= 2", update=Naps.slept),
        On(napping.returned, to="awake", update=Naps.slept),
        On(napping.timed_out | napping.failed, to="rested"),
        Defer(Go),
        do=napping,
    ),
    Final("rested"),
    data=Naps,
)


async def nap(order: Nap) -> int:
    """Sleep."""
    await trio.sleep(order.seconds)
    return 1


def sleeping(path: Path, clock: VirtualClock) -> World:
    """A world whose journal is a file."""
    return World(sleeper, handlers=[handle(Nap, nap)], store=SQLite(path), clock=clock)


@virtually
async def test_a_run_goes_through_several_kernels(tmp_path: Path) -> None:
    clock = trio.lowlevel.current_clock()
    assert isinstance(clock, VirtualClock)
    world = sleeping(tmp_path / "runs.db", clock)
    async with open_kernel(world) as kernel:
        run = await kernel.start(sleeper, Naps(), id="tired")
        await run.send(Go(), key="first")
    assert trio.current_time() == 10.0
    for number in (2, 3):
        async with open_kernel(world) as kernel:
            run = await kernel.start(sleeper, Naps(), id="tired")
            assert (await run.send(Go(), key="first")).status == "duplicate"
            assert (await run.send(Go(), key=f"key {number}")).status == "accepted"

    assert trio.current_time() == 60.0
    async with open_kernel(world) as kernel:
        assert await kernel.run("tired").wait_result() == Naps(3)
        assert len(await kernel.run("tired").log()) >= 7


@virtually
async def test_many_runs_sleep_in_a_file_side_by_side(tmp_path: Path) -> None:
    clock = trio.lowlevel.current_clock()
    assert isinstance(clock, VirtualClock)
    async with open_kernel(sleeping(tmp_path / "runs.db", clock)) as kernel:

        async def live(number: int) -> None:
            run = await kernel.start(sleeper, Naps(), id=f"run {number}")
            for _ in range(3):
                await run.send(Go())
            assert await run.wait_result() == Naps(3)

        async with trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(live, number)

        found = await kernel.journal.find(statuses=["completed"])
    assert len(found) == 50
    assert trio.current_time() == 60.0


@virtually
async def test_what_was_cut_is_taken_up_by_the_next_kernel(tmp_path: Path) -> None:
    clock = trio.lowlevel.current_clock()
    assert isinstance(clock, VirtualClock)
    world = sleeping(tmp_path / "runs.db", clock)
    with trio.move_on_after(5):
        async with open_kernel(world, on_cancel="suspend") as kernel:
            run = await kernel.start(sleeper, Naps(2), id="tired")
            await run.send(Go())
            await trio.sleep_forever()

    async with open_kernel(world) as kernel:
        assert await kernel.run("tired").wait_result() == Naps(3)


@virtually
async def test_two_kernels_do_not_drive_one_file(tmp_path: Path) -> None:
    clock = trio.lowlevel.current_clock()
    assert isinstance(clock, VirtualClock)
    world = sleeping(tmp_path / "runs.db", clock)
    async with open_kernel(world):
        with pytest.raises(StoreInUse):
            async with open_kernel(world):
                pass
