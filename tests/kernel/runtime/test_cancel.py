"""Cancelling a run: at any instant, whatever it does, it ends once, and nothing of it is left.

Rule 1: what is cancelled is a machine with a region for a retried call, one for an Each, one for a child, one that
        waits, and something in the background; every handler takes as long as was drawn, and cleans up as it likes.
"""

from collections.abc import Callable
from typing import Any

import pytest
import trio
from attrs import define, evolve, field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from detent import (
    After,
    Context,
    Done,
    Each,
    Fails,
    Final,
    Kernel,
    Limiter,
    Limits,
    Machine,
    On,
    Region,
    Retry,
    Settled,
    Spawn,
    State,
    Wait,
    handle,
)
from detent.tools.testing.virtual import run_virtually, virtually
from tests.kernel.runtime.proofs import all_tasks, check_everything, end_of
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
    call,
    doing,
    handled,
    hear,
    returns,
    waiting,
    words,
)
from tests.settings import times

RETRY = Retry(attempts=3, base=0.5, factor=1.0, jitter=0.0)
GRACE = 0.5


@frozen
class Plan:
    """How handlers behave: how long they work, whether they fail first, and how they take being stopped."""

    seconds: tuple[float, ...]
    fails: int
    shield: float
    cleanup: float


@define(eq=False)
class Acts:
    """Does what a plan says, each call after the one before it."""

    plan: Plan
    calls: int = 0
    begun_at: list[float] = field(factory=list[float])

    async def __call__(self, order: Any, context: Context) -> int:
        number = self.calls
        self.calls += 1
        self.begun_at.append(trio.current_time())
        try:
            await trio.sleep(self.plan.seconds[number % len(self.plan.seconds)])
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(self.plan.shield)
            with context.cleanup():
                await trio.sleep(self.plan.cleanup)
        if number < self.plan.fails:
            raise Fails("not yet")
        return number


def settled(data: Data, event: Settled[Any]) -> Data:
    return evolve(data, heard=(*data.heard, f"{len(event.outcomes)} settled"))


def region(name: str, form: Any, outcome: Any, update: Callable[[Data, Any], Data] = hear) -> Any:
    """A region that does one thing."""
    row: Any = On(outcome, to=f"{name}_done", update=update)
    return Region(name, State(f"{name}_on", row, do=form), Final(f"{name}_done"))


def inner() -> Machine[Data, Data, Data]:
    work = call(Asked)
    row: Any = On(work.returned | work.unreturned, to="inner_done", update=hear)
    return Machine("inner", State("inner_on", row, do=work), Final("inner_done"), data=Data)


def busy() -> Machine[Data, Data, Data]:
    """Everything a run can have under way."""
    tried = call(Once, retry=RETRY, limit="m")
    fan: Any = Each(Pure, lambda data: (Pure(), Pure(), Pure()), at_most=2, name="fan")
    child: Spawn[Data, Data] = Spawn(inner(), lambda data: Data())
    ask: Any = Wait(bool, "Really?", deadline=6.0)
    behind = call(Again, timeout=4.0)
    return Machine(
        "busy",
        State(
            "all",
            region("tried", tried, tried.returned | tried.unreturned),
            region("fan", fan, fan.settled, settled),
            region("child", child, child.ended),
            region("ask", ask, ask.returned | ask.timed_out),
            Region("clock", State("ticking", After(2.5, to="ticked")), Final("ticked")),
            On(Left, to="again"),
            Done(to="done"),
        ),
        State("again", region_of_one(call(Pure, name="last")), Done(to="done")),
        Final("done"),
        On(behind.returned | behind.unreturned, update=hear),
        data=Data,
        background=behind,
        background_limit=1.0,
    )


def region_of_one(form: Any) -> Any:
    row: Any = On(form.returned | form.unreturned, to="last_done", update=hear)
    return Region("last", State("last_on", row, do=form), Final("last_done"))


BUSY = busy()
PLANS = st.builds(
    Plan,
    st.tuples(*[st.sampled_from([0.0, 0.5, 1.0, 3.0])] * 3),
    st.integers(0, 3),
    st.sampled_from([0.0, 0.2, 1.0]),
    st.sampled_from([0.0, 0.2, 1.0]),
)
MOMENTS = st.sampled_from([0.0, 0.1, 0.5, 0.7, 1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.5, 6.5, 8.0])


def scene(plan: Plan) -> tuple[Stage, Acts]:
    """A kernel with everything."""
    acts = Acts(plan)
    handlers = [handled(effect, acts) for effect in (Pure, Again, Once)]
    handlers.append(handled(Asked, acts, query=query, workers=1))
    options = {"limits": Limits(grace=GRACE), "limiters": {"m": Limiter(1, 1.0)}}
    return Stage((BUSY,), handlers, options), acts


async def query(order: Any, context: Context) -> int:
    """What came of an order when a kernel died."""
    return 7


@define(eq=False)
class Counted(trio.abc.Instrument):
    """Cancels something at a step of trio, counted from when it begins to count."""

    left: int
    act: Callable[[], None]

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.left -= 1
        if self.left == 0:
            self.act()


async def cancelled_at(
    plan: Plan, moment: float, leave: float | None, steps: int
) -> tuple[Stage, Any, list[float], float]:
    """A run that is left at an instant, perhaps, and cancelled at another, some steps of trio later."""
    stage, acts = scene(plan)
    before = all_tasks()
    now = trio.Event()

    async def act(kernel: Kernel) -> Any:
        run = await kernel.start(BUSY, Data(), id="r")
        if leave is not None:
            await trio.sleep_until(leave)
            await run.send(Left())
        await trio.sleep_until(moment)
        if steps:
            trio.lowlevel.add_instrument(Counted(steps, now.set))
            with trio.move_on_after(1.0):
                await now.wait()
        asked_at = trio.current_time()
        await run.cancel("enough")
        acknowledged = trio.current_time()
        count = acts.calls
        end = await run.wait_end()
        assert acts.calls == count
        assert acknowledged == asked_at
        assert trio.current_time() <= asked_at + GRACE
        return end, asked_at

    end, asked_at = await stage.afterwards(act)
    assert all_tasks() == before
    return stage, end, acts.begun_at, asked_at


@given(PLANS, MOMENTS, st.none() | st.sampled_from([0.0, 0.5, 2.0]), st.integers(0, 40))
@settings(max_examples=times(200))
def test_a_run_cancelled_at_any_instant_ends_once_and_leaves_nothing(
    plan: Plan, moment: float, leave: float | None, steps: int
) -> None:
    async def all_of_it() -> None:
        moments = sorted([moment, leave]) if leave is not None else [moment]
        stage, end, begun_at, asked_at = await cancelled_at(
            plan, moments[-1], None if leave is None else moments[0], steps
        )

        assert end.status in ("cancelled", "completed")
        assert end_of(await stage.entries("r"))["status"] == end.status
        assert max(begun_at) <= asked_at
        await check_everything(stage.journal, stage.world())

    run_virtually(all_of_it)


# -- examples


@pytest.mark.parametrize("seed", range(8))
def test_a_run_may_be_cancelled_before_it_does_anything(seed: int) -> None:
    async def all_of_it() -> None:
        hand = Hand({"once": returns(1, 5.0)})
        stage = Stage((doing(call(Once)),), [handled(Once, hand)])

        async def act(kernel: Kernel) -> Any:
            run = await kernel.start(stage.machines[0], Data(), id="r")
            await run.cancel("at once")
            return await run.wait_end()

        end = await stage.afterwards(act)

        assert end.status == "cancelled"
        assert end.in_doubt == (("r/1",) if hand.calls else ())
        assert words(await stage.entries("r"))[:2] == ["began", "halted"]

    run_virtually(all_of_it, seed=seed)


@pytest.mark.parametrize("seed", range(8))
def test_what_is_told_of_a_cancelled_run_is_how_it_stood_when_that_was_stored(seed: int) -> None:
    machine = doing(call(Once))

    async def forever(order: Once) -> int:
        await trio.sleep_forever()
        return 0

    stage = Stage((machine,), [handle(Once, forever)])

    async def act(kernel: Kernel) -> Any:
        run = await kernel.start(machine, Data(), id="r")
        await trio.sleep(1)
        return await run.cancel(), (await run.wait_end()).status

    assert run_virtually(lambda: stage.afterwards(act), seed=seed) == ("ending", "cancelled")


@virtually
async def test_a_run_that_waits_is_cancelled_without_a_task() -> None:
    stage = Stage((waiting(),), [])

    async def act(kernel: Kernel) -> Any:
        run = await kernel.start(stage.machines[0], Data(), id="r")
        status = await run.cancel("enough")
        return status, await run.wait_end()

    status, end = await stage.afterwards(act)

    assert status == end.status == "cancelled"
    assert words(await stage.entries("r")) == ["began", "halted"]


@virtually
async def test_a_run_that_has_ended_stays_as_it_is() -> None:
    stage = Stage((waiting(),), [])

    async def act(kernel: Kernel) -> Any:
        run = await kernel.start(stage.machines[0], Data(), id="r")
        await run.send(Closed())
        before = await stage.entries("r")
        return await run.cancel("too late"), before

    status, before = await stage.afterwards(act)

    assert status == "completed"
    assert await stage.entries("r") == before


@virtually
async def test_a_run_that_is_put_away_can_be_cancelled() -> None:
    stage = Stage((waiting(),), [], {"limits": Limits(awake=1)})

    async def act(kernel: Kernel) -> Any:
        runs = [await kernel.start(stage.machines[0], Data(), id=f"r{n}") for n in range(5)]
        return [await run.cancel() for run in runs]

    assert await stage.afterwards(act) == ["cancelled"] * 5


@virtually
async def test_waiting_for_a_limiter_is_cancelled_at_once() -> None:
    hand = Hand({"once": returns(1)})
    machine = doing(call(Once, limit="m"))
    limits = {"limiters": {"m": Limiter(1, 60.0)}}
    stage = Stage((machine,), [handled(Once, hand)], limits)

    async def act(kernel: Kernel) -> Any:
        for id in ("first", "second", "third"):
            await kernel.start(machine, Data(), id=id)
        await trio.sleep(1.0)
        await kernel.run("second").cancel()
        end = await kernel.run("second").wait_end()
        assert trio.current_time() == 1.0
        await kernel.run("third").wait_end()
        return end

    end = await stage.afterwards(act)

    assert (end.status, end.in_doubt) == ("cancelled", ())
    assert trio.current_time() == 60.0  # and nobody waits for a place that was not taken
    assert hand.calls == [("once", 1)] * 2
