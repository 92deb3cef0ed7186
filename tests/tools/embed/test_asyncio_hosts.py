"""Hosts of a kernel on asyncio: what becomes of runs when they go, and of them when the kernel does."""

import asyncio
import gc
import threading
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
import trio

import detent
from detent import IncompleteWorld, KernelClosed, StoreInUse, World, WrongLoop, handle
from detent.kernel import MemoryJournal
from detent.tools.embed.asyncio import Kernel, open_kernel
from detent.tools.stores import SQLite
from detent.tools.testing.faults import Crash
from tests.kernel.scheduler.toys import Add, Again, Data, gives
from tests.sides import looped
from tests.tools.embed.hosts import (
    COUNTING,
    DOING,
    HURRIED,
    dying,
    ends_in,
    opened,
    still_there,
)

who: ContextVar[str] = ContextVar("who", default="nobody")


# -- the host


@pytest.mark.parametrize("turns", range(0, 60, 3))
def test_a_host_may_be_cancelled_anywhere(turns: int) -> None:
    journal = MemoryJournal()

    async def host() -> None:
        async with opened(by=gives(after=0.001), journal=journal) as kernel:
            counts = await kernel.start(COUNTING, Data(), id="c")
            works = await kernel.start(DOING, Data(), id="w")
            await counts.send(Add())
            async for _ in works.watch():
                pass
            await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.create_task(host())
        for _ in range(turns):
            await asyncio.sleep(0.0005 if turns > 30 else 0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())

    assert still_there() == []
    assert set(ends_in(journal).values()) <= {"completed", "cancelled"}


@looped
async def test_a_host_that_suspends_leaves_its_runs_to_the_next_kernel() -> None:
    journal = MemoryJournal()
    slow: Any = {"by": gives(after=60.0), "on_cancel": "suspend", "limits": HURRIED}

    async def host() -> None:
        async with opened(journal=journal, **slow) as kernel:
            await kernel.start(DOING, Data(), id="w")
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await host()

    async with opened(journal=journal) as kernel:
        assert (await kernel.run("w").wait_end()).status == "completed"


@looped
async def test_leaving_the_block_waits_for_what_is_under_way() -> None:
    journal = MemoryJournal()
    async with opened(by=gives(after=0.05), journal=journal) as kernel:
        await kernel.start(DOING, Data(), id="w")

    assert ends_in(journal) == {"w": "completed"}


@looped
async def test_a_host_that_is_cancelled_while_it_waits_for_that_ends_it() -> None:
    journal = MemoryJournal()

    is_left = asyncio.Event()

    async def host() -> None:
        async with opened(by=gives(after=60.0), journal=journal) as kernel:
            await kernel.start(DOING, Data(), id="w")
            is_left.set()

    holds = asyncio.create_task(host())
    await is_left.wait()
    await asyncio.sleep(0.01)
    holds.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holds

    assert ends_in(journal) == {"w": "cancelled"}


@looped
async def test_others_who_wait_are_told_the_end_when_the_host_is_cancelled() -> None:
    told: list[asyncio.Task[detent.End]] = []

    async def host() -> None:
        async with opened() as kernel:
            run = await kernel.start(COUNTING, Data())
            told.append(asyncio.create_task(run.wait_end()))
            await asyncio.sleep(0.01)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await host()

    assert (await told[0]).status == "cancelled"


@looped
async def test_others_who_wait_for_what_will_not_end_are_told_that_the_kernel_is_closed() -> None:
    async with opened() as kernel:
        run = await kernel.start(COUNTING, Data())
        waits = asyncio.create_task(run.wait_end())
        reads = asyncio.create_task(anext(run.watch(after=1)))
        await asyncio.sleep(0.01)

    for one in (waits, reads):
        with pytest.raises(KernelClosed):
            await one


@looped
async def test_a_kernel_that_is_closed_refuses_everything() -> None:
    async with opened() as kernel:
        run = await kernel.start(COUNTING, Data(), id="r")
        watch = run.watch()

    for asks in (run.wait_end, run.status, lambda: kernel.start(COUNTING, Data()), watch.__anext__):
        with pytest.raises(KernelClosed):
            await asks()
    await watch.aclose()
    gc.collect()  # what was refused was not begun either, which would be warned of


# -- what goes wrong


@pytest.mark.parametrize(
    "error", [ValueError("mine"), KeyboardInterrupt(), SystemExit(3), StopAsyncIteration()]
)
def test_what_the_block_raises_comes_out_of_it(error: BaseException) -> None:
    journal = MemoryJournal()

    async def host() -> None:
        async with opened(journal=journal) as kernel:
            await kernel.start(COUNTING, Data(), id="r")
            raise error

    with pytest.raises(type(error)) as raised:
        asyncio.run(host())

    assert raised.value is error or isinstance(error, StopAsyncIteration)
    assert ends_in(journal) == {"r": "cancelled"}
    assert still_there() == []


@looped
async def test_a_kernel_that_cannot_open_says_why(tmp_path: Path) -> None:
    with pytest.raises(IncompleteWorld):
        async with open_kernel(World(DOING)):
            pass
    async with open_kernel(World(COUNTING, store=SQLite(tmp_path / "runs.db"))):
        with pytest.raises(StoreInUse):
            async with open_kernel(World(COUNTING, store=SQLite(tmp_path / "runs.db"))):
                pass

    assert still_there() == []


@looped
async def test_if_the_kernel_dies_everybody_is_told_and_the_block_is_left() -> None:
    journal = dying()

    async def host() -> list[Any]:
        async with opened(journal=journal) as kernel:
            run = await kernel.start(COUNTING, Data())
            waits = [asyncio.create_task(run.wait_end()) for _ in range(3)]
            await asyncio.sleep(0.01)
            others.extend(waits)
            journal.is_dead = True
            others.append(asyncio.create_task(run.send(Add())))
            await asyncio.sleep(60)
        raise AssertionError("it is left by what has ended it")

    others: list[asyncio.Task[Any]] = []
    with pytest.raises(Crash):
        await host()
    task: Any = asyncio.current_task()

    told = await asyncio.gather(*others, return_exceptions=True)
    assert [type(one) for one in told] == [KernelClosed] * 4
    assert task.cancelling() == 0
    assert still_there() == []


@looped
async def test_who_was_told_that_the_kernel_is_closed_hears_why_when_he_leaves() -> None:
    async def host() -> None:
        journal = dying()
        async with opened(journal=journal) as kernel:
            run = await kernel.start(COUNTING, Data())
            journal.is_dead = True
            await run.send(Add())

    with pytest.raises(Crash) as crash:
        await host()

    assert isinstance(
        crash.value.__cause__, KernelClosed | None
    )  # None, if he was left before he was told
    await asyncio.sleep(0.01)  # nothing that was to tell of it is left


@looped
async def test_who_goes_on_after_the_kernel_has_died_hears_of_it_in_the_end() -> None:
    async def host() -> None:
        journal = dying()
        async with opened(journal=journal) as kernel:
            run = await kernel.start(COUNTING, Data())
            journal.is_dead = True
            for _ in range(3):
                with suppress(KernelClosed, asyncio.CancelledError):
                    await run.send(Add())

    with pytest.raises(Crash):
        await host()

    task: Any = asyncio.current_task()
    assert task.cancelling() == 0
    await asyncio.sleep(0)


@looped
async def test_what_a_handler_raises_that_is_no_exception_ends_the_kernel() -> None:
    class Abort(BaseException):
        """What no handler should raise."""

    async def abort(order: Again) -> int:
        raise Abort

    async def host() -> None:
        async with opened(by=abort) as kernel:
            await (await kernel.start(DOING, Data())).wait_end()

    with pytest.raises(Abort):
        await host()


def test_a_loop_that_is_closed_in_the_middle_is_no_harm() -> None:
    journal = MemoryJournal()

    async def host() -> None:
        async with opened(by=gives(after=60.0), journal=journal) as kernel:
            await kernel.start(DOING, Data(), id="w")
            await asyncio.sleep(60)

    loop = asyncio.new_event_loop()
    task = loop.create_task(host())
    while not ends_in(journal):
        loop.run_until_complete(asyncio.sleep(0.01))
    task.get_coro().close()  # what an interpreter does that has no time
    task.cancel()
    with pytest.raises((asyncio.CancelledError, RuntimeError)):
        loop.run_until_complete(task)
    loop.close()

    for _ in range(200):
        if ends_in(journal) == {"w": "cancelled"} and not still_there():
            break
        threading.Event().wait(0.01)
    assert ends_in(journal) == {"w": "cancelled"}


# -- where it may be opened


def test_it_is_refused_where_there_is_no_loop_of_asyncio() -> None:
    async def host() -> None:
        async with opened():
            pass

    with pytest.raises(WrongLoop, match=r"a loop of trio here: use detent\.open_kernel"):
        trio.run(host)
    with pytest.raises(
        WrongLoop, match=r"no loop here: use detent\.tools\.embed\.sync\.open_kernel"
    ):
        host().send(None)


# -- context variables


@looped
async def test_handlers_see_the_variables_of_whoever_started_the_run() -> None:
    saw: list[str] = []

    async def on_trio(order: Again) -> int:
        saw.append(who.get())
        who.set("a handler")
        return 1

    def in_thread(order: Again) -> int:
        saw.append(who.get())
        who.set("a handler")
        return 1

    async def started(name: str, kernel: Kernel) -> None:
        who.set(name)
        await (await kernel.start(DOING, Data())).wait_end()
        assert who.get() == name

    for by in (on_trio, in_thread):
        who.set("the host")
        async with opened(by=by) as kernel:
            await asyncio.gather(*(started(name, kernel) for name in ("Ada", "Bob")))
        assert who.get() == "the host"

    assert sorted(saw) == ["Ada", "Ada", "Bob", "Bob"]


@looped
async def test_a_run_that_is_taken_up_has_the_variables_of_whoever_opened_the_kernel() -> None:
    saw: list[str] = []
    journal = MemoryJournal()

    async def look(order: Again) -> int:
        saw.append(who.get())
        if len(saw) == 1:
            await trio.sleep(60)
        return 1

    async def host() -> None:
        limits: Any = {"on_cancel": "suspend", "limits": HURRIED}
        async with opened(by=look, journal=journal, **limits) as kernel:
            await kernel.start(DOING, Data(), id="w")
            await asyncio.sleep(0.01)
            raise KeyError("mine")

    who.set("Ada")
    with pytest.raises(KeyError, match="mine"):
        await host()
    who.set("Bob")
    async with opened(by=look, journal=journal) as kernel:
        await kernel.run("w").wait_end()

    assert saw == ["Ada", "Bob"]


def test_one_on_trio_starts_no_thread() -> None:
    async def host() -> int:
        world = World(DOING, handlers=[handle(Again, gives())])
        before = threading.active_count()
        async with detent.open_kernel(world) as kernel:
            runs = [await kernel.start(DOING, Data()) for _ in range(10)]
            for run in runs:
                await run.wait_end()
            return threading.active_count() - before

    assert trio.run(host) == 0
