"""A machine over many inputs: every item is a run, and the batch says how each of them ended."""

from typing import Any

import pytest
import trio
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from detent import (
    Batch,
    Call,
    Ended,
    Fails,
    Final,
    Machine,
    NotServed,
    On,
    Returned,
    State,
    Stopped,
    WrongInput,
    batch_of,
    handle,
)
from detent.kernel import Fan, compile_machine, draw
from detent.kernel.names import name_of
from detent.tools.testing.virtual import run_virtually, virtually
from tests.kernel.scheduler.toys import Again, opened
from tests.settings import times


@frozen
class Task:
    """The data of an item."""

    n: int = 0
    made: int = 0

    def work(self) -> Again:
        """What is done for it."""
        return Again(self.n)

    def keep(self, event: Returned[int]) -> "Task":
        """What came of it."""
        return Task(self.n, event.value)


def task_of(number: int) -> Task:
    """What an item begins with."""
    return Task(number)


def made(task: Task) -> int:
    """What an item results in."""
    return task.made


work: Call[Task, int] = Call(Again, Task.work)
item: Machine[int, Task, int] = Machine(
    "item",
    State(
        "working",
        On(work.returned, to="done", update=Task.keep),
        On(work.unreturned, to="lost"),
        do=work,
    ),
    Final("done"),
    Final("lost", status="failed"),
    data=Task,
    begin=task_of,
    result=made,
)


async def doubled(order: Again) -> int:
    """Takes as long as its number; odd ones of ten and more fail."""
    await trio.sleep(order.n)
    if order.n >= 10 and order.n % 2:
        raise Fails("odd")
    return order.n * 2


async def batched(inputs: tuple[int, ...], **options: Any) -> Batch[int, int]:
    """What a batch comes to, and how it ends."""
    batch = batch_of(item, **options)
    async with opened(batch, handlers=[handle(Again, doubled)]) as kernel:
        run = await kernel.start(batch, Batch(inputs))
        end = await run.wait_end()
        status = "completed_with_failures" if end.value.failed else "completed"
        assert end.status == status
        value: Batch[int, int] = end.value
        return value


@settings(max_examples=times(20))
@given(
    st.lists(st.integers(0, 20), max_size=6).map(tuple),
    st.none() | st.integers(1, 3),
    st.booleans(),
)
def test_a_batch_says_how_every_item_ended(
    inputs: tuple[int, ...], at_most: int | None, stop_on_failure: bool
) -> None:
    batch = run_virtually(lambda: batched(inputs, at_most=at_most, stop_on_failure=stop_on_failure))

    failing = {n for n in inputs if n >= 10 and n % 2}
    assert batch.inputs == inputs
    assert len(batch.items) == len(inputs)
    for number, one in zip(inputs, batch.items, strict=True):
        if isinstance(one, Ended) and one.status == "completed":
            assert one.result == number * 2
            assert number not in failing
        else:
            assert failing
            assert stop_on_failure or number in failing
    assert bool(batch.failed) == bool(failing)


@virtually
async def test_no_more_items_are_under_way_than_may_be() -> None:
    batch = batch_of(item, at_most=2)
    async with opened(batch, handlers=[handle(Again, doubled)]) as kernel:
        run = await kernel.start(batch, Batch((1, 1, 1, 1)))
        (flight,) = (await run.snapshot()).effects
        await run.wait_end()

    assert isinstance(flight, Fan)
    assert len(flight.under_way()) == 2
    assert trio.current_time() == 2


@virtually
async def test_the_first_item_that_fails_stops_the_others() -> None:
    batch = await batched((11, 30, 2), stop_on_failure=True, at_most=2)

    kinds = [one.status if isinstance(one, Ended) else type(one) for one in batch.items]
    assert kinds == ["failed", "cancelled", Stopped]
    assert batch.failed == (11, 30, 2)
    assert trio.current_time() == 11


@virtually
async def test_items_that_never_began_are_to_be_done_again() -> None:
    batch = await batched((11, 30, 2, 4), stop_on_failure=True, at_most=1)

    assert isinstance(batch.items[1], Stopped)
    assert batch.failed == (11, 30, 2, 4)


def test_a_batch_is_named_after_its_machine() -> None:
    assert batch_of(item).name == "item.batch"
    assert batch_of(item, name="all").name == "all"
    assert "item" in draw(compile_machine(batch_of(item)))
    assert name_of(_maker(batch_of(item))) == "batch of item"


def _maker(batch: Any) -> Any:
    (running, *_) = batch.parts
    (each,) = running.do
    return each.make


def test_a_batch_needs_to_know_what_its_items_begin_with_and_come_to() -> None:
    silent: Any = lambda number: Task(number)  # noqa: E731 - it says nothing of types
    mute: Any = lambda task: task.made  # noqa: E731
    unknown: Any = Machine("m", Final("a"), data=Task, begin=silent)
    endless: Any = Machine("m", Final("a"), data=Task, result=mute)

    with pytest.raises(WrongInput, match="begin does not say what it begins with"):
        batch_of(unknown)
    with pytest.raises(WrongInput, match="result does not say what it results in"):
        batch_of(endless)


def test_the_data_is_input_and_result_where_nothing_else_is_said() -> None:
    plain: Machine[Task, Task, Task] = Machine("plain", Final("a"), data=Task)

    assert batch_of(plain).data == Batch[Task, Task]


@virtually
async def test_a_kernel_runs_a_batch_of_what_it_serves() -> None:
    async with opened(item, handlers=[handle(Again, doubled)]) as kernel:
        one = await kernel.batch(item, [1, 2, 3], at_most=2, id="numbers")
        again = await kernel.batch(item, [1, 2, 3], at_most=2, id="numbers")
        other = await kernel.batch(item, (), stop_on_failure=True)
        result = await one.wait_result()
        nothing = await other.wait_result()
        with pytest.raises(NotServed):
            await kernel.batch(Machine("alien", Final("a"), data=Task), [])

    assert again == one
    assert [getattr(child, "result", None) for child in result.items] == [2, 4, 6]
    assert nothing.items == ()
