"""Simulations: one seed is one log, another is another order; kernels die where they are told, and nothing is lost."""

from collections import Counter
from itertools import chain
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from detent import Call, Each, End, Final, Kernel, Limits, Machine, On, Retry, State, World, handle
from detent.kernel import Context, MemoryJournal, replay
from detent.tools.testing.faults import Crash, Faults, Faulty
from detent.tools.testing.simulator import Simulator
from detent.tools.testing.virtual import run_virtually
from tests.kernel.scheduler.toys import (
    Add,
    Again,
    Asked,
    Data,
    call,
    doing,
    fan,
    gives,
    lines_of,
    opened,
)
from tests.settings import times

SEEDS = st.integers(0, 2**32)
HANDLERS = [handle(Again, gives())]
ONE = doing(call(Again))
RETRY = Retry(attempts=50, base=0.5, total=1_000.0)


EACH: Each[Data, int] = Each(Call(Again, retry=RETRY), Data.many, name="each", at_most=3)
SETTLED: On[Data] = On(EACH.settled, to="done", update=Data.hear)
TOUGH: Machine[Data, Data, Data] = Machine(
    "tough", State("doing", SETTLED, On(Add, update=Data.add), do=EACH), Final("done"), data=Data
)
"""Some things side by side, each tried until it is done."""


def world() -> World:
    """What is simulated."""
    return World(TOUGH, handlers=[handle(Again, gives(after=0.1))], limits=Limits(grace=0.5))


async def scenario(kernel: Kernel) -> End:
    """Three runs at once, one of which somebody sends something."""
    ends: list[End] = []
    async with trio.open_nursery() as nursery:

        async def one(number: int) -> None:
            run = await kernel.start(TOUGH, Data(n=5), id=f"run {number}")
            if number == 1:
                await run.send(Add(0), key="k")
            ends.append(await run.wait_end())

        for number in range(3):
            nursery.start_soon(one, number)
    assert len(ends) == 3
    return ends[0]


def logs(simulated: Simulator) -> dict[str, list[bytes]]:
    """All that was written."""

    async def read() -> dict[str, list[bytes]]:
        found = await simulated.journal.find()
        journal = simulated.journal
        return {run: [one.body for one in await journal.entries(run)] for run, _ in found}

    return run_virtually(read)


def replays(simulated: Simulator) -> bool:
    """Whether the logs say by themselves what they say."""
    lines = run_virtually(lines_of, simulated.journal, TOUGH)
    return replay(lines, TOUGH).divergence is None


FAULTS = st.builds(
    Faults,
    fail=st.sampled_from([0.0, 0.3]),
    crash=st.sampled_from([0.0, 0.05]),
    lose=st.sampled_from([0.0, 0.2]),
    delay=st.sampled_from([0.0, 2.0]),
)


@settings(max_examples=times(15))
@given(SEEDS, FAULTS)
def test_one_seed_is_one_log(seed: int, faults: Faults) -> None:
    first, second = Simulator(seed, faults), Simulator(seed, faults)

    assert first.run(world(), scenario) == second.run(world(), scenario)

    assert logs(first) == logs(second)
    assert (first.crashes, first.journal.commits) == (second.crashes, second.journal.commits)
    assert first.clock.current_time() == second.clock.current_time()


@settings(max_examples=times(15))
@given(SEEDS, FAULTS)
def test_whatever_goes_wrong_everything_is_done_and_replays(seed: int, faults: Faults) -> None:
    simulated = Simulator(seed, faults)

    end = simulated.run(world(), scenario)

    assert end.status == "completed"
    for run, bodies in logs(simulated).items():
        assert sum(body.count(b'"Returned"') for body in bodies) >= 5
        assert sum(b'{"$":"Add"' in body for body in bodies) == (run == "run 1")
    assert replays(simulated)


def test_another_seed_is_another_order() -> None:
    orders: set[Any] = set()
    for seed in range(5):
        simulated = Simulator(seed, Faults(delay=1.0))
        simulated.run(world(), scenario)
        orders.add(tuple(chain(*logs(simulated).values())))

    assert len(orders) == 5


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kernel_dies_at_every_commit_and_the_next_one_goes_on(moment: Any) -> None:
    whole = Simulator(3)
    whole.run(world(), scenario)
    assert whole.crashes == 0

    for commit in range(1, whole.journal.commits + 1):
        simulated = Simulator(3, crash_at=(commit, moment))
        assert simulated.run(world(), scenario).status == "completed"
        assert simulated.crashes == 1
        assert sum(b'{"$":"Add"' in one for one in logs(simulated)["run 1"]) == 1


def test_a_commit_is_there_only_if_the_kernel_died_after_it() -> None:
    for moment in ("before", "after"):
        journal = Faulty(MemoryJournal(), Simulator().chance, crash_at=(1, moment))

        async def act(kept: Faulty = journal) -> int:
            with pytest.raises(Crash):
                async with opened(ONE, handlers=HANDLERS, journal=kept) as kernel:
                    await kernel.start(ONE, Data(), id="r")
            with pytest.raises(Crash, match="after the crash"):
                await kept.append([])
            kept.revive()
            return len(await kept.find())

        assert run_virtually(act) == (moment == "after")


def test_handlers_fail_and_take_their_time() -> None:
    simple = World(ONE, handlers=HANDLERS)

    async def one(kernel: Kernel) -> tuple[str, float]:
        run = await kernel.start(ONE, Data(), id="r")
        data: Any = (await run.wait_end()).value
        return data.heard[0], trio.current_time()

    assert Simulator(1, Faults(fail=1.0)).run(simple, one) == ("Failed", 0)
    came, time = Simulator(1, Faults(delay=10.0)).run(simple, one)
    assert came == "Returned"
    assert 0 < time < 10


def test_blocking_handlers_and_queries_are_simulated_too() -> None:
    asked: Counter[str] = Counter()

    def blocking(order: Asked) -> int:
        asked["done"] += 1
        return 1

    async def query(order: Asked, context: Context) -> int:
        asked["asked"] += 1
        return 2

    machine = doing(call(Asked))
    simple = World(machine, handlers=[handle(Asked, blocking, query=query)])

    async def one(kernel: Kernel) -> Any:
        return (await (await kernel.start(machine, Data(), id="r")).wait_end()).value

    assert Simulator(1).run(simple, one) == Data(("Returned",))
    assert Simulator(1, crash_at=(2, "before")).run(simple, one) == Data(("Returned",))
    assert asked == Counter({"done": 2, "asked": 1})


def test_a_machine_of_many_runs_is_simulated_in_any_order_with_one_outcome() -> None:
    machine = fan()
    wide = World(machine, handlers=HANDLERS)

    async def one(kernel: Kernel) -> Any:
        return (await (await kernel.start(machine, Data(n=9), id="r")).wait_end()).value

    ends = {Simulator(seed, Faults(delay=3.0)).run(wide, one) for seed in range(8)}

    assert ends == {Data(("Settled",), 9)}
