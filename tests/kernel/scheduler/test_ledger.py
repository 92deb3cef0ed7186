"""From turns to the journal: what is written together, what becomes of what nobody can say about."""

from collections.abc import Sequence
from typing import Any

import pytest
import trio

from detent import handle
from detent.kernel import (
    Committed,
    Delivery,
    Loaded,
    MemoryJournal,
    Run,
    Unconfirmed,
    Verdict,
    Write,
)
from detent.kernel.scheduler import Item
from detent.tools.testing.virtual import virtually
from tests.kernel.scheduler.toys import (
    Add,
    Again,
    Close,
    Data,
    SlowJournal,
    Steps,
    call,
    counting,
    doing,
    opened,
    pause,
    told,
)

MANY = 20


class Unsure(MemoryJournal):
    """A journal that says of some writes that nobody knows about them, written or not."""

    has_backlogs = False

    def __init__(self, *plan: str) -> None:
        super().__init__()
        self.plan = list(plan)
        self.asked = 0

    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        """See Journal."""
        what = self.plan.pop(0) if self.plan else "written"
        verdicts: Sequence[Verdict] = ()
        if what != "lost":
            verdicts = await super().append(batch)
        if what != "written":
            verdicts = [Unconfirmed("nobody knows") for _ in batch]
        return tuple(verdicts)

    async def holds(self, run: str, seq: int, hash: str) -> bool:
        """See Journal."""
        self.asked += 1
        return await super().holds(run, seq, hash)


@virtually
async def test_what_comes_while_something_is_written_is_written_together() -> None:
    journal, machine = SlowJournal(30), counting()
    async with opened(machine, journal=journal) as kernel:
        runs: list[Run[Data, Data]] = []
        for number in range(MANY):
            runs.append(await kernel.start(machine, Data(), id=f"run {number}"))
        journal.batches.clear()
        async with trio.open_nursery() as nursery:
            for run in runs:
                nursery.start_soon(run.send, Add(2))

        assert journal.batches == [1, MANY - 1]
        assert {(await run.snapshot()).data.n for run in runs} == {2}


@virtually
async def test_events_in_line_of_a_run_go_into_one_transaction() -> None:
    journal, machine = SlowJournal(30), counting()
    async with opened(machine, journal=journal) as kernel:
        run = await kernel.start(machine, Data())
        journal.batches.clear()
        async with trio.open_nursery() as nursery:
            for _ in range(MANY):
                nursery.start_soon(run.send, Add())

        assert journal.batches == [1]
        assert (await run.snapshot()).seq == MANY + 1


@virtually
async def test_two_who_begin_one_run_at_once_begin_it_once() -> None:
    journal, machine = SlowJournal(30), counting()
    async with opened(machine, journal=journal) as kernel:
        await kernel.start(machine, Data(), id="first")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(kernel.run("first").send, Add())
            for _ in range(3):
                nursery.start_soon(lambda: kernel.start(machine, Data(), id="same"))

        assert told(await journal.entries("same")) == ["began"]
        assert (await kernel.run("same").send(Add())).status == "accepted"


@pytest.mark.parametrize("what", ["unsure", "lost"])
@virtually
async def test_what_nobody_can_say_about_is_asked_and_written_once(what: str) -> None:
    journal, machine = Unsure("written", what, what, "written"), counting()
    async with opened(machine, journal=journal) as kernel:
        run = await kernel.start(machine, Data(), id="r")
        receipt = await run.send(Add())
        await run.send(Add(3), key="k")
        again = await run.send(Add(3), key="k")

        assert (receipt.status, again.status) == ("accepted", "duplicate")
        assert (await run.snapshot()).data.n == 4
        assert told(await journal.entries("r")) == ["began", "Add", "Add"]
    assert journal.asked == 2


@virtually
async def test_a_store_that_takes_nothing_is_asked_again_and_again_later() -> None:
    journal, machine = Unsure("written", *["lost"] * 10), counting()
    async with opened(machine, journal=journal) as kernel:
        run = await kernel.start(machine, Data())
        await run.send(Add())

        assert journal.plan == []
        assert trio.current_time() == pytest.approx(0.05 * (2**7 - 1) + 3 * 5.0)


@virtually
async def test_a_run_that_may_not_have_begun_begins_once() -> None:
    for what in ("unsure", "lost"):
        journal, machine = Unsure(what), counting()
        async with opened(machine, journal=journal) as kernel:
            run = await kernel.start(machine, Data(), id="r")

            assert (await run.send(Close())).status == "accepted"
        assert told(await journal.entries("r")) == ["began", "Close"]


@virtually
async def test_where_a_run_is_comes_with_the_verdict() -> None:
    journal, machine = SlowJournal(0), counting()
    async with opened(machine, journal=journal) as kernel:
        await kernel.start(machine, Data(), id="r")
    loaded: Any = await journal.load("r")

    empty = Write("r", 0, loaded.head)
    assert await journal.append([empty]) == (Committed(*loaded.head),)


@virtually
async def test_what_takes_a_delivery_and_may_be_lost_is_written_again() -> None:
    machine = doing(call(Again))
    for what in ("unsure", "lost"):
        journal = Unsure("written", what)
        async with opened(machine, handlers=[handle(Again, Steps())], journal=journal) as kernel:
            run = await kernel.start(machine, Data(), id="r")
            await journal.deliver([Delivery("r", "k", {"$": "Close"})])
            kernel.engine.tell("r", Item(takes=-1))
            await trio.sleep(1)

            assert await journal.inbox("r") == ()
            assert (await run.send(Add())).status == "accepted"
            await run.cancel()


class Swift(SlowJournal):
    """A journal that is slow to write, and quick to read."""

    async def load(self, run: str) -> Loaded | None:
        """See Journal."""
        return await MemoryJournal.load(self, run)


@virtually
async def test_of_several_who_begin_one_run_behind_others_one_begins_it() -> None:
    journal, machine = Swift(30), counting()
    async with opened(machine, journal=journal) as kernel, trio.open_nursery() as nursery:
        for number in range(MANY):
            nursery.start_soon(lambda id: kernel.start(machine, Data(), id=id), f"run {number}")
        await pause(10)
        for number in range(MANY):
            for _ in range(4):
                nursery.start_soon(lambda id: kernel.start(machine, Data(), id=id), f"{number}")

    for number in range(MANY):
        assert told(await journal.entries(f"{number}")) == ["began"]
