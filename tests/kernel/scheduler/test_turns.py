"""What is made of a line: what begins, is held, declined, admitted and stopped in one transaction with what says so."""

from collections.abc import Sequence
from typing import Any

import pytest
import trio

from detent import (
    Breaker,
    Ended,
    Event,
    Fails,
    Final,
    Ignore,
    Limiter,
    Machine,
    On,
    Run,
    State,
    handle,
)
from detent.kernel import After, Call, Each, Ordered, Snapshot, Spawn, Wait
from detent.kernel.scheduler import Item
from detent.tools.testing.virtual import virtually
from tests.kernel.scheduler.toys import (
    Add,
    Again,
    Break,
    Close,
    Data,
    Leave,
    SlowJournal,
    Steps,
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

AGAIN, COUNTING = doing(call(Again)), counting()
BROKEN = doing(call(Again, breaker="bank"), "broken")
LIMITED = doing(call(Again, limit="slow"), "limited")
WORK: Any = call(Again)
OPEN = {"breakers": {"bank": Breaker(failures=1, cool_down=10.0)}}
SLOW = {"limiters": {"slow": Limiter(1, 10.0)}}


async def held(run: Run[Any, Any]) -> list[str]:
    """Why effects of a run are held."""
    snapshot: Snapshot[Any] = await run.snapshot()
    return [one.life.held for one in snapshot.effects if isinstance(one, Ordered)]


async def fails(order: Any) -> int:
    """Say that it was not done."""
    raise Fails("no")


async def at_once(run: Run[Any, Any], *events: Event) -> None:
    """Put events into the line of a run, so that they are stepped into one transaction."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run.send, Add(0))
        await pause(4)
        for event in events:
            nursery.start_soon(run.send, event)
            await pause()


# -- one transaction


@virtually
async def test_what_is_stopped_in_the_transaction_that_orders_it_never_begins() -> None:
    steps, journal = Steps(), SlowJournal(20)
    machine: Machine[Data, Data, Data] = Machine(
        "idle",
        State("idle", On(Add, update=Data.add), On(Break, to="doing")),
        State("doing", On(outcomes_of(WORK), to="done"), On(Leave, to="left"), do=WORK),
        State("left", On(Close, to="done")),
        Final("done"),
        data=Data,
    )
    async with opened(
        machine, handlers=[handle(Again, steps, workers=1)], journal=journal
    ) as kernel:
        run = await kernel.start(machine, Data(), id="r")
        await at_once(run, Break(), Leave())

        assert told(await journal.entries("r")) == ["began", "Add", "Break", "Leave", "Stopped"]
        other = await kernel.start(machine, Data(), id="s")
        await other.send(Break())
        assert await held(other) == [""]
        steps.go.set()
        await run.send(Close())
        await other.wait_end()

    assert len(steps.began) == 1


@virtually
async def test_a_child_that_is_stopped_in_the_transaction_that_orders_it_is_never_born() -> None:
    steps, journal = Steps(), SlowJournal(20)
    child = doing(WORK, "child")
    form: Spawn[Data, Data] = Spawn(child, Data.same, name="child")
    machine: Machine[Data, Data, Data] = Machine(
        "idle",
        State("idle", On(Add, update=Data.add), On(Break, to="doing")),
        State("doing", On(form.ended, to="done"), On(Leave, to="left"), do=form),
        State("left", On(Close, to="done")),
        Final("done"),
        data=Data,
    )
    handlers = [handle(Again, steps, workers=1)]
    async with opened(machine, handlers=handlers, journal=journal) as kernel:
        run = await kernel.start(machine, Data(), id="r")
        await at_once(run, Break(), Leave())

        assert [name for name, _ in await journal.find()] == ["r"]
        other = await kernel.start(child, Data(), id="s")  # there is a worker for it
        assert await held(other) == [""]
        steps.go.set()
        await run.send(Close())


@virtually
async def test_what_was_declined_and_left_at_once_has_one_outcome() -> None:
    journal = SlowJournal(20)
    ask: Wait[Data, bool] = Wait(bool, "?", name="ask")
    form: Any = call(Again, breaker="bank")
    machine: Machine[Data, Data, Data] = Machine(
        "sides",
        State("idle", On(Add, update=Data.add), On(Break, to="doing")),
        State(
            "doing",
            On(form.declined, to="left"),
            On(form.returned | form.failed | form.failed_as(Again.fails[0]), to="left"),
            On(ask.returned, to="left"),
            do=(form, ask),
        ),
        State("left", On(Close, to="done")),
        Final("done"),
        data=Data,
    )
    handlers = [handle(Again, fails)]
    async with opened(machine, BROKEN, handlers=handlers, journal=journal, **OPEN) as kernel:
        await (await kernel.start(BROKEN, Data())).wait_end()
        run = await kernel.start(machine, Data(), id="r")
        await run.send(Break())
        await run.send(Close())

        entries = told(await journal.entries("r"))
        assert entries == ["began", "Break", "Declined", "Stopped", "Close"]


@virtually
async def test_of_a_run_that_is_over_nothing_is_noted() -> None:
    journal = SlowJournal(20)
    async with opened(COUNTING, journal=journal) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r")
        live = await kernel.engine.lives.awake("r")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run.send, Add())
            await pause(4)
            nursery.start_soon(run.send, Close())
            await pause(4)
            kernel.engine.put(live, Item(note={"$noted": [1, 1]}))
            kernel.engine.put(live, Item(admits=4))
            kernel.engine.put(live, Item(again=4))

    assert told(await journal.entries("r")) == ["began", "Add", "Close"]


@virtually
async def test_an_ignored_event_with_a_key_takes_it() -> None:
    machine: Machine[Data, Data, Data] = Machine(
        "deaf", State("open", Ignore(Add), On(Close, to="shut")), Final("shut"), data=Data
    )
    async with opened(machine) as kernel:
        run = await kernel.start(machine, Data(), id="r")
        receipts = [await run.send(Add(), key=key) for key in (None, "k", "k")]
        await run.send(Close())

        assert [one.status for one in receipts] == ["ignored", "ignored", "duplicate"]
        assert told(await kernel.journal.entries("r")) == ["began", "Add", "Close"]


@virtually
async def test_two_with_one_key_in_one_line_are_one() -> None:
    journal = SlowJournal(20)
    async with opened(COUNTING, journal=journal) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r")
        statuses: list[str] = []

        async def send() -> None:
            statuses.append((await run.send(Add(), key="k")).status)
            assert (await run.snapshot()).data.n == 1

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(send)

    assert sorted(statuses) == ["accepted", "duplicate", "duplicate"]


@virtually
async def test_of_two_with_one_key_the_second_counts_if_the_first_was_refused() -> None:
    journal = SlowJournal(20)
    async with opened(AGAIN, handlers=[handle(Again, Steps())], journal=journal) as kernel:
        run = await kernel.start(AGAIN, Data(), id="r")
        statuses: list[str] = []

        async def send(event: Event) -> None:
            statuses.append((await run.send(event, key="k")).status)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run.send, Add(0))
            await pause(4)
            for event in (Close(), Add(5)):
                nursery.start_soon(send, event)
                await pause()

        assert statuses == ["rejected", "accepted"]
        await run.cancel()


# -- bugs


@pytest.mark.parametrize("on_bug", ["park", "fail"])
@virtually
async def test_a_bug_parks_a_run_or_ends_it(on_bug: Any) -> None:
    machine = counting(on_bug=on_bug)
    async with opened(machine) as kernel:
        run = await kernel.start(machine, Data(), id="r")
        receipt = await run.send(Break())
        status = (await run.snapshot()).status
        await run.cancel()

    assert (receipt.status, status) == {
        "park": ("stored", "parked"),
        "fail": ("accepted", "failed"),
    }[on_bug]


@virtually
async def test_what_was_held_begins_when_a_parked_run_goes_on() -> None:
    machine: Machine[Data, Data, Data] = Machine(
        "held",
        State("doing", On(outcomes_of(WORK), to="done"), On(Break, update=Data.fall), do=WORK),
        Final("done"),
        data=Data,
    )
    steps = Steps()
    async with opened(machine, handlers=[handle(Again, steps, workers=1)]) as kernel:
        first = await kernel.start(machine, Data(), id="first")
        second = await kernel.start(machine, Data(), id="second")
        await second.send(Break())
        steps.go.set()
        await first.wait_end()
        await trio.sleep(1)
        assert len(steps.began) == 1
        await second.resume(skip=True)
        await second.wait_end()

    assert len(steps.began) == 2


@virtually
async def test_a_child_whose_begin_raises_has_failed() -> None:
    def refuse(data: Data) -> Data:
        raise ValueError("not like this")

    child: Machine[Data, Data, Data] = Machine("child", Final("a"), data=Data, begin=refuse)
    parent = spawning(child)
    async with opened(parent) as kernel:
        run = await kernel.start(parent, Data(), id="r")
        assert (await run.wait_end()).value.heard == (Ended.__name__,)


# -- what is due

WITHIN: Any = Call(Again)
"""A form inside an Each."""


@virtually
async def test_of_two_timers_that_are_due_the_first_may_leave_the_second_behind() -> None:
    machine: Machine[Data, Data, Data] = Machine(
        "timers",
        State("a", After(5.0, to="b"), After(6.0, to="c")),
        Final("b"),
        Final("c"),
        data=Data,
    )
    journal = SlowJournal(1)
    async with opened(machine, journal=journal, on_cancel="suspend") as kernel:
        await kernel.start(machine, Data(), id="r")
    await trio.sleep(20)
    async with opened(machine, journal=journal) as kernel:
        end = await kernel.run("r").wait_end()

    assert end.status == "completed"
    assert told(await journal.entries("r")) == ["began", "fired"]


@virtually
async def test_of_two_questions_that_are_late_the_first_may_close_the_second() -> None:
    ask: Wait[Data, bool] = Wait(bool, "?", deadline=5.0, name="ask")
    also: Wait[Data, bool] = Wait(bool, "?", deadline=5.0, name="also")
    machine: Machine[Data, Data, Data] = Machine(
        "asking",
        State("a", On(outcomes_of(ask), to="b"), On(outcomes_of(also), to="b"), do=(ask, also)),
        Final("b"),
        data=Data,
    )
    async with opened(machine) as kernel:
        run = await kernel.start(machine, Data(), id="r")
        await run.wait_end()

        assert told(await kernel.journal.entries("r")) == ["began", "TimedOut", "Stopped"]


@virtually
async def test_questions_of_an_each_are_late_one_by_one() -> None:
    ask: Wait[Data, bool] = Wait(bool, deadline=5.0, name="ask")
    each: Any = Each((ask, WITHIN), both(ask), name="each")
    machine: Machine[Data, Data, Data] = Machine(
        "many",
        State("a", On(each.settled, to="b", update=Data.hear), do=each),
        Final("b"),
        data=Data,
    )
    async with opened(machine, handlers=[handle(Again, gives(after=1))]) as kernel:
        run = await kernel.start(machine, Data(), id="r")
        await run.wait_end()

        entries = told(await kernel.journal.entries("r"))
        assert entries == ["began", "Returned", "TimedOut", "TimedOut"]


def both(ask: Any) -> Any:
    """Two questions and something to do."""

    def orders(data: Data) -> Sequence[Any]:
        return (ask("one?"), ask("two?"), WITHIN(Again()))

    return orders
