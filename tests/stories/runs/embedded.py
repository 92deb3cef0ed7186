"""Stories whose host is not on trio: one without a loop, and one on asyncio. The kernel's time is virtual there too.

Rule 1: time stands still while it is the turn of the host. So the host does one thing after the other: first what the
        person does, then what is left to be read.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from attrs import frozen

from detent.kernel import MemoryJournal, Seen, Sight, Store
from detent.tools.embed import asyncio as on_asyncio
from detent.tools.embed import sync
from detent.tools.testing.virtual import VirtualClock, run_virtually
from tests.stories.runs.forms import RUN, Played, Service, Story, tellings, within

__all__ = ["play_in_asyncio", "play_in_sync"]

R = TypeVar("R")


def play_in_sync(
    story: Story[Any, R], store: Store | None = None, seen: list[Seen] | None = None
) -> Played[R]:
    """What a story comes to where there is no loop; with `seen`, by reading what happens."""
    clock, service, kept = VirtualClock(), Service(), store or MemoryJournal()
    virtually = partial(run_virtually, clock=clock)
    with sync.open_kernel(story.world(service, kept, clock), run=virtually) as kernel:
        run = kernel.start(story.machine, story.input, id=RUN, seed=story.seed)
        hands: Any = _Hands(run)
        _done(story.person(hands), kernel)
        if seen is not None:
            seen += [sight for sight in run.watch() if isinstance(sight, Seen)]
        end = run.wait_end()
        told = kernel.within(tellings, story, kernel.journal)
        return Played(end, run.snapshot(), told, kept, service, run.log())


def play_in_asyncio(
    story: Story[Any, R], store: Store | None = None, seen: list[Seen] | None = None
) -> Played[R]:
    """What a story comes to on a loop of asyncio; with `seen`, by reading what happens."""
    return asyncio.run(_in_asyncio(story, store, seen))


async def _in_asyncio(
    story: Story[Any, R], store: Store | None, seen: list[Seen] | None
) -> Played[R]:
    clock, service, kept = VirtualClock(), Service(), store or MemoryJournal()
    world, virtually = story.world(service, kept, clock), partial(run_virtually, clock=clock)
    async with on_asyncio.open_kernel(world, run=virtually) as kernel:
        within.set(kernel.within)
        run = await kernel.start(story.machine, story.input, id=RUN, seed=story.seed)
        await story.person(run)
        if seen is not None:
            seen += [sight async for sight in run.watch() if isinstance(sight, Seen)]
        end = await run.wait_end()
        told = await kernel.within(tellings, story, kernel.journal)
        return Played(end, await run.snapshot(), told, kept, service, await run.log())


@frozen
class _Hands:
    """A run for a person who writes `await`, and never waits but in calls that block."""

    run: sync.Run[Any, Any]

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        """A call that blocks, as one that is awaited."""

        async def blocking(*given: Any, **named: Any) -> Any:
            return getattr(self.run, name)(*given, **named)

        return blocking

    def watch(self) -> "_Hands.Sights":
        """The sights, as those of a run on trio."""
        return _Hands.Sights(self.run.watch())

    @frozen
    class Sights:
        """A watch that blocks, as one that is awaited."""

        watch: sync.Watch

        def __aiter__(self) -> "_Hands.Sights":
            return self

        async def __anext__(self) -> Sight:
            for sight in self.watch:
                return sight
            raise StopAsyncIteration


def _done(person: Awaitable[None], kernel: sync.Kernel) -> None:
    """Do what a person does, who never waits himself."""

    async def blocking(async_fn: Callable[..., Awaitable[Any]], *given: Any) -> Any:
        return kernel.within(async_fn, *given)

    token = within.set(blocking)
    try:
        for _ in person.__await__():
            raise AssertionError("this person waits for something himself")
    finally:
        within.reset(token)
