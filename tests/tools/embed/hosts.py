"""What tests of hosts share: a kernel to open, and what is looked at when it is closed: the journal, and threads."""

import threading
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random
from typing import Any

import trio

from detent import Limits, World, handle
from detent.kernel import MemoryJournal, OnCancel
from detent.tools.embed.asyncio import Kernel, open_kernel
from detent.tools.testing.faults import Faulty
from tests.kernel.scheduler.toys import Again, call, counting, doing, gives

__all__ = ["COUNTING", "DOING", "HURRIED", "dying", "ends_in", "of", "opened", "still_there"]

COUNTING, DOING = counting(), doing(call(Again))
HURRIED = Limits(grace=0.01)


@asynccontextmanager
async def opened(
    *machines: Any, by: Any = None, journal: Any = None, on_cancel: Any = "cancel", **options: Any
) -> AsyncGenerator[Kernel]:
    """A kernel for some machines; who performs their one effect takes no time."""
    handlers = [handle(Again, by or gives())]
    world = World(*(machines or (COUNTING, DOING)), handlers=handlers, journal=journal, **options)
    async with open_kernel(world, on_cancel=on_cancel) as kernel:
        yield kernel


def ends_in(journal: MemoryJournal) -> dict[str, str]:
    """How each run of a journal stands."""

    async def read() -> dict[str, str]:
        return {run: standing.status for run, standing in await journal.find()}

    found: dict[str, str] = {}

    def reader() -> None:
        found.update(trio.run(read))

    thread = threading.Thread(target=reader)  # the loop of a test may run in this one
    thread.start()
    thread.join()
    return found


def still_there() -> list[str]:
    """Threads of kernels."""
    return [thread.name for thread in threading.enumerate() if thread.name == "detent"]


def dying() -> Faulty:
    """A journal that ends its kernel as soon as it is told that it is dead."""
    return Faulty(MemoryJournal(), Random(0))


def of(world: World, on_cancel: OnCancel = "cancel") -> AbstractAsyncContextManager[Kernel]:
    """A kernel for a world."""
    return open_kernel(world, on_cancel=on_cancel)
