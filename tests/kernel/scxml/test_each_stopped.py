"""Many effects side by side that are stopped: a sibling failed, or their state is left."""

from typing import Any

import pytest
from attrs import evolve, field, frozen

from detent.kernel import (
    Broken,
    Call,
    Each,
    Event,
    Failed,
    Fan,
    Happened,
    InDoubt,
    Machine,
    On,
    Part,
    Problem,
    Returned,
    Settled,
    State,
    Stopped,
    walk,
)
from tests.kernel.scxml.toys import (
    Go,
    Note,
    Pay,
    Ping,
    Refused,
    Run,
    Toy,
    Trail,
    as_moved,
    failed,
    giving,
    orders,
    returned,
    start,
)


def heard(data: Trail, event: Settled[Any]) -> Trail:
    """Leave what settled on the trail: values as they are, everything else by its name."""
    shown = (str(o.value) if isinstance(o, Returned) else type(o).__name__ for o in event.outcomes)
    return evolve(data, marks=(*data.marks, " ".join(shown)))


plain = Each(Ping, Trail.pings, name="each")
bounded = Each(Ping, Trail.pings, at_most=2, name="each")
strict = Each(Ping, Trail.pings, at_most=2, stop_on_failure=True, name="each")


def working(do: Each[Trail, int], *rows: Part[Trail]) -> Toy:
    """A state that goes on when its Each has settled, or is left by Go. The rows come first."""
    return Machine(
        "m",
        State("s", *rows, On(do.settled, to="t", update=heard), On(Go, to="t"), do=do),
        State("t"),
        data=Trail,
    )


def fan(run: Run) -> Fan:
    """The Each that is in flight."""
    (flight,) = run.now.effects
    assert isinstance(flight, Fan)
    return flight


def test_a_failure_stops_no_siblings_unless_it_is_said_to() -> None:
    run = start(working(bounded), n=4).send(failed(1))

    assert (run.moved.stopped, orders(run.moved)) == ((), (("each", 3),))


def test_with_stop_on_failure_siblings_under_way_are_asked_to_stop() -> None:
    run = start(working(strict), n=5).send(failed(1))

    assert (run.moved.stopped, run.moved.ordered) == ((2,), ())
    assert run.states == ("s",)


def test_orders_that_had_not_begun_are_stopped_at_once() -> None:
    run = start(working(strict), n=5).send(failed(1))

    assert [type(outcome) for outcome in fan(run).outcomes()] == [Failed, Stopped, Stopped, Stopped]
    assert fan(run).under_way() == (1,)
    assert run.send(Happened(2, Stopped("1"))).marks == ("Failed Stopped Stopped Stopped Stopped",)


def test_a_sibling_that_was_asked_to_stop_may_have_ended_well() -> None:
    run = start(working(strict), n=3).send(failed(2), returned(1))

    assert run.marks == ("1 Failed Stopped",)


def test_siblings_are_asked_to_stop_once() -> None:
    each = Each(Ping, Trail.pings, stop_on_failure=True, name="each")

    run = start(working(each), n=3).send(failed(1), failed(2), Happened(3, Stopped("1")))

    assert [as_moved(one).stopped for one in run.steps] == [(), (2, 3), (), ()]
    assert run.marks == ("Failed Failed Stopped",)


@pytest.mark.parametrize("outcome", [Failed(Problem("toy")), Refused(), InDoubt("raised")])
def test_whatever_does_not_go_well_stops_the_siblings(outcome: Event) -> None:
    forms = (Call(Ping), Call(Pay))
    made = (Pay(1), Ping(2)) if isinstance(outcome, InDoubt) else (Ping(1), Ping(2))
    each = Each(forms, giving(*made), stop_on_failure=True, name="each")

    assert start(working(each)).send(Happened(1, outcome)).moved.stopped == (2,)


def test_leaving_the_state_stops_what_is_under_way_and_forgets_what_had_not_begun() -> None:
    run = start(working(bounded), n=5).send(returned(1), Go())

    assert (run.moved.stopped, fan(run).stopping) == ((2, 3), True)

    run.send(returned(2), Happened(3, Stopped("exit")))
    assert (run.now.effects, run.marks) == ((), ())


def test_leaving_by_an_outcome_does_not_begin_the_next_order() -> None:
    run = start(working(bounded, On(bounded.failed, to="t")), n=5).send(failed(1))

    assert (run.moved.ordered, run.moved.stopped, run.stopping) == ((), (2,), (1,))
    assert run.send(returned(2)).now.effects == ()


def test_doubts_about_orders_of_a_state_that_was_left_are_remembered() -> None:
    each = Each(Pay, giving(Pay(1), Pay(2)), name="each")

    run = start(working(each)).send(Go(), Happened(2, InDoubt("stopped")))

    assert run.now.pending.doubts == (2,)


def test_an_each_whose_state_is_entered_again_by_its_last_outcome_settles_for_nobody() -> None:
    """The new stay has orders of its own; what settled was ordered by the stay before."""
    run = start(working(plain, On(plain.failed, to="s", update=Note("again"))), n=2)

    run.send(returned(1), failed(2))

    assert (run.states, run.marks) == (("s",), ("again",))
    assert run.flying == (("each", 3),)


class Impatience(BaseException):
    """Raised where a loop does not end; no handler of exceptions keeps it."""


@frozen(eq=False)
class RaiseAlways:
    """An update that raises, and loses patience when it is asked for ever."""

    asked: list[int] = field(factory=list[int])

    def __call__(self, data: Trail, event: object) -> Trail:
        self.asked.append(1)
        if len(self.asked) > 100:
            raise Impatience
        raise ZeroDivisionError("broken on purpose")


def test_in_a_walk_a_row_for_stopped_that_raises_breaks_once() -> None:
    each = Each(Ping, Trail.pings, stop_on_failure=True, name="each")
    machine = working(each, On(each.stopped, update=RaiseAlways()))

    steps = walk(machine, Trail(n=2), each.failed(Problem("toy")).item(0))

    assert isinstance(steps[-1], Broken)
