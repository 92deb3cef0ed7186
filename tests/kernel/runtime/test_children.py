"""Families: a parent and its children are runs that never disagree, whenever a kernel dies or somebody cancels.

The file is long because a family is: every machine in it is written out.
"""

from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import pytest
import trio
from attrs import evolve, frozen
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detent import (
    Done,
    Each,
    Event,
    Final,
    Kernel,
    Machine,
    NoSuchRun,
    On,
    Region,
    Settled,
    Spawn,
    State,
    World,
    WrongInput,
    handle,
)
from detent.tools.testing.simulator import Simulator
from detent.tools.testing.virtual import virtually
from tests.kernel.runtime.proofs import Witness, check_everything, end_of, outcomes_of
from tests.kernel.runtime.toys import (
    Broken,
    Closed,
    Data,
    Hand,
    Left,
    Pure,
    Stage,
    call,
    closing,
    hear,
    raises,
    returns,
    waiting,
    words,
)
from tests.settings import times


def breaks(data: Data, event: Broken) -> Data:
    """An update that nobody has mended."""
    raise ValueError("not mended")


def one(data: Data) -> Data:
    """What a child begins with."""
    return Data()


def two(spawn: Any) -> Any:
    """What begins two children."""

    def orders(data: Data) -> Any:
        return (spawn(Data()), spawn(Data()))

    return orders


def heard_all(data: Data, event: Settled[Any]) -> Data:
    """Remember how all ended."""
    outcomes: Any = event.outcomes
    return evolve(data, heard=(*data.heard, *(one.status for one in outcomes)))


def child() -> Machine[Data, Data, Data]:
    """Waits for a child of its own, then does something."""
    inner: Spawn[Data, Data] = Spawn(closing("grandchild", 1.0), one)
    work = call(Pure)
    return Machine(
        "child",
        State("waiting", On(inner.ended, to="working", update=hear), do=inner),
        State("working", On(work.returned | work.unreturned, to="done", update=hear), do=work),
        Final("done"),
        On(Broken, update=breaks),
        data=Data,
    )


CHILD = child()


def family() -> Machine[Data, Data, Data]:
    """One child on one side, two children one after the other on the other; all can be left."""
    single: Spawn[Data, Data] = Spawn(CHILD, one)
    inner: Any = Spawn(CHILD)
    pair: Any = Each(inner, two(inner), at_most=1, name="pair")
    settled: Any = On(pair.settled, to="right_done", update=heard_all)
    again: Spawn[Data, Data] = Spawn(closing("last", 0.5), one, name="again")
    return Machine(
        "family",
        State(
            "both",
            Region(
                "left",
                State("one", On(single.ended, to="left_done", update=hear), do=single),
                Final("left_done"),
            ),
            Region(
                "right",
                State("pair", settled, do=pair),
                Final("right_done"),
            ),
            On(Left, to="away"),
            On(Closed, to="done"),
            Done(to="done"),
        ),
        State("away", On(again.ended, to="done", update=hear), do=again),
        Final("done"),
        On(Broken, update=breaks),
        data=Data,
    )


FAMILY = family()


@frozen
class Deed:
    """Something that is done to a run of the family, at a time."""

    at: float
    what: str
    run: str


RUNS = ["f", "f/1", "f/2", "f/3", "f/1/1", "f/2/1", "f/4"]
DEEDS = st.lists(
    st.builds(
        Deed,
        st.sampled_from([0.0, 0.5, 1.0, 1.2, 2.0, 2.5, 3.0, 4.5]),
        st.sampled_from(["cancel", "break", "leave", "close", "mend"]),
        st.sampled_from(RUNS),
    ),
    max_size=4,
)


async def do(kernel: Kernel, deed: Deed) -> None:
    """Do something to a run, if there is such a run."""
    run = kernel.run(deed.run)
    events: dict[str, Event] = {"break": Broken(), "leave": Left(), "close": Closed()}
    try:
        if deed.what == "cancel":
            await run.cancel("by hand")
        elif deed.what == "mend":
            await run.resume(skip=True)
        else:
            await run.send(events[deed.what])
    except (NoSuchRun, WrongInput):
        return


def scenario(deeds: list[Deed]) -> Callable[[Kernel], Awaitable[Any]]:
    """Do one thing after the other, mend what is broken, and wait for the end."""

    async def act(kernel: Kernel) -> Any:
        run = await kernel.start(FAMILY, Data(), id="f")
        for deed in sorted(deeds, key=lambda deed: deed.at):
            await trio.sleep_until(deed.at)
            await do(kernel, deed)
        await trio.sleep_until(20.0)
        for _ in range(1 + len(deeds) * 2):  # who dies, and begins again, breaks more than once
            for id in RUNS:
                await do(kernel, Deed(20.0, "mend", id))
        return await run.wait_end()

    return act


# -- properties


@given(DEEDS, st.integers(0, 45), st.sampled_from(["before", "after"]), st.integers(0, 3))
@example([], 3, "after", 0)
@example([Deed(1.0, "leave", "f")], 6, "after", 0)
@settings(max_examples=times(150))
def test_parents_and_children_never_disagree(
    deeds: list[Deed], commit: int, moment: Any, seed: int
) -> None:
    hand = Hand({"pure": returns(1, 1.0)})
    world = World(FAMILY, handlers=[handle(Pure, hand)])
    simulator = Simulator(seed=seed)
    journal = simulator.journal = Witness(Random(seed))
    journal.crash_at = (commit, moment) if commit else None

    simulator.run(world, scenario(deeds))

    assert journal.disagreements == []

    async def check() -> None:
        await check_everything(journal, world)

    trio.run(check)


# -- tables


@pytest.mark.parametrize(
    ("act", "status"),
    [
        (returns(1), "completed"),
        (raises(ValueError("x")), "failed"),
        (returns(1, 9.0), "cancelled"),
    ],
)
@virtually
async def test_a_parent_hears_how_its_child_ended(act: Any, status: str) -> None:
    work = call(Pure)
    made = (
        Machine(
            "made",
            State("working", On(work.returned, to="done"), do=work),
            Final("done"),
            data=Data,
        )
        if status != "failed"
        else Machine(
            "made",
            State("working", On(work.returned, to="done"), On(work.failed, to="bad"), do=work),
            Final("done"),
            Final("bad", status="failed"),
            data=Data,
        )
    )
    spawn: Spawn[Data, Data] = Spawn(made, one)
    parent = Machine(
        "parent",
        State("waiting", On(spawn.ended, to="done", update=hear), do=spawn),
        Final("done"),
        data=Data,
    )
    scene = Stage((parent,), [handle(Pure, Hand({"pure": act}))])

    async def run(kernel: Kernel) -> Any:
        run = await kernel.start(parent, Data(), id="p")
        await trio.sleep(1.0)
        if status == "cancelled":
            await kernel.run("p/1").cancel("stop it")
        return await run.wait_end()

    end = await scene.afterwards(run)

    assert end.status == "completed"
    assert end.value == Data((f"Ended {status}",))
    assert end_of(await scene.entries("p/1"))["status"] == status
    assert len(outcomes_of(await scene.entries("p"), 1)) == 1


# -- examples


def refuses(order: int) -> Data:
    """A beginning that raises."""
    raise ValueError("not with this")


@virtually
async def test_a_child_that_cannot_begin_has_ended_as_failed() -> None:
    picky: Machine[int, Data, Data] = Machine(
        "picky", State("open", On(Closed, to="done")), Final("done"), data=Data, begin=refuses
    )
    spawn: Spawn[Data, Data] = Spawn(picky, lambda data: 1)
    parent = Machine(
        "parent",
        State("waiting", On(spawn.ended, to="done", update=hear), do=spawn),
        Final("done"),
        data=Data,
    )
    scene = Stage((parent,), [])

    async def run(kernel: Kernel) -> Any:
        return await (await kernel.start(parent, Data(), id="p")).wait_end()

    end = await scene.afterwards(run)

    assert end.value == Data(("Ended failed",))
    assert [run for run, _ in await scene.journal.find()] == ["p"]
    assert outcomes_of(await scene.entries("p"), 1)[0]["problem"]["kind"] == "BrokenBegin"


def left_open() -> Machine[Data, Data, Data]:
    """A parent that leaves a child for another one."""
    first: Spawn[Data, Data] = Spawn(waiting("first"), one)
    second: Spawn[Data, Data] = Spawn(waiting("second"), one)
    return Machine(
        "leaver",
        State("one", On(first.ended, to="done", update=hear), On(Left, to="two"), do=first),
        State("two", On(second.ended, to="done", update=hear), do=second),
        Final("done"),
        data=Data,
    )


@virtually
async def test_leaving_a_state_cancels_its_child_and_the_next_begins_after_that() -> None:
    machine = left_open()
    scene = Stage((machine,), [])

    async def run(kernel: Kernel) -> Any:
        run = await kernel.start(machine, Data(), id="p")
        await run.send(Left())
        await trio.sleep(1.0)
        await kernel.run("p/2").send(Closed())
        return await run.wait_end()

    end = await scene.afterwards(run)

    assert end.value == Data(("Ended completed",))
    assert end_of(await scene.entries("p/1"))["status"] == "cancelled"
    assert words(await scene.entries("p")) == [
        *("began", "Left", "held", "Ended", "admitted", "Ended")
    ]


@pytest.mark.parametrize("commit", [2, 3, 4])
@pytest.mark.parametrize("moment", ["before", "after"])
@virtually
async def test_a_child_that_was_left_is_cancelled_by_the_next_kernel(
    commit: int, moment: Any
) -> None:
    machine = left_open()
    scene = Stage((machine,), [])
    scene.journal.crash_at = (commit, moment)

    async def leave(kernel: Kernel) -> Any:
        await kernel.start(machine, Data(), id="p")
        await kernel.run("p").send(Left(), key="leave")
        await trio.sleep(1.0)

    await scene.until_crash(leave)

    async def close(kernel: Kernel) -> Any:
        await kernel.run("p").send(Left(), key="leave")
        await trio.sleep(1.0)
        await kernel.run("p/2").send(Closed())
        return await kernel.run("p").wait_end()

    end = await scene.afterwards(close)

    assert end.value == Data(("Ended completed",))
    assert end_of(await scene.entries("p/1"))["status"] == "cancelled"
    await check_everything(scene.journal, scene.world())


@virtually
async def test_a_sibling_that_was_to_stop_is_stopped_by_the_next_kernel() -> None:
    quick: Any = Spawn(waiting("quick"))
    pair: Any = Each(quick, two(quick), stop_on_failure=True, name="pair")
    parent = Machine(
        "parent",
        State("pair", On(pair.settled, to="done"), do=pair),
        Final("done"),
        data=Data,
    )
    scene = Stage((parent,), [])

    async def fail(kernel: Kernel) -> Any:
        await kernel.start(parent, Data(), id="p")
        scene.journal.crash_at = (scene.journal.commits + 2, "after")
        await kernel.run("p/1").cancel()
        await trio.sleep(1.0)

    await scene.until_crash(fail)

    async def wait(kernel: Kernel) -> Any:
        return await kernel.run("p").wait_end()

    end = await scene.afterwards(wait)

    assert end.status == "completed"
    assert end_of(await scene.entries("p/2"))["status"] == "cancelled"


@virtually
async def test_a_parent_ends_after_its_child_has() -> None:
    machine = left_open()
    scene = Stage((machine,), [])

    async def run(kernel: Kernel) -> Any:
        run = await kernel.start(machine, Data(), id="p")
        assert await run.cancel("all of it") == "ending"
        return await run.wait_end()

    end = await scene.afterwards(run)

    assert end.status == "cancelled"
    assert words(await scene.entries("p")) == ["began", "halted", "Ended"]
    assert words(await scene.entries("p/1")) == ["began", "halted"]
