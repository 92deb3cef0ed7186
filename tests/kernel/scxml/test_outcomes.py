"""What comes of effects: to whom it is offered, and what becomes of it if nobody takes it."""

import pytest

from detent.kernel import (
    Call,
    Declined,
    Defer,
    Doing,
    Ended,
    Event,
    Failed,
    Final,
    Happened,
    Ignore,
    InDoubt,
    InvalidMachine,
    Machine,
    On,
    Part,
    Problem,
    Receipt,
    Region,
    Rejected,
    Returned,
    Send,
    Settled,
    Spawn,
    State,
    Stopped,
    TimedOut,
    Wait,
    compile_machine,
    step,
)
from detent.kernel.definition import outcome_name
from tests.kernel.scxml.toys import (
    A,
    Add,
    Back,
    Go,
    Note,
    Pay,
    Ping,
    Refused,
    Toy,
    Trail,
    failed,
    pay,
    ping,
    returned,
    start,
)

call = Call(Ping, ping)
charge = Call(Pay, pay)


def working(*rows: Part[Trail], do: Doing[Trail] = call) -> Toy:
    """A state that orders an effect, with rows under test; Go leaves it and Back comes back."""
    return Machine(
        "m", State("s", *rows, On(Go, to="t"), do=do), State("t", On(Back, to="s")), data=Trail
    )


def test_an_outcome_is_offered_to_the_state_that_ordered_the_effect() -> None:
    run = start(working(On(call.returned, update=Note("s")))).send(returned(1))

    assert (run.marks, run.now.effects) == (("s",), ())


def test_an_outcome_falls_to_the_states_around_the_one_that_ordered() -> None:
    deep = State("b", State("c", do=call), On(call.returned, when="data.n > 0", update=Note("b")))
    rows = (On(call.returned, update=Note("root")),)
    machine = Machine("m", *rows, State("a", deep), data=Trail)

    assert start(machine, n=1).send(returned(1)).marks == ("b",)
    assert start(machine, n=0).send(returned(1)).marks == ("root",)


def test_an_outcome_is_not_offered_to_another_region_that_ordered_the_same() -> None:
    machine = Machine(
        "m",
        Region("x", State("x1", On(call.returned, update=Note("x")), do=call)),
        Region("y", State("y1", On(call.returned, update=Note("y")), do=call)),
        data=Trail,
    )

    assert start(machine).send(returned(2)).marks == ("y",)
    assert start(machine).send(returned(2), returned(1)).marks == ("y", "x")


def test_an_outcome_of_an_outer_state_is_not_offered_to_an_inner_one() -> None:
    """Both order by the same form; the inner state's row is for its own effect."""
    inner = State("in", On(call.returned, update=Note("in")), do=call)
    machine = Machine(
        "m", State("out", On(call.returned, update=Note("out")), inner, do=call), data=Trail
    )

    assert start(machine).send(returned(1)).marks == ("out",)
    assert start(machine).send(returned(2)).marks == ("in",)


def test_a_row_for_an_effect_that_nobody_inside_orders_is_refused() -> None:
    machine = Machine(
        "m", State("s", State("in", On(call.returned)), On(call.returned), do=call), data=Trail
    )

    with pytest.raises(InvalidMachine) as caught:
        compile_machine(machine)

    assert [mistake.code for mistake in caught.value.mistakes] == ["unknown-effect"]


@pytest.mark.parametrize("excuse", [Ignore(Returned), Defer(Failed), Ignore(Refused)])
def test_outcomes_cannot_be_ignored_or_deferred(excuse: Part[Trail]) -> None:
    with pytest.raises(InvalidMachine) as caught:
        compile_machine(working(excuse))

    assert [mistake.code for mistake in caught.value.mistakes] == ["unaddressed-outcome"]


def test_an_outcome_that_is_sent_without_an_address_is_rejected() -> None:
    run = start(working(On(call.returned)))

    assert isinstance(step(run.table, run.now, Returned(1)), Rejected)


def test_the_first_row_for_an_outcome_whose_guard_is_true_is_taken() -> None:
    rows = (
        On(call.returned, when="event.value > 10", update=Note("large")),
        On(call.returned | call.failed, update=Note("other")),
    )

    assert start(working(*rows)).send(returned(1, 11)).marks == ("large",)
    assert start(working(*rows)).send(returned(1, 10)).marks == ("other",)
    assert start(working(*rows)).send(failed(1)).marks == ("other",)


def test_other_effects_of_a_state_go_on_when_one_has_ended() -> None:
    other = Call(Ping, ping, name="other")
    machine = Machine(
        "m", State("s", On(call.returned), On(other.returned), do=(call, other)), data=Trail
    )

    run = start(machine).send(returned(2))

    assert (run.flying, run.moved.stopped) == ((("ping", 1),), ())


def test_a_late_outcome_is_recorded_and_offered_to_nobody() -> None:
    machine = Machine(
        "m",
        On(call.returned, update=Note("root")),
        State("s", On(Go, to="t"), do=call),
        State("t"),
        data=Trail,
    )
    run = start(machine).send(Go())
    before = run.now

    run.send(returned(1))

    assert (run.moved.took, run.marks, run.now.effects) == ((), (), ())
    assert run.now.seq == before.seq + 1


def test_a_late_failure_does_not_fail_the_run() -> None:
    assert start(working()).send(Go(), failed(1)).now.status == "running"


@pytest.mark.parametrize("outcome", [Failed(Problem("toy")), Refused()])
def test_an_outcome_without_a_row_fails_the_run(outcome: Event) -> None:
    run = start(working(On(call.returned))).send(Happened(1, outcome))

    assert run.now.status == "failed"
    assert run.now.end is not None
    problem, came = run.now.end.failures
    assert problem.kind == "unhandled"
    assert came.kind in ("toy", "Refused")
    assert problem.message == f"no row of state 's' takes {outcome_name('ping', type(outcome))}"


def test_an_outcome_no_guard_lets_through_fails_the_run() -> None:
    run = start(working(On(call.returned, when="event.value > 10"))).send(returned(1, 1))

    assert run.now.status == "failed"


def test_a_run_that_fails_stops_what_else_is_in_flight() -> None:
    other = Call(Ping, ping, name="other")
    machine = Machine("m", State("s", On(other.returned), do=(call, other)), data=Trail)

    run = start(machine).send(failed(1))

    assert (run.now.status, run.moved.stopped, run.stopping) == ("ending", (2,), (2,))


def test_a_declared_failure_has_a_row_of_its_own() -> None:
    rows = (
        On(call.failed, update=Note("failed")),
        On(call.failed_as(Refused), update=Note("refused")),
    )

    run = start(working(*rows)).send(Happened(1, Refused("no")))

    assert run.marks == ("refused",)


def test_a_declared_failure_never_falls_to_failed() -> None:
    machine = Machine("m", On(call.failed), State("s", On(call.failed), do=call), data=Trail)

    assert start(machine).send(Happened(1, Refused("no"))).now.status == "failed"


@pytest.mark.parametrize(
    "outcome",
    [TimedOut(), InDoubt(), Declined("me"), Stopped("me"), Ended("ok", 1), Settled[int](()), A()],
)
def test_an_outcome_that_is_not_possible_is_rejected(outcome: Event) -> None:
    run = start(working(On(call.returned), On(A, update=Note("a"))))
    before = run.now

    refused = step(run.table, before, Happened(1, outcome))

    assert isinstance(refused, Rejected)
    assert refused.snapshot is before
    assert refused.why.endswith("only ping.returned, ping.failed, ping.failed_as(Refused)")


@pytest.mark.parametrize(
    ("do", "outcome"),
    [
        (Call(Ping, ping, timeout=1.0), TimedOut()),
        (Call(Pay, pay, timeout=1.0), InDoubt("timeout")),
        (Call(Ping, ping, breaker="b"), Declined("b")),
        (Wait(bool, "?", deadline=1.0), TimedOut()),
        (Wait(bool, "?"), Returned(True)),
        (Send("run", A()), Returned(Receipt("accepted"))),
        (Send("run", A()), Failed(Problem("no-run"))),
        (Spawn(working(On(call.returned)), lambda data: data), Ended("completed", Trail())),
    ],
)
def test_an_outcome_that_is_possible_is_taken_or_fails_the_run(
    do: Doing[Trail], outcome: Event
) -> None:
    machine = Machine("m", State("s", do=do), data=Trail)

    assert start(machine).send(Happened(1, outcome)).now.status == "failed"


def test_the_time_out_of_an_effect_that_must_not_happen_twice_is_no_possible_outcome() -> None:
    run = start(working(do=Call(Pay, pay, timeout=1.0)))

    assert isinstance(run.send(Happened(1, TimedOut())).last, Rejected)


def test_an_unknown_effect_is_rejected() -> None:
    refused = start(working(On(call.returned))).send(returned(7)).last

    assert isinstance(refused, Rejected)
    assert refused.why == "the effect is not in flight"


def test_an_outcome_that_is_heard_twice_is_rejected() -> None:
    run = start(working(On(call.returned, update=Add()))).send(returned(1), returned(1))

    assert isinstance(run.last, Rejected)
    assert run.now.data.n == 1


def test_an_outcome_of_an_earlier_stay_is_not_taken_for_that_of_this_one() -> None:
    run = start(working(On(call.returned, update=Note("x")))).send(Go(), Back(), returned(1))

    assert (run.marks, run.flying) == ((), (("ping", 2),))
    assert isinstance(step(run.table, run.now, returned(1)), Rejected)
    assert run.send(returned(2)).marks == ("x",)


def test_a_stopping_effect_says_what_came_of_it_and_nothing_else() -> None:
    run = start(working(On(A))).send(Go())

    assert isinstance(run.send(Happened(1, A())).last, Rejected)


def test_an_effect_that_was_stopped_is_gone_when_it_says_so() -> None:
    run = start(working()).send(Go(), Happened(1, Stopped("exit", started=True)))

    assert run.now.effects == ()


def test_an_effect_in_doubt_whose_state_was_left_is_remembered() -> None:
    run = start(working(do=charge)).send(Go(), Back(), Happened(1, InDoubt("stopped")))

    assert (run.now.pending.doubts, run.flying) == ((1,), (("pay", 2),))


def test_doubts_are_remembered_in_the_order_in_which_they_came() -> None:
    both = (charge, Call(Pay, pay, name="again"))
    machine = Machine("m", State("s", On(Go, to="t"), do=both), State("t"), data=Trail)

    run = start(machine).send(Go(), *(Happened(id, InDoubt("stopped")) for id in (2, 1)))

    assert run.now.pending.doubts == (2, 1)


def test_an_effect_in_doubt_whose_state_is_active_is_offered_and_not_remembered() -> None:
    run = start(working(On(charge.in_doubt, update=Note("?")), do=charge))

    run.send(Happened(1, InDoubt("raised")))

    assert (run.marks, run.now.pending.doubts) == (("?",), ())


def test_background_effects_are_ordered_when_the_run_begins() -> None:
    machine = Machine("m", On(call.returned), State("s"), data=Trail, background=call)

    assert start(machine).flying == (("ping", 1),)


def test_background_effects_go_on_whatever_states_are_left() -> None:
    background = Call(Ping, ping, name="background")
    machine = Machine(
        "m",
        On(background.returned, update=Note("root")),
        State("s", On(Go, to="t"), do=call),
        State("t", On(Back, to="s")),
        data=Trail,
        background=background,
    )
    run = start(machine).send(Go())

    assert run.flying == (("background", 1),)
    assert run.send(returned(1)).marks == ("root",)


def test_background_effects_are_offered_to_the_machine_and_to_no_state() -> None:
    machine = Machine(
        "m",
        On(call.returned, update=Note("root")),
        State("s", On(call.returned, update=Note("s")), do=call),
        data=Trail,
        background=call,
    )

    assert start(machine).send(returned(1)).marks == ("root",)
    assert start(machine).send(returned(2)).marks == ("s",)


def test_background_effects_are_stopped_when_the_run_fails() -> None:
    machine = Machine(
        "m",
        On(call.returned),
        State("s", On(Go, to="f")),
        Final("f", "failed"),
        data=Trail,
        background=call,
    )

    run = start(machine).send(Go())

    assert (run.now.status, run.stopping) == ("ending", (1,))
