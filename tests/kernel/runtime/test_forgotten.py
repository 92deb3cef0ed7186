"""What a kernel in memory forgets, and what is still known of it."""

import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from detent import Call, Effect, Final, Machine, On, Returned, State, Wait
from detent.kernel import (
    Kernel,
    Limits,
    MemoryJournal,
    NoSuchEntry,
    NoSuchRun,
    World,
    frame_of,
    handle,
    open_kernel,
)
from detent.tools.testing.virtual import VirtualClock, run_virtually, virtually
from tests.settings import times

HOUR = 3_600.0


@frozen
class Ping(Effect[int], recovery="pure"):
    """An effect that says what comes next."""

    n: int


@frozen
class Count:
    """The data: how many of how many, and what was said."""

    most: int = 0
    n: int = 0
    said: str = ""

    def ping(self) -> Ping:
        """The next."""
        return Ping(self.n)

    def note(self, event: Returned[int]) -> "Count":
        """One more."""
        return evolve(self, n=event.value)

    def is_last(self, event: Returned[int]) -> bool:
        """Whether there is no more after it."""
        return event.value >= self.most

    def hear(self, event: Returned[str]) -> "Count":
        """An answer."""
        return evolve(self, said=event.value)


ping = Call(Ping, Count.ping)
counting = Machine(
    "counting",
    State(
        "on",
        On(ping.returned, to="end", when=Count.is_last, update=Count.note),
        On(ping.returned, to="on", update=Count.note),
        do=ping,
    ),
    Final("end"),
    data=Count,
)
ask = Wait(str, "Who goes there?", deadline=HOUR)
asking = Machine(
    "asking",
    State(
        "asking",
        On(ask.returned, to="end", update=Count.hear),
        On(ask.timed_out, to="late"),
        do=ask,
    ),
    Final("end"),
    Final("late"),
    data=Count,
)


@pytest.fixture
def clock() -> VirtualClock:
    """The clock of the test and of its kernel."""
    return VirtualClock()


async def answer(order: Ping) -> int:
    """The next number."""
    return order.n + 1


def world(journal: MemoryJournal, clock: VirtualClock, limits: Limits | None = None) -> World:
    """Both machines."""
    handlers = [handle(Ping, answer)]
    return World(counting, asking, handlers=handlers, journal=journal, clock=clock, limits=limits)


async def count(kernel: Kernel, most: int, id: str | None = None) -> Count:
    """A run of so many steps."""
    run = await kernel.start(counting, Count(most), id=id)
    return await run.wait_result()


@settings(max_examples=times(20))
@given(st.integers(1, 30), st.integers(1, 120))
def test_a_long_run_is_where_its_latest_entries_lead(most: int, steps: int) -> None:
    async def main(clock: VirtualClock) -> None:
        journal = MemoryJournal(entries=most)
        async with open_kernel(world(journal, clock)) as kernel:
            await count(kernel, steps, "a")
            snapshot = await kernel.run("a").snapshot()
            loaded = await journal.load("a")
            latest = await journal.entries("a", max(0, snapshot.seq - most))

            assert loaded is not None
            assert frame_of(loaded)["seq"] == snapshot.seq == steps + 1
            assert snapshot.data == Count(steps, steps)
            assert latest[-1].seq == snapshot.seq
            if snapshot.seq > 2 * most + 2:
                with pytest.raises(NoSuchEntry):
                    await journal.entries("a")

    clock = VirtualClock()
    run_virtually(main, clock, clock=clock)


@virtually
async def test_a_watcher_is_told_that_entries_were_forgotten(clock: VirtualClock) -> None:
    async with open_kernel(world(MemoryJournal(entries=5), clock)) as kernel:
        await count(kernel, 100, "a")

        with pytest.raises(NoSuchEntry, match="were forgotten"):
            _ = [sight async for sight in kernel.run("a").watch()]


@virtually
async def test_a_known_run_is_known_though_entries_were_forgotten(clock: VirtualClock) -> None:
    async with open_kernel(world(MemoryJournal(entries=5), clock)) as kernel:
        await count(kernel, 100, "a")

        assert await count(kernel, 100, "a") == Count(100, 100)


@virtually
async def test_whoever_started_a_run_is_told_how_it_ended_though_it_was_forgotten(
    clock: VirtualClock,
) -> None:
    async with open_kernel(world(MemoryJournal(ended=1), clock)) as kernel:
        runs = [await kernel.start(counting, Count(most)) for most in (1, 2, 3)]
        await count(kernel, 4)

        assert [(await run.wait_result()).n for run in runs] == [1, 2, 3]
        with pytest.raises(NoSuchRun):
            await kernel.run(runs[0].id).snapshot()


@virtually
async def test_a_run_that_was_forgotten_begins_anew(clock: VirtualClock) -> None:
    async with open_kernel(world(MemoryJournal(ended=1), clock)) as kernel:
        first = await kernel.start(counting, Count(2), id="a")
        await first.wait_end()
        await count(kernel, 1)

        second = await kernel.start(counting, Count(3), id="a")

        assert (await second.wait_result()).n == 3


@virtually
async def test_runs_that_were_put_away_are_answered_or_are_late(clock: VirtualClock) -> None:
    limits = Limits(awake=1)
    async with open_kernel(world(MemoryJournal(), clock, limits)) as kernel:
        runs = [await kernel.start(asking, Count()) for _ in range(4)]
        for run in runs[::2]:
            (question,) = await run.questions()
            await run.answer(question.id, "me")

        ends = [await run.wait_end() for run in runs]

        assert [getattr(end.value, "said", "") for end in ends] == ["me", "", "me", ""]
        assert clock.current_time() == HOUR
