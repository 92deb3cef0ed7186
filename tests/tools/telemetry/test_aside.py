"""A tap that is slow is shown everything aside: no run waits for it, and what it misses is counted."""

import logging
import threading

import pytest
import trio

from detent import Context, World, WrongInput, handle, open_kernel
from detent.kernel import Entry, Header, Listener, Lore, Telling
from detent.tools.telemetry.aside import Aside
from detent.tools.testing.virtual import virtually
from tests.kernel.scheduler.ears import here
from tests.kernel.scheduler.toys import (
    Add,
    Again,
    Close,
    Data,
    Diary,
    call,
    clock_here,
    counting,
    doing,
)

COUNTING = counting()


class Slow(Listener):
    """A listener that is stuck until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.began = threading.Event()
        self.told_of: list[int] = []
        self.places: list[str] = []
        self.threads: set[str] = set()
        self.raises = False

    def told(self, telling: Telling) -> None:
        """See Listener."""
        self.began.set()
        self.go.wait()
        self.threads.add(threading.current_thread().name)
        self.places.append(here.get())
        if self.raises:
            raise ValueError(f"no {telling.seq}")
        self.told_of.append(telling.seq)

    def begins(self, context: Context) -> None:
        """See Listener."""
        here.set("in the effect")

    def knows(self, run: str, seq: int) -> bool:
        """See Listener."""
        return run != "unknown"


@virtually
async def test_no_run_waits_for_a_tap_that_is_stuck() -> None:
    slow = Slow()
    with Aside(slow) as tap:
        async with open_kernel(World(COUNTING, taps=[tap], clock=clock_here())) as kernel:
            run = await kernel.start(COUNTING, Data(), id="r")
            await run.send(Add())
            await run.send(Close())
            end = await run.wait_end()
            seen = list(slow.told_of)
        slow.go.set()

    assert (end.status, seen) == ("completed", [])
    assert slow.told_of == [1, 2, 3]
    assert slow.threads == {"detent.aside"}
    assert tap.dropped == 0


@virtually
async def test_what_there_is_no_room_for_is_dropped_counted_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    slow = Slow()
    with Aside(slow, most=2) as tap:
        async with open_kernel(World(COUNTING, taps=[tap], clock=clock_here())) as kernel:
            run = await kernel.start(COUNTING, Data(), id="r")
            with clock_here().hold():
                await trio.to_thread.run_sync(slow.began.wait)
            for _ in range(8):
                await run.send(Add())
        dropped = tap.dropped
        slow.go.set()

    assert dropped > 0
    assert slow.told_of == [1, *range(2, 2 + len(slow.told_of) - 1)]
    assert len(slow.told_of) < 9
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("detent.taps", logging.WARNING)
    assert record.getMessage() == "Slow is too slow: what it is shown is dropped"


def test_leaving_waits_for_what_is_left_but_not_for_ever() -> None:
    slow = Slow()
    with Aside(slow, grace=0.05) as tap:
        for number in range(3):
            tap.chunk("r", 1, 1, number)
            tap.told(fake(number))
        slow.began.wait()

    assert tap.dropped > 0
    assert slow.told_of == []
    tap.chunk("r", 1, 1, "late")
    slow.go.set()


def fake(seq: int) -> Telling:
    """Something to be told, of which only the number is looked at."""
    header, entry = Header("r", "m", "", ""), Entry(seq, 0, None)
    return Telling(header, entry, None, {}, (), Lore({}, {}))


@virtually
async def test_what_it_raises_aside_the_kernel_hears_of() -> None:
    slow = Slow()
    slow.raises = True
    slow.go.set()
    with Aside(slow) as tap:
        async with open_kernel(World(COUNTING, taps=[tap], clock=clock_here())) as kernel:
            run = await kernel.start(COUNTING, Data(), id="r")
            while not kernel.broken_taps:
                await run.send(Add())
            await run.send(Close())
            end = await run.wait_end()

    (broken, *_) = kernel.broken_taps
    assert (broken.tap, str(broken.error)) == (tap, "no 1")
    assert end.status == "completed"


@virtually
async def test_it_is_shown_things_in_the_context_of_the_run() -> None:
    slow, seen = Slow(), list[str]()
    slow.go.set()

    async def look(order: Again) -> int:
        seen.append(here.get())
        return 1

    machine = doing(call(Again))
    with Aside(slow) as tap:
        here.set("where it was started")
        world = World(machine, handlers=[handle(Again, look)], taps=[tap], clock=clock_here())
        async with open_kernel(world) as kernel:
            await (await kernel.start(machine, Data(), id="r")).wait_end()

    assert slow.places == ["where it was started"] * 2
    assert seen == ["in the effect"]
    assert (tap.knows("r", 1), tap.knows("unknown", 1)) == (True, False)


@virtually
async def test_a_tap_that_only_looks_may_be_aside_too() -> None:
    diary = Diary()
    with Aside(diary) as tap:
        async with open_kernel(World(COUNTING, taps=[tap], clock=clock_here())) as kernel:
            run = await kernel.start(COUNTING, Data(), id="r")
            await run.send(Close())
            await run.wait_end()

    assert diary.entries == [("r", 1), ("r", 2)]
    assert tap.knows("anything", 1)


def test_it_keeps_one_thing_at_least() -> None:
    with pytest.raises(WrongInput, match=r"Aside\(most=0\): it keeps one thing at least"):
        Aside(Diary(), most=0)
