"""Who is cancelled while he asks for something: it happens all the same, also to a run that has to be loaded first."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import trio

from detent import Final, Machine, On, State, Wait
from detent.kernel import Verdict, Write
from detent.tools.testing.faults import Crash
from detent.tools.testing.virtual import virtually
from tests.kernel.scheduler.toys import Add, Close, Data, SlowJournal, opened, outcomes_of, pause

ASK: Wait[Data, bool] = Wait(bool, "Really?")
ASKING: Machine[Data, Data, Data] = Machine(
    "asking",
    State(
        "asking",
        On(outcomes_of(ASK), to="done", update=Data.hear),
        On(Add, update=Data.add),
        On(Close, to="done"),
        do=ASK,
    ),
    Final("done"),
    data=Data,
)


@pytest.mark.parametrize(
    ("asks", "came"),
    [
        (lambda run: run.send(Add(2)), "running 2 "),
        (lambda run: run.answer(1, True), "completed 0 Returned"),
        (lambda run: run.cancel(), "cancelled 0 "),
    ],
    ids=["send", "answer", "cancel"],
)
@virtually
async def test_what_is_asked_of_a_run_that_was_put_away_happens_also_if_nobody_waits(
    asks: Callable[[Any], Any], came: str
) -> None:
    journal = SlowJournal()
    async with opened(ASKING, journal=journal) as kernel:
        await kernel.start(ASKING, Data(), id="r")

    async with opened(ASKING, journal=journal) as kernel:
        with trio.CancelScope() as scope:
            scope.cancel()
            await asks(kernel.run("r"))
        await trio.sleep(1)
        now = await kernel.run("r").snapshot()

    assert scope.cancelled_caught
    assert f"{now.status} {now.data.n} {''.join(now.data.heard)}" == came


@virtually
async def test_who_waits_for_a_run_to_be_born_is_let_go_when_the_kernel_dies() -> None:
    class Dying(SlowJournal):
        """A journal that dies while it writes."""

        async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
            """See Journal."""
            await pause(self.turns)
            raise Crash("dead")

    async def host() -> None:
        async with opened(ASKING, journal=Dying()) as kernel, trio.open_nursery() as nursery:
            nursery.start_soon(kernel.run("r").cancel)
            await kernel.start(ASKING, Data(), id="r")

    with pytest.raises(Crash):
        await host()
