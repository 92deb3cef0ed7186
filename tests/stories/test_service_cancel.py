"""A service in which one of two runs is cancelled, in real time: one handler cleans up, another cannot stop.

Rule 1: this is the only file with times of the real clock in its assertions; what may be late has a margin.
"""

import threading
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import define, evolve, field, frozen

from detent import (
    Call,
    Context,
    Done,
    Effect,
    End,
    Final,
    Kernel,
    Limits,
    Machine,
    On,
    Region,
    Returned,
    Run,
    State,
    World,
    handle,
    open_kernel,
)
from detent.kernel import MemoryJournal, Seen
from detent.tools.stores import SQLite

GRACE = 0.5
MARGIN = 0.3  # seconds that a busy machine may be late
CANCEL_AT = 0.4
BLOCKS = 1.5
REASON = "user pressed stop"


@frozen
class First(Effect[str], recovery="idempotent"): ...


@frozen
class Slow(Effect[str], recovery="idempotent"):
    seconds: float


@frozen
class Block(Effect[str], recovery="idempotent"): ...


@frozen
class Job:
    """What a run is to do, and what has come of it."""

    seconds: float
    outputs: tuple[str, ...] = ()

    def keep(self, event: Returned[str]) -> "Job":
        return evolve(self, outputs=(*self.outputs, event.value))

    def slow(self) -> Slow:
        return Slow(self.seconds)


def service() -> Machine[Job, Job, Job]:
    """First one thing at once, then a slow one beside one that blocks."""
    first: Call[Job, str] = Call(First, lambda job: First())
    slow = Call(Slow, Job.slow)
    block: Call[Job, str] = Call(Block, lambda job: Block())
    return Machine(
        "service",
        State(
            "first",
            On(first.returned, to="both", update=Job.keep),
            On(first.failed, to="bad"),
            do=first,
        ),
        State(
            "both",
            Region(
                "slowly",
                State("slow", On(slow.returned, to="slow_done", update=Job.keep), do=slow),
                Final("slow_done"),
            ),
            Region(
                "blocked",
                State("block", On(block.returned, to="block_done", update=Job.keep), do=block),
                Final("block_done"),
            ),
            On(slow.failed, to="bad"),
            On(block.failed, to="bad"),
            Done(to="done"),
        ),
        Final("done"),
        Final("bad", status="failed"),
        data=Job,
    )


SERVICE = service()


@define(eq=False)
class Tools:
    """The tools of the service, and what they saw."""

    cleanup: float = 0.2
    calls: list[str] = field(factory=list[str])
    cleaned: dict[str, float] = field(factory=dict[str, float])
    goes_on: threading.Event = field(factory=threading.Event)

    async def first(self, order: First, context: Context) -> str:
        """Answer at once."""
        self.calls.append(f"{context.run} first")
        return "partial"

    async def slow(self, order: Slow, context: Context) -> str:
        """Take a while, and clean up."""
        self.calls.append(f"{context.run} slow")
        try:
            await trio.sleep(order.seconds)
        finally:
            with context.cleanup():
                await trio.sleep(self.cleanup)
                self.cleaned[context.run] = trio.current_time()
        return "slow"

    def block(self, order: Block, context: Context) -> str:
        """Block a thread, whatever anybody says."""
        self.calls.append(f"{context.run} block")
        self.goes_on.wait(BLOCKS)
        return "block"

    def world(self, kept: MemoryJournal | SQLite, runs: int | None = None) -> World:
        """The world of the service."""
        return World(
            SERVICE,
            handlers=[
                handle(First, self.first),
                handle(Slow, self.slow),
                handle(Block, self.block),
            ],
            journal=kept if isinstance(kept, MemoryJournal) else None,
            store=kept if isinstance(kept, SQLite) else None,
            limits=Limits(grace=GRACE, runs=runs),
        )


async def told(kernel: Kernel, run: str) -> list[str]:
    """What a run tells of its being cancelled and of its end, in order, with what is in question."""
    found: list[str] = []
    async for sight in kernel.run(run).watch():
        if isinstance(sight, Seen):
            for one in sight.told:
                about: Any = getattr(one, "form", getattr(one, "status", ""))
                found.append(f"{type(one).__name__} {about}".strip())
    return found


async def cancelled(kernel: Kernel, began: float) -> tuple[End, float]:
    """Cancel the first run after a while: its end, and when it came."""
    run = kernel.run("a")
    await trio.sleep_until(began + CANCEL_AT)
    await run.cancel(REASON)
    return await run.wait_end(), trio.current_time() - began


async def started(kernel: Kernel) -> tuple[Run[Job, Job], Run[Job, Job], float]:
    """Two runs, of which the second needs not long."""
    began = trio.current_time()
    first = await kernel.start(SERVICE, Job(60.0), id="a")
    second = await kernel.start(SERVICE, Job(0.1), id="b")
    return first, second, began


def tasks() -> int:
    """How many tasks there are."""
    return trio.lowlevel.current_statistics().tasks_living


def check_story(said: list[str], is_cut: bool) -> None:
    """What is told from the request on: it is asked, they stop, what does not is abandoned, and then it is over."""
    start = said.index("CancelRequested cancelled")
    end = said.index("RunFinished cancelled")
    abandoned = [one for one in said[start:] if one.startswith("EffectAbandoned")]
    assert end == len(said) - 1
    assert len(abandoned) == (2 if is_cut else 1)
    assert all(start < said.index(one) < end for one in abandoned)


@pytest.mark.parametrize(("cleanup", "where"), [(0.2, "memory"), (5.0, "memory"), (0.2, "file")])
def test_one_run_is_cancelled_and_the_other_is_not(
    cleanup: float, where: str, tmp_path: Path
) -> None:
    tools = Tools(cleanup)
    kept = MemoryJournal() if where == "memory" else SQLite(tmp_path / "runs.db")

    async def host() -> None:
        before = tasks()
        async with open_kernel(tools.world(kept)) as kernel:
            _, second, began = await started(kernel)
            if cleanup > GRACE:
                tools.goes_on.set()
            end, time = await cancelled(kernel, began)
            said = await told(kernel, "a")
            entries = await kernel.journal.entries("a")

            assert end.status == "cancelled"
            assert end.failures[0].message == REASON
            assert (await kernel.run("a").snapshot()).data.outputs[0] == "partial"
            assert time <= CANCEL_AT + GRACE + MARGIN
            assert await kernel.run("a").cancel("again") == "cancelled"
            if cleanup < GRACE:
                check_story(said, is_cut=False)
                assert CANCEL_AT + cleanup <= tools.cleaned["a"] - began <= time + MARGIN
                result = await second.wait_result()
                assert sorted(result.outputs) == ["block", "partial", "slow"]
            else:
                assert time >= CANCEL_AT + GRACE
                assert end.abandoned == ("a/2",)
                await second.cancel()
            assert await kernel.journal.entries("a") == entries  # what still came was dropped
        assert tasks() == before

    trio.run(host)


@pytest.mark.parametrize("cleanup", [0.2, 5.0])
def test_the_hosts_own_scope_ends_it_in_the_same_order(cleanup: float) -> None:
    tools, journal = Tools(cleanup), MemoryJournal()

    async def host() -> float:
        began = trio.current_time()
        with trio.move_on_after(CANCEL_AT):
            async with open_kernel(tools.world(journal)) as kernel:
                await kernel.start(SERVICE, Job(60.0), id="a")
                await trio.sleep_forever()
        return trio.current_time() - began

    time = trio.run(host)
    tools.goes_on.set()

    async def read() -> list[str]:
        async with open_kernel(tools.world(journal)) as kernel:
            return await told(kernel, "a")

    check_story(trio.run(read), is_cut=cleanup > GRACE)
    assert CANCEL_AT + GRACE <= time <= CANCEL_AT + GRACE + MARGIN


@pytest.mark.parametrize("way", ["by hand", "with its host"])
def test_what_is_cancelled_before_it_starts_calls_nobody(way: str) -> None:
    tools, journal = Tools(), MemoryJournal()
    tools.goes_on.set()

    async def host() -> End:
        with trio.CancelScope() as scope:
            async with open_kernel(tools.world(journal, runs=1)) as kernel:
                await kernel.start(SERVICE, Job(60.0), id="b")
                run = await kernel.start(SERVICE, Job(60.0), id="a")
                if way == "by hand":
                    await run.cancel(REASON)
                scope.cancel()
        async with open_kernel(tools.world(journal)) as kernel:
            return await kernel.run("a").wait_end()

    end = trio.run(host)

    assert end.status == "cancelled"
    assert [call for call in tools.calls if call.startswith("a")] == []
