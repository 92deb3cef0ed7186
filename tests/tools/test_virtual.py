"""Programs on trio in virtual time: what happens when, what holds the clock, who is told to be stuck.

It is long because every way in which time could be wrong is a small program of its own.
"""

import importlib
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing
from attrs import define
from hypothesis import given, settings
from hypothesis import strategies as st

from detent.kernel.ports import Clock
from detent.tools.testing.virtual import (
    BEGINNING,
    Stuck,
    VirtualClock,
    run_virtually,
    virtually,
)

DELAYS = st.lists(st.floats(0, 1e6) | st.integers(0, 3), max_size=20)
SEEDS = st.integers(0, 2**32)
scheduler: Any = importlib.import_module("trio._core._run")


@define
class Seen:
    """What a program did, and when."""

    events: list[tuple[Any, float]]

    def note(self, what: Any) -> None:
        self.events.append((what, trio.current_time()))

    async def sleep(self, seconds: float, what: Any) -> None:
        await trio.sleep(seconds)
        self.note(what)


@pytest.fixture
def clock() -> VirtualClock:
    """The clock of a test that is virtual and takes it."""
    return VirtualClock()


async def side_by_side(*tasks: Callable[[], Awaitable[None]]) -> None:
    """Run tasks until all have ended."""
    async with trio.open_nursery() as nursery:
        for task in tasks:
            nursery.start_soon(task)


def order_of(seed: int, tasks: int = 8, rounds: int = 3) -> list[tuple[int, float]]:
    """The order in which tasks run whose sleeps end at the same times."""
    seen: list[tuple[int, float]] = []

    async def task(number: int) -> None:
        for _ in range(rounds):
            await trio.sleep(1)
            seen.append((number, trio.current_time()))

    run_virtually(side_by_side, *(partial(task, n) for n in range(tasks)), seed=seed)
    return seen


# -- properties


@given(DELAYS, SEEDS)
def test_sleepers_wake_in_order_each_at_its_instant(delays: list[float], seed: int) -> None:
    seen = Seen([])

    run_virtually(side_by_side, *(partial(seen.sleep, one, one) for one in delays), seed=seed)

    assert [what for what, _ in seen.events] == sorted(delays)
    assert [at for _, at in seen.events] == sorted(delays)


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=20))
def test_microseconds_are_exact(spans: list[int]) -> None:
    clock = VirtualClock()

    async def program() -> list[int]:
        came: list[int] = []
        for span in spans:
            await trio.sleep(span / 1_000_000)
            came.append(clock.now())
        return came

    came = run_virtually(program, clock=clock)

    assert came == [BEGINNING + sum(spans[: n + 1]) for n in range(len(spans))]


@given(st.floats(0, 100), st.floats(0, 100))
def test_what_is_later_than_its_timeout_is_cancelled_then(limit: float, needed: float) -> None:
    async def program() -> tuple[bool, float]:
        with trio.move_on_after(limit) as scope:
            await trio.sleep(needed)
        return scope.cancelled_caught, trio.current_time()

    is_late, at = run_virtually(program)

    assert at == min(limit, needed)
    assert is_late is (needed > limit) or needed == limit


@given(SEEDS)
@settings(max_examples=20)
def test_one_seed_is_one_order(seed: int) -> None:
    assert order_of(seed) == order_of(seed)


# -- seeds


def test_seeds_give_different_orders() -> None:
    assert len({tuple(order_of(seed)) for seed in range(10)}) > 5


def test_chance_is_where_we_seed_it_and_afterwards_what_it_was_before() -> None:
    before = scheduler._r.getstate(), scheduler._ALLOW_DETERMINISTIC_SCHEDULING

    order_of(7)
    with pytest.raises(Stuck):
        run_virtually(trio.sleep_forever, seed=7)

    assert (scheduler._r.getstate(), scheduler._ALLOW_DETERMINISTIC_SCHEDULING) == before


@pytest.mark.parametrize("is_sorted", [False, True])
def test_one_seed_is_one_order_whether_or_not_hypothesis_was_here(is_sorted: bool) -> None:
    with sorting(is_sorted):
        orders = {tuple(order_of(5)) for _ in range(5)}
        assert is_sorted is scheduler._ALLOW_DETERMINISTIC_SCHEDULING

    assert orders == {tuple(order_of(5))}


@contextmanager
def sorting(is_on: bool) -> Generator[None]:
    """Have trio think that hypothesis is loaded, or that it is not."""
    before = scheduler._ALLOW_DETERMINISTIC_SCHEDULING
    scheduler._ALLOW_DETERMINISTIC_SCHEDULING = is_on
    try:
        yield
    finally:
        scheduler._ALLOW_DETERMINISTIC_SCHEDULING = before


# -- time


def test_a_clock_of_the_kernel_begins_in_2026() -> None:
    clock: Clock = VirtualClock()

    assert datetime.fromtimestamp(clock.now() / 1e6, UTC) == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_thousand_sleepers_wake_at_a_thousand_instants() -> None:
    seen = Seen([])

    run_virtually(side_by_side, *(partial(seen.sleep, n / 8, n) for n in reversed(range(1000))))

    assert seen.events == [(n, n / 8) for n in range(1000)]


@virtually
async def test_a_deadline_is_met_and_not_passed(clock: VirtualClock) -> None:
    with pytest.raises(trio.TooSlowError), trio.fail_at(0.1 + 0.2):
        await trio.sleep_forever()

    assert trio.current_time() == 0.1 + 0.2
    assert clock.now() == BEGINNING + 300_000


@virtually
async def test_a_deadline_in_the_past_is_now() -> None:
    await trio.sleep(5)
    with trio.move_on_at(2) as scope:
        await trio.sleep_forever()

    assert scope.cancelled_caught
    assert trio.current_time() == 5


@virtually
async def test_a_deadline_that_is_called_off_does_not_come() -> None:
    async with trio.open_nursery() as nursery:
        with trio.CancelScope(deadline=3) as scope:
            nursery.start_soon(trio.sleep, 1)
            scope.deadline = 8
            await trio.sleep(6)

    assert trio.current_time() == 6


def test_a_second_run_goes_on_where_the_first_has_ended() -> None:
    clock = VirtualClock()

    run_virtually(trio.sleep, 10, clock=clock)
    run_virtually(trio.sleep, 5, clock=clock, seed=2)

    assert clock.current_time() == 15


@virtually
async def test_who_waits_for_all_to_be_blocked_goes_before_time() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep, 5)
        for cushion in (0, 0.001, 0):
            await trio.testing.wait_all_tasks_blocked(cushion)
            assert trio.current_time() == 0

    assert trio.current_time() == 5


@virtually
async def test_what_is_ready_goes_before_time() -> None:
    here, there = trio.socket.socketpair()
    with here, there:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(here.send, b"x")
            with trio.fail_after(1):
                got = await there.recv(1)

    assert (got, trio.current_time()) == (b"x", 0)


# -- holding


async def held_and_let_go(clock: VirtualClock, seen: Seen, threads: int, holds: int) -> None:
    """Threads that come back when all tasks are blocked, while somebody sleeps."""
    gate = threading.Event()

    async def in_a_thread() -> None:
        with clock.hold():
            if holds > 1:
                with clock.hold():
                    pass
            await trio.to_thread.run_sync(gate.wait)
            seen.note("back")

    async def opener() -> None:
        await trio.testing.wait_all_tasks_blocked()
        seen.note("open")
        gate.set()

    await side_by_side(partial(seen.sleep, 5, "slept"), opener, *[in_a_thread] * threads)


@pytest.mark.parametrize("threads", [1, 2, 10])
@pytest.mark.parametrize("holds", [1, 2])
def test_time_stands_still_while_the_clock_is_held(threads: int, holds: int) -> None:
    clock, seen = VirtualClock(), Seen([])

    run_virtually(held_and_let_go, clock, seen, threads, holds, clock=clock)

    assert seen.events == [("open", 0), *[("back", 0)] * threads, ("slept", 5)]


@virtually
async def test_time_passes_while_a_thread_is_at_work_that_nobody_holds_for(
    clock: VirtualClock,
) -> None:
    gate, back, seen = threading.Event(), trio.Event(), Seen([])

    async def in_a_thread() -> None:
        await trio.to_thread.run_sync(gate.wait)
        seen.note("back")
        back.set()

    async def opener() -> None:
        await seen.sleep(5, "open")
        with clock.hold():
            gate.set()
            await back.wait()

    await side_by_side(in_a_thread, opener)

    assert seen.events == [("open", 5), ("back", 5)]


@virtually
async def test_a_timeout_does_not_come_while_the_clock_is_held(clock: VirtualClock) -> None:
    gate = threading.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(set_when_all_are_blocked, gate)
        with trio.fail_after(1), clock.hold():
            came = await trio.to_thread.run_sync(gate.wait)

    assert (came, trio.current_time()) == (True, 0)


async def set_when_all_are_blocked(gate: threading.Event) -> None:
    """Open a gate when nobody can do anything else."""
    await trio.testing.wait_all_tasks_blocked()
    gate.set()


@virtually
async def test_a_block_that_raises_holds_no_longer(clock: VirtualClock) -> None:
    with pytest.raises(ValueError), clock.hold():
        raise ValueError
    await trio.sleep(1)

    assert trio.current_time() == 1


@virtually
async def test_a_clock_is_not_held_in_a_thread(clock: VirtualClock) -> None:
    def in_a_thread() -> None:
        with clock.hold():
            pass

    with pytest.raises(RuntimeError), clock.hold():
        await trio.to_thread.run_sync(in_a_thread)


@virtually
async def test_the_clock_of_another_run_is_not_held() -> None:
    with pytest.raises(RuntimeError, match="in the run that it is the clock of"):
        VirtualClock().hold().__enter__()


# -- being stuck


async def two_that_wait_for_each_other() -> None:
    """A deadlock after two seconds."""
    one, other = trio.Event(), trio.Event()

    async def wait(what: trio.Event, then: trio.Event) -> None:
        await what.wait()
        then.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait, one, other, name="Alice")
        nursery.start_soon(wait, other, one, name="Bob")
        await trio.sleep(2)


def test_a_deadlock_is_told_with_who_is_blocked_and_where() -> None:
    with pytest.raises(Stuck) as caught:
        run_virtually(two_that_wait_for_each_other)

    first, main, alice, bob, last = str(caught.value).splitlines()
    assert first == "at 2 s every task is blocked, nothing is held, and no deadline will come:"
    assert main.startswith(f"  {__name__}.two_that_wait_for_each_other, test_virtual.py, line ")
    assert alice.startswith("    Alice, test_virtual.py, line ")
    assert bob.startswith("    Bob, test_virtual.py, line ")
    assert last == "What waits for a thread or for the world has to hold() the clock."


def test_of_many_that_are_blocked_some_are_named() -> None:
    with pytest.raises(Stuck, match="\n  and 81 more\n"):
        run_virtually(side_by_side, *[trio.sleep_forever] * 100)


def test_who_is_stuck_may_clean_up_for_as_long_as_that_takes() -> None:
    seen = Seen([])

    async def program() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await seen.sleep(60, "clean")

    with pytest.raises(Stuck, match=r"^at 0 s"):
        run_virtually(program)

    assert seen.events == [("clean", 60)]


def test_what_goes_wrong_in_cleaning_up_is_the_cause() -> None:
    async def program() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("the mop broke")

    with pytest.raises(Stuck) as caught:
        run_virtually(program)

    assert isinstance(caught.value.__cause__, ValueError)


def test_who_takes_the_cancelling_for_an_answer_was_stuck_all_the_same() -> None:
    async def program() -> int:
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            return 5

    with pytest.raises(Stuck):
        run_virtually(program)


def test_what_cannot_be_cancelled_is_given_up() -> None:
    async def program() -> None:
        with trio.CancelScope(shield=True):
            await side_by_side(trio.sleep_forever, partial(trio.sleep, 4))

    with pytest.raises(Stuck, match=r"^at 4 s") as caught:
        run_virtually(program)

    assert isinstance(caught.value.__cause__, trio.TrioInternalError)
    assert order_of(1) == order_of(1)  # and others run


def test_a_thread_that_nobody_holds_for_is_told() -> None:
    gate = threading.Event()

    async def program() -> None:
        await trio.to_thread.run_sync(gate.wait, abandon_on_cancel=True)

    with pytest.raises(Stuck, match=r"has to hold\(\) the clock"):
        run_virtually(program)

    gate.set()


def test_a_generator_that_does_not_end_is_told() -> None:
    async def endless() -> AsyncGenerator[int]:
        try:
            yield 1
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep_forever()

    kept = endless()

    async def program() -> None:
        await anext(kept)

    with pytest.raises(Stuck):
        run_virtually(program)


# -- running


def test_the_arguments_go_in_and_the_answer_comes_out() -> None:
    async def add(one: int, other: int) -> int:
        return one + other

    assert run_virtually(add, 2, 3) == 5


def test_what_a_program_raises_comes_out_as_it_is() -> None:
    async def program() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match=r"^no$"):
        run_virtually(program)


def test_instruments_look_on() -> None:
    @define(eq=False)
    class Counter(trio.abc.Instrument):
        steps: int = 0

        def before_task_step(self, task: trio.lowlevel.Task) -> None:
            self.steps += task.name.endswith(".sleep")

    counter = Counter()

    run_virtually(trio.sleep, 1, instruments=[counter])

    assert counter.steps == 2


def test_a_virtual_clock_is_not_for_trio_run() -> None:
    with pytest.raises(trio.TrioInternalError) as caught:
        trio.run(trio.sleep, 1, clock=VirtualClock())

    assert "run_virtually" in str(caught.value.__cause__)


@virtually
async def test_a_clock_has_one_run_at_a_time(clock: VirtualClock) -> None:
    with pytest.raises(RuntimeError, match="one run at a time"):
        run_virtually(trio.sleep, 1, clock=clock)
