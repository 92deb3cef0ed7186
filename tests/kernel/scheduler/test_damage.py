"""A run that is not as it was written is left alone, and told of; all others go on."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trio

from detent import After, Final, Machine, On, State, Wait, handle
from detent.kernel import (
    Conflict,
    DamagedStore,
    Delivery,
    Loaded,
    Standing,
    Verdict,
    Write,
)
from detent.tools.stores import SQLite
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
    gives,
    opened,
    pause,
    spawning,
)

COUNTING, AGAIN = counting(), doing(call(Again))
PARENT = spawning(COUNTING)


class Stop(Exception):
    """The kernel is put down where it is."""


class Spoilt(SlowJournal):
    """A journal in which some runs, or inboxes, cannot be read."""

    def __init__(self) -> None:
        super().__init__(1)
        self.runs: set[str] = set()
        self.boxes: set[str] = set()
        self.refuses: set[str] = set()

    async def load(self, run: str) -> Loaded | None:
        """See Journal."""
        if run in self.runs:
            raise DamagedStore(f"run {run!r} is not as it was written")
        return await super().load(run)

    async def inbox(self, run: str) -> tuple[Delivery, ...]:
        """See Journal."""
        if run in self.boxes:
            raise DamagedStore(f"the inbox of run {run!r} is not as it was written")
        return await super().inbox(run)

    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        """See Journal."""
        if any(write.run in self.refuses for write in batch):
            return tuple(Conflict("head", 0, "") for _ in batch)
        return await super().append(batch)


async def left(journal: SlowJournal, *runs: str) -> None:
    """Runs have something under way, and nobody drives them any more."""
    await put_down(AGAIN, *runs, journal=journal)


async def put_down(machine: Any, *runs: str, **options: Any) -> None:
    """Runs are begun, and put down where they are."""
    handlers = [handle(Again, Steps())] if machine is AGAIN else []
    try:
        async with opened(machine, handlers=handlers, on_cancel="suspend", **options) as kernel:
            for run in runs:
                await kernel.start(machine, Data(), id=run)
            await pause(5)
            raise Stop
    except Stop:
        return


@virtually
async def test_a_damaged_run_is_left_and_the_others_are_taken_up() -> None:
    journal, steps = Spoilt(), Steps()
    await left(journal, "a", "b", "c")
    journal.runs = {"b"}
    steps.go.set()

    async with opened(AGAIN, handlers=[handle(Again, steps)], journal=journal) as kernel:
        for run in ("a", "c"):
            assert (await kernel.run(run).wait_end()).value.heard == ("Returned",)
        assert list(kernel.damaged) == ["b"]
        assert "run 'b' is not as it was written" in str(kernel.damaged["b"])
        with pytest.raises(DamagedStore):
            await kernel.run("b").send(Add())
        assert [one.id for one in await kernel.runs(status="running")] == ["b"]

        journal.runs = set()
        assert (await kernel.run("b").wait_end()).value.heard == ("Returned",)
        assert kernel.damaged == {}


@virtually
async def test_a_file_in_which_an_entry_was_changed_is_driven_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    await put_down(AGAIN, "a", "b", store=SQLite(path))
    base = sqlite3.connect(path)
    (number,) = base.execute("SELECT id FROM runs WHERE run = 'a'").fetchone()
    base.execute("UPDATE entries SET body = '{}' WHERE id >> 32 = ?", (number,))
    base.commit()
    base.close()
    steps = Steps()
    steps.go.set()

    async with opened(AGAIN, handlers=[handle(Again, steps)], store=SQLite(path)) as kernel:
        assert (await kernel.run("b").wait_end()).value.heard == ("Returned",)
        assert list(kernel.damaged) == ["a"]
        assert "entry 1" in str(kernel.damaged["a"])


@virtually
async def test_what_is_due_of_a_damaged_run_disturbs_nobody() -> None:
    timed = Machine("timed", State("s", After(60.0, to="done")), Final("done"), data=Data)
    journal = Spoilt()
    async with opened(timed, journal=journal) as kernel:
        for run in ("a", "b"):
            await kernel.start(timed, Data(), id=run)
    journal.runs = {"a"}

    async with opened(timed, journal=journal) as kernel:
        assert (await kernel.run("b").wait_end()).status == "completed"
        assert list(kernel.damaged) == ["a"]


@virtually
async def test_an_inbox_that_cannot_be_read_keeps_its_run_alone_from_going_on() -> None:
    journal = Spoilt()
    async with opened(COUNTING, journal=journal) as kernel:
        for run in ("a", "b"):
            await kernel.start(COUNTING, Data(), id=run)
        journal.boxes = {"a"}
        delivered = [Delivery(run, "k", {"$": "Close"}) for run in ("a", "b")]
        await journal.deliver(delivered)
        assert (await kernel.run("b").wait_end()).status == "completed"
        await pause(20)

        assert list(kernel.damaged) == ["a"]
        journal.boxes = set()
        await kernel.run("a").send(Add(2))
        await kernel.run("a").send(Close())
        assert (await kernel.run("a").wait_end()).value.n == 2


@virtually
async def test_who_waits_for_a_run_that_turns_out_to_be_damaged_is_told() -> None:
    journal = Spoilt()
    async with opened(COUNTING, journal=journal) as kernel:
        run = await kernel.start(COUNTING, Data(), id="a")
        journal.runs = journal.refuses = {"a"}

        with pytest.raises(DamagedStore):
            await run.send(Add(2))
        assert list(kernel.damaged) == ["a"]
        journal.runs, journal.refuses = set(), set()
        assert (await run.snapshot()).data.n == 0
        await run.cancel()


@virtually
async def test_a_child_that_is_damaged_is_not_told_that_its_parent_has_left_it() -> None:
    journal = Spoilt()
    await put_down(PARENT, "p", journal=journal)
    journal.runs = {"p/1"}

    async with opened(PARENT, journal=journal) as kernel:
        await kernel.run("p").cancel()
        await pause(20)
        assert (await kernel.run("p").status()).status == "ending"
        journal.runs = set()
        await kernel.run("p/1").cancel()
        assert (await kernel.run("p").wait_end()).status == "cancelled"


# -- what comes for a run that has ended


@virtually
async def test_what_comes_when_a_run_has_ended_does_not_stay_in_its_inbox() -> None:
    journal = SlowJournal(1)
    async with opened(COUNTING, journal=journal) as kernel:
        run = await kernel.start(COUNTING, Data(), id="a")
        await run.send(Close())
        await run.wait_end()
        before = await journal.entries("a")
        await journal.deliver([Delivery("a", "k", {"$": "Add", "n": 1})])
        await pause(30)

        assert await journal.inbox("a") == ()
        assert await journal.entries("a") == before
        assert await journal.taken("a", "k") is None


@virtually
async def test_nor_does_what_came_while_nobody_drove_it() -> None:
    journal = SlowJournal(1)
    async with opened(COUNTING, journal=journal) as kernel:
        run = await kernel.start(COUNTING, Data(), id="a")
        await run.send(Close())
        await run.wait_end()
    await journal.deliver([Delivery("a", "k", {"$": "Add", "n": 1})])

    async with opened(COUNTING, journal=journal):
        await pause(30)

    assert await journal.inbox("a") == ()
    assert dict(await journal.find())["a"] == Standing("completed")


# -- what is told of a run that is driven


class Late(SlowJournal):
    """A journal that has written something for a while before it says so."""

    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        """See Journal."""
        verdicts = await super().append(batch)
        await pause(9)
        return verdicts


@virtually
async def test_who_is_told_that_a_run_waits_can_ask_for_its_questions() -> None:
    ask: Wait[Data, bool] = Wait(bool, "Really?", name="ask")
    again = call(Again)
    machine: Machine[Data, Data, Data] = Machine(
        "m",
        State("working", On(again.returned, to="asking"), On(again.failed), do=again),
        State("asking", On(ask.returned, to="done"), do=ask),
        Final("done"),
        data=Data,
    )
    journal = Late(0)
    async with opened(machine, journal=journal, handlers=[handle(Again, gives())]) as kernel:
        run: Any = await kernel.start(machine, Data(), id="a")
        was_ahead = False
        while (await run.status()).status != "waiting":
            was_ahead = was_ahead or len(await journal.entries("a")) > 1
            await trio.lowlevel.checkpoint()

        assert len(await run.questions()) == 1
        assert was_ahead
        await run.cancel()
