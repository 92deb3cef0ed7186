"""A watch that is closed early, and one that is read some sights at a time."""

from contextlib import aclosing

import pytest
import trio

from detent import Chunk, Context, Gap, Limits, NoSuchRun, handle
from detent.kernel import Seen, Sight
from detent.kernel.watching import PAGE
from detent.tools.testing.virtual import virtually
from tests.kernel.scheduler.toys import Add, Again, Close, Data, call, counting, doing, opened

COUNTING = counting()
DOING = doing(call(Again))


async def emits(order: Again, context: Context) -> int:
    """Emit a chunk a second."""
    for n in range(order.n):
        await trio.sleep(1)
        context.emit(n)
    return order.n


@virtually
async def test_a_watch_that_is_closed_is_at_its_end() -> None:
    async with opened(COUNTING) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r")
        await run.send(Add())
        watch = run.watch()

        first = await anext(watch)
        await watch.aclose()

        assert isinstance(first, Seen)
        assert [sight async for sight in watch] == []


@virtually
async def test_a_watch_that_nobody_has_read_can_be_closed() -> None:
    async with opened(COUNTING) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r")
        watch = run.watch()

        await watch.aclose()

        assert [sight async for sight in watch] == []


@virtually
async def test_who_waits_while_a_watch_is_closed_is_at_the_end() -> None:
    seen: list[Sight] = []

    async with opened(COUNTING) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r")
        watch, other = run.watch(), run.watch()

        async def read() -> None:
            seen.extend([sight async for sight in watch])

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            await trio.sleep(1)
            await watch.aclose()
        await run.send(Close())
        rest = [sight async for sight in other]

    assert len(seen) == 1
    assert len(rest) == 2


@virtually
async def test_a_watch_that_is_closed_keeps_nothing_of_what_is_emitted() -> None:
    async with opened(DOING, handlers=[handle(Again, emits)]) as kernel:
        run = await kernel.start(DOING, Data(n=3), id="r")
        watch = kernel.watch("r")
        await trio.sleep(1.5)

        async with aclosing(watch):
            assert await anext(watch)
        await run.wait_end()

        assert await watch.some() == ()


@virtually
async def test_some_sights_are_those_that_were_read_together() -> None:
    async with opened(COUNTING) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r")
        for _ in range(PAGE):
            await run.send(Add())
        await run.send(Close())
        watch = kernel.watch("r")

        first, second, none = await watch.some(), await watch.some(), await watch.some()

    assert len(first) == PAGE
    assert len(second) == 2
    assert none == ()


@virtually
async def test_every_sight_can_be_asked_what_it_tells_and_what_is_no_entry_tells_nothing() -> None:
    async with opened(DOING, handlers=[handle(Again, emits)], limits=Limits(buffer=1)) as kernel:
        run = await kernel.start(DOING, Data(n=3), id="r")
        watch = run.watch()
        await run.wait_end()
        sights = [sight async for sight in watch]

    assert {type(sight) for sight in sights} == {Seen, Chunk, Gap}
    assert [type(sight) for sight in sights if sight.told] == [Seen, Seen]


@virtually
async def test_of_a_run_that_is_not_there_nothing_is_read() -> None:
    async with opened(COUNTING) as kernel:
        with pytest.raises(NoSuchRun):
            await kernel.watch("nobody").some()
