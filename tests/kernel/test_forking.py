"""Forks in a kernel: inert until somebody resumes them, and then runs like any other.

The file is long because everything that is done to runs is done to forks, in memory and in a file.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio
import trio.testing

from detent import (
    After,
    Final,
    Machine,
    On,
    State,
    Wait,
    WrongInput,
    handle,
    replay,
    visit,
)
from detent.kernel import (
    Journal,
    NoSuchRun,
    RunExists,
    Standing,
    verify_log,
)
from detent.kernel.scheduler import Item
from detent.tools.stores import SQLite
from detent.tools.testing.virtual import virtually
from tests.kernel.scheduler.toys import (
    Add,
    Again,
    Close,
    Data,
    Once,
    SlowJournal,
    Steps,
    call,
    clock_here,
    counting,
    doing,
    fan,
    opened,
    spawning,
    told,
)

Keep = Callable[[Path], Any]

ASK: Wait[Data, bool] = Wait(bool, "Really?", name="ask", deadline=60.0)
ONCE, AGAIN, ASKING = doing(call(Once)), doing(call(Again)), doing(ASK, "asking")
HOUR = 3_600
DAY = 24 * HOUR


@asynccontextmanager
async def in_memory(path: Path) -> AsyncGenerator[Journal]:
    """A journal that takes its time."""
    yield SlowJournal(1)


def in_a_file(path: Path) -> Any:
    """A journal in a file."""
    return SQLite(path / "runs.db").open()


both = pytest.mark.parametrize("keep", [in_memory, in_a_file], ids=["memory", "file"])

resting = Machine(
    "resting",
    State(
        "resting",
        On(Add, update=Data.add),
        On(Close, to="closed"),
        After(60.0, to="rested"),
    ),
    Final("rested"),
    Final("closed"),
    data=Data,
)


async def settled() -> None:
    """Let everything happen that happens at once: no time passes while a thread is asked."""
    await trio.testing.wait_all_tasks_blocked()
    await trio.sleep(0.001)


# -- inert, and resumed


@both
@virtually
async def test_nothing_happens_to_a_fork_before_somebody_resumes_it(
    keep: Keep, tmp_path: Path
) -> None:
    async with keep(tmp_path) as journal:
        async with opened(resting, journal=journal) as kernel:
            run = await kernel.start(resting, Data(), id="r")
            await trio.sleep(20)
            await run.send(Add(3))
            forked = await kernel.fork("r", at=2, name="f")
            assert (await forked.status()).status == "inert"
            assert [one.id for one in await kernel.runs(status="inert")] == ["f"]
            await trio.sleep(DAY)
            assert (await run.wait_end()).status == "completed"
            assert (await forked.status()).due is None
            assert await journal.entries("f") == ()

            await forked.resume()
            began = trio.current_time()
            end = await forked.wait_end()

        assert (end.status, end.value.n) == ("completed", 3)
        assert trio.current_time() - began == 40  # what the timer had left
        assert told(await journal.entries("f")) == ["resumed", "fired"]


@virtually
async def test_a_fork_that_is_told_to_look_at_the_clock_stays_as_it_is() -> None:
    async with opened(resting) as kernel:
        await kernel.start(resting, Data(), id="r")
        forked = await kernel.fork("r", at=1, name="f")
        await trio.sleep(DAY)

        kernel.engine.tell("f", Item())
        await settled()

        assert (await forked.status()).status == "inert"
        assert await kernel.journal.entries("f") == ()


@both
@virtually
async def test_another_kernel_leaves_a_fork_alone_too(keep: Keep, tmp_path: Path) -> None:
    async with keep(tmp_path) as journal:
        async with opened(resting, journal=journal) as kernel:
            await kernel.start(resting, Data(), id="r")
            await kernel.fork("r", at=1, name="f")
            await kernel.run("r").cancel()
        await trio.sleep(HOUR)

        async with opened(resting, journal=journal) as kernel:
            await trio.sleep(HOUR)
            assert [live.id for live in kernel.engine.lives] == []
            await kernel.run("f").resume()
            await trio.sleep(59)
            assert (await kernel.run("f").status()).status == "waiting"
        await trio.sleep(1)

        async with opened(resting, journal=journal) as kernel:
            assert (await kernel.run("f").wait_end()).status == "completed"


@pytest.mark.parametrize(
    ("machine", "effect", "choices", "heard", "count"),
    [
        (AGAIN, Again, {1: "rerun"}, "Returned", 2),
        (ONCE, Once, {}, "InDoubt", 1),
        (ONCE, Once, {1: "rerun"}, "Returned", 2),
        (ONCE, Once, {1: "take"}, "Returned", 1),
    ],
    ids=["rerun", "doubt", "told to", "take"],
)
@both
@virtually
async def test_what_was_in_flight_comes_to_what_was_chosen(
    keep: Keep,
    tmp_path: Path,
    machine: Any,
    effect: Any,
    choices: Mapping[int, Any],
    heard: str,
    count: int,
) -> None:
    steps = Steps()
    async with (
        keep(tmp_path) as journal,
        opened(machine, handlers=[handle(effect, steps)], journal=journal) as kernel,
    ):
        run = await kernel.start(machine, Data(), id="r")
        await settled()
        steps.go.set()
        await run.wait_end()
        forked = await kernel.fork("r", at=1, name="f", choices=choices)
        await settled()
        assert len(steps.began) == 1

        await forked.resume()
        data = (await forked.wait_end()).value

        assert data.heard == (heard,)
        assert len(steps.began) == count
        log = await forked.log()
        assert replay(log, machine).divergence is None
        assert list(verify_log(log)) == ["f"]
        assert await forked.log() == log


@both
@virtually
async def test_orders_of_an_each_and_children_begin_again(keep: Keep, tmp_path: Path) -> None:
    steps, each, parent = Steps(), fan(), spawning(counting())
    async with (
        keep(tmp_path) as journal,
        opened(each, parent, handlers=[handle(Again, steps)], journal=journal) as kernel,
    ):
        await kernel.start(each, Data(n=3), id="e")
        await kernel.start(parent, Data(), id="p")
        await settled()
        begun = len(steps.began)
        every: Any = dict.fromkeys(range(1, 1 + begun), "rerun")
        again = await kernel.fork("e", at=1, name="e2", choices=every)
        other = await kernel.fork("p", at=1, name="p2", choices={1: "rerun"})
        for forked in (again, other):
            await forked.resume()
        await settled()

        assert len(steps.began) == 2 * begun
        assert (await kernel.run("p2/1").status()).status == "waiting"
        for run in ("p", "p2"):
            await kernel.run(f"{run}/1").cancel()
        steps.go.set()
        assert (await other.wait_end()).value.heard == ("Ended",)
        assert (await again.wait_end()).status == "completed"


# -- what can be done with a fork


@both
@virtually
async def test_a_fork_is_watched_exported_and_forked_again(keep: Keep, tmp_path: Path) -> None:
    async with (
        keep(tmp_path) as journal,
        opened(resting, journal=journal) as kernel,
    ):
        run = await kernel.start(resting, Data(), id="r")
        await run.send(Add(1))
        one = await kernel.fork("r", at=2, name="one")
        inert = await one.log()
        two = await kernel.fork("one", at=2, name="two")
        await one.send(Add(2))  # it waits in line, as with any run that is parked
        assert (await one.snapshot()).data.n == 1
        await one.resume()
        await one.send(Close())
        seen = [sight async for sight in one.watch()]
        await two.resume()
        await two.send(Close())

        assert (await one.wait_end()).value.n == 3
        assert (await two.wait_end()).value.n == 1
        assert [sight.seq for sight in seen] == [3, 4, 5, 6]
        log = await one.log()
        assert log[: len(inert)] == inert
        assert replay([*await run.log(), *log], resting).divergence is None
        await run.cancel()


@both
@virtually
async def test_a_fork_comes_back_from_its_log_however_far_it_has_come(
    keep: Keep, tmp_path: Path
) -> None:
    async with opened(resting) as kernel:
        run = await kernel.start(resting, Data(), id="r")
        for n in range(300):
            await run.send(Add(n))
        one = await kernel.fork("r", at=200, name="one")
        logs = [await one.log()]
        await one.resume()
        for n in range(600):
            await one.send(Add(n))
        logs.append(await one.log())
        end = await kernel.run("one").snapshot()
        await one.cancel()
        await run.cancel()

    for log in logs:
        folder = tmp_path / str(len(log))
        folder.mkdir()
        async with keep(folder) as journal, opened(resting, journal=journal) as kernel:
            assert await kernel.bring_in(log) == ("one",)
            assert await kernel.run("one").log() == log
            if len(log) > 10:
                assert await kernel.run("one").snapshot() == end
                for n in range(600):
                    await kernel.run("one").send(Add(n))
                more = await kernel.run("one").log()
                assert more[: len(log)] == log
                assert replay(more, resting).divergence is None
            await kernel.run("one").cancel()


@both
@virtually
async def test_a_question_of_a_fork_is_open_as_long_as_it_was(keep: Keep, tmp_path: Path) -> None:
    async with (
        keep(tmp_path) as journal,
        opened(ASKING, journal=journal) as kernel,
    ):
        run = await kernel.start(ASKING, Data(), id="r")
        await trio.sleep(50)
        late = await kernel.fork("r", at=1, name="late")
        soon = await kernel.fork("r", at=1, name="soon")
        await trio.sleep(HOUR)
        for forked in (late, soon):
            await forked.resume()
        await trio.sleep(59)
        (question,) = await soon.questions()
        await soon.answer(question.id, True)

        assert (await soon.wait_end()).value.heard == ("Returned",)
        assert (await late.wait_end()).value.heard == ("TimedOut",)
        assert (await run.wait_end()).value.heard == ("TimedOut",)


@both
@virtually
async def test_a_fork_is_cancelled_without_having_been_resumed(keep: Keep, tmp_path: Path) -> None:
    steps = Steps()
    async with (
        keep(tmp_path) as journal,
        opened(AGAIN, handlers=[handle(Again, steps)], journal=journal) as kernel,
    ):
        run = await kernel.start(AGAIN, Data(), id="r")
        await settled()
        forked = await kernel.fork("r", at=1, name="f", choices={1: "rerun"})

        assert await forked.cancel("no") == "cancelled"

        assert (await forked.wait_end()).status == "cancelled"
        assert len(steps.began) == 1
        with pytest.raises(WrongInput, match="run 'f' is not parked, it is cancelled"):
            await forked.resume()
        await run.cancel()


@both
@virtually
async def test_a_fork_is_resumed_from_outside(keep: Keep, tmp_path: Path) -> None:
    async with keep(tmp_path) as journal:
        async with opened(resting, journal=journal) as kernel:
            await kernel.start(resting, Data(), id="r")
            await kernel.fork("r", at=1, name="f")
            await kernel.fork("r", at=1, name="g")
            outside = visit(journal, resting, clock=clock_here(), chance=Random(1))
            assert (await outside.run("f").resume()).status == "stored"
            await settled()
            assert (await outside.run("f").status()).status == "waiting"
            await kernel.run("r").cancel()
        assert (await outside.run("g").resume()).status == "stored"  # nobody drives it now

        async with opened(resting, journal=journal) as kernel:
            await settled()
            assert (await kernel.run("g").status()).status == "waiting"
            for run in ("f", "g"):
                await kernel.run(run).cancel()


@virtually
async def test_a_kernel_that_closes_does_not_wait_for_forks() -> None:
    journal, steps = SlowJournal(1), Steps()
    steps.go.set()
    async with opened(AGAIN, handlers=[handle(Again, steps)], journal=journal) as kernel:
        run = await kernel.start(AGAIN, Data(), id="r")
        await run.wait_end()
        await kernel.fork("r", at=1, name="f", choices={1: "rerun"})

    assert dict(await journal.find())["f"] == Standing("inert")


@virtually
async def test_a_fork_needs_a_name_that_nobody_has() -> None:
    async with opened(resting) as kernel:
        await kernel.start(resting, Data(), id="r")
        await kernel.start(resting, Data(), id="s")

        with pytest.raises(RunExists, match="run 's' is there already"):
            await kernel.fork("r", at=1, name="s")
        with pytest.raises(NoSuchRun):
            await kernel.fork("nobody", at=1, name="t")
        with pytest.raises(WrongInput, match="a fork needs a name of its own"):
            await kernel.fork("r", at=1, name="r")
        for id in ("r", "s"):
            await kernel.run(id).cancel()


@both
@virtually
async def test_time_stands_still_for_a_fork_while_its_machine_changes(
    keep: Keep, tmp_path: Path
) -> None:
    later = Machine(
        "resting",
        State(
            "resting",
            On(Add, update=Data.add, when="event.n > 0"),
            On(Close, to="closed"),
            After(60.0, to="rested"),
        ),
        Final("rested"),
        Final("closed"),
        data=Data,
    )
    async with keep(tmp_path) as journal:
        async with opened(resting, journal=journal) as kernel:
            await kernel.start(resting, Data(), id="r")
            await kernel.fork("r", at=1, name="f")
            await kernel.run("r").cancel()
        await trio.sleep(HOUR)

        async with opened(later, journal=journal) as kernel:
            await kernel.run("f").send(Add(2))
            await trio.sleep(HOUR)
            await kernel.run("f").resume()
            began = trio.current_time()
            end = await kernel.run("f").wait_end()

        assert (trio.current_time() - began, end.value.n) == (60, 2)
        assert told(await journal.entries("f"))[:3] == ["upgraded", "queued", "resumed"]
