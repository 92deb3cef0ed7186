"""Handlers on the host's loop: they run there, are contained as those on trio are, and what they do comes across.

The file is long because such a handler may be cut in many ways, from either side.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import pytest
import trio

from detent import (
    Context,
    End,
    Fails,
    Limits,
    OwnResult,
    Run,
    World,
    WrongInput,
    handle,
    open_kernel,
)
from detent.kernel import CallFailed, Chunk, MemoryJournal, Noted, Seen
from detent.tools.embed.asyncio import Kernel, on_host
from tests.kernel.scheduler.toys import (
    Add,
    Again,
    Asked,
    Data,
    Leave,
    Once,
    Refused,
    call,
    doing,
    fan,
    told,
)
from tests.sides import looped
from tests.tools.embed import hosts

FAN = fan()
who: ContextVar[str] = ContextVar("who", default="nobody")
Work = Callable[..., Awaitable[int]]


def opened(effect: type[Any], by: Work, grace: float = 5.0, **options: Any) -> Any:
    """A kernel for a machine with one effect, which is performed on the host's loop."""
    machine = doing(call(effect, **options))
    machines = (machine, FAN) if effect is Again else (machine,)
    kind: Any = effect
    world = World(*machines, handlers=[handle(kind, on_host(by))], limits=Limits(grace=grace))
    return hosts.of(world), machine


async def ended(effect: type[Any], by: Work, grace: float = 5.0, **options: Any) -> tuple[str, ...]:
    """What a run has heard, in the end, whose effect is performed there."""
    kernels, machine = opened(effect, by, grace, **options)
    async with kernels as kernel:
        result: Data = await (await kernel.start(machine, Data(n=2))).wait_result()
        return result.heard


async def entries(kernel: Kernel, run: Run[Any, Any]) -> list[str]:
    """What has happened to a run, in words."""
    return told(await kernel.within(kernel.journal.entries, run.id))


# -- it runs there


@looped
async def test_a_handler_runs_on_the_loop_of_the_host() -> None:
    where: list[object] = []

    async def work(order: Again) -> int:
        await asyncio.sleep(0)
        where.extend([threading.current_thread(), asyncio.get_running_loop(), order.n])
        return 1

    assert await ended(Again, work) == ("Returned",)
    assert where == [threading.current_thread(), asyncio.get_running_loop(), 2]


@looped
async def test_many_run_side_by_side() -> None:
    at_once = most = 0

    async def work(order: Again) -> int:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.02)
        at_once -= 1
        return order.n

    kernels, _ = opened(Again, work)
    async with kernels as kernel:
        end: End = await (await kernel.start(FAN, Data(n=20))).wait_end()

    assert end.status == "completed"
    assert most == 20


@looped
async def test_a_callable_object_and_a_method_are_handlers_too() -> None:
    class Bank:
        """Something whose calls are async."""

        async def __call__(self, order: Again, context: Context) -> int:
            return context.attempt

        async def charge(self, order: Again) -> int:
            return 1

    assert await ended(Again, Bank()) == ("Returned",)
    assert await ended(Again, Bank().charge) == ("Returned",)


def test_a_handler_keeps_its_name_and_what_it_says() -> None:
    async def charge(order: Again) -> int:
        """Take money."""
        return 1

    hosted: Any = on_host(charge)

    assert handle(Again, hosted).name.endswith("charge")
    assert hosted.__doc__ == "Take money."


@pytest.mark.parametrize("by", [7, print, lambda order: 1, Again])
def test_what_is_no_async_function_is_refused(by: Any) -> None:
    with pytest.raises(WrongInput, match="it is no async function"):
        on_host(by)


# -- what it is told, and says


@looped
async def test_what_a_handler_says_comes_across() -> None:
    facts: list[object] = []
    go = asyncio.Event()

    async def work(order: Again, context: Context) -> int:
        await go.wait()
        facts.extend([context.run, context.effect, context.key, context.attempt, context.stopping])
        facts.append(context.deadline is not None and context.deadline > context.now())
        context.emit("a chunk")
        context.note({"n": order.n})
        receipt = await context.send(Add(5))
        facts.append(receipt.status)
        return 1

    kernels, machine = opened(Again, work, timeout=60.0)
    async with kernels as kernel:
        run = await kernel.start(machine, Data(n=2), id="r")
        watch = run.watch()
        go.set()
        result = await run.wait_result()
        sights = [sight async for sight in watch]

    assert facts == ["r", 1, "r/1", 1, False, True, "accepted"]
    assert result.n == 7
    said = [one.value for one in sights if isinstance(one, Chunk)]
    notes = [one for sight in sights if isinstance(sight, Seen) for one in sight.told]
    assert said == ["a chunk"]
    assert [one.value for one in notes if isinstance(one, Noted)] == [{"n": 2}]


@looped
async def test_a_handler_may_ask_the_kernel_for_other_things_but_not_for_its_own_end() -> None:
    async def work(order: Again, context: Context) -> int:
        with pytest.raises(OwnResult):
            await kernel.run(context.run).wait_end()
        other = await kernel.start(FAN, Data(n=0))
        return len((await other.wait_result()).heard)

    kernels, machine = opened(Again, work)
    async with kernels as kernel:
        assert (await (await kernel.start(machine, Data())).wait_result()).heard == ("Returned",)


@looped
async def test_a_handler_has_a_copy_of_the_variables_of_the_run() -> None:
    saw: list[str] = []

    async def work(order: Again) -> int:
        saw.append(who.get())
        who.set("a handler")
        return 1

    who.set("Ada")
    kernels, machine = opened(Again, work)
    async with kernels as kernel:
        for name in ("Bob", "Eve"):
            who.set(name)
            await (await kernel.start(machine, Data())).wait_end()
            assert who.get() == name
        who.set("Kim")
        await (await kernel.start(FAN, Data(n=2))).wait_end()

    assert saw == ["Bob", "Eve", "Kim", "Kim"]


# -- what comes of it


async def fails(order: Any) -> int:
    """It surely did not happen."""
    raise Fails("out of stock")


async def refuses(order: Any) -> int:
    """A declared failure."""
    raise Fails(Refused("no"))


async def raises(order: Any) -> int:
    """Something went wrong."""
    raise ValueError("what?")


async def is_cancelled(order: Any) -> int:
    """Somebody cancels its task."""
    task: Any = asyncio.current_task()
    task.cancel()
    await asyncio.sleep(60)
    return 1


async def lasts(order: Any) -> int:
    """It takes too long."""
    await asyncio.sleep(60)
    return 1


async def gives_a_list(order: Any) -> Any:
    """It cannot be stored."""
    return [1]


@pytest.mark.parametrize(
    ("by", "again", "once"),
    [
        (fails, "Failed", "Failed"),
        (refuses, "Refused", "Refused"),
        (raises, "Failed", "InDoubt"),
        (is_cancelled, "Failed", "InDoubt"),
        (lasts, "TimedOut", "InDoubt"),
        (gives_a_list, "Failed", "InDoubt"),
    ],
)
def test_an_outcome_is_as_that_of_a_handler_on_trio(by: Work, again: str, once: str) -> None:
    async def host() -> None:
        assert await ended(Again, by, timeout=0.1) == (again,)
        assert await ended(Once, by, timeout=0.1) == (once,)

    asyncio.run(host())


@looped
async def test_of_what_was_cut_by_a_crash_is_asked_on_the_loop_too() -> None:
    asked: list[int] = []

    async def query(order: Asked, context: Context) -> int:
        await asyncio.sleep(0)
        asked.append(order.n)
        return 7

    machine, journal = doing(call(Asked)), MemoryJournal()
    handled = handle(Asked, on_host(lasts), query=on_host(query))
    world = World(machine, handlers=[handled], journal=journal, limits=hosts.HURRIED)

    async def host() -> None:
        async with hosts.of(world, on_cancel="suspend") as kernel:
            await kernel.start(machine, Data(n=3), id="r")
            await asyncio.sleep(0.01)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await host()
    async with hosts.of(world) as kernel:
        assert (await kernel.run("r").wait_result()).heard == ("Returned",)

    assert asked == [3]


@looped
async def test_what_is_no_exception_ends_the_kernel() -> None:
    class Abort(BaseException):
        """What no handler should raise."""

    async def abort(order: Again) -> int:
        raise Abort

    with pytest.raises(Abort):
        await ended(Again, abort)


def test_a_kernel_without_such_a_host_does_not_perform_it() -> None:
    async def host() -> End:
        machine = doing(call(Once))
        world = World(machine, handlers=[handle(Once, on_host(fails))])
        async with open_kernel(world) as kernel:
            run = await kernel.start(machine, Data())
            said.extend([line async for line in run.watch()])
            return await run.wait_end()

    said: list[Any] = []

    end = trio.run(host)

    assert end.value == Data(("Failed",), 0)
    assert "open it with detent.tools.embed.asyncio.open_kernel" in repr(said)


@looped
async def test_a_handler_that_wants_something_else_has_failed() -> None:
    async def wants(order: Again, context: Context, more: int) -> int:
        return more

    wrong: Any = wants

    assert await ended(Again, wrong) == ("Failed",)
    assert await ended(Once, wrong) == ("InDoubt",)


# -- how it is stopped


@looped
async def test_a_task_is_cancelled_and_awaited_when_its_state_is_left() -> None:
    said: list[str] = []

    begun = asyncio.Event()

    async def work(order: Again) -> int:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.02)
            said.append("cleaned up")
        return 1

    kernels, machine = opened(Again, work)
    async with kernels as kernel:
        run = await kernel.start(machine, Data())
        await begun.wait()
        await run.send(Leave())
        assert said == []
        async for sight in run.watch():
            if isinstance(sight, Seen) and any(isinstance(one, CallFailed) for one in sight.told):
                break

        assert said == ["cleaned up"]
        assert (await entries(kernel, run))[-1] == "Stopped"


@looped
async def test_a_block_for_cleaning_up_is_not_interrupted_before_the_grace_is_over() -> None:
    said: list[str] = []

    begun = asyncio.Event()

    async def work(order: Again, context: Context) -> int:
        begun.set()
        with context.cleanup():
            with context.cleanup():
                await asyncio.sleep(0.02)
            said.append(f"done, stopping: {context.stopping}")
        await asyncio.sleep(60)
        return 1

    kernels, machine = opened(Again, work)
    async with kernels as kernel:
        run = await kernel.start(machine, Data())
        await begun.wait()
        await run.cancel()
        end = await run.wait_end()

    assert said == ["done, stopping: True"]
    assert (end.status, end.abandoned) == ("cancelled", ())


@looped
async def test_what_does_not_end_in_the_grace_is_cut_and_abandoned() -> None:
    said: list[str] = []

    begun = asyncio.Event()

    async def work(order: Again, context: Context) -> int:
        begun.set()
        try:
            with context.cleanup():
                await asyncio.sleep(60)
        except asyncio.CancelledError:
            said.append("cut")
            raise
        return 1

    kernels, machine = opened(Again, work, grace=0.05)
    async with kernels as kernel:
        run = await kernel.start(machine, Data(), id="r")
        await begun.wait()
        await run.cancel()
        end = await run.wait_end()
        await asyncio.sleep(0.01)

        assert said == ["cut"]
        assert end.abandoned == ("r/1",)


@looped
async def test_a_task_that_will_not_end_holds_nobody_up() -> None:
    goes_on = asyncio.Event()

    begun = asyncio.Event()

    async def stubborn(order: Again) -> int:
        begun.set()
        while not goes_on.is_set():
            try:
                await goes_on.wait()
            except asyncio.CancelledError:
                continue
        return 1

    kernels, machine = opened(Again, stubborn, grace=0.05)
    async with kernels as kernel:
        run = await kernel.start(machine, Data(), id="r")
        await begun.wait()
        await run.cancel()

        assert (await run.wait_end()).abandoned == ("r/1",)
    assert hosts.still_there() == []
    goes_on.set()
    await asyncio.sleep(0.01)


@looped
async def test_who_comes_to_an_end_in_spite_of_being_stopped_has_done_so() -> None:
    begun = asyncio.Event()

    async def work(order: Once) -> int:
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
        return 1

    kernels, machine = opened(Once, work)
    async with kernels as kernel:
        run = await kernel.start(machine, Data())
        await begun.wait()
        await run.cancel()
        end = await run.wait_end()

    assert (end.status, end.in_doubt) == ("cancelled", ())


@looped
async def test_when_the_host_is_cancelled_its_tasks_clean_up_first() -> None:
    said: list[str] = []

    begun = asyncio.Event()

    async def work(order: Again) -> int:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.02)
            said.append("cleaned up")
        return 1

    async def host() -> None:
        kernels, machine = opened(Again, work)
        async with kernels as kernel:
            await kernel.start(machine, Data())
            await asyncio.sleep(60)

    holds = asyncio.create_task(host())
    await begun.wait()
    holds.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holds

    assert said == ["cleaned up"]
    assert asyncio.all_tasks() == {asyncio.current_task()}
