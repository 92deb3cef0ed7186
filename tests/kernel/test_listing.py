"""Lists of runs: what the index says, as who lists them sees it."""

from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from detent import (
    After,
    Final,
    Kernel,
    Listed,
    Machine,
    NoSuchRun,
    On,
    State,
    Wait,
    WrongInput,
    handle,
)
from detent.tools.testing.virtual import run_virtually, virtually
from tests.kernel.scheduler.toys import (
    Add,
    Again,
    Break,
    Close,
    Data,
    SlowJournal,
    Steps,
    call,
    counting,
    doing,
    opened,
    spawning,
)
from tests.settings import times

COUNTING, AGAIN = counting(), doing(call(Again))
PARENT = spawning(COUNTING)
GRAND = spawning(PARENT, "grand")
MACHINES = (COUNTING, AGAIN, PARENT, GRAND)
STATUSES = ("running", "waiting", "parked", "completed", "cancelled", "no_machine", "changed")


def changed(name: str) -> Machine[Data, Data, Data]:
    """A machine of that name with another shape."""
    return Machine(name, State("new", On(Add, to="over")), Final("over"), data=Data)


class Stop(Exception):
    """The kernel is put down where it is."""


async def populated(journal: SlowJournal, kinds: list[tuple[int, str]]) -> None:
    """A journal with runs of some machines to which something was done."""
    try:
        async with opened(
            *MACHINES, handlers=[handle(Again, Steps())], journal=journal, on_cancel="suspend"
        ) as kernel:
            for number, (kind, deed) in enumerate(kinds):
                await kernel.start(MACHINES[kind], Data(), id=f"r{number}")
                inner = {2: "/1", 3: "/1/1"}.get(kind, "")
                if deed == "break" and kind != 1:
                    await kernel.run(f"r{number}{inner}").send(Break())
                elif deed == "close" and kind != 1:
                    await kernel.run(f"r{number}{inner}").send(Close())
                elif deed == "cancel":
                    await kernel.run(f"r{number}").cancel()
            await trio.testing.wait_all_tasks_blocked()
            raise Stop
    except Stop:
        return


everything = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(("none", "break", "close", "cancel"))), max_size=6
)


async def paged(kernel: Kernel, limit: int, **how: Any) -> tuple[Listed, ...]:
    """All pages of a list."""
    found: list[Listed] = []
    while True:
        page = await kernel.runs(limit=limit, after=found[-1].id if found else "", **how)
        assert len(page) <= limit
        if not page:
            return tuple(found)
        found += page


@settings(max_examples=times(25))
@given(everything, st.sets(st.integers(0, 3)), st.sets(st.integers(0, 3)), st.integers(1, 4))
def test_a_list_is_a_view_of_what_is_stored(
    kinds: list[tuple[int, str]], served: set[int], other: set[int], limit: int
) -> None:
    async def act() -> None:
        journal = SlowJournal(0)
        await populated(journal, kinds)
        stored = dict(await journal.find())
        machines = await journal.machines(stored)
        known = [MACHINES[n] for n in sorted(served - {1})]
        spawned = {"parent": {"counting"}, "grand": {"parent", "counting"}}
        names = {one.name for one in known}
        names |= {inner for name in names for inner in spawned.get(name, set())}
        wrong = {MACHINES[n].name for n in other} - names
        async with opened(*known, *map(changed, sorted(wrong)), journal=journal) as kernel:
            found = await paged(kernel, limit)
            by_status = {status: await paged(kernel, limit, status=status) for status in STATUSES}
            by_machine = {m.name: await paged(kernel, limit, machine=m.name) for m in MACHINES}
            by_both = await paged(kernel, limit, machine="counting", status="changed")
            alone = [await kernel.run(run).status() for run in stored]

        def view(run: str) -> str:
            name = machines[run][0]
            if stored[run].status in ("completed", "cancelled") or name in names:
                return stored[run].status
            return "changed" if name in wrong else "no_machine"

        assert {one.id: (one.machine, one.status) for one in found} == {
            run: (machines[run][0], view(run)) for run in stored
        }
        assert [one.id for one in found] == sorted(stored)
        assert tuple(alone) == found
        for status, some in by_status.items():
            assert some == tuple(one for one in found if one.status == status)
        for name, some in by_machine.items():
            assert some == tuple(one for one in found if one.machine == name)
        assert by_both == tuple(
            one for one in found if (one.machine, one.status) == ("counting", "changed")
        )
        for one in found:
            inside = [
                run
                for run, stands in sorted(stored.items())
                if run.startswith(f"{one.id}/") and stands.status == "parked"
            ]
            assert one.parked == (inside[0] if inside else "")

    run_virtually(act)


@virtually
async def test_a_parked_child_shows_in_the_status_of_those_around_it() -> None:
    async with opened(GRAND, journal=SlowJournal(0)) as kernel:
        run = await kernel.start(GRAND, Data(), id="g")
        assert await run.status() == Listed("g", "grand", "waiting")
        await kernel.run("g/1/1").send(Break())

        assert await run.status() == Listed("g", "grand", "waiting", None, "g/1/1")
        assert (await kernel.run("g/1").status()).parked == "g/1/1"
        assert (await kernel.run("g/1/1").status()).status == "parked"

        await kernel.run("g/1/1").resume(skip=True)
        assert (await run.status()).parked == ""
        with pytest.raises(NoSuchRun):
            await kernel.run("nobody").status()


@virtually
async def test_a_list_says_when_something_is_due_and_is_asked_for_what_there_is() -> None:
    ask: Wait[Data, bool] = Wait(bool, "?", deadline=60.0, name="ask")
    asking = doing(ask, "asking")
    sleeper: Machine[Data, Data, Data] = Machine(
        "s", State("a", After(5.0, to="b")), Final("b"), data=Data
    )
    async with opened(asking, sleeper, journal=SlowJournal(0)) as kernel:
        now = kernel.engine.clock.now()
        await kernel.start(asking, Data(), id="a")
        await kernel.start(sleeper, Data(), id="b")

        assert await kernel.runs() == (
            Listed("a", "asking", "waiting", now + 60_000_000),
            Listed("b", "s", "waiting", now + 5_000_000),
        )
        assert await kernel.runs(machine="none") == ()
        assert await kernel.runs(machine="none", status="waiting") == ()
        assert await kernel.runs(status="no_machine") == ()
        with pytest.raises(WrongInput, match="it is one of"):
            await kernel.runs(status="asleep")
        with pytest.raises(WrongInput, match="from 1 on"):
            await kernel.runs(limit=0)


@virtually
async def test_a_run_that_waits_is_listed_so_in_a_journal_of_memory_too() -> None:
    steps = Steps()
    steps.go.set()
    form = call(Again)
    machine: Machine[Data, Data, Data] = Machine(
        "resting",
        State("a", On(form.returned, to="b"), On(form.unreturned, to="c"), do=form),
        State("b", On(Add, to="a"), On(Close, to="c")),
        Final("c"),
        data=Data,
    )
    async with opened(machine, handlers=[handle(Again, steps)]) as kernel:
        run = await kernel.start(machine, Data(), id="r")
        await trio.sleep(1)
        assert (await run.status()).status == "waiting"
        await run.send(Close())
