"""What is due rings, in its order, at its time, whichever clock says so; what was called off is forgotten."""

import gc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import trio
from hypothesis import given
from hypothesis import strategies as st

from detent import After, Final, Machine, State
from detent.kernel.scheduler.alarms import FEW, LONGEST_SLEEP, SECOND, Alarm, Alarms
from detent.tools.testing.virtual import run_virtually, virtually
from tests.kernel.scheduler.toys import Data, Wall, opened, pause


@asynccontextmanager
async def ringing(wall: Wall) -> AsyncGenerator[Alarms]:
    """Alarms that ring."""
    alarms = Alarms(wall)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(alarms.run)
        yield alarms
        nursery.cancel_scope.cancel()


class Bells:
    """Things to do that say when they were done."""

    def __init__(self) -> None:
        self.rang: list[tuple[Any, float]] = []

    def of(self, name: Any) -> Any:
        """Something to do."""
        return lambda: self.rang.append((name, trio.current_time()))


def is_kept(alarm: Alarm) -> bool:
    """Whether an alarm stands in a queue, with its time."""
    return any(type(one) is tuple for one in gc.get_referrers(alarm))


@given(st.lists(st.tuples(st.integers(0, 100), st.booleans(), st.booleans()), max_size=200))
def test_what_was_not_called_off_rings_at_its_time(set_up: list[tuple[int, bool, bool]]) -> None:
    bells = Bells()

    async def act() -> None:
        wall = Wall()
        async with ringing(wall) as alarms:
            made: list[tuple[Alarm, bool]] = []
            for number, (seconds, is_span, is_off) in enumerate(set_up):
                due = wall.now() + seconds * SECOND
                ring = bells.of((number, seconds))
                alarm = alarms.after(seconds, ring) if is_span else alarms.at(due, ring)
                made.append((alarm, is_off))
            for alarm, is_off in made:
                if is_off:
                    alarms.off(alarm)
            await trio.sleep(101)

    run_virtually(act)

    wanted = [(n, s) for n, (s, _, is_off) in enumerate(set_up) if not is_off]
    assert sorted(name for name, _ in bells.rang) == wanted
    assert all(time == seconds for (_, seconds), time in bells.rang)
    assert [time for _, time in bells.rang] == sorted(time for _, time in bells.rang)


@virtually
async def test_an_alarm_rings_once_and_can_be_called_off_at_any_time() -> None:
    bells = Bells()
    async with ringing(Wall()) as alarms:
        alarm = alarms.after(1, bells.of("once"))
        alarms.off(None)
        await trio.sleep(5)
        alarms.off(alarm)
        alarms.off(alarm)

    assert bells.rang == [("once", 1)]


@virtually
async def test_a_nearer_alarm_is_not_kept_waiting_by_a_later_one() -> None:
    bells = Bells()
    async with ringing(Wall()) as alarms:
        alarms.after(100, bells.of("late"))
        await trio.sleep(1)
        alarms.after(1, bells.of("soon"))
        await trio.sleep(1.5)

    assert bells.rang == [("soon", 2)]


@virtually
async def test_what_was_called_off_is_forgotten() -> None:
    alarms = Alarms(Wall())
    known = [alarms.after(second, lambda: None) for second in range(FEW + 2)]
    for alarm in known[1:]:
        alarms.off(alarm)

    assert [is_kept(alarm) for alarm in known] == [True] + [False] * (FEW + 1)


@virtually
async def test_an_alarm_that_is_called_off_by_another_does_not_ring() -> None:
    bells = Bells()
    async with ringing(Wall()) as alarms:
        second = alarms.after(2, bells.of("second"))
        first_of_two = alarms.after(1, lambda: alarms.off(twin))
        twin = alarms.after(1, bells.of("twin"))
        await trio.sleep(1)
        await pause(5)
        alarms.off(second)
        await trio.sleep(5)

    assert first_of_two.ring is None
    assert bells.rang == []


@virtually
async def test_a_wall_that_is_set_forward_makes_due_what_follows_it() -> None:
    bells, wall = Bells(), Wall()
    async with ringing(wall) as alarms:
        await trio.sleep(1)
        alarms.at(wall.now() + 2 * 3_600 * SECOND, bells.of("wall"))
        alarms.after(2 * 3_600, bells.of("span"))
        await trio.sleep(1)
        wall.ahead = 2 * 3_600
        await trio.sleep(2 * 3_600)

    assert bells.rang == [("wall", LONGEST_SLEEP + 1), ("span", 2 * 3_600 + 1)]


@virtually
async def test_a_wall_that_is_set_back_keeps_nobody_waiting() -> None:
    wall = Wall()
    steps = (State("a", After(10.0, to="b")), State("b", After(10.0, to="c")), Final("c"))
    machine: Machine[Data, Data, Data] = Machine("slow", *steps, data=Data)
    async with opened(machine, clock=wall) as kernel:
        run = await kernel.start(machine, Data())
        await trio.sleep(5)
        wall.ahead = -3_600
        await run.wait_end()

        assert trio.current_time() == 20
        times = [entry.at for entry in await kernel.journal.entries(run.id)]
        assert times == sorted(times)
