"""The background of a run that has come to its end: waited for, as long as there is time."""

from typing import Any

import pytest

from detent.kernel import (
    Admitted,
    Call,
    Each,
    Ended,
    Event,
    Failed,
    Final,
    FinalStatus,
    Fired,
    Halted,
    Happened,
    Held,
    InDoubt,
    Machine,
    On,
    Problem,
    Returned,
    Spawn,
    State,
    Stopped,
    TimedOut,
)
from tests.kernel.decisions.toys import DOWN, FEW, SECOND, fan, life, refused, tried
from tests.kernel.scxml.toys import (
    Go,
    Pay,
    Ping,
    Refused,
    Run,
    Toy,
    Trail,
    pay,
    ping,
    returned,
    start,
)

back = Call(Ping, ping, timeout=5.0, retry=FEW, name="back")
front = Call(Ping, ping, name="front")
small = Machine("small", State("s"), data=Trail)


def same(data: Trail) -> Trail:
    """What a child begins with."""
    return data


child = Spawn(small, same, name="child")


def ending(*background: Any, status: FinalStatus = "completed", **options: Any) -> Toy:
    """A run that ends by Go, with something in flight."""
    rows = [On(form.settled) for form in background if isinstance(form, Each)]
    return Machine(
        "m",
        *rows,
        State("s", On(front.returned), On(Go, to="f"), do=front),
        Final("f", status),
        data=Trail,
        background=background,
        **options,
    )


def problems(run: Run) -> tuple[Problem, ...]:
    """What did not go well."""
    assert run.now.end is not None
    return run.now.end.failures


def test_the_background_of_a_run_that_has_ended_is_waited_for() -> None:
    run = start(ending(back)).send(Go())

    assert (run.moved.stopped, run.flying, run.stopping) == ((2,), (("back", 1),), (2,))
    assert run.now.status == "ending"
    run.send(Happened(2, Stopped("end")), returned(1))
    assert (run.now.status, run.now.timers, problems(run)) == ("completed", (), ())


@pytest.mark.parametrize("status", ["completed_with_failures", "stopped", "limit_reached"])
def test_so_is_that_of_a_run_that_ends_otherwise_by_itself(status: FinalStatus) -> None:
    run = start(ending(back, status=status)).send(Go())

    assert run.flying == (("back", 1),)
    assert run.now.end is not None
    assert run.now.end.value == Trail()


def test_the_background_of_a_run_that_fails_is_stopped() -> None:
    run = start(ending(back, status="failed")).send(Go())

    assert (run.moved.stopped, run.stopping, run.now.timers) == ((2, 1), (1, 2), ())


def test_it_is_waited_for_so_long_and_no_longer() -> None:
    run = start(ending(back, background_limit=2.5)).send(Go(), at=SECOND)
    (limit,) = run.now.timers

    assert (limit.owner, limit.row, limit.due) == ("", "$limit", 3_500_000)
    run.send(Fired(limit.id))
    assert (run.moved.stopped, run.stopping, run.now.timers) == ((1,), (1, 2), ())
    assert run.send(Happened(1, DOWN), returned(2)).now.status == "completed"
    assert problems(run) == ()


def test_without_a_background_there_is_no_limit() -> None:
    run = start(ending()).send(Go())

    assert (run.now.timers, run.stopping) == ((), (1,))


def test_who_halts_a_run_that_waits_stops_what_it_waits_for() -> None:
    run = start(ending(back)).send(Go(), Halted("cancelled"))

    assert (run.moved.stopped, run.now.timers, run.now.status) == ((1,), (), "ending")
    assert run.send(Happened(1, Stopped("x")), returned(2)).now.status == "completed"


def test_an_outcome_is_offered_to_nobody_when_the_run_has_ended() -> None:
    machine = Machine(
        "m",
        On(back.returned, to="s"),
        State("s", On(Go, to="f")),
        Final("f"),
        data=Trail,
        background=back,
    )

    run = start(machine).send(Go(), returned(1))

    assert (run.moved.took, run.states, run.now.status) == ((), ("f",), "completed")


# -- what does not go well


charge = Call(Pay, pay, breaker="shop", name="charge")
NOT_WELL: list[tuple[Any, Event, Problem]] = [
    (back, DOWN, Problem("down")),
    (back, Refused("no"), Problem("Refused")),
    (back, TimedOut(), Problem("timed_out", "back")),
    (charge, InDoubt("crash"), Problem("in_doubt", "charge")),
    (child, Ended("failed"), Problem("failed", "child")),
    (child, Ended("failed", None, Problem("it")), Problem("it")),
]


@pytest.mark.parametrize(("form", "event", "problem"), NOT_WELL, ids=str)
def test_what_does_not_go_well_is_told_with_the_end(
    form: Any, event: Event, problem: Problem
) -> None:
    run = start(ending(form)).send(Go(), returned(2), Happened(1, event))

    assert (run.now.status, problems(run)) == ("completed", (problem,))
    assert run.now.pending.doubts == ((1,) if isinstance(event, InDoubt) else ())


@pytest.mark.parametrize("event", [Returned(4), Ended("completed")], ids=str)
def test_what_goes_well_is_not(event: Event) -> None:
    form = back if isinstance(event, Returned) else child

    assert problems(start(ending(form)).send(Go(), Happened(1, event))) == ()


def test_an_attempt_is_not_tried_again_when_the_run_has_ended() -> None:
    run = start(ending(back)).send(Go(), tried())

    assert (problems(run), run.flying) == ((Problem("down"),), ())


def test_what_is_held_begins_when_the_run_has_ended_too() -> None:
    run = start(ending(back)).send(tried(), Go())

    assert life(run).held == "retry"
    assert run.send(Admitted(1, 2), Held((1,), "limiter"), Admitted(1, 2)).flying == (("back", 1),)


# -- many side by side


def many(at_most: int = 2, stop: bool = False) -> Each[Trail, int]:
    """An Each in the background."""
    form = Call(Ping, name="one")
    return Each(form, Trail.pings, at_most=at_most, stop_on_failure=stop, name="all")


def test_orders_that_had_not_begun_begin_no_more() -> None:
    run = start(ending(many()), 5).send(Go(), returned(6), returned(1))

    assert (run.moved.ordered, fan(run).under_way()) == ((), (1,))
    assert run.send(Happened(2, DOWN)).now.status == "completed"
    assert problems(run) == (Problem("down"),)


def test_a_failure_stops_no_others_any_more() -> None:
    run = start(ending(many(stop=True)), 5).send(Go(), returned(6), Happened(1, DOWN))

    assert (run.moved.stopped, problems(run)) == ((), (Problem("down"),))


def test_who_was_asked_to_stop_before_has_no_problem_of_his_own() -> None:
    run = start(ending(many(3, stop=True)), 3).send(Happened(1, DOWN), Go(), returned(4))

    assert (run.now.status, len(run.now.effects)) == ("ending", 1)
    run.send(Happened(2, Stopped("1")), Happened(3, Failed(Problem("late"))))
    assert (run.now.status, problems(run)) == ("completed", ())


def test_an_order_that_waits_for_its_place_is_no_longer_in_flight() -> None:
    run = start(ending(many()), 5).send(Go())

    assert refused(run, returned(3)) == ["the effect is not in flight"]
