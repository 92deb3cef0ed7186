"""How long what was told to stop is waited for, and what becomes of it after that."""

import threading
from typing import Any

import pytest
import trio
import trio.testing
from attrs import frozen

from detent import (
    Context,
    Done,
    Final,
    Kernel,
    Limits,
    Machine,
    On,
    Region,
    State,
)
from detent.tools.testing.virtual import virtually
from tests.kernel.runtime.proofs import check_everything, workers
from tests.kernel.runtime.toys import (
    Again,
    Closed,
    Data,
    Hand,
    Left,
    Pure,
    Stage,
    call,
    doing,
    handled,
    hear,
    stubborn,
    tidy,
    words,
)

GRACE = 0.3


def scene(machine: Machine[Data, Data, Data], hand: Hand, *effects: type[Any]) -> Stage:
    """A kernel with little patience."""
    handlers = [handled(effect, hand) for effect in effects or (Pure,)]
    return Stage((machine,), handlers, {"limits": Limits(grace=GRACE)})


async def until(moment: float) -> None:
    """Wait for an instant."""
    await trio.sleep_until(moment)


# -- shields


@virtually
async def test_a_bare_shield_is_abandoned_at_the_end_of_the_grace() -> None:
    hand = Hand({"pure": stubborn(10.0, 1.0)})
    stage = scene(doing(call(Pure)), hand)

    async def act(kernel: Kernel) -> Any:
        run = await kernel.start(stage.machines[0], Data(), id="r")
        await until(1.0)
        await run.cancel("enough")
        end = await run.wait_end()
        assert trio.current_time() == 1.0 + GRACE
        assert hand.ended == []
        before = await stage.entries("r")
        await until(3.0)
        return end, before

    end, before = await stage.afterwards(act)

    assert (end.status, end.abandoned, end.in_doubt) == ("cancelled", ("r/1",), ())
    assert words(before) == ["began", "halted", "abandoned", "Stopped"]
    assert await stage.entries("r") == before  # what still came of it was dropped
    assert hand.ended == [("pure", "cut")]


@virtually
async def test_the_run_goes_on_without_what_does_not_end() -> None:
    stage = scene(doing(call(Pure)), Hand({"pure": stubborn(10.0, 1.0)}))

    async def act(kernel: Kernel) -> Any:
        run = await kernel.start(stage.machines[0], Data(), id="r")
        await until(1.0)
        await run.send(Left())
        await until(1.0 + GRACE)
        await run.send(Closed())
        return await run.wait_end(), trio.current_time()

    end, time = await stage.afterwards(act)

    assert (end.status, end.abandoned) == ("completed", ("r/1",))
    assert time == 1.0 + GRACE


@pytest.mark.parametrize(
    ("cleanup", "cleaned", "ended"), [(0.2, ["cleaned"], 1.2), (5.0, [], 1.0 + GRACE)]
)
@virtually
async def test_a_clean_up_has_as_long_as_the_grace(
    cleanup: float, cleaned: list[str], ended: float
) -> None:
    seen: list[str] = []
    hand = Hand({"pure": tidy(10.0, cleanup, lambda: seen.append("cleaned"))})
    stage = scene(doing(call(Pure)), hand)

    async def act(kernel: Kernel) -> Any:
        run = await kernel.start(stage.machines[0], Data(), id="r")
        await until(1.0)
        await run.cancel("enough")
        end = await run.wait_end()
        return end, trio.current_time(), workers()

    end, time, tasks = await stage.afterwards(act)

    assert seen == cleaned
    assert time == ended
    assert end.abandoned == (() if cleaned else ("r/1",))
    assert tasks <= 1
    assert trio.current_time() == ended  # nothing holds the kernel up


@virtually
async def test_a_clean_up_that_begins_after_the_grace_is_cut_at_once() -> None:
    seen: list[float] = []

    async def late(order: Any, context: Context) -> int:
        try:
            await trio.sleep(10.0)
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1.0)
            with context.cleanup():
                await trio.sleep(1.0)
            seen.append(trio.current_time())
        return 1

    stage = scene(doing(call(Pure)), Hand({"pure": late}))

    async def act(kernel: Kernel) -> Any:
        run = await kernel.start(stage.machines[0], Data(), id="r")
        await until(1.0)
        await run.cancel()
        return await run.wait_end()

    end = await stage.afterwards(act)

    assert end.abandoned == ("r/1",)
    assert seen == [2.0]


@virtually
async def test_what_times_out_has_the_grace_too() -> None:
    stage = scene(doing(call(Pure, timeout=2.0)), Hand({"pure": stubborn(10.0, 1.0)}))

    async def act(kernel: Kernel) -> Any:
        run = await kernel.start(stage.machines[0], Data(), id="r")
        return await run.wait_end(), trio.current_time()

    end, time = await stage.afterwards(act)

    assert end.value == Data(("TimedOut",))
    assert end.abandoned == ("r/1",)
    assert time == 2.0 + GRACE


# -- regions


def sides() -> Machine[Data, Data, Data]:
    """Two regions at work, each with a shield of its own length."""
    left, right = call(Pure), call(Again)
    return Machine(
        "sides",
        State(
            "both",
            Region(
                "left",
                State("l", On(left.returned | left.unreturned, to="l_done"), do=left),
                Final("l_done"),
            ),
            Region(
                "right",
                State("r", On(right.returned | right.unreturned, to="r_done"), do=right),
                Final("r_done"),
            ),
            On(Left, to="away"),
            Done(to="done"),
        ),
        State("away", On(Closed, to="done", update=hear)),
        Final("done"),
        data=Data,
    )


@pytest.mark.parametrize(
    ("left", "right", "abandoned"),
    [(0.2, 0.1, ()), (0.1, 0.2, ()), (1.0, 0.1, ("r/1",)), (0.1, 1.0, ("r/2",))],
)
@virtually
async def test_two_regions_end_in_any_order(
    left: float, right: float, abandoned: tuple[str, ...]
) -> None:
    hand = Hand({"pure": stubborn(10.0, left), "again": stubborn(10.0, right)})
    stage = scene(sides(), hand, Pure, Again)

    async def act(kernel: Kernel) -> Any:
        run = await kernel.start(stage.machines[0], Data(), id="r")
        await until(1.0)
        await run.send(Left())
        assert (await run.send(Closed())).status == "accepted"  # the run does not stand still
        return await run.wait_end(), trio.current_time()

    end, time = await stage.afterwards(act)

    assert end.abandoned == abandoned
    assert end.value == Data(("Closed",))
    assert time == pytest.approx(1.0 + min(max(left, right), GRACE))
    await check_everything(stage.journal, stage.world())


# -- threads


@frozen
class Bench:
    """A blocking handler that returns when the test says so, and never on its own."""

    began: threading.Event
    goes_on: threading.Event
    returned: threading.Event
    calls: list[str]

    def work(self, order: Pure, context: Context) -> int:
        """Block."""
        self.calls.append(context.run)
        if len(self.calls) > 1:
            return 2
        self.began.set()
        self.goes_on.wait(30.0)
        self.returned.set()
        return 1


def bench() -> Bench:
    return Bench(threading.Event(), threading.Event(), threading.Event(), [])


async def let_go(one: Bench) -> None:
    """Let the thread return, and wait until the kernel knows."""
    clock: Any = trio.lowlevel.current_clock()
    with clock.hold():
        await trio.to_thread.run_sync(one.began.wait)
        one.goes_on.set()
        await trio.to_thread.run_sync(one.returned.wait)
        await trio.testing.wait_all_tasks_blocked()


async def end_after(one: Bench, run: Any) -> Any:
    """Let the thread return, and see how a run ends that has waited for it."""
    clock: Any = trio.lowlevel.current_clock()
    with clock.hold():
        one.goes_on.set()
        return await run.wait_end()


@frozen
class Wall:
    """The time that a kernel in real time goes by."""

    def now(self) -> int:
        return round(trio.current_time() * 1_000_000)

    def hold(self) -> trio.CancelScope:
        """Nothing is held: a thread that is not waited for lets time pass."""
        return trio.CancelScope()


def blocking(one: Bench, **options: Any) -> Stage:
    """A machine with a blocking handler, of which one works at once."""
    form = call(Pure, **options)
    handler = handled(Pure, one.work, workers=1)
    return Stage((doing(form),), [handler], {"limits": Limits(grace=GRACE)}, wall=Wall())


@virtually
async def test_a_blocking_handler_times_out_exactly_and_is_abandoned() -> None:
    one = bench()
    stage = blocking(one, timeout=1.0)

    async def act(kernel: Kernel) -> Any:
        run = await kernel.start(stage.machines[0], Data(), id="r")
        end = await run.wait_end()
        time, before = trio.current_time(), await stage.entries("r")
        await let_go(one)
        return end, time, before

    end, time, before = await stage.afterwards(act)

    assert end.value == Data(("TimedOut",))
    assert end.abandoned == ("r/1",)
    assert time == 1.0
    assert words(before) == ["began", "abandoned", "TimedOut"]
    assert await stage.entries("r") == before


@virtually
async def test_a_thread_keeps_its_place_until_it_returns() -> None:
    one = bench()
    stage = blocking(one)

    async def act(kernel: Kernel) -> Any:
        first = await kernel.start(stage.machines[0], Data(), id="first")
        await until(1.0)
        await first.cancel("enough")
        end = await first.wait_end()
        assert trio.current_time() == 1.0 + GRACE
        second = await kernel.start(stage.machines[0], Data(), id="second")
        await until(5.0)
        held = (await second.snapshot()).effects[0]
        return end, held, await end_after(one, second)

    end, held, second = await stage.afterwards(act)

    assert end.abandoned == ("first/1",)
    assert held.life_of(1).held == "capacity:Pure"
    assert second.value == Data(("Returned 2",))
    assert one.calls == ["first", "second"]


@virtually
async def test_a_place_that_somebody_waited_for_in_vain_is_free_for_others() -> None:
    one = bench()
    stage = blocking(one)

    async def act(kernel: Kernel) -> Any:
        machine = stage.machines[0]
        await kernel.start(machine, Data(), id="first")
        second = await kernel.start(machine, Data(), id="second")
        third = await kernel.start(machine, Data(), id="third")
        await second.cancel("no longer")
        await second.wait_end()
        return await end_after(one, third)

    third = await stage.afterwards(act)

    assert third.value == Data(("Returned 2",))
    assert one.calls == ["first", "third"]


@virtually
async def test_a_thread_may_return_after_its_kernel_is_closed() -> None:
    one = bench()
    stage = blocking(one)

    async def act(kernel: Kernel) -> Any:
        first = await kernel.start(stage.machines[0], Data(), id="first")
        await until(1.0)
        await kernel.start(stage.machines[0], Data(), id="second")
        await first.cancel("enough")
        await first.wait_end()
        raise KeyError("leave the block")

    with pytest.raises(KeyError):
        await stage.afterwards(act, on_cancel="suspend")
    await let_go(one)

    assert one.calls == ["first"]
    assert words(await stage.entries("second")) == ["began", "held"]
