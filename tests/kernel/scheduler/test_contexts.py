"""Context variables: each effect has those of its run, and what it sets is seen by nobody else."""

from functools import partial

import pytest
import trio

from detent import (
    Context,
    Final,
    Machine,
    On,
    State,
    handle,
)
from detent.kernel import (
    MemoryJournal,
)
from detent.tools.testing.virtual import run_virtually, virtually
from tests.kernel.scheduler.ears import Ear, here
from tests.kernel.scheduler.toys import (
    Add,
    Again,
    Data,
    SlowJournal,
    call,
    doing,
    opened,
    outcomes_of,
)

AGAIN = doing(call(Again))


@virtually
async def test_it_is_told_in_the_context_of_the_run_of_which_it_changes_nothing() -> None:
    ear, seen = Ear(), list[str]()

    async def look(order: Again) -> int:
        seen.append(here.get())
        here.set("with the handler")
        return 1

    def look_in_thread(order: Again) -> int:
        seen.append(here.get())
        return 1

    for by in (look, look_in_thread):
        async with opened(AGAIN, handlers=[handle(Again, by)], taps=[ear]) as kernel:
            here.set("where it was started")
            run = await kernel.start(AGAIN, Data(), id="r")
            here.set("later")
            await run.wait_end()

    assert set(ear.places) == {"where it was started"}
    assert seen == ["effect r/1 of doing"] * 2
    assert here.get() == "later"


@pytest.mark.parametrize("runs", [1, 30])  # many write together
@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("listens", [False, True])
def test_each_effect_of_a_chain_has_a_context_of_its_own(
    runs: int, slow: bool, listens: bool
) -> None:
    seen: dict[str, list[str]] = {}

    async def look(order: Again, context: Context) -> int:
        mine = seen.setdefault(context.run, [])
        mine.append(here.get())
        await trio.lowlevel.checkpoint()
        mine.append(here.get())
        here.set("with the handler")
        return 1

    first, second = call(Again, name="first"), call(Again, name="second")
    machine: Machine[Data, Data, Data] = Machine(
        "chain",
        State("a", On(outcomes_of(first), to="b"), do=first),
        State("b", On(outcomes_of(second), to="c"), do=second),
        Final("c"),
        data=Data,
    )

    async def chain() -> None:
        journal = SlowJournal() if slow else MemoryJournal()
        taps = [Ear()] if listens else []
        handlers = [handle(Again, look)]
        async with (
            opened(machine, handlers=handlers, journal=journal, taps=taps) as kernel,
            trio.open_nursery() as nursery,
        ):
            for number in range(runs):
                here.set(f"start of r{number}")
                nursery.start_soon(partial(kernel.start, machine, Data(), id=f"r{number}"))

    run_virtually(chain)
    assert len(seen) == runs
    for run, places in seen.items():
        first_one, second_one = f"effect {run}/1 of a", f"effect {run}/2 of b"
        expected = [first_one] * 2 + [second_one] * 2 if listens else [f"start of {run}"] * 4
        assert places == expected


@virtually
async def test_a_run_that_is_loaded_is_in_the_context_of_the_kernel() -> None:
    seen: list[str] = []

    async def look(order: Again) -> int:
        seen.append(here.get())
        return 1

    journal, again = MemoryJournal(), call(Again)
    machine: Machine[Data, Data, Data] = Machine(
        "later",
        State("open", On(Add, to="doing")),
        State("doing", On(outcomes_of(again), to="done"), do=again),
        Final("done"),
        data=Data,
    )
    here.set("where it was started")
    async with opened(machine, handlers=[handle(Again, look)], journal=journal) as kernel:
        await kernel.start(machine, Data(), id="r")
    here.set("where the kernel was opened")
    async with opened(machine, handlers=[handle(Again, look)], journal=journal) as kernel:
        here.set("where it was woken")
        await kernel.run("r").send(Add())
        await kernel.run("r").wait_end()

    assert seen == ["where the kernel was opened"]
