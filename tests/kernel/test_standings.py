"""How a run stands (its status, what it waits for, when it is due) is read off its log alone."""

from typing import Any

import trio
from hypothesis import given, settings

from detent import After, Fails, Machine, Retry, State, World, handle
from detent.kernel import (
    MemoryJournal,
    Standing,
    begin,
    bring_in,
    compile_machine,
    scribe_of,
)
from detent.kernel.scheduler import known, standing
from detent.kernel.standings import standing_at
from detent.tools.testing.virtual import virtually
from tests.kernel.replayer.runs import Recording, recordings
from tests.kernel.scheduler.toys import Again, Data, SlowJournal, call, doing, opened
from tests.settings import times


@virtually
async def test_an_attempt_that_waits_for_its_time_is_due_then() -> None:
    retried = doing(call(Again, retry=Retry(attempts=3, base=100.0, cap=100.0)))

    async def fail(order: Again) -> int:
        raise Fails("not now")

    there, here = SlowJournal(1), MemoryJournal()
    async with opened(retried, handlers=[handle(Again, fail)], journal=there) as kernel:
        run = await kernel.start(retried, Data(), id="r")
        await trio.sleep(1)
        ((_, expected),) = await there.find()
        log = await run.log()
        await run.cancel()

    await bring_in(here, log)

    assert expected.held
    assert expected.due is not None
    assert await here.find() == (("r", expected),)


@given(recordings())
@settings(max_examples=times(100))
def test_how_a_run_stands_is_read_off_its_log_alone(made: Recording) -> None:
    served = known(World(made.table.machine))[made.table.name]
    scribe = scribe_of(made.table)
    for stepped in made.entries:
        now = stepped.snapshot
        if now.end is None or now.effects:
            outlines = (made.table.shape_outline, made.table.rules_outline)
            assert standing_at(scribe.frame(now), *outlines) == standing(served, now, {})


def test_a_timer_that_has_fired_for_a_parked_run_is_not_due_once_more() -> None:
    table = compile_machine(
        Machine("slow", State("here", After(10, to="there")), State("there"), data=Data)
    )
    outlines = (table.shape_outline, table.rules_outline)
    frame = scribe_of(table).frame(begin(table, Data()).snapshot)
    parked = {"place": "here", "role": "guard", "callable": "", "problem": {}, "entry": 1}
    waiting: Any = {**frame, "parked": parked, "line": [[{"$fired": 1}, 0]]}

    assert standing_at(frame, *outlines).due == 10_000_000
    assert standing_at({**waiting, "line": []}, *outlines).due == 10_000_000
    assert standing_at(waiting, *outlines) == Standing("parked")
