"""Who is in memory: loaded when something is to happen, put away when nothing is, owned by one at a time."""

from collections import deque
from random import Random

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from detent import After, Final, Limits, Machine, NoSuchRun, On, Run, State, Wait, World, handle
from detent.kernel import Recorder, begin, compile_machine
from detent.kernel.recorder import NOWHERE
from detent.kernel.scheduler import Item, Live, Lives, serve
from detent.kernel.scheduler.alarms import Alarms
from detent.tools.testing.virtual import run_virtually, virtually
from tests.kernel.scheduler.toys import (
    Add,
    Again,
    Close,
    Data,
    Leave,
    SlowJournal,
    Steps,
    Wall,
    call,
    counting,
    doing,
    gives,
    opened,
    outcomes_of,
    pause,
    spawning,
    told,
)
from tests.settings import times

WORK = call(Again)
COUNTING, AGAIN = counting(), doing(call(Again))
SLEEPER: Machine[Data, Data, Data] = Machine(
    "sleeper", State("a", After(10.0, to="b"), On(Add, update=Data.add)), Final("b"), data=Data
)


@settings(max_examples=times(20))
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 3)), max_size=25), st.integers(0, 3))
def test_being_put_away_changes_nothing(sent: list[tuple[int, int]], awake: int) -> None:
    async def act() -> tuple[list[int], int]:
        limits = Limits(awake=awake)
        async with opened(COUNTING, journal=SlowJournal(1), limits=limits) as kernel:
            runs: list[Run[Data, Data]] = []
            for number in range(5):
                runs.append(await kernel.start(COUNTING, Data(), id=f"r{number}"))
            for number, n in sent:
                await runs[number].send(Add(n))
            await trio.testing.wait_all_tasks_blocked()
            here = len(list(kernel.engine.lives))
            return [(await run.snapshot()).data.n for run in runs], here

    counts, here = run_virtually(act)

    assert counts == [sum(n for number, n in sent if number == run) for run in range(5)]
    assert here <= awake


@virtually
async def test_two_who_wake_a_run_at_once_wake_it_once() -> None:
    journal = SlowJournal(3)
    async with opened(COUNTING, journal=journal) as kernel:
        await kernel.start(COUNTING, Data(), id="r")
    async with opened(COUNTING, journal=journal) as kernel, trio.open_nursery() as nursery:

        async def send(turns: int) -> None:
            await pause(turns)
            await kernel.run("r").send(Add())

        for turns in range(8):
            nursery.start_soon(send, turns)

    assert told(await journal.entries("r")) == ["began", *["Add"] * 8]


@virtually
async def test_a_run_that_is_over_is_read_and_not_kept() -> None:
    async with opened(COUNTING, journal=SlowJournal(1)) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r")
        await run.send(Close())

        for _ in range(2):
            assert (await run.snapshot()).end is not None
            assert (await run.wait_end()).status == "completed"
        assert list(kernel.engine.lives) == []
        with pytest.raises(NoSuchRun):
            await kernel.run("nobody").wait_end()


@virtually
async def test_what_is_due_of_a_run_that_was_put_away_happens_in_time() -> None:
    async with opened(SLEEPER, limits=Limits(awake=0)) as kernel:
        run = await kernel.start(SLEEPER, Data(), id="r")
        await trio.sleep(1)
        assert list(kernel.engine.lives) == []
        await run.send(Add())
        await run.wait_end()

    assert trio.current_time() == 10


@virtually
async def test_who_waits_for_its_end_hears_of_it_when_the_run_was_put_away() -> None:
    ends: list[str] = []
    async with opened(COUNTING, limits=Limits(awake=0)) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r")

        async def wait() -> None:
            ends.append((await run.wait_end()).status)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            nursery.start_soon(wait)
            await trio.sleep(1)
            await run.send(Add())
            await run.send(Close())

    assert ends == ["completed", "completed"]


@virtually
async def test_what_is_held_until_a_child_has_ended_begins_though_the_run_was_put_away() -> None:
    async def stays(order: Again) -> int:
        with trio.CancelScope(shield=True):
            await trio.sleep(2)
        return 1

    machine = spawning(AGAIN, after=call(Again, name="after"))
    limits = Limits(awake=0, grace=10.0)
    async with opened(machine, handlers=[handle(Again, stays)], limits=limits) as kernel:
        run = await kernel.start(machine, Data(), id="r")
        await run.send(Leave())
        assert (await run.wait_end()).status == "completed"

    assert trio.current_time() == 4


@virtually
async def test_a_deadline_that_was_moved_is_set_once() -> None:
    ask: Wait[Data, bool] = Wait(bool, "?", deadline=5.0, name="ask")
    machine = doing(ask)
    async with opened(machine, limits=Limits(awake=0)) as kernel:
        run = await kernel.start(machine, Data(), id="r")
        await trio.sleep(2)
        await run.send(Add())
        await run.send(Leave())
        await trio.sleep(10)

        assert "TimedOut" not in told(await kernel.journal.entries("r"))
        assert (await run.snapshot()).configuration == ("left",)


@virtually
async def test_nobody_is_told_before_somebody_listens() -> None:
    world = World(COUNTING)
    served = serve(world)
    lives = Lives(world, served, SlowJournal(1), Alarms(Wall()))
    table = compile_machine(COUNTING)
    header = Recorder(table).header("r", 0)
    live = lives.new("r", served["counting"], (header, begin(table, Data()).snapshot, 1))
    lives.born(live)
    live.snapshot = begin(table, Data()).snapshot

    lives.tell("r", Item())
    lives.rest(live)

    assert lives.get("r") is live
    assert isinstance(live, Live)
    assert live.line == deque()
    assert live.head is NOWHERE


@virtually
async def test_who_wakes_a_run_while_it_is_born_waits_for_it() -> None:
    journal = SlowJournal(10)
    async with (
        opened(AGAIN, handlers=[handle(Again, gives(after=1))], journal=journal) as kernel,
        trio.open_nursery() as nursery,
    ):
        found: list[str] = []

        async def look(turns: int) -> None:
            await pause(turns)
            try:
                found.append((await kernel.run("r").snapshot()).status)
            except NoSuchRun:
                found.append("none")

        for turns in range(0, 60, 5):
            nursery.start_soon(look, turns)
        await kernel.start(AGAIN, Data(), id="r")

    assert set(found) <= {"none", "running"}


@virtually
async def test_a_run_may_be_born_while_somebody_looks_for_it() -> None:
    journal = SlowJournal(10)
    name = f"{Random(1).getrandbits(96):024x}"
    found: list[str] = []
    async with opened(COUNTING, journal=journal, chance=Random(1)) as kernel:

        async def look(turns: int) -> None:
            await pause(turns)
            try:
                found.append((await kernel.run(name).snapshot()).status)
            except NoSuchRun:
                found.append("none")

        async with trio.open_nursery() as nursery:
            for turns in range(0, 40, 2):
                nursery.start_soon(look, turns)
            await pause(20)
            run = await kernel.start(COUNTING, Data())

        assert run.id == name
    assert set(found) <= {"none", "running"}
    assert "running" in found


@virtually
async def test_a_run_that_is_busy_again_is_not_put_away() -> None:
    journal = SlowJournal(30)
    async with opened(COUNTING, journal=journal, limits=Limits(awake=1)) as kernel:
        first = await kernel.start(COUNTING, Data(), id="first")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: kernel.start(COUNTING, Data()))
            await pause(15)
            nursery.start_soon(first.send, Add())

        assert (await first.snapshot()).data.n == 1


@virtually
async def test_nothing_is_due_any_more_once_a_kernel_is_put_down() -> None:
    journal, steps = SlowJournal(1), Steps()
    machine: Machine[Data, Data, Data] = Machine(
        "both",
        State("a", On(outcomes_of(WORK), to="b"), After(1.0, to="b"), do=WORK),
        Final("b"),
        data=Data,
    )

    async def stays(order: Again) -> int:
        with trio.CancelScope(shield=True):
            await steps.go.wait()
        return 1

    with trio.CancelScope() as host:
        async with opened(
            machine,
            handlers=[handle(Again, stays)],
            journal=journal,
            on_cancel="suspend",
            limits=Limits(grace=2.0),
        ) as kernel:
            await kernel.start(machine, Data(), id="r")
            trio.lowlevel.spawn_system_task(later, steps)
            host.cancel()
            await trio.sleep_forever()

    assert "fired" not in told(await journal.entries("r"))


async def later(steps: Steps) -> None:
    """Let go after a while."""
    await trio.sleep(5)
    steps.go.set()
