"""Runs that compensate when they are cancelled, and runs whose background outlasts them."""

from typing import Any

import pytest
import trio
from attrs import evolve

from detent import Cancelled, Event, Final, Kernel, Limits, Machine, On, State
from detent.tools.testing.virtual import virtually
from tests.kernel.runtime.proofs import check_everything
from tests.kernel.runtime.toys import (
    Closed,
    Data,
    Hand,
    Once,
    Pure,
    Stage,
    call,
    compensating,
    fails,
    handled,
    returns,
    stubborn,
    words,
)

GRACE = 0.3


def scene(machine: Machine[Data, Data, Data], hand: Hand, *effects: type[Any]) -> Stage:
    """A kernel with little patience."""
    handlers = [handled(effect, hand) for effect in effects or (Pure,)]
    return Stage((machine,), handlers, {"limits": Limits(grace=GRACE)})


async def until(moment: float) -> None:
    """Wait for an instant."""
    await trio.sleep_until(moment)


# -- compensating


@virtually
async def test_what_compensates_begins_when_what_was_cut_has_ended() -> None:
    hand = Hand({"once": stubborn(10.0, 0.2), "pure": returns(7, 1.0)})
    stage = scene(compensating(call(Pure), call(Once)), hand, Pure, Once)

    async def act(kernel: Kernel) -> Any:
        run = await kernel.start(stage.machines[0], Data(), id="r")
        await until(1.0)
        assert await run.cancel("undo it") == "ending"
        return await run.wait_end(), trio.current_time()

    end, time = await stage.afterwards(act)

    assert end.status == "cancelled"
    assert end.in_doubt == ("r/1",)
    assert hand.calls == [("once", 1), ("pure", 1)]
    assert time == pytest.approx(2.2)
    assert words(await stage.entries("r")) == [
        *("began", "halted", "held", "InDoubt", "admitted", "Returned")
    ]


@virtually
async def test_compensating_has_a_limit_of_its_own() -> None:
    hand = Hand({"once": returns(1, 10.0), "pure": returns(7, 100.0)})
    stage = scene(compensating(call(Pure), call(Once), limit=5.0), hand, Pure, Once)

    async def act(kernel: Kernel) -> Any:
        run = await kernel.start(stage.machines[0], Data(), id="r")
        await until(1.0)
        await run.cancel("undo it")
        return await run.wait_end(), trio.current_time()

    end, time = await stage.afterwards(act)

    assert end.status == "cancelled"
    assert [one.kind for one in end.failures] == ["cancelled", "compensation"]
    assert time == 6.0


@virtually
async def test_a_second_cancel_ends_what_compensates() -> None:
    hand = Hand({"once": returns(1, 10.0), "pure": returns(7, 100.0)})
    stage = scene(compensating(call(Pure), call(Once)), hand, Pure, Once)

    async def act(kernel: Kernel) -> Any:
        run = await kernel.start(stage.machines[0], Data(), id="r")
        await until(1.0)
        await run.cancel("undo it")
        await until(2.0)
        await run.cancel("leave it")
        return await run.wait_end(), trio.current_time()

    end, time = await stage.afterwards(act)

    assert (end.status, time) == ("cancelled", 2.0)
    await check_everything(stage.journal, stage.world())


@virtually
async def test_compensating_goes_on_in_the_next_kernel() -> None:
    hand = Hand({"once": returns(1, 10.0), "pure": returns(7, 3.0)})
    stage = scene(compensating(call(Pure), call(Once)), hand, Pure, Once)

    async def act(kernel: Kernel) -> None:
        run = await kernel.start(stage.machines[0], Data(), id="r")
        await until(1.0)
        await run.cancel("undo it")
        await until(2.0)

    await stage.until_crash(act)

    async def wait(kernel: Kernel) -> Any:
        return await kernel.run("r").wait_end()

    end = await stage.afterwards(wait)

    assert end.status == "cancelled"
    assert hand.calls == [("once", 1), ("pure", 1), ("pure", 1)]
    await check_everything(stage.journal, stage.world())


# -- in the background


def noted(data: Data, event: Event) -> Data:
    return evolve(data, heard=(*data.heard, "background"))


def with_background(limit: float) -> Machine[Data, Data, Data]:
    """A run that comes to its end beside something that goes on."""
    form = call(Pure)
    return Machine(
        "backed",
        State("open", On(Closed, to="done"), On(Cancelled, to="done")),
        Final("done"),
        On(form.returned | form.unreturned, update=noted),
        data=Data,
        background=form,
        background_limit=limit,
    )


@pytest.mark.parametrize(
    ("seconds", "limit", "ended", "abandoned"),
    [(5.0, 60.0, 5.0, ()), (5.0, 2.0, 3.0, ()), (0.5, 60.0, 1.0, ())],
)
@virtually
async def test_the_end_waits_for_the_background_up_to_its_limit(
    seconds: float, limit: float, ended: float, abandoned: tuple[str, ...]
) -> None:
    hand = Hand({"pure": returns(1, seconds)})
    stage = scene(with_background(limit), hand)

    async def act(kernel: Kernel) -> Any:
        run = await kernel.start(stage.machines[0], Data(), id="r")
        await until(1.0)
        await run.send(Closed())
        return await run.wait_end(), trio.current_time()

    end, time = await stage.afterwards(act)

    assert (end.status, time, end.abandoned) == ("completed", ended, abandoned)
    assert hand.ended == [("pure", "cut" if limit == 2.0 else "returned")]
    await check_everything(stage.journal, stage.world())


@virtually
async def test_a_background_that_fails_shows_in_the_end() -> None:
    stage = scene(with_background(60.0), Hand({"pure": fails("no", 2.0)}))

    async def act(kernel: Kernel) -> Any:
        run = await kernel.start(stage.machines[0], Data(), id="r")
        await until(1.0)
        await run.send(Closed())
        return await run.wait_end()

    end = await stage.afterwards(act)

    assert [one.message for one in end.failures] == ["no"]


@virtually
async def test_cancelling_stops_the_background_at_once() -> None:
    stage = scene(with_background(60.0), Hand({"pure": returns(1, 50.0)}))

    async def act(kernel: Kernel) -> Any:
        run = await kernel.start(stage.machines[0], Data(), id="r")
        await until(1.0)
        await run.send(Closed())
        await until(2.0)
        await run.cancel("do not wait")
        return await run.wait_end(), trio.current_time()

    end, time = await stage.afterwards(act)

    assert (end.status, time) == ("completed", 2.0)
