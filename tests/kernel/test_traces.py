"""Classes of bugs that other engines had, each shown not to be one of ours.

It is long because each class is a story of its own, on the real kernel.
"""

from collections import Counter
from typing import Any

import pytest
import trio
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from detent import (
    After,
    Always,
    Context,
    Event,
    Fails,
    Final,
    Kernel,
    Machine,
    On,
    Region,
    Run,
    State,
    Wait,
    World,
    compile_machine,
    handle,
    replay,
)
from detent.kernel import Done, MemoryJournal, scribe_of
from detent.kernel.frames import followed
from detent.kernel.scribe import EMPTY
from detent.tools.testing.simulator import Faults, Simulator
from detent.tools.testing.virtual import run_virtually, virtually
from tests.kernel.scheduler.toys import (
    Add,
    Again,
    Close,
    Data,
    Leave,
    SlowJournal,
    call,
    counting,
    doing,
    fan,
    gives,
    lines_of,
    opened,
    pause,
    spawning,
    told,
)
from tests.settings import times

COUNTING, FAN, DOING = counting(), fan(), doing(call(Again))
PARENT = spawning(DOING)
SEEDS = st.integers(0, 2**32)


class Stop(Exception):
    """The test has seen enough: the kernel is put down where it is."""


async def suspended(world: dict[str, Any], machine: Any, journal: Any, act: Any) -> Any:
    """What something comes to that is done with a kernel which is then put down where it is."""
    came: Any = None
    try:
        async with opened(machine, journal=journal, on_cancel="suspend", **world) as kernel:
            came = await act(kernel)
            raise Stop
    except Stop:
        return came


# -- completion order not recorded


@settings(max_examples=times(25))
@given(st.permutations(range(5)))
def test_completion_order_is_recorded_and_replay_comes_to_the_same(order: list[int]) -> None:
    journal = SlowJournal(2)

    async def late(asked: Again) -> int:
        await trio.sleep(1 + order.index(asked.n))
        return asked.n

    async def act() -> Any:
        async with opened(FAN, handlers=[handle(Again, late)], journal=journal) as kernel:
            end = await (await kernel.start(FAN, Data(n=5), id="r")).wait_end()
            return end.value, await lines_of(journal, FAN)

    data, lines = run_virtually(act)

    replayed = replay(lines, FAN)
    entries: Any = run_virtually(journal.entries, "r")
    outcomes = [one.event for one in entries if "$happened" in one.event]
    assert [event["$happened"][0] - 1 for event in outcomes] == order
    assert replayed.divergence is None
    assert data == Data(("Settled",), 5)


# -- resume repeats work


@settings(max_examples=times(10))
@given(SEEDS, st.integers(1, 12), st.sampled_from(["before", "after"]))
def test_no_effect_with_a_recorded_outcome_begins_again(seed: int, commit: int, how: Any) -> None:
    simulated = Simulator(seed, Faults(delay=5.0), crash_at=(commit, how))
    again: list[int] = []

    async def once(order: Again, context: Context) -> int:
        for entry in await simulated.journal.entries(context.run):
            event: Any = entry.event
            if "$happened" in event and event["$happened"][0] == context.effect:
                again.append(context.effect)
        return order.n

    async def act(kernel: Kernel) -> Any:
        return await (await kernel.start(FAN, Data(n=5), id="r")).wait_end()

    end = simulated.run(World(FAN, handlers=[handle(Again, once)]), act)

    assert end.status == "completed"
    assert again == []


# -- identity collisions


@settings(max_examples=times(10))
@given(SEEDS, st.none() | st.integers(1, 20))
def test_ids_follow_from_the_run_and_the_number_alone(seed: int, commit: int | None) -> None:
    crash: Any = None if commit is None else (commit, "after")
    simulated = Simulator(seed, Faults(delay=3.0), crash_at=crash)
    keys: dict[str, set[int]] = {}

    async def keyed(order: Again, context: Context) -> int:
        keys.setdefault(context.key, set()).add(order.n)
        return order.n

    async def act(kernel: Kernel) -> None:
        for run in ("a", "b"):
            await (await kernel.start(FAN, Data(n=4), id=run)).wait_end()
        await (await kernel.start(PARENT, Data(n=9), id="c")).wait_end()

    simulated.run(World(FAN, PARENT, handlers=[handle(Again, keyed)]), act)

    fans = {f"{run}/{number}": {number - 1} for run in "ab" for number in range(1, 5)}
    assert keys == {**fans, "c/1/1": {9}}


# -- timers lost or early


SLEEPER: Machine[Data, Data, Data] = Machine(
    "sleeper", State("asleep", After(100.0, to="awake")), Final("awake"), data=Data
)


@settings(max_examples=times(20))
@given(st.lists(st.floats(0, 30), max_size=3), st.lists(st.floats(0, 60), max_size=3))
def test_a_timer_keeps_its_time_however_often_a_run_is_put_down(
    up: list[float], down: list[float]
) -> None:
    journal = SlowJournal(1)

    async def act() -> float:
        async def begin(kernel: Kernel) -> None:
            await kernel.start(SLEEPER, Data(), id="r")

        await suspended({}, SLEEPER, journal, begin)
        for here, away in zip(up, down, strict=False):

            async def stay(kernel: Kernel, seconds: float = here) -> None:
                await trio.sleep(seconds)

            await suspended({}, SLEEPER, journal, stay)
            await trio.sleep(away)
        came = trio.current_time()
        async with opened(SLEEPER, journal=journal) as kernel:
            await kernel.run("r").wait_end()
            return max(100.0, came)

    clock_time: list[float] = []

    async def timed() -> None:
        wanted = await act()
        clock_time.extend([wanted, trio.current_time()])

    run_virtually(timed)

    assert clock_time[1] == pytest.approx(clock_time[0])


# -- torn or illegal configuration


SIDES: Machine[Data, Data, Data] = Machine(
    "sides",
    State(
        "both",
        Region("left", State("l1", On(Add, to="l2")), State("l2", On(Add, to="l3")), Final("l3")),
        Region("right", State("r1", On(Add, to="r2")), State("r2", On(Add, to="r3")), Final("r3")),
        Done(to="done"),
    ),
    Final("done"),
    data=Data,
)


@pytest.mark.parametrize("how", ["before", "after"])
def test_every_stored_configuration_is_legal_whenever_a_kernel_dies(how: Any) -> None:
    legal = {("l1", "r1"), ("l2", "r2"), ("done",)}
    scribe = scribe_of(compile_machine(SIDES))
    for commit in range(1, 4):
        simulated = Simulator(commit, crash_at=(commit, how))

        async def act(kernel: Kernel) -> None:
            run = await kernel.start(SIDES, Data(), id="r")
            await run.send(Add(), key="first")
            await run.send(Add(), key="second")

        simulated.run(World(SIDES), act)

        frame = EMPTY
        for entry in run_virtually(simulated.journal.entries, "r"):
            frame = followed(frame, entry)
            leaves = set(scribe.snapshot(frame).configuration) - {"both", "left", "right"}
            assert any(leaves == set(one) for one in legal), leaves
        assert simulated.crashes == 1


# -- children outlive parents


@pytest.mark.parametrize("how", ["left", "cancelled"])
@virtually
async def test_nothing_of_a_run_goes_on_after_its_end(how: str) -> None:
    working: set[str] = set()

    async def stubborn(order: Again, context: Context) -> int:
        working.add(context.key)
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
            working.discard(context.key)
        return 1

    grand = spawning(PARENT, "grand")
    async with opened(grand, handlers=[handle(Again, stubborn)]) as kernel:
        run = await kernel.start(grand, Data(), id="r")
        await trio.sleep(1)
        assert working == {"r/1/1/1"}
        if how == "left":
            await run.send(Leave())
            await run.send(Close())
        else:
            await run.cancel("enough")
        await run.wait_end()

        assert working == set()
        stands = {run: one.status for run, one in await kernel.journal.find()}
        assert stands["r/1"] == stands["r/1/1"] == "cancelled"


# -- cancellation swallowed or wedged


@settings(max_examples=times(30))
@given(st.integers(0, 40), st.booleans())
def test_a_caller_that_gives_up_anywhere_changes_nothing(turns: int, is_late: bool) -> None:
    async def act() -> tuple[int, str]:
        async with opened(COUNTING, journal=SlowJournal(4)) as kernel:
            run = await kernel.start(COUNTING, Data(), id="r")
            async with trio.open_nursery() as nursery:
                if is_late:
                    nursery.start_soon(run.send, Add(0))
                    await pause(2)
                nursery.start_soon(lambda: run.send(Add(), key="k"))
                await pause(turns)
                nursery.cancel_scope.cancel()
            again = await run.send(Add(), key="k")
            return (await run.snapshot()).data.n, again.status

    n, status = run_virtually(act)

    assert n == 1
    assert status in ("accepted", "duplicate")


@settings(max_examples=times(30))
@given(st.integers(0, 60))
def test_a_run_is_cancelled_whatever_it_is_doing_and_others_go_on(turns: int) -> None:
    async def act() -> tuple[str, str]:
        handlers = [handle(Again, gives(after=1))]
        async with opened(FAN, COUNTING, handlers=handlers, journal=SlowJournal(4)) as kernel:
            other = await kernel.start(COUNTING, Data())
            run = await kernel.start(FAN, Data(n=3))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(other.send, Add())
                if turns > 30:
                    await trio.sleep(1)
                await pause(turns % 31)
                await run.cancel()
            return (await run.wait_end()).status, (await other.send(Close())).status

    status, others = run_virtually(act)

    assert status in ("cancelled", "completed")
    assert others == "accepted"


# -- lost update


@settings(max_examples=times(15))
@given(st.integers(1, 30), st.integers(0, 5), SEEDS)
def test_one_event_is_one_transition_however_many_come_at_once(
    senders: int, turns: int, seed: int
) -> None:
    async def act() -> Any:
        async with opened(COUNTING, journal=SlowJournal(turns)) as kernel:
            run: Run[Data, Data] = await kernel.start(COUNTING, Data(), id="r")
            async with trio.open_nursery() as nursery:
                for _ in range(senders):
                    nursery.start_soon(run.send, Add())
            entries = await kernel.journal.entries("r")
            return (await run.snapshot()).data.n, told(entries)

    n, entries = run_virtually(act, seed=seed)

    assert n == senders
    assert entries == ["began", *["Add"] * senders]


# -- runaway microsteps


ROUND: Machine[Data, Data, Data] = Machine(
    "round",
    State("still", On(Add, to="tick")),
    State("tick", Always(to="tock", when="data.n >= 0")),
    State("tock", Always(to="tick", when="data.n >= 0")),
    data=Data,
    microsteps=50,
)


@virtually
async def test_a_run_that_goes_in_circles_parks_and_starves_nobody() -> None:
    async with opened(ROUND, COUNTING) as kernel:
        run = await kernel.start(ROUND, Data())
        other = await kernel.start(COUNTING, Data())

        assert (await run.send(Add())).status == "stored"
        assert (await other.send(Add())).status == "accepted"
        snapshot = await run.snapshot()
        assert snapshot.configuration == ("still",)
        assert snapshot.status == "parked"
        await run.cancel()


# -- error content differs on replay


@pytest.mark.parametrize("how", ["raised", "said"])
@virtually
async def test_a_failure_is_data_before_it_is_recorded(how: str) -> None:
    journals = [SlowJournal(1), SlowJournal(1)]

    async def fail(order: Again) -> int:
        fields = {"b": 2, "a": [1, 2]} if len(seen) % 2 else {"a": [1, 2], "b": 2}
        seen.append(1)
        if how == "said":
            raise Fails("no", **fields)
        raise KeyError("missing") from ValueError(object())

    seen: list[int] = []
    events: list[Any] = []
    for journal in journals:
        async with opened(DOING, handlers=[handle(Again, fail)], journal=journal) as kernel:
            await (await kernel.start(DOING, Data(), id="r")).wait_end()
        assert replay(await lines_of(journal, DOING), DOING).divergence is None
        events.append((await journal.entries("r"))[-1].body)

    assert events[0] == events[1]
    assert b"0x" not in events[0]


# -- approval lost on resume


ASK: Wait[Data, bool] = Wait(bool, "Really?", name="ask")
WORK: Any = call(Again)
APPROVED: Machine[Data, Data, Data] = Machine(
    "approved",
    State("asking", On(ASK.returned, to="doing", update=Data.hear), do=ASK),
    State("doing", On(WORK.returned | WORK.unreturned, to="done", update=Data.hear), do=WORK),
    Final("done"),
    data=Data,
)


@virtually
async def test_an_approval_is_an_entry_and_is_asked_for_once() -> None:
    journal, world = SlowJournal(1), {"handlers": [handle(Again, gives(after=3))]}

    async def begin(kernel: Kernel) -> Any:
        return await (await kernel.start(APPROVED, Data(), id="r")).questions()

    async def approve(kernel: Kernel) -> Any:
        run = kernel.run("r")
        asked = await run.questions()
        return asked, (await run.answer(asked[0].id, True)).status

    asked = await suspended(world, APPROVED, journal, begin)
    still, status = await suspended(world, APPROVED, journal, approve)
    async with opened(APPROVED, journal=journal, **world) as kernel:
        questions = await kernel.run("r").questions()
        end = await kernel.run("r").wait_end()

    assert still == asked
    assert (status, questions) == ("accepted", ())
    assert end.value.heard == ("Returned", "Returned")


# -- storage growth


@frozen
class Said(Event):
    """A line more."""

    text: str


@frozen
class Talk:
    """Data that grows."""

    lines: tuple[str, ...] = ()

    def say(self, event: Said) -> "Talk":
        """A line more."""
        return evolve(self, lines=(*self.lines, event.text))


TALK: Machine[Talk, Talk, Talk] = Machine(
    "talk", State("open", On(Said, update=Talk.say), On(Close, to="over")), Final("over"), data=Talk
)


@pytest.mark.parametrize("journal", [MemoryJournal(), SlowJournal(0)], ids=["late", "at once"])
@virtually
async def test_an_entry_is_as_large_as_what_happened_not_as_the_past(journal: Any) -> None:
    async with opened(TALK, journal=journal) as kernel:
        run = await kernel.start(TALK, Talk(), id="r")
        for number in range(800):
            await run.send(Said(f"line {number:05} " * 4))
        sizes = Counter(len(entry.body) for entry in await journal.entries("r", 1))

    assert max(sizes) <= 2 * 44 + 200
