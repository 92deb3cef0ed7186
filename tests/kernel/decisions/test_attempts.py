"""Attempts that come to nothing: tried again as the form says, or the outcome."""

from typing import Any

import pytest

from detent.kernel import (
    Admitted,
    AttemptFailed,
    Call,
    Each,
    Event,
    Failed,
    Halted,
    Happened,
    Held,
    InDoubt,
    Life,
    Machine,
    On,
    Problem,
    Retry,
    Returned,
    Signal,
    State,
    Stopped,
    Wait,
    step,
)
from tests.kernel.decisions.toys import (
    DOWN,
    SECOND,
    all_of_them,
    at_work,
    cancelling,
    fan,
    life,
    refused,
    tried,
    working,
)
from tests.kernel.scxml.toys import Go, Pay, Ping, Refused, Trail, failed, pay, ping, start

# -- tried again


def test_what_may_be_tried_again_is_held_until_it_is() -> None:
    run = at_work().send(tried(), at=5 * SECOND)

    assert life(run) == Life(2, "retry", 6 * SECOND)
    assert (run.moved.took, run.moved.ordered, run.marks) == ((), (), ())


def test_the_delays_are_those_of_the_form() -> None:
    run = at_work().send(tried(), Admitted(1, 2))

    run.send(tried(attempt=2))

    assert life(run) == Life(3, "retry", 2 * SECOND)


def test_the_last_attempt_is_the_outcome() -> None:
    run = at_work().send(tried(), Admitted(1, 2), tried(attempt=2), Admitted(1, 3))

    run.send(tried(attempt=3))

    assert (run.marks, run.now.effects) == (("failed",), ())


def test_orders_of_an_each_are_tried_again_one_by_one() -> None:
    run = at_work(3, all_of_them()).send(tried(2), failed(3))

    assert dict(fan(run).lives) == {1: Life(2, "retry", SECOND)}
    assert fan(run).under_way() == (0, 1)


def test_the_last_attempt_of_an_order_is_heard() -> None:
    once = Call(Ping, retry=Retry(attempts=1), name="one")
    run = start(working(Each(once, Trail.pings, name="all")), 1)

    assert run.send(tried()).marks == ("Failed",)


def test_what_is_not_of_the_kind_that_is_tried_again_is_the_outcome() -> None:
    assert at_work().send(tried(event=Returned(4))).marks == ("ok",)


def test_a_call_without_a_policy_is_never_tried_again() -> None:
    assert at_work(3, Call(Ping, ping)).send(tried()).marks == ("failed",)


def test_a_question_is_never_tried_again() -> None:
    ask = Wait(bool, "Is it?", name="ask")
    machine = Machine("m", State("s", On(ask.returned, to="t"), do=ask), State("t"), data=Trail)

    assert start(machine).send(tried(event=Returned(True))).states == ("t",)


def test_what_is_stopping_is_not_tried_again() -> None:
    run = at_work().send(Go(), tried())

    assert (run.now.effects, run.marks) == ((), ())


def test_an_order_that_was_asked_to_stop_is_not_tried_again() -> None:
    run = at_work(2, all_of_them(stop=True)).send(failed(1), tried(2))

    assert run.marks == ("Failed Failed",)


def test_what_compensates_is_tried_again() -> None:
    run = start(cancelling()).send(Halted("cancelled"))
    undoing = run.now.effects[-1]

    run.send(AttemptFailed(undoing.id, 1, DOWN))

    assert run.now.end is None
    assert run.now.effects[-1].life_of(undoing.id).attempt == 2


def test_an_attempt_is_told_with_its_number() -> None:
    run = at_work()

    assert str(run.send(tried()).last) == "effect 1.failed at attempt 1 -> at work"
    assert str(run.send(Admitted(1, 9), tried(attempt=9)).last).startswith("ping.failed at attempt")


# -- what never was


WRONG: tuple[Signal, ...] = (
    tried(9),
    tried(attempt=2),
    tried(event=Go()),
    tried(event=Stopped("me")),
    AttemptFailed(1, 1, DOWN, 1.5),
    AttemptFailed(1, 1, DOWN, -0.5),
    AttemptFailed(1, 1, DOWN, float("nan")),
)


@pytest.mark.parametrize("signal", WRONG, ids=str)
def test_an_attempt_that_there_never_was_is_refused(signal: Signal) -> None:
    assert refused(at_work(), signal)


made_up: Any = "text"


@pytest.mark.parametrize(
    "signal",
    [
        AttemptFailed(made_up, 1, DOWN),
        AttemptFailed(1, made_up, DOWN),
        AttemptFailed(1, True, DOWN),
        AttemptFailed(1, 1, DOWN, made_up),
        AttemptFailed(1, 1, made_up),
    ],
    ids=str,
)
def test_nonsense_is_refused(signal: Signal) -> None:
    assert refused(at_work(), signal)


def test_an_attempt_of_what_is_held_is_refused() -> None:
    run = at_work().send(Held((1,), "limiter"))

    assert refused(run, tried()) == ["attempt 1 is held, not attempt 1"]


def test_the_time_of_an_attempt_is_never_beyond_all_time() -> None:
    for_ever = Retry(attempts=2, base=1e12, cap=1e14, total=1e15, jitter=0.0)
    run = at_work(3, Call(Ping, ping, retry=for_ever, name="ping"))

    run.send(tried())

    assert life(run).until <= 2**63 - 1


# -- like any outcome


def outcomes() -> list[Event]:
    """What may come of an effect that declares a failure, and is not tried again."""
    return [Returned(1), Refused("no"), Failed(Problem("down"))]


@pytest.mark.parametrize("event", outcomes(), ids=str)
def test_an_attempt_that_is_not_tried_again_comes_to_what_its_outcome_comes_to(
    event: Event,
) -> None:
    run = at_work(3, Call(Ping, ping))

    one = step(run.table, run.now, Happened(1, event))
    other = step(run.table, run.now, AttemptFailed(1, 1, event))

    assert one.snapshot == other.snapshot
    assert (one.took, one.ordered, one.stopped) == (other.took, other.ordered, other.stopped)


def test_what_is_in_doubt_is_not_tried_again() -> None:
    charge = Call(Pay, pay, retry=Retry(), name="charge")
    machine = Machine(
        "m", State("s", On(charge.in_doubt, to="t"), do=charge), State("t"), data=Trail
    )

    assert start(machine).send(tried(event=InDoubt("crash"))).states == ("t",)
