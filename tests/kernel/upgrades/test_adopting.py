"""Runs whose machine has changed: by its rules they go on, by its shape they wait until they are adopted."""

from typing import Any

import pytest
import trio
from attrs import evolve, frozen

from detent import (
    After,
    Call,
    Defer,
    Each,
    Effect,
    Event,
    Final,
    InvalidUpgrade,
    Machine,
    NoSuchWait,
    NotServed,
    On,
    Returned,
    RunChanged,
    Settled,
    State,
    Upgrade,
    Wait,
    WrongInput,
    compile_machine,
    handle,
    replay,
    visit,
)
from detent.kernel import (
    MemoryJournal,
    RunMigrated,
    RunUpgraded,
    Seen,
    fork,
    snapshot_at,
    verify_log,
)
from detent.tools.testing.virtual import virtually
from tests.kernel.scheduler.toys import clock_here, gives, opened, told


@frozen
class Work(Effect[int], recovery="idempotent"):
    """Something that takes time."""

    n: int = 0


@frozen
class Go(Event):
    """Go on."""

    n: int = 1


@frozen
class Data:
    """A number, and what was heard."""

    n: int = 0
    heard: tuple[int, ...] = ()

    def work(self) -> Work:
        """One order."""
        return Work(self.n)

    def many(self) -> tuple[Work, ...]:
        """Two orders."""
        return (Work(1), Work(2))

    def go(self, event: Go) -> "Data":
        """Count."""
        return evolve(self, n=self.n + event.n)

    def hear(self, event: Returned[int]) -> "Data":
        """Remember."""
        return evolve(self, heard=(*self.heard, event.value))

    def settle(self, event: Settled[int]) -> "Data":
        """Remember all."""
        heard = tuple(one.value for one in event.outcomes if isinstance(one, Returned))
        return evolve(self, heard=heard)


WORK = Call(Work, Data.work, name="work")
LABOUR = Call(Work, Data.work, name="labour")
ASK: Wait[Data, bool] = Wait(bool, "Go on?", name="ask")
MANY = Each(Call(Work, name="one"), Data.many, name="many")


def old(**more: Any) -> Machine[Data, Data, Data]:
    """A machine as it was."""
    return Machine(
        "m",
        State(
            "first",
            On(Go, to="working", update=Data.go),
            After(60.0, to="done"),
            After(600.0, to="last"),
        ),
        State(
            "working",
            On(WORK.returned, to="asking", update=Data.hear),
            On(WORK.failed, to="asking"),
            Defer(Go),
            do=WORK,
        ),
        State("asking", On(ASK.returned, to="many"), Defer(Go), do=ASK),
        State("many", On(MANY.settled, to="last", update=Data.settle), Defer(Go), do=MANY),
        State("last", On(Go, to="done", update=Data.go)),
        Final("done"),
        data=Data,
        **more,
    )


OLD = old()


def renamed() -> Machine[Data, Data, Data]:
    """The same with other names."""
    return Machine(
        "m",
        State(
            "start",
            After(30.0, to="end"),
            After(60.0, to="last"),
            On(Go, to="labouring", update=Data.go),
        ),
        State(
            "labouring",
            On(LABOUR.returned, to="asking", update=Data.hear),
            On(LABOUR.failed, to="asking"),
            Defer(Go),
            do=LABOUR,
        ),
        State("asking", On(ASK.returned, to="many"), Defer(Go), do=ASK),
        State("many", On(MANY.settled, to="last", update=Data.settle), Defer(Go), do=MANY),
        State("last", On(Go, to="end", update=Data.go)),
        Final("end"),
        data=Data,
    )


NEW = renamed()
UPGRADE = Upgrade(
    NEW,
    compile_machine(OLD).shape,
    states={"first": "start", "working": "labouring", "done": "end"},
    effects={"work": "labour"},
)
RULES = Machine(
    "m",
    State(
        "first",
        After(900.0, to="last"),
        On(Go, to="working", update=Data.go),
        After(90.0, to="done"),
    ),
    *OLD.parts[1:],
    data=Data,
)


def world(*machines: Any, journal: Any, after: float = 5.0, **more: Any) -> Any:
    """A kernel whose work takes some seconds."""
    return opened(
        *machines,
        handlers=[handle(Work, gives(7, after))],
        journal=journal,
        on_cancel="suspend",
        **more,
    )


async def only_asking(journal: Any) -> None:
    """A run that asks, with an event deferred."""
    async with world(OLD, journal=journal, after=1.0) as kernel:
        run = await kernel.start(OLD, Data(), id="r")
        await run.send(Go())
        await run.send(Go(5))
        await trio.sleep(2)


@virtually
async def test_by_other_rules_a_run_goes_on_and_says_so_once() -> None:
    journal = MemoryJournal()
    async with world(OLD, journal=journal) as kernel:
        await kernel.start(OLD, Data(), id="r")
    for _ in range(2):
        async with world(RULES, journal=journal) as kernel:
            run = kernel.run("r")
            assert await kernel.changes("r") == ()
            await run.snapshot()
    entries = await journal.entries("r")
    assert told(entries).count("upgraded") <= 1
    async with world(RULES, journal=journal) as kernel:
        run = kernel.run("r")
        await trio.sleep(91)
        assert (await run.snapshot()).configuration == ("done",)
        sights = [one async for one in run.watch()]
        log = await run.log()

    entries = await journal.entries("r")
    loaded = await journal.load("r")
    assert told(entries) == ["began", "upgraded", "fired"]
    assert entries[1].delta == {
        "timers": {"1": {"1": ["first/after/1"]}, "2": {"1": ["first/after/0"]}}
    }
    assert loaded is not None
    assert loaded.digests == (compile_machine(RULES).shape, compile_machine(RULES).rules)
    assert isinstance(sights[1], Seen)
    assert [type(one) for one in sights[1].told] == [RunUpgraded]
    assert list(verify_log(log)) == ["r"]
    again = replay(log, OLD)
    assert (again.entries, len(again.changed) > 0) == (2, True)
    assert fork(log, 2, "f").header.rules == compile_machine(RULES).rules
    assert fork(log, 1, "f").header.rules == compile_machine(OLD).rules


@virtually
async def test_by_another_shape_a_run_waits_and_what_is_sent_is_kept() -> None:
    journal = MemoryJournal()
    await only_asking(journal)
    before = await journal.entries("r")
    async with world(NEW, journal=journal) as kernel:
        run = kernel.run("r")
        paths = [one.path for one in await kernel.changes("r")]
        with pytest.raises(RunChanged, match=r"states\.first") as caught:
            await run.snapshot()
        assert [one.path for one in caught.value.differences] == paths
        assert (await run.send(Go(9), key="k")).status == "stored"
        assert (await run.send(Go(9), key="k")).status == "duplicate"
        assert (await run.answer(4, True)).status == "stored"
        with pytest.raises(NoSuchWait):
            await run.answer(77, True)
        with pytest.raises(WrongInput):
            await run.answer(4, "yes")
        assert (await run.frame())["in"] == ["asking"]
        log = await run.log()
        assert list(verify_log(log)) == ["r"]
        assert replay(log, NEW).divergence is not None
    assert await journal.entries("r") == before

    async with world(OLD, journal=journal) as kernel:  # the deployment is rolled back
        run = kernel.run("r")
        await trio.sleep(10)
        assert (await run.wait_end()).status == "completed"


@virtually
async def test_what_keeps_runs_from_going_on_is_told_at_once() -> None:
    journal = MemoryJournal()
    await only_asking(journal)
    shape = compile_machine(OLD).shape
    other: Machine[Data, Data, Data] = Machine(
        "m", State("alone", On(Go, to="over")), Final("over"), data=Data
    )

    def broken(tree: Any) -> Data:
        raise ZeroDivisionError("no such thing")

    async with world(other, journal=journal) as kernel:
        found = await kernel.check_upgrade(Upgrade(other, shape, data=broken))
        assert [(one.run, one.place) for one in found] == [
            ("r", "state 'asking'"),
            ("r", "data"),
            ("r", "effect 4 (ask)"),
        ]
        assert await kernel.check_upgrade(Upgrade(other, shape, data=broken), "r") == found
        with pytest.raises(InvalidUpgrade, match="3 obstacles"):
            await kernel.adopt("r", Upgrade(other, shape, data=broken))
        with pytest.raises(WrongInput, match="has shape"):
            await kernel.adopt("r", Upgrade(other, "another"))
        await kernel.adopt(
            "r", Upgrade(other, shape, states={"asking": "alone"}, effects={"ask": None})
        )
        assert (await kernel.run("r").wait_end()).status == "completed"


@virtually
async def test_what_keeps_runs_from_going_on_is_told_from_outside_too() -> None:
    journal = MemoryJournal()
    await only_asking(journal)
    shape = compile_machine(OLD).shape
    other: Machine[Data, Data, Data] = Machine(
        "m", State("alone", On(Go, to="over")), Final("over"), data=Data
    )
    upgrade = Upgrade(other, shape, states={"asking": "alone"})
    visitor = visit(journal, other, clock=clock_here())
    before = await journal.entries("r")

    (obstacle,) = await visitor.check_upgrade(upgrade)
    assert (obstacle.run, obstacle.place) == ("r", "effect 4 (ask)")
    assert await visitor.check_upgrade(upgrade, "r") == (obstacle,)
    assert await visitor.check_upgrade(evolve(upgrade, effects={"ask": None})) == ()
    assert (await visitor.changes("r"))[0].path == "states.first"
    assert await visit(journal, OLD, clock=clock_here()).changes("r") == ()
    with pytest.raises(NotServed, match="machine 'm' is not one of this visitor's: none"):
        await visit(journal, clock=clock_here()).check_upgrade(upgrade)
    assert await journal.entries("r") == before


@virtually
async def test_an_adopted_run_goes_on_with_everything_that_it_had() -> None:
    journal = MemoryJournal()
    await only_asking(journal)
    before = await journal.entries("r")
    async with world(NEW, journal=journal) as kernel:
        run = kernel.run("r")
        await run.answer(4, True)
        assert await kernel.check_upgrade(UPGRADE) == ()
        await kernel.adopt("r", UPGRADE)
        with pytest.raises(WrongInput, match="already"):
            await kernel.adopt("r", UPGRADE)
        end = await run.wait_end()
        log = await run.log()
        seen = [one async for one in run.watch() if isinstance(one, Seen)]

    after = await journal.entries("r")
    assert end.status == "completed"
    assert end.value == Data(6, (7, 7))
    assert [one.body for one in after[: len(before)]] == [one.body for one in before]
    assert told(after)[len(before)] == "migrated"
    assert isinstance(seen[len(before)].told[0], RunMigrated)
    again = replay(log, NEW)
    assert again.divergence is None
    assert (again.entries, again.others) == (len(after) - len(before) - 1, len(before) + 1)
    assert "another shape" in str(again)
    early = replay(log, OLD)
    assert (early.entries, early.divergence) == (len(before), None)
    assert snapshot_at(log, len(after), NEW).data == end.value
    assert fork(log, len(before) + 1, "f").header.shape == compile_machine(NEW).shape
