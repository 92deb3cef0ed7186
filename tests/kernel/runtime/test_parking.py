"""Parked runs: nothing is stepped until the code is mended, and nothing that happens meanwhile is lost.

The file is long because every kind of thing that may wait has a machine of its own.
"""

from collections.abc import Callable
from typing import Any, Literal

import pytest
import trio
from attrs import evolve

from detent import (
    After,
    Cancelled,
    Defer,
    Event,
    Final,
    Kernel,
    Limits,
    Machine,
    On,
    Retry,
    Spawn,
    State,
    Wait,
    WrongInput,
    handle,
)
from detent.tools.testing.virtual import virtually
from tests.kernel.runtime.proofs import check_everything
from tests.kernel.runtime.toys import (
    Broken,
    Closed,
    Data,
    Hand,
    Left,
    Pure,
    Stage,
    call,
    fails,
    hear,
    returns,
    words,
)

Update = Callable[[Data, Any], Data]


def breaks(data: Data, event: Event) -> Data:
    """An update that nobody has mended."""
    raise ValueError("not mended")


def late(data: Data) -> Data:
    """Remember that time has passed."""
    return evolve(data, heard=(*data.heard, "late"))


def workshop(
    mended: bool = False, on_bug: Literal["park", "fail"] = "park", seconds: float = 5.0
) -> Machine[Data, Data, Data]:
    """A machine with something of every kind under way, in which Broken breaks as long as it is not mended."""
    work = call(Pure)
    ask: Wait[Data, bool] = Wait(bool, "Really?")
    update: Update = hear if mended else breaks
    return Machine(
        "workshop",
        State(
            "open",
            On(work.returned | work.unreturned, update=hear),
            On(ask.returned, update=hear),
            On(Broken, update=update),
            On(Left, update=hear),
            After(seconds, update=late),
            On(Closed, to="done"),
            do=(work, ask),
        ),
        Final("done"),
        data=Data,
        on_bug=on_bug,
    )


def scene(machine: Machine[Data, Data, Data], act: Any = None, **options: Any) -> Stage:
    """A kernel for a machine, on a journal that lasts."""
    return Stage((machine,), [handle(Pure, Hand({"pure": act or returns(1, 2.0)}))], options)


async def broken_at_one(kernel: Kernel, machine: Machine[Data, Data, Data], **options: Any) -> Any:
    """A run that breaks after a second."""
    run = await kernel.start(machine, Data(), id="r", **options)
    await trio.sleep(1.0)
    assert (await run.send(Broken())).status == "stored"
    assert (await run.snapshot()).status == "parked"
    return run


async def all_kinds(run: Any) -> None:
    """While a run is parked: an outcome comes at 2 s, an event at 3 s, an answer at 4 s, a timer at 5 s."""
    await trio.sleep_until(3.0)
    assert (await run.send(Left())).status == "stored"
    await trio.sleep_until(4.0)
    question = (await run.questions())[0]
    await run.answer(question.id, True)
    await trio.sleep_until(6.0)


EVERYTHING = ("Returned 1", "Left", "Returned True", "late")


@virtually
async def test_what_happens_meanwhile_waits_in_the_order_in_which_it_came() -> None:
    stage = scene(workshop())

    async def act(kernel: Kernel) -> Any:
        run = await broken_at_one(kernel, stage.machines[0])
        await all_kinds(run)
        parked = await run.snapshot()
        await run.resume(skip=True)
        await run.send(Closed())
        return parked, await run.wait_end()

    parked, end = await stage.afterwards(act)

    assert parked.data == Data()
    assert len(parked.pending.line) == 5
    assert end.value == Data(EVERYTHING)
    await check_everything(stage.journal, stage.world())


@virtually
async def test_mended_code_goes_on_in_another_kernel_as_if_nothing_had_been() -> None:
    stage = scene(workshop())

    async def act(kernel: Kernel) -> None:
        await all_kinds(await broken_at_one(kernel, stage.machines[0]))

    await stage.until_crash(act)
    stage.machines = (workshop(mended=True),)

    async def resume(kernel: Kernel) -> Any:
        run = kernel.run("r")
        assert (await run.snapshot()).status == "parked"
        await run.resume()
        await run.send(Closed())
        return await run.wait_end()

    end = await stage.afterwards(resume)

    assert end.value == Data(("Broken", *EVERYTHING))
    await check_everything(stage.journal, stage.world())


@virtually
async def test_what_is_not_mended_parks_again() -> None:
    stage = scene(workshop())

    async def act(kernel: Kernel) -> Any:
        run = await broken_at_one(kernel, stage.machines[0])
        await run.send(Left())
        await run.resume()
        snapshot = await run.snapshot()
        await run.cancel()
        return snapshot

    snapshot = await stage.afterwards(act)

    assert snapshot.status == "parked"
    assert snapshot.data == Data()
    assert len(snapshot.pending.line) == 2


@pytest.mark.parametrize("moment", [1.5, 2.5, 4.5, 6.0])
@virtually
async def test_a_parked_run_is_cancelled_at_once(moment: float) -> None:
    stage = scene(workshop(), limits=Limits(grace=0.5))

    async def act(kernel: Kernel) -> Any:
        run = await broken_at_one(kernel, stage.machines[0])
        with trio.move_on_at(moment):
            await all_kinds(run)
        await run.cancel("enough")
        return await run.wait_end()

    end = await stage.afterwards(act)

    assert (end.status, end.value) == ("cancelled", None)
    assert trio.current_time() == moment
    await check_everything(stage.journal, stage.world())


@pytest.mark.parametrize("dies", [False, True])
@virtually
async def test_the_deadline_of_a_parked_run_passes(dies: bool) -> None:
    stage = scene(workshop())

    async def act(kernel: Kernel) -> Any:
        run = await broken_at_one(kernel, stage.machines[0], deadline=4.5)
        return None if dies else await run.wait_end()

    async def wait(kernel: Kernel) -> Any:
        return await kernel.run("r").wait_end()

    if dies:
        await stage.until_crash(act)
    end = await stage.afterwards(wait if dies else act)

    assert end.status == "timed_out"
    assert trio.current_time() == 4.5


@virtually
async def test_a_bug_ends_a_run_that_is_to_fail_by_it() -> None:
    stage = scene(workshop(on_bug="fail"))

    async def act(kernel: Kernel) -> Any:
        run = await kernel.start(stage.machines[0], Data(), id="r")
        assert (await run.send(Broken())).status == "accepted"
        return await run.wait_end()

    end = await stage.afterwards(act)

    assert end.status == "failed"
    assert [one.kind for one in end.failures] == ["ValueError"]
    await check_everything(stage.journal, stage.world())


@virtually
async def test_an_outcome_that_breaks_waits_and_is_not_performed_again() -> None:
    work = call(Pure)

    def made(update: Update) -> Machine[Data, Data, Data]:
        row: Any = On(work.returned, to="done", update=update)
        bad: Any = On(work.failed, to="done")
        return Machine("made", State("working", row, bad, do=work), Final("done"), data=Data)

    hand = Hand({"pure": returns(3, 1.0)})
    stage = Stage((made(breaks),), [handle(Pure, hand)])

    async def act(kernel: Kernel) -> None:
        await kernel.start(stage.machines[0], Data(), id="r")
        await trio.sleep(2.0)

    await stage.until_crash(act)
    stage.machines = (made(hear),)

    async def resume(kernel: Kernel) -> Any:
        await kernel.run("r").resume()
        return await kernel.run("r").wait_end()

    end = await stage.afterwards(resume)

    assert end.value == Data(("Returned 3",))
    assert hand.calls == [("pure", 1)]


@virtually
async def test_an_attempt_that_waits_for_its_turn_waits_while_the_run_is_parked() -> None:
    hand = Hand({"pure": fails("no", 0.5)})
    stage = Stage((workshop_with_retry(),), [handle(Pure, hand)])

    async def act(kernel: Kernel) -> Any:
        run = await broken_at_one(kernel, stage.machines[0])
        hand.acts["pure"] = returns(1)
        await trio.sleep_until(10.0)
        calls = len(hand.calls)
        await run.resume(skip=True)
        return calls, await run.wait_end(), trio.current_time()

    calls, end, time = await stage.afterwards(act)

    assert calls == 1
    assert end.value == Data(("Returned 1",))
    assert time == 10.0


def workshop_with_retry() -> Machine[Data, Data, Data]:
    """A call that is tried again after three seconds."""
    work = call(Pure, retry=Retry(attempts=2, base=3.0, jitter=0.0))
    return Machine(
        "retrying",
        State(
            "working",
            On(work.returned | work.unreturned, to="done", update=hear),
            On(Broken, update=breaks),
            do=work,
        ),
        Final("done"),
        data=Data,
    )


@virtually
async def test_what_is_skipped_is_the_deferred_event_that_broke_and_no_other() -> None:
    machine = Machine(
        "deferring",
        State("first", Defer(Left, Broken), On(Closed, to="second")),
        State("second", Defer(Left), On(Broken, update=breaks), On(Closed, to="third")),
        State("third", On(Left, to="done", update=hear)),
        Final("done"),
        data=Data,
    )
    stage = Stage((machine,), [])

    async def act(kernel: Kernel) -> Any:
        run = await kernel.start(machine, Data(), id="r")
        await run.send(Left())
        await run.send(Broken())
        await run.send(Closed())
        assert (await run.snapshot()).status == "parked"
        await run.resume(skip=True)
        after = await run.snapshot()
        await run.send(Closed())
        return after, await run.wait_end()

    after, end = await stage.afterwards(act)

    assert after.deferred == (Left(),)
    assert after.status == "running"
    assert end.value == Data(("Left",))


@virtually
async def test_a_run_that_is_not_parked_cannot_be_resumed() -> None:
    stage = scene(workshop())

    async def act(kernel: Kernel) -> None:
        run = await kernel.start(stage.machines[0], Data(), id="r")
        with pytest.raises(WrongInput, match="not parked"):
            await run.resume()
        await run.cancel()

    await stage.afterwards(act)

    assert words(await stage.entries("r"))[0] == "began"


@virtually
async def test_a_parked_child_holds_its_parent_until_it_is_mended() -> None:
    child = Machine(
        "child",
        State("open", On(Broken, update=breaks), On(Closed, to="done")),
        Final("done"),
        data=Data,
    )
    spawn: Spawn[Data, Data] = Spawn(child, lambda data: Data())
    parent = Machine(
        "parent",
        State("waiting", On(spawn.ended, to="done", update=hear), do=spawn),
        Final("done"),
        data=Data,
    )
    stage = Stage((parent,), [])

    async def act(kernel: Kernel) -> Any:
        run = await kernel.start(parent, Data(), id="p")
        inner = kernel.run("p/1")
        await inner.send(Broken())
        assert (await inner.send(Closed())).status == "stored"
        await trio.sleep(5.0)
        before = (await run.snapshot()).status
        await inner.resume(skip=True)
        return before, await run.wait_end()

    before, end = await stage.afterwards(act)

    assert before == "running"
    assert end.value == Data(("Ended completed",))


@virtually
async def test_a_parked_parent_hears_of_its_child_when_it_is_mended() -> None:
    child: Machine[Data, Data, Data] = Machine(
        "child", State("open", After(2.0, to="done")), Final("done"), data=Data
    )
    spawn: Spawn[Data, Data] = Spawn(child, lambda data: Data())
    parent = Machine(
        "parent",
        State(
            "waiting",
            On(spawn.ended, to="done", update=hear),
            On(Broken, update=breaks),
            do=spawn,
        ),
        Final("done"),
        data=Data,
    )
    stage = Stage((parent,), [])

    async def act(kernel: Kernel) -> None:
        run = await kernel.start(parent, Data(), id="p")
        await run.send(Broken())
        await trio.sleep(5.0)

    await stage.until_crash(act)

    async def resume(kernel: Kernel) -> Any:
        await kernel.run("p").resume(skip=True)
        return await kernel.run("p").wait_end()

    end = await stage.afterwards(resume)

    assert end.value == Data(("Ended completed",))
    await check_everything(stage.journal, stage.world())


def undoing_breaks() -> Machine[Data, Data, Data]:
    """Whoever cancels it finds that undoing breaks."""
    return Machine(
        "undoing",
        State("open", On(Cancelled, to="undoing")),
        State("undoing", On(Broken, update=breaks), On(Closed, to="done"), compensates=True),
        Final("done"),
        data=Data,
        compensation_limit=10.0,
    )


@virtually
async def test_a_second_cancel_ends_a_run_that_broke_while_it_compensated() -> None:
    stage = Stage((undoing_breaks(),), [])

    async def act(kernel: Kernel) -> Any:
        run = await kernel.start(stage.machines[0], Data(), id="r")
        await run.cancel("first")
        await run.send(Broken())
        assert (await run.snapshot()).status == "parked"
        await run.cancel("second")
        return await run.wait_end()

    end = await stage.afterwards(act)

    assert end.status == "cancelled"
    await check_everything(stage.journal, stage.world())
