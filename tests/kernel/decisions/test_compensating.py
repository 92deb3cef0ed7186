"""Runs that undo what they have done before they end, as long as there is time."""

from detent.kernel import (
    After,
    Always,
    Call,
    Cancelled,
    Done,
    Each,
    Final,
    Fired,
    Happened,
    Machine,
    On,
    Parked,
    Problem,
    Queued,
    Region,
    State,
    Stopped,
)
from tests.kernel.decisions.toys import (
    CANCEL,
    CANCELLED,
    LATE,
    SECOND,
    cancelling,
    problems,
    retried,
    undo,
)
from tests.kernel.scxml.toys import (
    A,
    B,
    Go,
    Note,
    Ping,
    Trail,
    failed,
    orders,
    ping,
    returned,
    start,
)


def test_a_run_compensates_before_it_ends() -> None:
    run = start(cancelling(), 3).send(CANCEL)

    assert (run.states, run.marks, run.now.status) == (("undoing",), ("cancelled",), "ending")
    assert (run.moved.stopped, orders(run.moved)) == ((1,), (("undo", 2),))
    run.send(returned(2))
    assert (run.states, run.now.status) == (("undone",), "ending")
    run.send(Happened(1, Stopped("cancelled")))
    assert (run.now.status, problems(run)) == ("cancelled", (CANCELLED,))


def test_a_run_that_is_out_of_time_compensates_and_says_then_where_it_was() -> None:
    run = start(cancelling()).send(LATE, Happened(1, Stopped("x")), returned(2))

    assert (run.now.status, problems(run)) == ("timed_out", (Problem("timed_out", "in at work"),))


def test_what_is_not_compensating_is_left_wherever_it_is() -> None:
    back = Call(Ping, ping, name="back")
    machine = Machine(
        "m",
        On(back.returned),
        State(
            "both",
            Region("x", State("x1", On(A), After(5, to="x2"), do=retried), State("x2")),
            Region(
                "y", State("y1", On(Cancelled, to="y2")), State("y2", do=undo, compensates=True)
            ),
        ),
        data=Trail,
        background=back,
    )

    run = start(machine).send(CANCEL)

    assert (run.moved.stopped, orders(run.moved)) == ((1, 3), (("undo", 4),))
    assert [timer.row for timer in run.now.timers] == ["$limit"]
    assert run.states == ("both", "x", "x1", "y", "y2")


def test_what_compensates_already_goes_on() -> None:
    machine = Machine(
        "m",
        State(
            "u",
            On(Cancelled, update=Note("on")),
            On(undo.returned, to="s"),
            do=undo,
            compensates=True,
        ),
        State("s"),
        data=Trail,
    )

    run = start(machine).send(CANCEL)

    assert (run.moved.stopped, run.flying, run.now.status) == ((), (("undo", 1),), "ending")
    assert run.send(returned(1)).now.status == "cancelled"


def test_states_that_do_not_compensate_order_nothing_on_the_way() -> None:
    machine = Machine(
        "m",
        State("s", On(Cancelled, to="on the way")),
        State("on the way", Always(to="u", when="data.n == 3"), After(1, to="s"), do=retried),
        State("u", On(undo.returned, to="last"), On(Go, to="beside"), do=undo, compensates=True),
        State("last"),
        State("beside", do=retried),
        data=Trail,
    )

    run = start(machine, 3).send(CANCEL)
    assert (run.states, orders(run.moved)) == (("u",), (("undo", 1),))
    assert run.send(Go()).now.status == "ending"
    assert start(machine, 2).send(CANCEL).now.status == "cancelled"


def test_states_inside_one_that_compensates_do_so_too() -> None:
    machine = Machine(
        "m",
        State("s", On(Cancelled, to="u")),
        State(
            "u",
            State("first", On(undo.returned, to="second"), do=undo),
            State("second", On(A, to="f")),
            Final("f"),
            Done(to="t"),
            compensates=True,
        ),
        State("t"),
        data=Trail,
    )

    run = start(machine).send(CANCEL, returned(1))

    assert (run.states, run.now.status) == (("u", "second"), "ending")
    assert run.send(A()).now.status == "cancelled"
    assert run.states == ("t",)


def test_an_each_compensates_as_any_form_does() -> None:
    each = Each(Ping, Trail.pings, at_most=1, name="all")
    machine = Machine(
        "m",
        State("s", On(Cancelled, to="u")),
        State("u", On(each.settled, to="t"), do=each, compensates=True),
        State("t"),
        data=Trail,
    )

    run = start(machine, 2).send(CANCEL, returned(1))

    assert orders(run.moved) == (("all", 2),)
    assert run.send(failed(2)).now.status == "cancelled"


def test_a_final_state_ends_a_run_that_compensates_as_what_halted_it() -> None:
    machine = Machine(
        "m",
        State("s", On(Cancelled, to="u")),
        State("u", On(A, to="f"), compensates=True),
        Final("f", "completed"),
        data=Trail,
    )

    run = start(machine).send(CANCEL, A())

    assert (run.now.status, problems(run)) == ("cancelled", (CANCELLED,))


def test_an_outcome_that_no_row_takes_ends_the_compensation() -> None:
    run = start(cancelling()).send(CANCEL, Happened(1, Stopped("x")), failed(2))

    assert (run.now.status, [one.kind for one in problems(run)]) == (
        "cancelled",
        ["cancelled", "unhandled"],
    )


def test_what_follows_at_once_may_be_all_of_the_compensation() -> None:
    machine = Machine(
        "m",
        State("s", On(Cancelled, to="u")),
        State("u", Always(to="t", update=Note("undone")), compensates=True),
        State("t"),
        data=Trail,
    )

    run = start(machine).send(CANCEL)

    assert (run.marks, run.now.status, run.now.timers) == (("undone",), "cancelled", ())


def test_a_run_has_only_so_long_to_compensate() -> None:
    run = start(cancelling(compensation_limit=5)).send(CANCEL, at=SECOND)
    (timer,) = run.now.timers

    assert (timer.owner, timer.row, timer.due) == ("", "$limit", 6 * SECOND)
    run.send(Fired(timer.id))
    assert (run.moved.stopped, run.now.timers, run.now.status) == ((2,), (), "ending")
    assert problems(run) == (CANCELLED, Problem("compensation", "was not finished in time"))


def test_who_is_cancelled_twice_ends_at_once() -> None:
    run = start(cancelling()).send(CANCEL, LATE)

    assert problems(run) == (CANCELLED, Problem("compensation", "was not finished in time"))
    assert (run.moved.stopped, run.now.pending.halted) == ((2,), None)


def test_who_is_cancelled_while_he_ends_is_asked_nothing_again() -> None:
    run = start(cancelling()).send(CANCEL, CANCEL, LATE)

    assert (run.moved.stopped, run.now.status, len(problems(run))) == ((), "ending", 2)


def test_events_are_taken_while_a_run_compensates() -> None:
    run = start(cancelling(On(B, update=Note("b")))).send(CANCEL, B())

    assert (run.marks, run.now.status) == (("cancelled", "b"), "ending")


def test_a_plain_step_out_of_what_compensates_ends_the_run() -> None:
    machine = Machine(
        "m",
        State("s", On(Cancelled, to="u")),
        State("u", On(A, to="t"), compensates=True),
        State("t"),
        data=Trail,
    )

    assert start(machine).send(CANCEL, A()).now.status == "cancelled"


def test_a_run_that_compensates_may_be_parked_and_halted() -> None:
    run = start(cancelling()).send(CANCEL, Parked("p", "r", "c", Problem("x")))

    assert run.now.status == "parked"
    run.send(Queued(returned(2)), LATE)
    assert (run.now.status, run.stopping) == ("ending", (1,))
    assert problems(run)[-1].kind == "compensation"
