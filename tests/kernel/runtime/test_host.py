"""What becomes of runs when their host is cancelled, leaves the block, or when something breaks the kernel itself."""

from typing import Any

import pytest
import trio

from detent import Kernel, KernelClosed, Limits, NoSuchRun
from detent.tools.testing.simulator import Crash
from detent.tools.testing.virtual import virtually
from tests.kernel.runtime.proofs import all_tasks, check_everything, workers
from tests.kernel.runtime.toys import (
    Again,
    Asked,
    Closed,
    Data,
    Hand,
    Left,
    Once,
    Pure,
    Stage,
    asking,
    call,
    closing,
    compensating,
    doing,
    handled,
    raises,
    returns,
    stubborn,
    tidy,
    waiting,
    words,
)

GRACE = 0.5


class Abort(BaseException):
    """What no handler should raise."""


def scene(act: Any, effect: type[Any] = Pure, **options: Any) -> Stage:
    """A machine with one effect, and a kernel with half a second of patience."""
    hand = Hand({"pure": act, "again": act, "asked": act, "once": act})

    async def query(order: Any, context: Any) -> int:
        return 7

    asked = query if effect is Asked else None
    handlers = [handled(effect, hand, query=asked)]
    machine = doing(call(effect, **options))
    return Stage((machine, waiting(), asking()), handlers, {"limits": Limits(grace=GRACE)})


async def forever(kernel: Kernel, stage: Stage) -> None:
    """One run of each machine; then the host does nothing more."""
    await kernel.start(stage.machines[0], Data(), id="works")
    await kernel.start(stage.machines[1], Data(), id="waits")
    await kernel.start(stage.machines[2], Data(), id="asks")
    await trio.sleep_forever()


# -- the scope of the host is cancelled


@pytest.mark.parametrize(
    ("act", "ended", "said"),
    [
        (returns(1, 60.0), 1.0, ["began", "halted", "Stopped"]),
        (tidy(60.0, 0.2, int), 1.2, ["began", "halted", "Stopped"]),
        (tidy(60.0, 5.0, int), 1.5, ["began", "halted", "abandoned", "Stopped"]),
    ],
)
@virtually
async def test_a_cancelled_host_ends_its_runs_in_order(
    act: Any, ended: float, said: list[str]
) -> None:
    stage = scene(act)
    before = all_tasks()
    with trio.move_on_at(1.0) as scope:
        await stage.afterwards(lambda kernel: forever(kernel, stage))

    assert scope.cancelled_caught
    assert trio.current_time() == ended
    assert all_tasks() == before
    assert words(await stage.entries("works")) == said
    assert words(await stage.entries("waits")) == ["began", "halted"]
    await check_everything(stage.journal, stage.world())


@virtually
async def test_a_bare_shield_holds_up_the_kernel_and_not_its_runs() -> None:
    stage = scene(stubborn(60.0, 3.0))
    with trio.move_on_at(1.0):
        await stage.afterwards(lambda kernel: forever(kernel, stage))

    entries = await stage.entries("works")
    assert words(entries) == ["began", "halted", "abandoned", "Stopped"]
    assert entries[-1].at - entries[0].at == 1_500_000
    assert trio.current_time() == 4.0


@virtually
async def test_a_cancelled_host_lets_its_runs_compensate() -> None:
    hand = Hand({"pure": returns(7, 2.0), "once": returns(1, 60.0)})
    machine = compensating(call(Pure), call(Once))
    stage = Stage((machine,), [handled(Pure, hand), handled(Once, hand)])

    async def act(kernel: Kernel) -> None:
        await kernel.start(machine, Data(), id="r")
        await trio.sleep_forever()

    with trio.move_on_at(1.0):
        await stage.afterwards(act)

    assert hand.calls == [("once", 1), ("pure", 1)]
    assert trio.current_time() == 3.0


# -- suspended


@pytest.mark.parametrize("effect", [Pure, Again, Asked, Once], ids=lambda one: one.__name__)
@virtually
async def test_a_suspended_run_goes_on_in_the_next_kernel(effect: type[Any]) -> None:
    stage = scene(returns(1, 60.0), effect)
    with trio.move_on_at(1.0):
        await stage.afterwards(lambda kernel: forever(kernel, stage), on_cancel="suspend")
    assert trio.current_time() == 1.0 + GRACE
    assert words(await stage.entries("works")) == ["began", "interrupted"]
    assert words(await stage.entries("waits")) == ["began"]
    assert words(await stage.entries("asks")) == ["began"]

    async def act(kernel: Kernel) -> Any:
        await kernel.run("waits").send(Closed())
        asks = kernel.run("asks")
        await asks.answer((await asks.questions())[0].id, True)
        ends: list[Any] = [await kernel.run(id).wait_end() for id in ("works", "waits", "asks")]
        return [end.value.heard for end in ends]

    heard = await stage.afterwards(act)

    outcome = {Asked: "Returned 7", Once: "InDoubt crash"}.get(effect, "Returned 1")
    assert heard == [(outcome,), (), ("Returned True",)]


@virtually
async def test_what_ends_within_the_grace_is_recorded_while_suspending() -> None:
    stage = scene(returns(1, 1.3), Once)
    with trio.move_on_at(1.0):
        await stage.afterwards(lambda kernel: forever(kernel, stage), on_cancel="suspend")

    assert words(await stage.entries("works")) == ["began", "Returned"]
    assert trio.current_time() == pytest.approx(1.3)


@virtually
async def test_nothing_new_begins_while_suspending() -> None:
    hand = Hand({"once": returns(1, 1.2), "pure": returns(2, 1.0)})
    machine = compensating(call(Pure), call(Once))
    stage = Stage((machine,), [handled(Pure, hand), handled(Once, hand)])

    async def act(kernel: Kernel) -> None:
        run = await kernel.start(machine, Data(), id="r")
        await trio.sleep(1.0)
        await run.cancel("undo")

    async def shielded(order: Any, context: Any) -> int:
        with trio.CancelScope(shield=True):
            await trio.sleep(1.2)
        return 1

    hand.acts["once"] = shielded
    with trio.move_on_at(1.1):
        await stage.afterwards(_and_sleep(act), on_cancel="suspend")
    assert hand.calls == [("once", 1)]

    async def wait(kernel: Kernel) -> Any:
        return await kernel.run("r").wait_end()

    end = await stage.afterwards(wait)

    assert end.status == "cancelled"
    assert hand.calls == [("once", 1), ("pure", 1)]


def _and_sleep(act: Any) -> Any:
    async def acted(kernel: Kernel) -> None:
        await act(kernel)
        await trio.sleep_forever()

    return acted


# -- the block is left


@virtually
async def test_leaving_the_block_waits_for_what_is_under_way() -> None:
    stage = scene(returns(1, 5.0))

    async def act(kernel: Kernel) -> None:
        await kernel.start(stage.machines[0], Data(), id="works")
        await kernel.start(stage.machines[1], Data(), id="waits")

    await stage.afterwards(act)

    assert trio.current_time() == 5.0
    assert words(await stage.entries("works")) == ["began", "Returned"]
    assert words(await stage.entries("waits")) == ["began"]


@virtually
async def test_a_block_that_raises_cancels_its_runs_and_raises_that() -> None:
    stage = scene(returns(1, 5.0))

    async def act(kernel: Kernel) -> None:
        await kernel.start(stage.machines[0], Data(), id="works")
        await trio.sleep(1.0)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await stage.afterwards(act)

    assert words(await stage.entries("works")) == ["began", "halted", "Stopped"]
    assert trio.current_time() == 1.0


@virtually
async def test_a_kernel_that_is_closed_takes_nothing_new() -> None:
    stage = scene(returns(1))
    kept: list[Kernel] = []

    async def act(kernel: Kernel) -> None:
        kept.append(kernel)
        await kernel.start(stage.machines[1], Data(), id="waits")

    await stage.afterwards(act)

    with pytest.raises(KernelClosed):
        await kept[0].start(stage.machines[1], Data())
    with pytest.raises(KernelClosed):
        await kept[0].run("waits").send(Closed())
    with pytest.raises(KernelClosed):
        await kept[0].run("waits").cancel()


@virtually
async def test_a_caller_who_is_cancelled_changes_nothing() -> None:
    stage = scene(returns(1, 3.0))

    async def act(kernel: Kernel) -> Any:
        run = await kernel.start(stage.machines[0], Data(), id="works")
        with trio.move_on_after(1.0):
            await run.wait_end()
        assert trio.current_time() == 1.0
        return await run.wait_end()

    end = await stage.afterwards(act)

    assert end.value == Data(("Returned 1",))


# -- what breaks


@virtually
async def test_a_handler_that_aborts_takes_the_kernel_with_it_and_the_log_is_sound() -> None:
    stage = scene(raises(Abort("now"), 1.0), Once)

    async def act(kernel: Kernel) -> None:
        await kernel.start(stage.machines[0], Data(), id="works")
        await kernel.start(stage.machines[1], Data(), id="waits")
        await trio.sleep_forever()

    with pytest.raises(Abort):
        await stage.afterwards(act)
    assert words(await stage.entries("works")) == ["began"]
    assert workers() == 0

    async def wait(kernel: Kernel) -> Any:
        return await kernel.run("works").wait_end()

    end = await stage.afterwards(wait)

    assert end.value == Data(("InDoubt crash",))


@pytest.mark.parametrize("way", ["cancel", "suspend"])
@virtually
async def test_a_journal_that_dies_while_the_kernel_closes_holds_nobody_up(way: Any) -> None:
    stage = scene(returns(1, 60.0))

    async def act(kernel: Kernel) -> None:
        await kernel.start(stage.machines[0], Data(), id="works")
        await trio.sleep(1.0)
        stage.journal.is_dead = True
        raise KeyError("mine")

    with pytest.raises(Crash):
        await stage.afterwards(act, on_cancel=way)

    assert trio.current_time() <= 1.0 + GRACE


@virtually
async def test_why_a_kernel_has_died_is_told_also_if_somebody_was_told_that_it_is_closed() -> None:
    stage = scene(returns(1, 1.0))

    async def ask(kernel: Kernel) -> None:
        with trio.CancelScope(shield=True):  # he hears of it when he asks for something
            await trio.sleep(2.0)
        await kernel.run("works").cancel()

    async def act(kernel: Kernel) -> None:
        await kernel.start(stage.machines[0], Data(), id="works")
        stage.journal.is_dead = True
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, kernel)
            nursery.start_soon(trio.sleep_forever)

    with pytest.raises(Crash):
        await stage.afterwards(act)


@virtually
async def test_a_host_may_cancel_the_opening_of_a_kernel() -> None:
    stage = scene(returns(1))
    with trio.CancelScope() as scope:
        scope.cancel()
        await stage.afterwards(lambda kernel: forever(kernel, stage))

    assert scope.cancelled_caught
    assert workers() == 0


@virtually
async def test_a_run_of_which_nothing_is_written_is_none() -> None:
    stage = scene(returns(1))

    async def act(kernel: Kernel) -> None:
        with pytest.raises(NoSuchRun):
            await kernel.run("nobody").cancel()

    await stage.afterwards(act)


@virtually
async def test_timers_of_a_run_go_on_after_a_suspension() -> None:
    machine = closing("closing", 10.0)
    stage = Stage((machine,), [])

    async def act(kernel: Kernel) -> None:
        await kernel.start(machine, Data(), id="r")
        await trio.sleep_forever()

    with trio.move_on_at(4.0):
        await stage.afterwards(act, on_cancel="suspend")

    async def wait(kernel: Kernel) -> Any:
        return await kernel.run("r").wait_end()

    end = await stage.afterwards(wait)

    assert (end.status, trio.current_time()) == ("completed", 10.0)


@virtually
async def test_leaving_the_block_waits_for_a_scope_that_is_still_stopping() -> None:
    stage = scene(stubborn(60.0, 0.4))

    async def act(kernel: Kernel) -> None:
        run = await kernel.start(stage.machines[0], Data(), id="works")
        await trio.sleep(1.0)
        await run.send(Left())

    await stage.afterwards(act)

    assert words(await stage.entries("works")) == ["began", "Left", "Stopped"]
    assert trio.current_time() == pytest.approx(1.4)
