"""A kernel beside a loop of asyncio: what is asked of it, what is watched, and who stops waiting."""

import asyncio
import threading
from contextlib import aclosing
from typing import Any

import pytest
import trio

from detent import Context, Run
from detent.kernel import Chunk, Seen
from tests.kernel.scheduler.toys import Add, Again, Close, Data, fan, spawning
from tests.sides import looped
from tests.tools.embed.hosts import COUNTING, DOING, opened, still_there

FAN = fan()
PARENT = spawning(DOING)


# -- a plain program


@looped
async def test_a_run_is_started_told_something_and_awaited() -> None:
    async with opened() as kernel:
        run = await kernel.start(COUNTING, Data())
        await run.send(Add(2))
        await run.send(Close())

        assert isinstance(run, Run)
        assert (await run.wait_result()).n == 2
    assert still_there() == []


@looped
async def test_a_host_that_blocks_does_not_hold_the_kernel_up() -> None:
    reached = threading.Event()

    async def reach(order: Again) -> int:
        await trio.sleep(0.01)
        reached.set()
        return 1

    async with opened(by=reach) as kernel:
        await kernel.start(DOING, Data())

        assert reached.wait(5)  # the loop does nothing meanwhile


@looped
async def test_many_tasks_ask_at_once() -> None:
    async with opened(FAN) as kernel:
        runs = await asyncio.gather(
            *(kernel.start(FAN, Data(n=3), id=f"{number}") for number in range(50))
        )
        results = await asyncio.gather(*(run.wait_result() for run in runs))

    assert [len(one.heard) for one in results] == [1] * 50


# -- watching


@looped
async def test_a_watch_shows_what_happens_when_it_happens_and_ends() -> None:
    async with opened() as kernel:
        run = await kernel.start(COUNTING, Data())
        seen = []
        async for sight in run.watch():
            assert isinstance(sight, Seen)
            seen.append(sight.seq)
            if sight.seq < 4:
                await run.send(Add())
            elif sight.seq == 4:
                await run.send(Close())

    assert seen == [1, 2, 3, 4, 5]


@looped
async def test_chunks_come_across() -> None:
    go = trio.Event()

    async def emit(order: Again, context: Context) -> int:
        await go.wait()
        for n in range(3):
            context.emit(n)
        return 1

    async def let_go() -> None:
        go.set()

    async with opened(by=emit) as kernel:
        run = await kernel.start(DOING, Data())
        watch = run.watch()
        await kernel.within(let_go)
        await run.wait_end()
        chunks = [sight.value async for sight in watch if isinstance(sight, Chunk)]

    assert chunks == [0, 1, 2]


@looped
async def test_who_stops_waiting_for_a_sight_misses_none() -> None:
    async with opened() as kernel:
        run = await kernel.start(COUNTING, Data())
        watch, seen = run.watch(), []
        for turn in range(60):
            waits = asyncio.create_task(anext(watch))
            sends = asyncio.create_task(run.send(Add())) if turn % 3 == 0 else None
            for _ in range(turn % 7):
                await asyncio.sleep(0)
            waits.cancel()
            seen += [
                one.seq
                for one in await asyncio.gather(waits, return_exceptions=True)
                if isinstance(one, Seen)
            ]
            if sends is not None:
                await sends
        await run.send(Close())
        seen += [sight.seq async for sight in watch if isinstance(sight, Seen)]

    assert seen == list(range(1, 23))


@looped
async def test_a_watch_may_be_closed_early_also_while_somebody_waits() -> None:
    async with opened() as kernel:
        run = await kernel.start(COUNTING, Data())
        async with aclosing(run.watch()) as watch:
            await anext(watch)
            waits = asyncio.create_task(anext(watch, None))
            await asyncio.sleep(0.01)
            await watch.aclose()

            assert await waits is None
            assert [sight async for sight in watch] == []


@looped
async def test_a_watch_is_fetched_some_sights_at_a_time() -> None:
    async with opened() as kernel:
        run = await kernel.start(COUNTING, Data())
        for _ in range(1_000):
            await run.send(Add())
        await run.send(Close())
        watch: Any = run.watch()
        most = 0
        count = 0
        async for _ in watch:
            count += 1
            most = max(most, len(watch._reading.ready))

    assert count == 1_002
    assert 1 < most < 1_000


@looped
async def test_what_children_do_is_seen_too() -> None:
    async with opened(PARENT) as kernel:
        run = await kernel.start(PARENT, Data(), id="p")
        runs = {sight.run async for sight in run.watch() if isinstance(sight, Seen)}

    assert runs == {"p", "p/1"}


# -- who is cancelled while he waits


@looped
async def test_who_is_cancelled_stops_waiting_and_the_run_goes_on() -> None:
    async with opened() as kernel:
        run = await kernel.start(COUNTING, Data())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(run.wait_end(), 0.01)
        await run.send(Close())

        assert (await run.wait_end()).status == "completed"


@looped
async def test_what_was_sent_is_taken_also_if_the_sender_is_cancelled() -> None:
    async with opened() as kernel:
        run = await kernel.start(COUNTING, Data())
        for turns in range(20):
            sends = asyncio.create_task(run.send(Add()))
            for _ in range(turns):
                await asyncio.sleep(0)
            began = bool(turns)
            sends.cancel()
            await asyncio.gather(sends, return_exceptions=True)
            if not began:
                await run.send(Add())
        await run.send(Close())

        assert (await run.wait_result()).n == 20


@looped
async def test_nothing_of_a_call_is_left_when_its_caller_was_cancelled() -> None:
    async def tasks() -> int:
        return trio.lowlevel.current_statistics().tasks_living

    async with opened() as kernel:
        run = await kernel.start(COUNTING, Data())
        before = await kernel.within(tasks)
        waits: list[asyncio.Task[Any]] = [asyncio.create_task(run.wait_end()) for _ in range(10)]
        waits += [asyncio.create_task(anext(run.watch(after=1))) for _ in range(10)]
        await asyncio.sleep(0)  # all of them ask
        during = await kernel.within(tasks)
        for one in waits:
            one.cancel()
        await asyncio.gather(*waits, return_exceptions=True)

        assert during == before + 20
        assert await kernel.within(tasks) == before


@looped
async def test_what_is_called_within_the_kernel_is_cancelled_and_awaited() -> None:
    said: list[str] = []

    async def tidy() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(0.05)
            said.append("tidied up")

    async with opened() as kernel:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(kernel.within(tidy), 0.01)

        assert said == ["tidied up"]


@looped
async def test_a_caller_who_is_cancelled_again_and_again_waits_for_the_end_of_his_call() -> None:
    said: list[str] = []

    async def tidy() -> str:
        with trio.CancelScope(shield=True):
            await trio.sleep(0.05)
        said.append("tidied up")
        return "done"

    async with opened() as kernel:
        calls = asyncio.create_task(kernel.within(tidy))
        for _ in range(3):
            await asyncio.sleep(0.005)
            calls.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calls

        assert said == ["tidied up"]
