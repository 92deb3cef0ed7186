"""Runs that are to end: cancelled or out of time, at once or after compensating."""

from typing import Any

import pytest

from detent.kernel import (
    After,
    Always,
    Call,
    Cancelled,
    Each,
    Final,
    Fired,
    Halted,
    Happened,
    Held,
    InDoubt,
    Machine,
    On,
    Parked,
    Problem,
    Queued,
    Rejected,
    State,
    Stopped,
    begin,
    compile_machine,
    step,
)
from detent.kernel.facts import but
from tests.kernel.decisions.toys import (
    CANCEL,
    CANCELLED,
    LATE,
    SECOND,
    Undo,
    all_of_them,
    at_work,
    cancelling,
    problems,
    refused,
    retried,
    tried,
    working,
)
from tests.kernel.scxml.toys import (
    A,
    Break,
    Go,
    Note,
    Pay,
    Ping,
    Run,
    Trail,
    giving,
    orders,
    pay,
    ping,
    returned,
    start,
)

# -- at once


def test_a_run_that_is_cancelled_ends_without_a_result() -> None:
    run = start(Machine("m", State("s"), data=Trail)).send(CANCEL)

    assert run.now.end is not None
    assert (run.now.status, run.now.end.value, problems(run)) == ("cancelled", None, (CANCELLED,))


def test_a_run_that_is_out_of_time_says_where_it_was() -> None:
    machine = Machine("m", State("out", State("in")), data=Trail)

    assert problems(start(machine).send(LATE)) == (Problem("timed_out", "in out, in"),)
    assert problems(start(machine).send(Halted("timed_out", "x"))) == (Problem("timed_out", "x"),)


def test_everything_in_flight_is_stopped_the_background_too() -> None:
    back = Call(Ping, ping, name="back")
    machine = Machine("m", On(back.returned), State("s", do=retried), data=Trail, background=back)

    run = start(machine).send(CANCEL)

    assert (run.moved.stopped, run.now.status) == ((1, 2), "ending")
    assert run.send(returned(1), Happened(2, Stopped("end"))).now.status == "cancelled"


def test_what_is_held_is_dropped() -> None:
    run = at_work().send(Held((1,), "limiter"), CANCEL)

    assert (run.moved.stopped, run.now.status) == ((), "cancelled")


def test_a_row_that_leads_nowhere_is_taken_before_the_end() -> None:
    machine = Machine("m", State("s", On(Cancelled, update=Note("bye"))), data=Trail)

    run = start(machine).send(CANCEL)

    assert (run.marks, run.moved.took, run.now.status) == (("bye",), (("s/0",),), "cancelled")


def test_a_row_hears_the_reason() -> None:
    row = On(Cancelled, when="event.reason == 'nobody needs it'", update=Note("heard"))
    machine = Machine("m", State("s", row), data=Trail)

    assert start(machine).send(CANCEL).marks == ("heard",)
    assert start(machine).send(Halted("cancelled", "other")).marks == ()


def test_a_final_state_that_a_row_leads_to_gives_no_other_status() -> None:
    machine = Machine("m", State("s", On(Cancelled, to="f")), Final("f"), data=Trail)

    run = start(machine).send(CANCEL)

    assert (run.states, run.now.status) == (("f",), "cancelled")


bad: Any = Break()


@pytest.mark.parametrize(
    "row", [On(Cancelled, to="u", update=Break()), On(Cancelled, when=bad, to="u")]
)
def test_a_row_that_breaks_is_not_taken_and_the_run_ends_all_the_same(row: Any) -> None:
    machine = Machine("m", State("s", row, do=retried), State("u", compensates=True), data=Trail)

    run = start(machine).send(CANCEL)

    assert (run.states, run.moved.took, run.moved.stopped) == (("s",), (), (1,))
    first, second = problems(run)
    assert (first, second.kind) == (CANCELLED, "ZeroDivisionError")
    assert second.message.startswith("s/0: ")


def test_an_order_that_cannot_be_made_ends_the_run_too() -> None:
    form: Any = Call(Undo, bad, name="bad")
    machine = Machine(
        "m", State("s", On(Cancelled, to="u")), State("u", do=form, compensates=True), data=Trail
    )

    assert [one.kind for one in problems(start(machine).send(CANCEL))][1] == "ZeroDivisionError"


def test_a_run_that_is_over_cannot_be_halted() -> None:
    run = start(Machine("m", State("s", On(Go, to="f")), Final("f"), data=Trail)).send(Go())

    assert refused(run, CANCEL) == ["the run is over: it completed"]


@pytest.mark.parametrize(
    ("status", "reason"), [("failed", ""), ("cancelled", 5), (["cancelled"], ""), (5, "")]
)
def test_nonsense_is_refused(status: Any, reason: Any) -> None:
    assert refused(at_work(), Halted(status, reason))


# -- what waits in the line


def parked(machine: Any, n: int = 3) -> Run:
    """A run that is parked."""
    return start(machine, n).send(Parked("p", "r", "c", Problem("x")))


def test_what_waits_in_the_line_is_dropped_and_outcomes_take_their_effects_with_them() -> None:
    run = parked(cancelling()).send(Queued(Cancelled()), Queued(returned(1)), CANCEL)

    assert (run.now.pending.parked, run.now.pending.line) == (None, ())
    assert (run.moved.stopped, run.flying, run.marks) == ((), (("undo", 2),), ("cancelled",))


def test_what_waits_in_doubt_is_remembered() -> None:
    call = Call(Pay, pay)
    machine = Machine("m", State("s", On(call.in_doubt), do=call), data=Trail)

    run = parked(machine).send(Queued(Happened(1, InDoubt("crash"))), CANCEL)

    assert (run.now.pending.doubts, run.now.status) == ((1,), "cancelled")


def test_orders_of_an_each_that_wait_in_the_line_are_heard() -> None:
    machine = Machine("m", State("s", do=all_of_them(at_most=2)), data=Trail)

    run = parked(machine).send(Queued(tried(1)), CANCEL)

    assert (run.moved.stopped, run.moved.ordered) == ((2,), ())


def test_an_attempt_in_doubt_of_an_each_is_remembered() -> None:
    each = Each(Pay, giving(Pay(1), Pay(2)), name="all")
    machine = Machine("m", State("s", On(each.settled), do=each), data=Trail)

    run = parked(machine).send(Queued(Happened(2, InDoubt("crash"))), CANCEL)

    assert run.now.pending.doubts == (2,)


def test_what_is_stopping_and_waits_in_the_line_is_gone() -> None:
    run = at_work().send(Go(), Parked("p", "r", "c", Problem("x")), Queued(returned(1)))

    assert run.send(CANCEL).now.status == "cancelled"


def test_a_line_that_no_run_makes_is_dropped_as_well() -> None:
    run = parked(working(retried)).send(Queued(returned(1)))
    line = run.now.pending.line
    twice = but(run.now, pending=but(run.now.pending, line=line + line))

    answer = step(run.table, twice, CANCEL)

    assert answer.snapshot.status == "cancelled"


# -- the deadline


def timed(machine: Any, deadline: int | None) -> Run:
    """A run with a deadline."""
    table = compile_machine(machine)
    return Run(table, [begin(table, Trail(), 0, deadline)])


def test_a_deadline_is_a_timer_with_the_first_id_of_the_run() -> None:
    run = timed(cancelling(), 5 * SECOND)

    assert [(one.id, one.owner, one.row, one.due) for one in run.now.timers] == [
        (1, "", "$deadline", 5 * SECOND)
    ]
    assert orders(run.moved) == (("ping", 2),)
    assert timed(cancelling(), None).now.timers == ()


def test_a_deadline_halts_a_run() -> None:
    run = timed(cancelling(), SECOND).send(Fired(1), at=SECOND)

    assert (run.states, run.now.status) == (("undoing",), "ending")
    assert run.now.pending.halted == Halted("timed_out", "in at work")
    assert [one.row for one in run.now.timers] == ["$limit"]


def test_a_deadline_outlives_everything_but_the_end() -> None:
    run = timed(cancelling(After(9, to="undone"), On(A, to="f"), Final("f")), 99 * SECOND)

    run.send(CANCEL)
    assert [one.row for one in run.now.timers] == ["$deadline", "$limit"]
    run.send(A())
    assert run.now.timers == ()


def test_a_deadline_ends_a_compensation() -> None:
    run = timed(cancelling(), 99 * SECOND).send(CANCEL, Fired(1))

    assert problems(run)[-1].kind == "compensation"


def test_a_deadline_passes_while_a_run_is_parked() -> None:
    run = timed(cancelling(), SECOND).send(Parked("p", "r", "c", Problem("x")))

    assert isinstance(step(run.table, run.now, Fired(9)), Rejected)
    assert run.send(Fired(1)).states == ("undoing",)
    assert run.now.pending.parked is None


def test_a_run_that_ends_as_it_begins_has_no_deadline() -> None:
    machine = Machine("m", State("s", Always(to="f")), Final("f"), data=Trail)

    assert timed(machine, SECOND).now.timers == ()
