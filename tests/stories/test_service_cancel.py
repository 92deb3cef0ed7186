"""A service in which one of two runs is cancelled, in real time: one handler cleans up, another cannot stop.

Rule 1: this file, and the one beside it for hosts of other kinds, are the only ones with times of the real clock in
        their assertions; what may be late has a margin.
"""

from pathlib import Path
from time import monotonic

import pytest
import trio

from detent import End, Kernel, Run, open_kernel
from detent.kernel import MemoryJournal
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
)


async def cancelled(kernel: Kernel, began: float) -> tuple[End, float]:
    """Cancel the first run after a while: its end, and when it came."""
    run = kernel.run("a")
    await trio.sleep(max(0.0, began + CANCEL_AT - monotonic()))
    await run.cancel(REASON)
    return await run.wait_end(), monotonic() - began


async def started(kernel: Kernel) -> tuple[Run[Job, Job], Run[Job, Job], float]:
    """Two runs, of which the second needs not long."""
    began = monotonic()
    first = await kernel.start(SERVICE, Job(60.0), id="a")
    second = await kernel.start(SERVICE, Job(0.1), id="b")
    return first, second, began


def tasks() -> int:
    """How many tasks there are."""
    return trio.lowlevel.current_statistics().tasks_living


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
            said = await told(kernel.run("a"))
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
        began = monotonic()
        with trio.move_on_after(CANCEL_AT):
            async with open_kernel(tools.world(journal)) as kernel:
                await kernel.start(SERVICE, Job(60.0), id="a")
                await trio.sleep_forever()
        return monotonic() - began

    time = trio.run(host)
    tools.goes_on.set()

    async def read() -> list[str]:
        async with open_kernel(tools.world(journal)) as kernel:
            return await told(kernel.run("a"))

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
