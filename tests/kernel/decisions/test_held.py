"""Effects that cannot begin, and those that are given up: held, admitted, abandoned, and never asked to stop."""

from typing import Any

import pytest

from detent.kernel import (
    Abandoned,
    Admitted,
    Fan,
    Happened,
    Held,
    Life,
    Ordered,
    Signal,
    Stopped,
)
from tests.kernel.decisions.toys import (
    all_of_them,
    at_work,
    fan,
    flight,
    life,
    refused,
    retried,
    working,
)
from tests.kernel.scxml.toys import Go, failed, orders, returned, start

# -- held and admitted


def test_an_effect_is_held_until_it_is_admitted() -> None:
    run = at_work()

    run.send(Held((1,), "limiter", 7))
    assert life(run) == Life(1, "limiter", 7)
    assert flight(run).is_held
    run.send(Admitted(1))
    assert life(run) == Life()
    assert not flight(run).is_held


def test_what_is_admitted_is_not_ordered_again() -> None:
    run = at_work().send(Held((1,), "limiter"))

    run.send(Admitted(1))

    assert (run.moved.ordered, run.moved.took, run.moved.stopped) == ((), (), ())


def test_what_is_held_may_be_held_for_another_reason() -> None:
    run = at_work().send(Held((1,), "limiter", 7))

    run.send(Held((1,), "workers"))

    assert life(run) == Life(1, "workers", 0)


def test_orders_of_an_each_are_held_one_by_one() -> None:
    run = at_work(4, all_of_them())

    run.send(Held((2, 4), "limiter"))
    assert dict(fan(run).lives) == {1: Life(1, "limiter"), 3: Life(1, "limiter")}
    run.send(Admitted(4))
    assert dict(fan(run).lives) == {1: Life(1, "limiter")}


def test_effects_of_several_forms_are_held_at_once() -> None:
    run = start(working(retried, all_of_them()), 2)

    run.send(Held((1, 3), "stopping"))

    assert [one.is_held for one in run.now.effects] == [True, True]
    assert life(run, 2) == Life()


def test_a_held_effect_may_have_an_outcome() -> None:
    run = at_work().send(Held((1,), "limiter"), returned(1))

    assert (run.marks, run.now.effects) == (("ok",), ())


def test_a_held_order_of_an_each_may_have_an_outcome() -> None:
    run = at_work(2, all_of_them()).send(Held((1,), "limiter"), returned(1))

    assert not fan(run).lives
    assert run.send(returned(2)).marks == ("1 2",)


def test_a_held_order_takes_a_place_among_those_under_way() -> None:
    run = at_work(4, all_of_them(at_most=2)).send(Held((1, 2), "limiter"))

    assert orders(run.send(Admitted(2), returned(2)).moved) == (("all", 3),)


WRONG: tuple[Signal, ...] = (
    Held((), "limiter"),
    Held((1,), ""),
    Held((9,), "limiter"),
    Held((1,), "limiter", -1),
    Admitted(1),
    Admitted(9),
    Abandoned(9),
)


@pytest.mark.parametrize("signal", WRONG, ids=str)
def test_what_is_not_in_flight_or_not_held_is_refused(signal: Signal) -> None:
    assert refused(at_work(), signal)


def test_what_was_asked_to_stop_is_neither_held_nor_admitted() -> None:
    run = at_work().send(Go())

    assert refused(run, Held((1,), "limiter")) == ["effect 1 was asked to stop"]
    assert refused(run, Admitted(1)) == ["effect 1 is not held"]


def test_an_order_of_an_each_that_was_asked_to_stop_is_not_held() -> None:
    run = at_work(3, all_of_them(stop=True)).send(failed(1))

    assert refused(run, Held((2,), "limiter"))


def test_an_order_that_has_not_begun_is_not_held() -> None:
    run = at_work(3, all_of_them(at_most=1))

    assert refused(run, Held((2,), "limiter"))


made_up: Any = "text"
NONSENSE: tuple[Signal, ...] = (
    Held(made_up, "limiter"),
    Held((True,), "limiter"),
    Held((1,), made_up, made_up),
    Admitted(made_up),
    Admitted(1, 0),
    Abandoned(made_up),
    made_up,
)


@pytest.mark.parametrize("signal", NONSENSE, ids=str)
def test_nonsense_is_refused(signal: Signal) -> None:
    assert refused(at_work().send(Held((1,), "limiter")), signal)


# -- leaving a state


def test_what_is_held_is_dropped_when_its_state_is_left() -> None:
    run = at_work().send(Held((1,), "limiter"), Go())

    assert (run.moved.stopped, run.now.effects) == ((), ())


def test_held_orders_of_an_each_are_dropped_when_its_state_is_left() -> None:
    run = at_work(4, all_of_them()).send(Held((1, 3), "limiter"), Go())

    assert (run.moved.stopped, fan(run).under_way(), dict(fan(run).lives)) == ((2, 4), (1, 3), {})


def test_an_each_of_which_all_is_held_is_gone_when_its_state_is_left() -> None:
    run = at_work(2, all_of_them()).send(Held((1, 2), "limiter"), Go())

    assert (run.moved.stopped, run.now.effects) == ((), ())


def test_the_life_of_what_is_under_way_stays_when_its_state_is_left() -> None:
    run = at_work(2, all_of_them()).send(Held((1,), "x"), Admitted(1, 2), Go())

    assert dict(fan(run).lives) == {0: Life(2)}


def test_held_siblings_are_stopped_at_once() -> None:
    run = at_work(4, all_of_them(at_most=3, stop=True)).send(Held((2,), "limiter"), failed(1))

    assert run.moved.stopped == (3,)
    heard = fan(run).outcomes()
    assert [type(one).__name__ for one in heard] == ["Failed", "Stopped", "Stopped"]
    assert run.send(Happened(3, Stopped("1"))).marks == ("Failed Stopped Stopped Stopped",)


# -- given up


def test_what_is_abandoned_is_remembered_and_has_an_outcome_still() -> None:
    run = at_work().send(Go(), Abandoned(1))

    assert run.now.pending.abandoned == (1,)
    assert run.stopping == (1,)
    run.send(Happened(1, Stopped("grace")))
    assert (run.now.effects, run.now.pending.abandoned) == ((), (1,))


def test_nothing_is_abandoned_twice() -> None:
    assert refused(at_work().send(Abandoned(1)), Abandoned(1))


# -- single flights


def test_a_life_is_that_of_the_id() -> None:
    one = Ordered(5, "s", "f", None, 0, life=Life(2))
    many = Fan(5, "s", "f", ((0, 1), (0, 2)), 0, 3, 2).living({6: Life(3), 9: Life(4)})

    assert (one.life_of(5), many.life_of(5), many.life_of(6)) == (Life(2), Life(), Life(3))
    assert one.living({7: Life(4)}) == one
    assert not many.is_held


def test_only_what_was_begun_is_open_when_nothing_else_begins() -> None:
    many = Fan(5, "s", "f", ((0, 1), (0, 2), (0, 3)), 0, 7, 2)

    assert many.only_begun().open == 3
