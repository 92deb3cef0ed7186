"""Effects of a run, one after the other and side by side: where they run, who sees them, and what is kept of them."""

import contextvars
from typing import Any

import pytest
import trio

from detent import (
    Context,
    Fails,
    Final,
    Kernel,
    Limits,
    Machine,
    On,
    Run,
    State,
    handle,
)
from detent.kernel import (
    Halted,
    Happened,
    KernelClosed,
    Retry,
    Seen,
    Stopped,
)
from detent.kernel.scheduler import Item
from detent.tools.testing.virtual import virtually
from tests.kernel.scheduler.toys import (
    Add,
    Again,
    Close,
    Data,
    Diary,
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
    outcomes_of,
    pause,
    spawning,
    told,
)

COUNTING, AGAIN, ONCE, FAN = counting(), doing(call(Again)), doing(call(Once)), fan()
CHILD = spawning(AGAIN)
BAD: Any = object()


@virtually
async def test_a_chain_of_effects_needs_one_task_and_keeps_its_own_variables() -> None:
    seen: list[Any] = []
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="none")

    async def look(order: Again) -> int:
        seen.append((name.get(), trio.lowlevel.current_task().name))
        name.set("changed")
        return 1

    again, more = call(Again, name="first"), call(Again, name="second")
    outcome = [form.returned | form.unreturned for form in (again, more)]
    machine: Machine[Data, Data, Data] = Machine(
        "chain",
        State("a", On(outcome[0], to="b", update=Data.hear), do=again),
        State("b", On(outcome[1], to="c", update=Data.hear), do=more),
        Final("c"),
        data=Data,
    )
    async with opened(machine, handlers=[handle(Again, look)]) as kernel:
        name.set("started")
        run = await kernel.start(machine, Data())
        name.set("later")
        await run.wait_end()

    assert [one for one, _ in seen] == ["started", "started"]


@virtually
async def test_an_attempt_that_fails_is_tried_again_later() -> None:
    tries: list[float] = []

    async def third(order: Again, context: Context) -> int:
        tries.append(trio.current_time())
        if context.attempt < 3:
            raise Fails("not yet")
        return 1

    machine = doing(call(Again, retry=Retry(attempts=3, base=2.0, jitter=0.0)))
    async with opened(machine, handlers=[handle(Again, third)]) as kernel:
        run = await kernel.start(machine, Data(), id="r")
        assert (await run.wait_end()).value.heard == ("Returned",)
        entries = told(await kernel.journal.entries("r"))

    assert tries == [0, 2, 6]
    assert entries[0] == "began"
    assert entries[-1] == "Returned"
    assert len(entries) == 6


@virtually
async def test_taps_see_everything_and_change_nothing() -> None:
    class Bad(Diary):
        """A tap that raises."""

        def entry(self, run: str, entry: Any) -> None:
            raise ValueError(f"entry {entry.seq}")

        def chunk(self, run: str, effect: int, attempt: int, chunk: object) -> None:
            raise ValueError("bad tap")

    async def emits(order: Again, context: Context) -> int:
        context.emit("x")
        return 1

    diary, bad = Diary(), Bad()
    taps = [bad, diary]
    async with opened(AGAIN, handlers=[handle(Again, emits)], taps=taps) as kernel:
        await (await kernel.start(AGAIN, Data(), id="r")).wait_end()

    assert diary.entries == [("r", 1), ("r", 2)]
    assert diary.chunks == ["x"]
    (broken,) = kernel.broken_taps
    assert (broken.tap, str(broken.error)) == (bad, "entry 1")
    assert (broken.errors, broken.is_off) == (3, False)


@virtually
async def test_what_comes_of_an_effect_waits_for_what_is_being_written() -> None:
    journal, steps = SlowJournal(30), Steps()
    async with opened(ONCE, handlers=[handle(Once, steps)], journal=journal) as kernel:
        run: Run[Data, Data] = await kernel.start(ONCE, Data(), id="r")
        await trio.sleep(1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run.send, Add())
            await pause(3)
            nursery.start_soon(run.send, Leave())
            await pause(3)
            steps.go.set()
        await run.send(Close())
        end = await run.wait_end()

    assert told(await journal.entries("r")) == ["began", "Add", "Leave", "Returned", "Close"]
    assert end.in_doubt == ()


@virtually
async def test_a_kernel_that_is_gone_drives_nothing() -> None:
    async with opened(COUNTING) as kernel:
        await kernel.start(COUNTING, Data(), id="r")
        live = await kernel.engine.lives.awake("r")

    with pytest.raises(KernelClosed):
        kernel.engine.put(live, Item(Halted("cancelled")))
    kernel.engine._wake(live)
    kernel.engine.tell("elsewhere", Item(Happened(1, Stopped("exit"))))


@virtually
async def test_a_chain_is_shown_to_who_looks_and_ends_where_a_kernel_closes() -> None:
    seen: list[int] = []
    first, second = call(Again, name="first"), call(Again, name="second")
    machine: Machine[Data, Data, Data] = Machine(
        "endless",
        State("a", On(outcomes_of(first), to="b", update=Data.hear), do=first),
        State("b", On(outcomes_of(second), to="a", update=Data.hear), do=second),
        data=Data,
    )

    async def watch(run: Run[Data, Data]) -> None:
        async for sight in run.watch():
            seen.append(len(seen))
            if isinstance(sight, Seen) and sight.seq == 6:
                break

    with trio.CancelScope() as host:
        async with opened(
            machine, handlers=[handle(Again, gives(after=1))], on_cancel="suspend"
        ) as kernel:
            await watch(await kernel.start(machine, Data(), id="r"))
            host.cancel()
            await trio.sleep_forever()

    assert seen == list(range(6))
    assert trio.current_time() == 6


@virtually
async def test_of_two_that_are_done_side_by_side_the_first_is_kept_at_once() -> None:
    quick, slow = call(Again, name="quick"), call(Once, name="slow")
    machine: Machine[Data, Data, Data] = Machine(
        "two",
        State(
            "a",
            On(outcomes_of(quick), update=Data.hear),
            On(outcomes_of(slow), to="b", update=Data.hear),
            do=(quick, slow),
        ),
        Final("b"),
        data=Data,
    )
    handlers = [handle(Again, gives(after=1)), handle(Once, gives(after=2))]
    async with opened(machine, handlers=handlers) as kernel:
        run = await kernel.start(machine, Data(), id="r")

        assert (await run.wait_end()).value.heard == ("Returned", "Returned")


async def parent_and_child(kernel: Kernel) -> Run[Data, Data]:
    """A parent that waits for its child."""
    return await kernel.start(CHILD, Data(), id="r")


@virtually
async def test_a_kernel_that_closes_waits_until_everybody_has_been_told() -> None:
    journal, limits = SlowJournal(10), Limits(awake=0)
    handlers = [handle(Again, gives(after=1))]
    async with opened(CHILD, handlers=handlers, journal=journal, limits=limits) as kernel:
        await parent_and_child(kernel)

    stands = {run: one.status for run, one in await journal.find()}
    assert stands == {"r": "completed", "r/1": "completed"}


@pytest.mark.parametrize("at_most", [1, 2])
@virtually
async def test_what_a_task_goes_on_with_is_stopped_when_its_state_is_left(at_most: int) -> None:
    each = fan(at_most=at_most)
    async with opened(each, handlers=[handle(Again, gives(after=1.0))]) as kernel:
        run = await kernel.start(each, Data(n=3), id="r")
        await trio.sleep(1.5)
        await run.send(Leave())
        end = await run.wait_end()

    assert (end.status, trio.current_time()) == ("completed", 1.5)
