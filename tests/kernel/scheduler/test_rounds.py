"""The rounds: whoever is not in memory is found in the index when it is time, and nobody else is touched."""

from typing import Any

import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from detent import After, Final, Kernel, Limits, Machine, On, State, Wait, handle
from detent.kernel import Delivery, Loaded, Standing
from detent.tools.testing.virtual import run_virtually, virtually
from tests.kernel.scheduler.toys import (
    Add,
    Again,
    Close,
    Data,
    Leave,
    SlowJournal,
    Steps,
    Wall,
    call,
    counting,
    doing,
    gives,
    opened,
    spawning,
    told,
)
from tests.settings import times

COUNTING, AGAIN = counting(), doing(call(Again))
PARENT = spawning(COUNTING)
ASK: Wait[Data, bool] = Wait(bool, "?", deadline=50.0, name="ask")
ASKING = doing(ASK, "asking")
KINDS = (COUNTING, AGAIN, PARENT, ASKING)
FAST = Limits(grace=0.0)


def sleeper(name: str = "sleeper", seconds: float = 10.0) -> Machine[Data, Data, Data]:
    """A run that ends by itself after some time."""
    states = State("a", After(seconds, to="b"), On(Add, update=Data.add))
    return Machine(name, states, Final("b"), data=Data)


SLEEPER = sleeper()


class Stop(Exception):
    """The kernel is put down where it is."""


class Counted(SlowJournal):
    """A journal that counts who is loaded, and how often somebody asks what is due."""

    def __init__(self) -> None:
        super().__init__(0)
        self.loaded: list[str] = []
        self.rounds = 0

    async def load(self, run: str) -> Loaded | None:
        """See Journal."""
        self.loaded.append(run)
        return await super().load(run)

    async def next_due(self, after: int) -> int | None:
        """See Journal."""
        self.rounds += 1
        return await super().next_due(after)


async def left(journal: Counted, *machines: Any, act: Any, **options: Any) -> None:
    """Something is done with a kernel, and then it is put down."""
    handlers = [handle(Again, Steps())]
    try:
        async with opened(
            *machines,
            handlers=handlers,
            journal=journal,
            on_cancel="suspend",
            limits=FAST,
            **options,
        ) as kernel:
            await act(kernel)
            raise Stop
    except Stop:
        journal.loaded.clear()
        journal.rounds = 0


@settings(max_examples=times(20))
@given(st.lists(st.tuples(st.sampled_from(KINDS), st.booleans()), max_size=8))
def test_opening_loads_what_is_to_be_touched_and_nothing_else(
    runs: list[tuple[Machine[Data, Data, Data], bool]],
) -> None:
    async def act() -> tuple[set[str], set[str]]:
        journal = Counted()

        async def begin(kernel: Kernel) -> None:
            for number, (machine, _) in enumerate(runs):
                await kernel.start(machine, Data(), id=f"r{number}")

        await left(journal, *KINDS, act=begin)
        mail = [f"r{number}" for number, (_, has_mail) in enumerate(runs) if has_mail]
        await journal.deliver([Delivery(run, "k", {"$": "Add", "n": 1}) for run in mail])
        async with opened(*KINDS, handlers=[handle(Again, gives())], journal=journal) as kernel:
            assert len(list(kernel.engine.alarms._heap)) <= 1 + len(journal.loaded)
            touched = set(journal.loaded)
        flying = {f"r{number}" for number, (machine, _) in enumerate(runs) if machine is AGAIN}
        return touched, flying | set(mail)

    touched, expected = run_virtually(act)

    assert touched == expected


@settings(max_examples=times(30))
@given(
    st.lists(st.sampled_from((2.0, 3.0, 3.000001, 5.0)), min_size=1, max_size=6),
    st.integers(0, 2),
    st.sampled_from((-3600, 0, 1)),
    st.booleans(),
)
def test_everything_happens_in_its_time_whoever_is_in_memory(
    seconds: list[float], awake: int, set_to: int, again: bool
) -> None:
    machines = [sleeper(f"m{number}", span) for number, span in enumerate(seconds)]

    async def act() -> dict[str, float]:
        journal, wall, ends = Counted(), Wall(), dict[str, float]()
        limits = Limits(awake=awake)

        async def begin(kernel: Kernel) -> None:
            for number, machine in enumerate(machines):
                await kernel.start(machine, Data(), id=f"r{number}")

        async def wait(kernel: Kernel, number: int) -> None:
            await kernel.run(f"r{number}").wait_end()
            ends[f"r{number}"] = trio.current_time()

        if again:
            await left(journal, *machines, act=begin, clock=wall)
        async with (
            opened(*machines, journal=journal, clock=wall, limits=limits) as kernel,
            trio.open_nursery() as nursery,
        ):
            if not again:
                await begin(kernel)
            await trio.sleep(1)
            wall.ahead = set_to
            if not again:
                for number in range(len(machines)):
                    nursery.start_soon(wait, kernel, number)
            else:
                await trio.sleep(5.5)
                stands = [stood.status for _, stood in await journal.find()]
                assert stands == ["completed"] * len(machines)
        return ends

    ends = run_virtually(act)

    if not again:
        early = max(set_to, 0)
        assert [ends[f"r{n}"] for n in range(len(seconds))] == [
            max(1.0, round(span - early, 6)) for span in seconds
        ] or set_to == 1


@virtually
async def test_what_is_due_of_a_machine_that_is_not_served_makes_nobody_go_round_for_ever() -> None:
    journal, other = Counted(), sleeper("other", 3.0)

    async def begin(kernel: Kernel) -> None:
        for number in range(3):
            await kernel.start(other, Data(), id=f"o{number}")
        await kernel.start(SLEEPER, Data(), id="r")

    await left(journal, SLEEPER, other, act=begin)
    async with opened(SLEEPER, journal=journal):
        await trio.sleep(20)

    stands = {run: one.status for run, one in await journal.find()}
    assert stands == {"o0": "waiting", "o1": "waiting", "o2": "waiting", "r": "completed"}
    assert set(journal.loaded) == {"r"}
    assert journal.rounds <= 4


class Haunted(Counted):
    """A journal that finds a run which is not there any more."""

    async def find(self, **how: Any) -> Any:
        """See Journal."""
        found: Any = await super().find(**how)
        return (("gone", Standing("running")), *found) if how.get("statuses") else found


@virtually
async def test_a_run_that_is_gone_when_it_is_its_turn_is_left_out() -> None:
    journal = Haunted()

    async def begin(kernel: Kernel) -> None:
        await kernel.start(SLEEPER, Data(), id="r")

    await left(journal, SLEEPER, act=begin)
    async with opened(SLEEPER, journal=journal):
        await trio.sleep(11)

    assert [stands.status for _, stands in await journal.find()] == ["completed"]


@virtually
async def test_nothing_is_found_by_a_kernel_that_serves_nothing_that_is_there() -> None:
    journal = Counted()

    async def begin(kernel: Kernel) -> None:
        await kernel.start(SLEEPER, Data(), id="r")

    await left(journal, SLEEPER, act=begin)
    async with opened(journal=journal):
        await trio.sleep(20)

    assert journal.loaded == []


@virtually
async def test_a_kernel_that_is_put_down_goes_no_rounds() -> None:
    journal, steps = Counted(), Steps()

    async def stays(order: Again) -> int:
        with trio.CancelScope(shield=True):
            await steps.go.wait()
        return 1

    async def begin(kernel: Kernel) -> None:
        await kernel.start(sleeper("short", 3.0), Data(), id="r")

    await left(journal, sleeper("short", 3.0), act=begin)
    with trio.CancelScope() as host:
        async with opened(
            sleeper("short", 3.0),
            AGAIN,
            handlers=[handle(Again, stays)],
            journal=journal,
            on_cancel="suspend",
            limits=Limits(grace=5.0),
        ) as kernel:
            await kernel.start(AGAIN, Data(), id="s")
            trio.lowlevel.spawn_system_task(_later, steps)
            host.cancel()
            await trio.sleep_forever()

    assert told(await journal.entries("r")) == ["began"]


async def _later(steps: Steps) -> None:
    await trio.sleep(5)
    steps.go.set()


@virtually
async def test_who_only_looks_at_a_run_does_not_keep_it_in_memory() -> None:
    journal = Counted()

    async def begin(kernel: Kernel) -> None:
        for number in range(9):
            await kernel.start(SLEEPER, Data(), id=f"r{number}")

    await left(journal, SLEEPER, act=begin)
    async with opened(SLEEPER, journal=journal, limits=Limits(awake=2)) as kernel:
        for number in range(9):
            await kernel.run(f"r{number}").snapshot()
        await kernel.run("r0").send(Add())
        assert len(list(kernel.engine.lives)) <= 2
        await trio.sleep(11)

    assert {one.status for _, one in await journal.find()} == {"completed"}


@virtually
async def test_a_closed_kernel_reads_what_was_left_and_begins_nothing() -> None:
    journal = Counted()
    async with opened(AGAIN, handlers=[handle(Again, gives())], journal=journal) as kernel:
        pass

    async def begin(kernel: Kernel) -> None:
        await kernel.start(AGAIN, Data(), id="r")

    await left(journal, AGAIN, act=begin)

    assert (await kernel.run("r").snapshot()).status == "running"


@virtually
async def test_the_children_of_a_state_that_was_left_are_told_once() -> None:
    journal, slow = Counted(), doing(call(Again), "slow")
    parent = spawning(slow)

    async def stays(order: Again) -> int:
        with trio.CancelScope(shield=True):
            await trio.sleep(100)
        return 1

    try:
        async with opened(
            parent,
            handlers=[handle(Again, stays)],
            journal=journal,
            on_cancel="suspend",
            limits=Limits(grace=1.0),
        ) as kernel:
            run = await kernel.start(parent, Data(), id="r")
            await run.send(Leave())
            raise Stop
    except Stop:
        pass

    async with opened(parent, handlers=[handle(Again, stays)], journal=journal) as kernel:
        await kernel.run("r").send(Close())
        assert (await kernel.run("r").wait_end()).status == "completed"

    assert told(await journal.entries("r/1")).count("halted") == 1
