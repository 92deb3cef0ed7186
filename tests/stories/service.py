"""A service whose runs do two things side by side: one cleans up when it is stopped, the other cannot be stopped."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from time import monotonic
from typing import Any

import trio
from attrs import define, evolve, field, frozen

from detent import (
    Call,
    Context,
    Done,
    Effect,
    Final,
    Limits,
    Machine,
    On,
    Region,
    Returned,
    Run,
    State,
    World,
    handle,
)
from detent.kernel import MemoryJournal, Seen, Sight
from detent.tools.embed.asyncio import on_host
from detent.tools.stores import SQLite

__all__ = [
    "CANCEL_AT",
    "GRACE",
    "MARGIN",
    "REASON",
    "SERVICE",
    "Job",
    "Tools",
    "check_story",
    "told",
    "words",
]

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
        return await self._slow(order, context, trio.sleep)

    async def slow_on_asyncio(self, order: Slow, context: Context) -> str:
        """The same on another loop."""
        return await self._slow(order, context, asyncio.sleep)

    async def _slow(
        self, order: Slow, context: Context, sleep: Callable[[float], Awaitable[None]]
    ) -> str:
        self.calls.append(f"{context.run} slow")
        try:
            await sleep(order.seconds)
        finally:
            with context.cleanup():
                await sleep(self.cleanup)
                self.cleaned[context.run] = monotonic()
        return "slow"

    def block(self, order: Block, context: Context) -> str:
        """Block a thread, whatever anybody says."""
        self.calls.append(f"{context.run} block")
        self.goes_on.wait(BLOCKS)
        return "block"

    def world(
        self, kept: MemoryJournal | SQLite, runs: int | None = None, is_hosted: bool = False
    ) -> World:
        """The world of the service; the slow tool may be one of asyncio."""
        slow = on_host(self.slow_on_asyncio) if is_hosted else self.slow
        return World(
            SERVICE,
            handlers=[
                handle(First, self.first),
                handle(Slow, slow),
                handle(Block, self.block),
            ],
            journal=kept if isinstance(kept, MemoryJournal) else None,
            store=kept if isinstance(kept, SQLite) else None,
            limits=Limits(grace=GRACE, runs=runs),
        )


async def told(run: Run[Any, Any]) -> list[str]:
    """What a run tells, in order."""
    return [word async for sight in run.watch() for word in words(sight)]


def words(sight: Sight) -> Iterator[str]:
    """What is told by a sight, with what is in question."""
    for one in sight.told if isinstance(sight, Seen) else ():
        about: Any = getattr(one, "form", getattr(one, "status", ""))
        yield f"{type(one).__name__} {about}".strip()


def check_story(said: list[str], is_cut: bool) -> None:
    """What is told from the request on: it is asked, they stop, what does not is abandoned, and then it is over."""
    start = said.index("CancelRequested cancelled")
    end = said.index("RunFinished cancelled")
    abandoned = [one for one in said[start:] if one.startswith("EffectAbandoned")]
    assert end == len(said) - 1
    assert len(abandoned) == (2 if is_cut else 1)
    assert all(start < said.index(one) < end for one in abandoned)
