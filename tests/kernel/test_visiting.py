"""What becomes of a run is seen from outside: as it is stored, a little late, until its end."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio

from detent import NoSuchRun, RunEnded, handle, visit
from detent.kernel import Journal, Seen, Visitor
from detent.tools.stores import SQLite
from detent.tools.testing.virtual import virtually
from tests.kernel.scheduler.toys import (
    Add,
    Again,
    Break,
    Close,
    Data,
    SlowJournal,
    call,
    clock_here,
    counting,
    doing,
    gives,
    opened,
    spawning,
)

Keep = Callable[[Path], Any]
COUNTING, AGAIN = counting(), doing(call(Again))
PARENT = spawning(COUNTING)


@asynccontextmanager
async def in_memory(path: Path) -> AsyncGenerator[Journal]:
    """A journal that takes its time."""
    yield SlowJournal(1)


def in_a_file(path: Path) -> Any:
    """A journal in a file."""
    return SQLite(path / "runs.db").open()


both = pytest.mark.parametrize("keep", [in_memory, in_a_file], ids=["memory", "file"])


def visitor(journal: Any, *machines: Any) -> Visitor:
    """Somebody from outside, in this test's time."""
    return visit(journal, *machines, clock=clock_here(), chance=Random(1))


@both
@virtually
async def test_who_visits_a_run_sees_all_that_who_drives_it_sees(
    keep: Keep, tmp_path: Path
) -> None:
    seen: list[Any] = []

    async def look(run: Any) -> None:
        async for sight in run.watch():
            seen.append(sight)

    async with (
        keep(tmp_path) as journal,
        opened(PARENT, journal=journal) as kernel,
        trio.open_nursery() as nursery,
    ):
        run = await kernel.start(PARENT, Data(), id="r")
        outside = visitor(journal, PARENT).run("r")
        nursery.start_soon(look, outside)
        await trio.sleep(1)
        so_far = len(seen)
        await kernel.run("r/1").send(Add(2))
        await trio.sleep(0.3)
        assert len(seen) == so_far + 1
        await kernel.run("r/1").send(Close())
        assert await outside.wait_end() == await run.wait_end()
        assert await outside.wait_result() == await run.wait_result()

        await trio.sleep(0.3)
        assert seen == [sight async for sight in run.watch()]
        assert [one async for one in outside.watch(after=2)] == [
            sight async for sight in run.watch(after=2)
        ]


@virtually
async def test_a_run_that_nobody_drives_is_waited_for_until_somebody_does() -> None:
    journal = SlowJournal(1)
    async with opened(AGAIN, journal=journal, handlers=[handle(Again, gives())]) as kernel:
        await kernel.start(AGAIN, Data(), id="before")
    async with opened(COUNTING, journal=journal) as kernel:
        await kernel.start(COUNTING, Data(), id="r")
    outside = visitor(journal, COUNTING).run("r")
    ends: list[Any] = []

    async def wait() -> None:
        ends.append(await outside.wait_end())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.sleep(60)
        await outside.cancel("enough")
        await trio.sleep(60)
        assert ends == []
        async with opened(COUNTING, journal=journal):
            await trio.sleep(1)

    assert [(end.status, end.failures[0].message) for end in ends] == [("cancelled", "enough")]
    with pytest.raises(RunEnded, match="cancelled"):
        await outside.wait_result()


@virtually
async def test_a_parked_run_is_resumed_from_outside_and_watched() -> None:
    journal = SlowJournal(1)
    async with opened(COUNTING, journal=journal) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r")
        await run.send(Break())
        outside = visitor(journal, COUNTING).run("r")
        assert (await outside.status()).status == "parked"

        assert (await outside.resume(skip=True)).status == "stored"
        await trio.sleep(1)
        assert (await outside.status()).status == "waiting"
        await run.send(Close())

        sights = [sight async for sight in outside.watch(after=1)]
        names = [
            type(told).__name__ for one in sights if isinstance(one, Seen) for told in one.told
        ]
        assert names[:2] == ["RunParked", "RunResumed"]
        assert names[-1] == "RunFinished"


@virtually
async def test_there_is_nothing_to_see_of_a_run_that_is_not_there() -> None:
    outside = visitor(SlowJournal(1), COUNTING).run("nobody")

    with pytest.raises(NoSuchRun):
        await outside.wait_end()
    with pytest.raises(NoSuchRun):
        await anext(outside.watch())
