"""What broke a run: skipped, or what it ends by."""

from typing import Any

from detent.kernel import (
    After,
    Broke,
    Broken,
    Call,
    Defer,
    Fired,
    Halted,
    Happened,
    InDoubt,
    Machine,
    On,
    Problem,
    Queued,
    Resumed,
    Signal,
    State,
    Stopped,
)
from tests.kernel.decisions.toys import (
    BUG,
    PARK,
    Mood,
    all_of_them,
    at_work,
    cancelling,
    fan,
    fragile,
    mistake,
    refused,
    retried,
    waiting,
    working,
)
from tests.kernel.scxml.toys import (
    A,
    B,
    Back,
    Break,
    Go,
    Pay,
    Trail,
    failed,
    orders,
    pay,
    returned,
    start,
)

made_up: Any = 5


# -- skipped


def test_what_broke_can_be_skipped() -> None:
    run = start(fragile(Mood())).send(mistake(A()), Queued(Go()), Resumed(skip=True))

    assert (run.states, run.marks, waiting(run)) == (("t",), (), ())


def test_a_deferred_event_that_broke_can_be_skipped() -> None:
    run = start(fragile(Mood())).send(B(), B(), Go())
    assert isinstance(run.last, Broken)
    assert run.last.cause == 2

    run.send(PARK)
    assert run.now.pending.parked == mistake(entry=2)
    run.send(Queued(Back()), Resumed(skip=True))

    assert ([kept.seq for kept in run.now.pending.deferred], run.states) == ([3], ("s",))


def test_it_can_be_said_which_deferred_event_broke() -> None:
    machine = Machine(
        "m",
        State("s", On(Go, to="t"), Defer(A, B)),
        State("t", On(B, update=Break()), Defer(A)),
        data=Trail,
    )
    run = start(machine).send(A(), B(), Go())
    assert isinstance(run.last, Broken)
    assert run.last.cause == 3

    run.send(mistake(entry=3), Resumed(skip=True))

    assert run.now.deferred == (A(),)


def test_only_what_is_offered_next_can_have_broken() -> None:
    run = start(fragile(Mood())).send(B(), PARK, Queued(Go()))

    assert refused(start(fragile(Mood())).send(B()), mistake(entry=2))
    assert refused(run.send(Resumed()), mistake(entry=4))


def test_where_nothing_broke_nothing_is_skipped() -> None:
    run = at_work().send(PARK, Queued(A()), Resumed(skip=True))

    assert run.marks == ("A",)


def test_an_outcome_that_is_skipped_takes_its_effect_with_it() -> None:
    call = Call(Pay, pay)
    machine = Machine("m", State("s", On(call.in_doubt, update=Break()), do=call), data=Trail)
    run = start(machine).send(mistake(Happened(1, InDoubt("crash"))))

    run.send(Resumed(skip=True))

    assert (run.now.effects, run.now.pending.doubts, run.now.status) == ((), (1,), "running")


def test_an_order_that_is_skipped_lets_the_next_begin() -> None:
    run = at_work(3, all_of_them(at_most=1)).send(mistake(failed(1)), Resumed(skip=True))

    assert orders(run.moved) == (("all", 2),)
    assert fan(run).under_way() == (1,)


def test_an_each_of_which_the_last_is_skipped_settles_for_nobody() -> None:
    run = at_work(1, all_of_them()).send(mistake(returned(1)), Resumed(skip=True))

    assert (run.now.effects, run.marks, run.now.status) == ((), (), "running")


def test_a_timer_that_is_skipped_does_not_fire_again() -> None:
    row = After(1, update=Break())
    machine = Machine("m", State("s", row), data=Trail)

    run = start(machine).send(mistake(Fired(1)), Resumed(skip=True))

    assert (run.now.timers, waiting(run)) == ((), ())


def test_nobody_resumes_by_half() -> None:
    assert refused(at_work().send(PARK), Resumed(made_up))


# -- ended by it


def broke(signal: Signal | None = None) -> Broke:
    """A run ends by a bug."""
    return Broke("s/0", "update", "Break", BUG, signal)


def test_a_run_may_end_by_what_broke_it() -> None:
    run = at_work().send(broke(A()))

    assert (run.moved.stopped, run.now.status) == ((1,), "ending")
    assert run.now.end is not None
    assert run.now.end.failures == (
        Problem("ZeroDivisionError", "s/0: update Break: broken on purpose"),
    )
    assert run.send(Happened(1, Stopped("x"))).now.status == "failed"


def test_an_outcome_that_broke_the_run_is_no_longer_awaited() -> None:
    run = at_work().send(broke(returned(1)))

    assert (run.moved.stopped, run.now.status) == ((), "failed")


def test_what_broke_in_the_line_ends_the_run_with_all_that_waits() -> None:
    run = start(working(retried)).send(PARK, Queued(A()), Queued(returned(1)), broke())

    assert (run.now.status, waiting(run), run.now.pending.parked) == ("failed", (), None)


def test_a_run_that_breaks_while_it_compensates_fails_and_says_why_it_did() -> None:
    run = start(cancelling()).send(Halted("cancelled", "x"), broke())

    assert run.now.end is not None
    assert [one.kind for one in run.now.end.failures] == ["ZeroDivisionError", "cancelled"]
    assert run.now.end.status == "failed"


def test_a_place_without_a_callable_is_told_as_it_is() -> None:
    run = at_work().send(Broke("begin", "rows", "", Problem("Endless", "it is")))

    assert run.now.end is not None
    assert run.now.end.failures == (Problem("Endless", "begin: rows: it is"),)
