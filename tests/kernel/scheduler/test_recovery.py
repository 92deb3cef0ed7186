"""Taking up what a kernel left behind: what may have begun by its class, what was held by itself."""

from copy import deepcopy
from typing import Any

import pytest
import trio

from detent import (
    After,
    Context,
    Final,
    Kernel,
    Limits,
    Machine,
    NotServed,
    On,
    Run,
    Send,
    State,
    Wait,
    handle,
)
from detent.kernel import Delivery
from detent.kernel.scheduler.rounds import PAGE
from detent.tools.testing.virtual import virtually
from tests.kernel.scheduler.toys import (
    Add,
    Again,
    Asked,
    Close,
    Data,
    Leave,
    Once,
    SlowJournal,
    Steps,
    call,
    counting,
    doing,
    fan,
    gives,
    opened,
    spawning,
    told,
)

COUNTING, FAN = counting(), fan()
AGAIN, ONCE, ASKED = doing(call(Again)), doing(call(Once)), doing(call(Asked))
PARENT = spawning(COUNTING)
FAST = Limits(grace=0.1)


class Stop(Exception):
    """The kernel is put down where it is."""


async def put_down(
    journal: SlowJournal, *machines: Any, handlers: Any = (), act: Any = None, **more: Any
) -> None:
    """A run of the first machine is begun, and put down where it is after something was done."""
    options: dict[str, Any] = {"limits": FAST, **more}
    try:
        async with opened(
            *machines, handlers=handlers, journal=journal, on_cancel="suspend", **options
        ) as kernel:
            run = await kernel.start(machines[0], Data(n=3), id="r")
            if act is not None:
                await act(kernel, run)
            raise Stop
    except Stop:
        return


async def query(order: Asked, context: Context) -> int:
    """It was done."""
    return 7


@pytest.mark.parametrize(
    ("machine", "effect", "outcome", "asked"),
    [
        (AGAIN, Again, "Returned", True),
        (ONCE, Once, "InDoubt", False),
        (ASKED, Asked, "Returned", False),
    ],
)
@virtually
async def test_what_may_have_begun_goes_by_its_class(
    machine: Any, effect: Any, outcome: str, asked: bool
) -> None:
    journal, first, second = SlowJournal(1), Steps(), Steps()
    second.go.set()
    more: Any = {"query": query} if effect is Asked else {}
    await put_down(journal, machine, handlers=[handle(effect, first, **more)])

    async with opened(
        machine, handlers=[handle(effect, second, **more)], journal=journal
    ) as kernel:
        data: Data = (await kernel.run("r").wait_end()).value

    assert data.heard == (outcome,)
    assert (len(first.began), len(second.began)) == (1, asked)
    assert "recovered" in told(await journal.entries("r"))


@virtually
async def test_more_than_one_transaction_holds_begins_again() -> None:
    journal, steps = SlowJournal(1), Steps()
    limits = Limits(grace=0.1, steps=2)
    await put_down(journal, FAN, handlers=[handle(Again, steps)], limits=limits)
    assert len(steps.began) == 3
    steps.go.set()

    async with opened(
        FAN, handlers=[handle(Again, steps)], journal=journal, limits=limits
    ) as kernel:
        assert (await kernel.run("r").wait_end()).status == "completed"

    assert sorted(order.n for order in steps.began) == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("machine", "effect", "outcome"),
    [(AGAIN, Again, "Stopped"), (ONCE, Once, "InDoubt"), (FAN, Again, "Stopped")],
)
@virtually
async def test_what_had_been_told_to_stop_has_stopped(
    machine: Any, effect: Any, outcome: str
) -> None:
    journal = SlowJournal(1)

    async def stays(order: Any) -> int:
        with trio.CancelScope(shield=True):
            await trio.sleep(5)
        return 1

    handlers = [handle(effect, stays)]
    limits = Limits(grace=10.0)
    async with opened(machine, handlers=handlers, journal=journal, limits=limits) as kernel:
        run = await kernel.start(machine, Data(n=1), id="r")
        await trio.sleep(1)
        await run.send(Leave())
        left = deepcopy(journal)  # what there would be if the process died here
        if machine is not FAN:
            await run.send(Close())

    async with opened(machine, handlers=handlers, journal=left) as kernel:
        if machine is not FAN:
            await kernel.run("r").send(Close())
        await kernel.run("r").wait_end()

    assert outcome in told(await left.entries("r"))


@virtually
async def test_a_run_that_waits_is_not_touched_and_its_time_is_kept() -> None:
    sleeper: Machine[Data, Data, Data] = Machine(
        "sleeper", State("a", After(100.0, to="b"), On(Add, update=Data.add)), Final("b"), data=Data
    )
    journal = SlowJournal(1)
    await put_down(journal, sleeper)
    await trio.sleep(10)

    async with opened(sleeper, journal=journal) as kernel:
        assert list(kernel.engine.lives) == []
        await trio.sleep(80)
        assert list(kernel.engine.lives) == []
        await kernel.run("r").wait_end()
        assert trio.current_time() == 100

    assert told(await journal.entries("r")) == ["began", "fired"]


@virtually
async def test_every_page_of_runs_is_taken_up() -> None:
    ask: Wait[Data, bool] = Wait(bool, "?", deadline=5.0, name="ask")
    asking = doing(ask, "asking")
    journal = SlowJournal(0)
    try:
        async with opened(asking, journal=journal, on_cancel="suspend") as kernel:
            for number in range(PAGE + 1):
                await kernel.start(asking, Data(), id=f"r{number:05}")
            raise Stop
    except Stop:
        pass

    async with opened(asking, journal=journal):
        await trio.sleep(5)

    stands = [one.status for _, one in await journal.find(limit=9_999)]
    assert stands == ["completed"] * (PAGE + 1)


@virtually
async def test_a_run_whose_machine_changed_its_shape_is_left_alone() -> None:
    journal = SlowJournal(1)
    await put_down(journal, AGAIN, handlers=[handle(Again, Steps())])
    before = await journal.entries("r")

    async with opened(counting("doing"), journal=journal) as kernel:
        with pytest.raises(NotServed):
            await kernel.run("r").snapshot()

    assert await journal.entries("r") == before


@virtually
async def test_a_parent_hears_of_a_child_that_ended_when_nobody_was_there() -> None:
    journal = SlowJournal(1)
    await put_down(journal, PARENT, COUNTING)
    async with opened(COUNTING, journal=journal) as kernel:  # that knows only the child
        await kernel.run("r/1").send(Close())
    assert [sent.key for sent in await journal.inbox("r")] == ["r/1"]

    async with opened(PARENT, journal=journal) as kernel:
        end = await kernel.run("r").wait_end()

    assert end.value.heard == ("Ended",)


@virtually
async def test_a_child_that_was_left_hears_of_it_from_the_next_kernel() -> None:
    journal = SlowJournal(1)
    stays = spawning(AGAIN, "stays")

    async def slow(order: Again) -> int:
        with trio.CancelScope(shield=True):
            await trio.sleep(0.05)
        await trio.sleep_forever()
        return 1

    async def leave(kernel: Kernel, run: Run[Data, Data]) -> None:
        await run.send(Leave())

    await put_down(journal, stays, handlers=[handle(Again, slow)], act=leave)
    async with opened(stays, handlers=[handle(Again, slow)], journal=journal, limits=FAST) as k:
        await k.run("r").send(Close())
        await k.run("r").wait_end()

    stands = {run: one.status for run, one in await journal.find()}
    assert stands["r/1"] == "cancelled"


@virtually
async def test_what_was_delivered_and_cannot_be_read_is_noted_and_forgotten() -> None:
    journal = SlowJournal(1)
    await put_down(journal, AGAIN, handlers=[handle(Again, Steps())])
    await journal.deliver(
        [Delivery("r", "k", {"$": "Nonsense"}), Delivery("r", "l", {"$": "Add", "n": 4})]
    )

    async with opened(AGAIN, handlers=[handle(Again, gives())], journal=journal) as kernel:
        end = await kernel.run("r").wait_end()

    assert end.value.n == 7
    assert "undelivered" in told(await journal.entries("r"))
    assert await journal.inbox("r") == ()


@virtually
async def test_what_is_held_begins_as_if_nothing_had_been() -> None:
    journal, steps = SlowJournal(1), Steps()
    limits = Limits(grace=0.1, threads=1)
    handlers = [handle(Again, steps, workers=1)]
    await put_down(journal, FAN, handlers=handlers, limits=limits)
    assert len(steps.began) == 1
    steps.go.set()

    async with opened(FAN, handlers=handlers, journal=journal) as kernel:
        await kernel.run("r").wait_end()

    assert sorted(order.n for order in steps.began) == [0, 0, 1, 2]


@virtually
async def test_a_letter_is_written_again_and_arrives_once() -> None:
    form: Any = Send("reader", Add(4), name="write")
    writer, journal = doing(form, "writer"), SlowJournal(30)
    async with opened(writer, COUNTING, journal=journal) as kernel:
        await kernel.start(COUNTING, Data(), id="reader")
    await put_down(journal, writer, COUNTING, limits=Limits(grace=0.0))

    async with opened(writer, COUNTING, journal=journal) as kernel:
        await kernel.run("r").wait_end()
        assert (await kernel.run("reader").snapshot()).data.n == 4
