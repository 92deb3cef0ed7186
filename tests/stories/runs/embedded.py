"""Stories whose host is not on trio: one without a loop, and one on asyncio. The kernel's time is virtual there too.

Rule 1: the host does one thing after the other: first what the person does, then what is left to be read.
"""

from typing import Any, TypeVar

from detent import Run
from detent.kernel import MemoryJournal, Seen, Store
from tests.sides import Side, asked, play
from tests.stories.runs.forms import RUN, Played, Service, Story, tellings

__all__ = ["play_elsewhere"]

R = TypeVar("R")


def play_elsewhere(
    side: Side, story: Story[Any, R], store: Store | None, seen: list[Seen]
) -> Played[R]:
    """What a story comes to if somebody reads it from one of the sides."""
    service, kept = Service(), store or MemoryJournal()

    async def scene(kernel: Any) -> Played[R]:
        run: Run[Any, R] = await kernel.start(story.machine, story.input, id=RUN, seed=story.seed)
        await story.person(run)
        async for sight in run.watch():
            if isinstance(sight, Seen):
                seen.append(sight)
        end = await run.wait_end()
        told = await asked(tellings, story, kernel.journal)
        return Played(end, await run.snapshot(), told, kept, service, await run.log())

    return play(side, lambda clock: story.world(service, kept, clock), scene)
