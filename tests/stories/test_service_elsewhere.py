"""The service that is cancelled, in real time, with hosts that are not on trio: one on asyncio, one without a loop."""

import asyncio
import os
import signal
import threading
from pathlib import Path
from time import monotonic, sleep

import pytest
import trio

from detent import End, open_kernel
from detent.kernel import MemoryJournal
from detent.tools.embed import asyncio as on_asyncio
from detent.tools.embed import sync
from detent.tools.stores import SQLite
from tests.stories.service import (
    CANCEL_AT,
    GRACE,
    MARGIN,
    REASON,
    SERVICE,
    Job,
    Tools,
    check_story,
    told,
    words,
)

every_way = pytest.mark.parametrize(
    ("cleanup", "where"), [(0.2, "memory"), (5.0, "memory"), (0.2, "file")]
)


def kept_in(where: str, folder: Path) -> MemoryJournal | SQLite:
    """Where runs are kept."""
    return MemoryJournal() if where == "memory" else SQLite(folder / "runs.db")


def check_cancelled(tools: Tools, end: End, began: float, time: float, said: list[str]) -> None:
    """Assert that a run was cancelled in order, and in time."""
    assert end.status == "cancelled"
    assert end.failures[0].message == REASON
    assert time <= CANCEL_AT + GRACE + MARGIN
    if tools.cleanup < GRACE:
        check_story(said, is_cut=False)
        assert CANCEL_AT + tools.cleanup <= tools.cleaned["a"] - began <= time + MARGIN
    else:
        assert time >= CANCEL_AT + GRACE
        assert end.abandoned == ("a/2",)


def read(journal: MemoryJournal) -> list[str]:
    """What the first run tells, when all is over."""

    async def reader() -> list[str]:
        async with open_kernel(Tools().world(journal)) as kernel:
            return await told(kernel.run("a"))

    return trio.run(reader)


# -- on asyncio


@every_way
@pytest.mark.parametrize("is_hosted", [False, True], ids=["on trio", "on host"])
def test_one_run_is_cancelled_and_the_other_is_not_on_asyncio(
    cleanup: float, where: str, is_hosted: bool, tmp_path: Path
) -> None:
    tools, kept = Tools(cleanup), kept_in(where, tmp_path)

    async def host() -> None:
        world = tools.world(kept, is_hosted=is_hosted)
        async with on_asyncio.open_kernel(world) as kernel:
            began = monotonic()
            run = await kernel.start(SERVICE, Job(60.0), id="a")
            second = await kernel.start(SERVICE, Job(0.1), id="b")
            if cleanup > GRACE:
                tools.goes_on.set()
            await asyncio.sleep(max(0.0, began + CANCEL_AT - monotonic()))
            await run.cancel(REASON)
            end, time = await run.wait_end(), monotonic() - began

            check_cancelled(tools, end, began, time, await told(run))
            assert (await run.snapshot()).data.outputs[0] == "partial"
            assert await run.cancel("again") == "cancelled"
            if cleanup < GRACE:
                assert sorted((await second.wait_result()).outputs) == ["block", "partial", "slow"]
            else:
                await second.cancel()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(host())


@pytest.mark.parametrize("is_hosted", [False, True], ids=["on trio", "on host"])
@pytest.mark.parametrize("cleanup", [0.2, 5.0])
def test_the_hosts_own_task_ends_it_in_the_same_order(cleanup: float, is_hosted: bool) -> None:
    tools, journal = Tools(cleanup), MemoryJournal()

    async def hold() -> None:
        async with on_asyncio.open_kernel(tools.world(journal, is_hosted=is_hosted)) as kernel:
            await kernel.start(SERVICE, Job(60.0), id="a")
            await asyncio.sleep(60)

    async def host() -> float:
        began = monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(CANCEL_AT):
                await hold()
        return monotonic() - began

    time = asyncio.run(host())
    tools.goes_on.set()

    check_story(read(journal), is_cut=cleanup > GRACE)
    assert CANCEL_AT + GRACE <= time <= CANCEL_AT + GRACE + MARGIN


@pytest.mark.parametrize("way", ["by hand", "with its host"])
def test_what_is_cancelled_on_asyncio_before_it_starts_calls_nobody(way: str) -> None:
    tools, journal = Tools(), MemoryJournal()
    tools.goes_on.set()

    async def hold() -> None:
        async with on_asyncio.open_kernel(tools.world(journal, runs=1)) as kernel:
            await kernel.start(SERVICE, Job(60.0), id="b")
            run = await kernel.start(SERVICE, Job(60.0), id="a")
            if way == "by hand":
                await run.cancel(REASON)
            raise asyncio.CancelledError

    async def host() -> End:
        with pytest.raises(asyncio.CancelledError):
            await hold()
        async with on_asyncio.open_kernel(tools.world(journal)) as kernel:
            return await kernel.run("a").wait_end()

    end = asyncio.run(host())

    assert end.status == "cancelled"
    assert [call for call in tools.calls if call.startswith("a")] == []


# -- without a loop


@every_way
def test_one_run_is_cancelled_and_the_other_is_not_without_a_loop(
    cleanup: float, where: str, tmp_path: Path
) -> None:
    tools, kept = Tools(cleanup), kept_in(where, tmp_path)

    with sync.open_kernel(tools.world(kept)) as kernel:
        began = monotonic()
        run = kernel.start(SERVICE, Job(60.0), id="a")
        second = kernel.start(SERVICE, Job(0.1), id="b")
        if cleanup > GRACE:
            tools.goes_on.set()
        sleep(max(0.0, began + CANCEL_AT - monotonic()))
        run.cancel(REASON)
        end, time = run.wait_end(), monotonic() - began

        check_cancelled(
            tools, end, began, time, [one for sight in run.watch() for one in words(sight)]
        )
        assert run.snapshot().data.outputs[0] == "partial"
        assert run.cancel("again") == "cancelled"
        if cleanup < GRACE:
            assert sorted(second.wait_result().outputs) == ["block", "partial", "slow"]
        else:
            second.cancel()

    assert [one.name for one in threading.enumerate() if one.name == "detent"] == []


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("cleanup", [0.2, 5.0])
def test_who_interrupts_a_program_ends_it_in_the_same_order(cleanup: float) -> None:
    tools, journal = Tools(cleanup), MemoryJournal()
    began = monotonic()
    threading.Timer(CANCEL_AT, os.kill, [os.getpid(), signal.SIGINT]).start()

    def hold() -> End:
        with sync.open_kernel(tools.world(journal)) as kernel:
            return kernel.start(SERVICE, Job(60.0), id="a").wait_end()

    with pytest.raises(KeyboardInterrupt):
        hold()
    time = monotonic() - began
    tools.goes_on.set()

    check_story(read(journal), is_cut=cleanup > GRACE)
    assert CANCEL_AT + GRACE <= time <= CANCEL_AT + GRACE + MARGIN
