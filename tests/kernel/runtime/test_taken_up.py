"""Children of a run that another kernel takes up: those that were not begun begin, those that end are left to it.

And one that has ended as soon as it begins.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from attrs import evolve, frozen

from detent import (
    Call,
    Cancelled,
    Context,
    Effect,
    Ended,
    Event,
    Final,
    Kernel,
    Limits,
    Machine,
    On,
    Spawn,
    State,
    World,
    handle,
    open_kernel,
)
from detent.kernel import MemoryJournal
from detent.tools.testing.virtual import VirtualClock, virtually


@frozen
class Work(Effect[int], recovery="idempotent"):
    """Something that takes a while."""


@frozen
class Leave(Event):
    """Enough of it."""


@frozen
class Data:
    """What a run remembers."""

    heard: str = ""

    def hear(self, event: Ended[Any]) -> "Data":
        """How the child has ended."""
        return evolve(self, heard=event.status)


def child_data(data: Data) -> Data:
    """What a child begins with."""
    return Data()


def some_work(data: Data) -> Work:
    """What is ordered."""
    return Work()


work = Call(Work, some_work)
child = Machine("child", Final("done"), data=Data)
spawn = Spawn(child, child_data)
leaving = Machine(
    "leaving",
    State("working", On(Leave, to="waiting"), On(work.returned | work.failed, to="done"), do=work),
    State("waiting", On(spawn.ended, to="done", update=Data.hear), do=spawn),
    Final("done"),
    data=Data,
)

undo = Call(Work, some_work, name="undo")


def undoing(*parts: Any) -> Machine[Data, Data, Data]:
    """A child that undoes what it has done when it is cancelled."""
    return Machine(
        "undoing",
        State("working", On(Cancelled, to="undoing")),
        State("undoing", On(undo.returned | undo.failed, to="undone"), do=undo, compensates=True),
        Final("undone"),
        *parts,
        data=Data,
    )


def parent_of(machine: Machine[Data, Data, Data]) -> Machine[Data, Data, Data]:
    """A run that leaves its child."""
    form = Spawn(machine, child_data)
    return Machine(
        "parent",
        State("waiting", On(Leave, to="done"), On(form.ended, to="done"), do=form),
        Final("done"),
        data=Data,
    )


class Stage:
    """One kernel after the other, on one journal."""

    def __init__(self, clock: VirtualClock, seconds: float) -> None:
        self.clock, self.seconds = clock, seconds
        self.journal = MemoryJournal()
        self.calls: list[str] = []

    async def work(self, order: Work, context: Context) -> int:
        """Take a while, and not end sooner."""
        self.calls.append(context.key)
        with context.cleanup():
            await trio.sleep(self.seconds)
        return 1

    def world(self, machine: Machine[Any, Any, Any], grace: float) -> World:
        """What a kernel runs."""
        handlers = [handle(Work, self.work)]
        limits = Limits(grace=grace)
        return World(
            machine, handlers=handlers, journal=self.journal, clock=self.clock, limits=limits
        )

    async def put_down(
        self,
        machine: Machine[Any, Any, Any],
        act: Callable[[Kernel], Awaitable[None]],
        grace: float,
    ) -> None:
        """Open a kernel, do something, and put the kernel down a second later."""
        with trio.CancelScope() as scope:
            async with open_kernel(self.world(machine, grace), on_cancel="suspend") as kernel:
                await act(kernel)
                await trio.sleep(1.0)
                scope.cancel()
                await trio.lowlevel.checkpoint()


@pytest.fixture
def clock() -> VirtualClock:
    """The clock of the kernels."""
    return VirtualClock()


async def leave(kernel: Kernel) -> None:
    """Begin, and leave what is done at first."""
    (machine,) = (one.table.machine for one in kernel.engine.served.values() if one.name in NAMES)
    run = await kernel.start(machine, Data(), id="run")
    await trio.sleep(1.0)
    await run.send(Leave())


NAMES = ("leaving", "parent")


@virtually
async def test_a_child_that_was_held_is_begun_by_who_takes_over(clock: VirtualClock) -> None:
    stage = Stage(clock, seconds=10.0)
    await stage.put_down(leaving, leave, grace=20.0)

    async with open_kernel(stage.world(leaving, grace=1.0)) as kernel:
        result = await kernel.run("run").wait_result()

    assert result == Data("completed")


@virtually
async def test_a_child_that_undoes_is_not_cut_short_by_who_takes_over(clock: VirtualClock) -> None:
    machine = parent_of(undoing())
    stage = Stage(clock, seconds=10.0)
    await stage.put_down(machine, leave, grace=0.5)

    async with open_kernel(stage.world(machine, grace=0.5)) as kernel:
        await kernel.run("run").wait_end()
        snapshot = await kernel.run("run/1").snapshot()

    assert stage.calls == ["run/1/1", "run/1/1"]
    assert snapshot.end is not None
    assert snapshot.end.status == "cancelled"
    assert snapshot.is_in("undone")


@virtually
async def test_a_child_whose_machine_has_changed_is_left_alone(clock: VirtualClock) -> None:
    stage = Stage(clock, seconds=10.0)
    await stage.put_down(parent_of(undoing()), leave, grace=0.5)
    changed = parent_of(undoing(On(Leave, to="undone")))

    statuses: list[str] = []

    async def look(kernel: Kernel) -> None:
        statuses.append((await kernel.run("run").snapshot()).status)

    await stage.put_down(changed, look, grace=0.5)

    assert statuses == ["ending"]


@virtually
async def test_a_child_that_ends_as_it_begins_is_heard_of(clock: VirtualClock) -> None:
    at_once = Machine(
        "at_once",
        State("waiting", On(spawn.ended, to="done", update=Data.hear), do=spawn),
        Final("done"),
        data=Data,
    )

    async with open_kernel(World(at_once, clock=clock)) as kernel:
        run = await kernel.start(at_once, Data())
        result = await run.wait_result()

    assert result == Data("completed")
