"""Effects that breakers decline and limiters hold, admitted when it is time, also by the next kernel."""

from typing import Any

import pytest
import trio
from attrs import evolve

from detent import (
    Breaker,
    Context,
    Fails,
    Final,
    Limiter,
    Limits,
    Machine,
    On,
    Retry,
    Run,
    State,
    handle,
)
from detent.kernel import Call, Each, Happened, Ordered, Snapshot, Stopped, Write
from detent.kernel.scheduler import Item
from detent.tools.testing.virtual import virtually
from tests.kernel.scheduler.toys import (
    Again,
    Asked,
    Data,
    SlowJournal,
    Steps,
    call,
    counting,
    doing,
    gives,
    opened,
    told,
)

AGAIN, COUNTING = doing(call(Again)), counting()
BROKEN = doing(call(Again, breaker="bank"), "broken")
LIMITED = doing(call(Again, limit="slow"), "limited")
WORK: Any = call(Again)
OPEN = {"breakers": {"bank": Breaker(failures=1, cool_down=10.0)}}
SLOW = {"limiters": {"slow": Limiter(1, 10.0)}}


async def held(run: Run[Any, Any]) -> list[str]:
    """Why effects of a run are held."""
    snapshot: Snapshot[Any] = await run.snapshot()
    return [one.life.held for one in snapshot.effects if isinstance(one, Ordered)]


async def fails(order: Any) -> int:
    """Say that it was not done."""
    raise Fails("no")


# -- breakers and limiters


@virtually
async def test_a_breaker_declines_until_it_is_cool_and_says_what_it_is() -> None:
    journal = SlowJournal(1)
    async with opened(BROKEN, handlers=[handle(Again, fails)], journal=journal, **OPEN) as kernel:
        heard: list[Any] = []
        for name in "abc":
            run = await kernel.start(BROKEN, Data(), id=name)
            heard.append((await run.wait_end()).value.heard)
            if name == "b":
                await trio.sleep(10)

    assert heard == [("Failed",), ("Declined",), ("Failed",)]
    assert told(await journal.entries("a")) == ["began", "breaker", "Failed"]
    assert told(await journal.entries("b")) == ["began", "Declined"]
    assert told(await journal.entries("c")) == ["began", "breaker", "breaker", "Failed"]


@virtually
async def test_what_was_held_is_declined_if_the_breaker_opens_meanwhile() -> None:
    machine = doing(call(Again, breaker="bank", retry=Retry(attempts=2, base=5.0, jitter=0.0)))
    handlers = [handle(Again, fails)]
    async with opened(machine, handlers=handlers, journal=SlowJournal(1), **OPEN) as kernel:
        run = await kernel.start(machine, Data(), id="r")

        assert (await run.wait_end()).value.heard == ("Declined",)
        assert trio.current_time() == 5


@virtually
async def test_a_breaker_hears_nothing_of_what_is_not_in_flight() -> None:
    async with opened(BROKEN, handlers=[handle(Again, gives())], **OPEN) as kernel:
        run = await kernel.start(BROKEN, Data(), id="r")
        live = await kernel.engine.lives.awake("r")
        kernel.engine.put(live, Item(Happened(77, Stopped("x"))))
        await run.wait_end()

        assert [cell.value for cell in await kernel.journal.cells(["breaker:bank"])] == [None]


@virtually
async def test_a_limiter_holds_what_comes_too_early() -> None:
    times: list[float] = []

    async def note(order: Again) -> int:
        times.append(trio.current_time())
        return 1

    async with opened(LIMITED, handlers=[handle(Again, note)], **SLOW) as kernel:
        runs = [await kernel.start(LIMITED, Data(), id=name) for name in "abc"]
        assert [await held(run) for run in runs[1:]] == [["limit:slow"], ["limit:slow"]]
        for run in runs:
            await run.wait_end()

        entries = told(await kernel.journal.entries("c"))
        assert entries == ["began", "held", "admitted", "Returned"]

    assert times == [0, 10, 20]


@virtually
async def test_a_limiter_that_another_kernel_has_used_is_asked_again() -> None:
    journal = SlowJournal(1)
    options: Any = {"handlers": [handle(Again, gives())], "journal": journal, **SLOW}
    async with opened(LIMITED, **options) as here, opened(LIMITED, **options) as there:
        await (await there.start(LIMITED, Data(), id="there")).wait_end()
        run = await here.start(LIMITED, Data(), id="here")

        assert await held(run) == ["limit:slow"]
        await run.wait_end()

    assert trio.current_time() == 10


@virtually
async def test_why_something_is_held_may_change() -> None:
    steps = Steps()
    machine = doing(call(Again, limit="slow"), "both")
    handlers = [handle(Again, steps, workers=1)]
    two: Any = {"limiters": {"slow": Limiter(2, 10.0)}}
    async with opened(machine, handlers=handlers, **two) as kernel:
        runs = [await kernel.start(machine, Data(), id=name) for name in "abc"]
        assert [await held(run) for run in runs] == [[""], ["capacity:Again"], ["capacity:Again"]]
        steps.go.set()
        for run in runs:
            await run.wait_end()

        entries = told(await kernel.journal.entries("c"))
        assert entries == ["began", "held", "held", "admitted", "Returned"]

    assert trio.current_time() == 10


# -- taking up again


@pytest.mark.parametrize(
    ("machine", "options", "heard"),
    [(BROKEN, OPEN, "Declined"), (LIMITED, SLOW, "Returned")],
)
@virtually
async def test_what_begins_again_passes_the_gates_again(
    machine: Any, options: Any, heard: str
) -> None:
    journal, steps = SlowJournal(1), Steps()
    handlers = [handle(Again, steps)]

    class Stop(Exception):
        """The kernel is put down."""

    fast = Limits(grace=0.1)
    try:
        async with opened(
            machine, handlers=handlers, journal=journal, limits=fast, on_cancel="suspend", **options
        ) as kernel:
            await kernel.start(machine, Data(), id="r")
            raise Stop
    except Stop:
        pass
    if machine is BROKEN:
        (cell,) = await journal.cells(["breaker:bank"])
        loaded = await journal.load("r")
        assert loaded is not None
        opened_now = evolve(cell, value={"opened": _now()})
        await journal.append([Write("r", loaded.epoch, loaded.head, cells=(opened_now,))])
    steps.go.set()
    async with opened(machine, handlers=handlers, journal=journal, **options) as kernel:
        end = await kernel.run("r").wait_end()

    assert end.value.heard == (heard,)


def _now() -> int:
    clock: Any = trio.lowlevel.current_clock()
    now: int = clock.now()
    return now


@virtually
async def test_nobody_is_asked_by_a_kernel_that_closes() -> None:
    machine, asked = doing(call(Asked)), Steps()

    async def query(order: Any, context: Any) -> int:
        asked.began.append(order)
        return 1

    handlers = [handle(Asked, asked, query=query)]
    async with opened(machine, handlers=handlers) as kernel:
        run = await kernel.start(machine, Data(), id="r")
        live = await kernel.engine.lives.awake("r")
        kernel.engine.gates.draining = True
        kernel.engine.put(live, Item(again=1))
        await trio.sleep(1)
        assert len(asked.began) == 1
        asked.go.set()
        await run.wait_end()


@virtually
async def test_of_several_that_are_tried_again_each_begins_at_its_time() -> None:
    tries: list[tuple[int, float]] = []

    async def second(order: Again, context: Context) -> int:
        tries.append((order.n, trio.current_time()))
        if context.attempt == 1:
            raise Fails("not yet")
        await trio.sleep(100)
        return 1

    each: Each[Data, int] = Each(
        Call(Again, retry=Retry(base=10.0, jitter=1.0)), Data.many, name="each"
    )
    row: On[Data] = On(each.settled, to="b", update=Data.hear)
    machine: Machine[Data, Data, Data] = Machine(
        "many", State("a", row, do=each), Final("b"), data=Data
    )
    async with opened(machine, handlers=[handle(Again, second)]) as kernel:
        run = await kernel.start(machine, Data(n=3), id="r", seed=1)
        await run.wait_end()

    late = [time for _, time in tries[3:]]
    assert len(late) == len(set(late)) == 3
    assert all(0 < time <= 10 for time in late)
