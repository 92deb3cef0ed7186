"""Walking by hand."""

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve, frozen

from detent import (
    After,
    Broken,
    Call,
    Each,
    Effect,
    EndlessWalk,
    Event,
    InDoubt,
    Machine,
    Moved,
    NoSuchEffect,
    On,
    Returned,
    Settled,
    State,
    Stopped,
    TimedOut,
    Wait,
    WrongInput,
    compile_machine,
)
from detent.kernel import (
    Admitted,
    AttemptFailed,
    Failed,
    Fired,
    Happened,
    Held,
    Parked,
    Problem,
    Queued,
    Resumed,
    Retry,
    begin,
    due,
    elapse,
    walk,
)
from detent.kernel.facts import but
from examples.order import Add, Cart, Charge, Paid, Pay, ask, charge, order
from tests.kernel.wide import All, Begun, Poked, wide


@frozen
class Go(Event):
    """An event."""


@frozen
class Look(Effect[int], recovery="pure"):
    """An effect."""

    n: int


@frozen
class Seen:
    """The data."""

    values: tuple[int | str, ...] = ()

    def looks(self) -> tuple[Look, ...]:
        """Three orders."""
        return (Look(0), Look(1), Look(2))

    def saw(self, event: Settled[int]) -> "Seen":
        """Everything seen."""
        named = (o.value if isinstance(o, Returned) else type(o).__name__ for o in event.outcomes)
        return evolve(self, values=tuple(named))


look = Call(Look, timeout=5.0)
looks = Each(look, Seen.looks, at_most=2)
looking = Machine(
    "looking",
    State("looking", On(looks.settled, to="seen", update=Seen.saw), On(Go, to="seen"), do=looks),
    State("seen"),
    data=Seen,
)


def test_a_walk_tells_every_entry() -> None:
    steps = walk(order, Cart(), Add(5), Pay(), charge.returned(Paid(5)))

    assert [str(step) for step in steps] == [
        "begin -> cart",
        "Add -> cart",
        "Pay -> paying, ordered charge",
        "charge.returned -> paid (completed)",
    ]
    assert steps[-1].snapshot.end is not None
    assert steps[-1].snapshot.end.value == Cart(5, 5)


def test_a_table_can_be_walked_too() -> None:
    assert len(walk(compile_machine(order), Cart(), Add(5))) == 2


def test_what_is_deferred_is_taken_when_its_time_has_come() -> None:
    steps = walk(order, Cart(5), Pay(), Add(1), elapse(30), ask.timed_out())

    assert [str(step) for step in steps[-3:]] == [
        "charge.in_doubt -> asking, ordered wait",
        "wait.timed_out -> cart",
        "Add -> cart",
    ]
    assert isinstance(steps[-1], Moved)
    assert steps[-1].cause == 3


def test_time_does_what_is_due_in_order() -> None:
    steps = walk(order, Cart(5), Pay(), elapse(timedelta(hours=2)))

    assert [type(getattr(s.signal, "event", None)) for s in steps[-2:]] == [InDoubt, TimedOut]
    assert [s.snapshot.at for s in steps[-2:]] == [30_000_000, 3_630_000_000]


def test_what_is_due_is_told_in_order() -> None:
    table = compile_machine(looking)
    now = walk(table, Seen())[0].snapshot

    assert [(at, getattr(signal, "effect", None)) for at, signal in due(table, now)] == [
        (5_000_000, 1),
        (5_000_000, 2),
    ]


def test_orders_of_an_each_can_be_answered_one_by_one() -> None:
    steps = walk(
        looking,
        Seen(),
        looks.returned(7).item(1),
        looks.returned(8).item(2),
        looks.timed_out(),
    )

    assert steps[-1].snapshot.data.values == ("TimedOut", 7, 8)


def test_what_is_stopped_stops_at_once() -> None:
    steps = walk(looking, Seen(), Go())

    assert [type(getattr(step.signal, "event", None)) for step in steps[-2:]] == [Stopped, Stopped]
    assert steps[-1].snapshot.effects == ()


def test_siblings_of_a_failure_stop_at_once() -> None:
    strict = Each(look, Seen.looks, at_most=2, stop_on_failure=True)
    machine = Machine(
        "strict", State("a", On(strict.settled, update=Seen.saw), do=strict), data=Seen
    )

    steps = walk(machine, Seen(), strict.timed_out())

    assert steps[-1].snapshot.data.values == ("TimedOut", "Stopped", "Stopped")


def test_an_answer_to_nobody_is_an_error_of_the_caller() -> None:
    with pytest.raises(NoSuchEffect, match="'charge' is not in flight, nothing is"):
        walk(order, Cart(), charge.returned(Paid(5)))
    with pytest.raises(NoSuchEffect, match="'wait' is not in flight, charge is"):
        walk(order, Cart(5), Pay(), ask.returned(True))
    with pytest.raises(NoSuchEffect, match=r"order 2 of .* is not under way"):
        walk(looking, Seen(), looks.returned(1).item(2))


def test_signals_can_be_given_as_they_are() -> None:
    machine = Machine("m", State("a", After(5.0, to="b")), State("b"), data=Seen)

    steps = walk(machine, Seen(), Fired(1))

    assert steps[-1].snapshot.is_in("b")


def test_what_is_stamped_is_made_up_and_always_the_same() -> None:
    first = walk(wide, All(), Poked(), Begun("x"), elapse(1), Begun("y"))
    second = walk(wide, All(), Poked(), Begun("x"), elapse(1), Begun("y"))

    assert [step.snapshot for step in first] == [step.snapshot for step in second]
    assert first[-1].snapshot.data.text in ("x", "y")


def test_an_effect_of_a_walk_is_an_order_not_a_call() -> None:
    stepped = walk(order, Cart(5), Pay())[-1]

    assert isinstance(stepped, Moved)
    assert [order.order for order in stepped.ordered] == [Charge(5)]


def test_a_timer_that_breaks_breaks_once() -> None:
    timer: Any = After
    row = timer(5.0, to="a", when=lambda data: 1 // 0)
    machine: Any = Machine("m", State("a", row), data=Seen)

    steps = walk(machine, Seen(), elapse(20))

    assert [type(step) for step in steps] == [Moved, Broken]


def test_timers_that_never_let_time_pass_are_told() -> None:
    machine = Machine("m", State("a", After(0, to="b")), State("b", After(0, to="a")), data=Seen)

    with pytest.raises(EndlessWalk, match="before time has passed"):
        walk(machine, Seen(), elapse(1))


def test_time_does_not_go_back() -> None:
    with pytest.raises(WrongInput, match="go back"):
        elapse(-1)


def test_a_question_without_a_deadline_is_never_due() -> None:
    patient = Wait(bool, "?")
    table = compile_machine(Machine("m", State("a", do=patient), data=Seen))

    assert due(table, walk(table, Seen())[0].snapshot) == ()


# -- what is decided

DOWN = Failed(Problem("down"))
PARK = Parked("looking/0", "update", "f", Problem("x"))
patient: Call[object, int] = Call(
    Look, lambda data: Look(1), timeout=5.0, retry=Retry(jitter=0.0), name="patient"
)
trying = Machine(
    "trying",
    State(
        "trying", On(patient.returned | patient.failed, to="done"), On(Go, to="done"), do=patient
    ),
    State("done"),
    data=Seen,
)
trying_table = compile_machine(trying)


def test_an_attempt_that_failed_is_tried_again_when_it_is_time() -> None:
    steps = walk(trying, Seen(), AttemptFailed(1, 1, DOWN), elapse(1), patient.returned(3))

    assert [str(step) for step in steps[1:]] == [
        "effect 1.failed at attempt 1 -> trying",
        "Admitted -> trying",
        "patient.returned -> done",
    ]


def test_an_answer_by_hand_is_the_last_word() -> None:
    steps = walk(trying, Seen(), patient.failed(Problem("down")))

    assert str(steps[-1]) == "patient.failed -> done"


def test_what_is_held_is_due_when_it_may_begin_and_has_no_time_out() -> None:
    held = walk(trying, Seen(), Held((1,), "limiter", 7))[-1].snapshot
    open_end = walk(trying, Seen(), Held((1,), "limiter"))[-1].snapshot

    assert due(trying_table, held) == ((7, Admitted(1)),)
    assert due(trying_table, open_end) == ()


def test_an_attempt_after_the_first_has_no_time_out_that_anybody_knows() -> None:
    again = walk(trying, Seen(), AttemptFailed(1, 1, DOWN), Admitted(1, 2))[-1].snapshot

    assert due(trying_table, again) == ()
    assert len(due(trying_table, begin(trying_table, Seen()).snapshot)) == 1


def test_held_orders_of_an_each_are_due_one_by_one() -> None:
    now = walk(looking, Seen(), Held((2,), "limiter", 7))[-1].snapshot

    coming = due(compile_machine(looking), now)

    assert coming[0] == (7, Admitted(2))
    assert [type(signal) for _, signal in coming] == [Admitted, Happened]


def test_of_a_run_that_is_parked_only_the_deadline_passes() -> None:
    waiting = Machine("waiting", State("s", After(1, to="t"), do=patient), State("t"), data=Seen)
    table = compile_machine(waiting)
    first = begin(table, Seen(), 0, 9_000_000)

    assert [at for at, _ in due(table, first.snapshot)] == [1_000_000, 5_000_000, 9_000_000]
    parked = but(first.snapshot, pending=but(first.snapshot.pending, parked=PARK))
    assert due(table, parked) == ((9_000_000, Fired(1)),)


def test_what_is_stopping_waits_until_a_parked_run_goes_on() -> None:
    steps = walk(trying, Seen(), PARK, Queued(Go()), Resumed())

    assert [str(step) for step in steps[-3:]] == [
        "Resumed -> trying",
        "Go -> done",
        "patient.stopped -> done",
    ]
    assert len(walk(trying, Seen(), Go(), PARK)) == 4
