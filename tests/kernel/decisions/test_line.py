"""Runs whose machine broke: parked, with a line of what happens in the meantime; or ended by it."""

from typing import Any

import pytest

from detent.kernel import (
    Abandoned,
    Admitted,
    After,
    AttemptFailed,
    Broke,
    Broken,
    Defer,
    Deferred,
    Final,
    Fired,
    Happened,
    Held,
    Ignored,
    Machine,
    Moved,
    On,
    Parked,
    Queued,
    Rejected,
    Resumed,
    Signal,
    State,
    checked_recall,
    recall,
    step,
)
from tests.kernel.decisions.toys import (
    BUG,
    DOWN,
    PARK,
    SECOND,
    Mood,
    at_work,
    fragile,
    life,
    mistake,
    refused,
    retried,
    tried,
    waiting,
    working,
)
from tests.kernel.scxml.toys import (
    A,
    Add,
    B,
    Back,
    C,
    Go,
    Note,
    Run,
    Trail,
    returned,
    start,
)


def answers(run: Run, *signals: Signal) -> list[str]:
    """What all answers are that signals lead to."""
    count = len(run.steps)
    return [str(one) for one in run.send(*signals).steps[count:]]


# -- parked


def test_a_run_that_is_parked_says_what_broke_it() -> None:
    run = at_work().send(PARK)

    assert run.now.status == "parked"
    assert run.now.pending.parked == PARK
    assert str(run.last) == "Parked -> at work (parked)"


def test_what_broke_it_is_first_in_the_line() -> None:
    run = start(fragile(Mood())).send(A())
    assert isinstance(run.last, Broken)

    run.send(mistake(A()))

    assert waiting(run) == (A(),)
    assert run.now.pending.parked == mistake(entry=2)
    assert run.now.pending.line[0].seq == run.now.seq == 2


@pytest.mark.parametrize("signal", [A(), Go(), Fired(1), returned(1), tried()], ids=str)
def test_nothing_happens_to_a_run_that_is_parked(signal: Signal) -> None:
    run = at_work().send(PARK)

    assert refused(run, signal) == ["the run is parked"]


def test_what_is_decided_happens_all_the_same() -> None:
    run = at_work().send(PARK, Held((1,), "limiter"), Admitted(1), Abandoned(1))

    assert run.now.pending.abandoned == (1,)


def test_a_run_is_parked_once() -> None:
    assert refused(at_work().send(PARK), PARK)


def test_a_run_that_has_ended_is_not_parked() -> None:
    run = start(Machine("m", State("s", On(Go, to="f")), Final("f"), data=Trail)).send(Go())

    assert refused(run, PARK, Broke("p", "r", "c", BUG))


made_up: Any = 5
NONSENSE = [
    Parked(made_up, "r", "c", BUG),
    Parked("p", "r", "c", made_up),
    mistake(entry=-1),
    mistake(entry=7),
    mistake(returned(9)),
    mistake(B()),
    mistake(PARK),
    mistake(made_up),
    Broke("p", made_up, "c", BUG),
    Broke("p", "r", "c", BUG, returned(9)),
    Resumed(),
    Queued(Go()),
]


@pytest.mark.parametrize("signal", NONSENSE, ids=str)
def test_nonsense_is_refused(signal: Signal) -> None:
    assert refused(at_work(), signal)


# -- the line


def test_what_happens_in_the_meantime_waits_in_the_line() -> None:
    run = start(working(retried), 1).send(PARK, Queued(A()), Queued(returned(1)))

    assert [(one.signal, one.seq) for one in run.now.pending.line] == [(A(), 3), (returned(1), 4)]


@pytest.mark.parametrize(
    "signal",
    [
        *(B(), Fired(9), PARK, Resumed(), made_up),
        *(returned(9), Happened(1, Go())),
        *(tried(9), tried(1, 2), AttemptFailed(1, 1, DOWN, 2.0)),
    ],
    ids=str,
)
def test_what_could_not_happen_does_not_wait(signal: Signal) -> None:
    assert refused(at_work().send(PARK), Queued(signal))


def test_an_effect_has_one_outcome_in_the_line() -> None:
    run = at_work().send(PARK, Queued(tried()))

    assert refused(run, Queued(returned(1)), Queued(tried()))


def test_a_timer_waits_once() -> None:
    machine = Machine("m", State("s", After(1, to="t")), State("t"), data=Trail)
    run = start(machine).send(PARK, Queued(Fired(1)))

    assert refused(run, Queued(Fired(1)), Queued(Fired(True)))
    assert run.send(Resumed()).states == ("t",)


def test_the_line_is_taken_oldest_first_when_the_run_goes_on() -> None:
    run = start(fragile(Mood())).send(PARK, Queued(C()), Queued(Go()), Queued(A()), Queued(Go()))

    told = answers(run, Resumed())

    assert told == [
        "Resumed -> s",
        "C ignored in s",
        "Go -> t",
        "A -> t",
        "Go rejected in t: Go is not expected here",
    ]
    causes = [getattr(one, "cause", None) for one in run.steps[-5:]]
    assert causes == [None, 3, 4, 5, 6]
    assert [one.snapshot.seq for one in run.steps[-5:]] == [7, 8, 9, 10, 11]
    assert waiting(run) == ()


def test_what_is_deferred_from_the_line_is_kept_by_the_entry_that_says_so() -> None:
    run = start(fragile(Note("B"))).send(PARK, Queued(B()), Queued(Go()), Resumed())

    deferred = run.steps[5]
    assert isinstance(deferred, Deferred)
    assert (deferred.cause, deferred.snapshot.pending.deferred[0].seq) == (3, deferred.snapshot.seq)
    assert run.marks == ("B",)
    assert isinstance(run.last, Moved)
    assert run.last.cause == deferred.snapshot.seq


def test_the_line_is_taken_before_what_was_deferred() -> None:
    run = start(fragile(Note("B"))).send(B(), PARK, Queued(Go()), Queued(A()), Resumed())

    assert run.marks == ("A", "B")


def test_what_is_deferred_while_others_have_not_been_offered_is_offered_with_them() -> None:
    machine = Machine(
        "m",
        State("s", On(Go, to="t"), Defer(A, B)),
        State("t", On(A, update=Note("A")), On(Back, to="s"), Defer(B)),
        data=Trail,
    )

    run = start(machine).send(A(), PARK, Queued(Go()), Queued(B()), Resumed())

    assert (run.marks, run.now.deferred, run.now.pending.offered) == (("A",), (B(),), 0)
    assert recall(run.table, run.now) is None


def test_an_attempt_waits_too() -> None:
    run = at_work().send(PARK, Queued(tried()), Resumed())

    assert life(run).held == "retry"


def test_what_broke_again_is_still_first() -> None:
    run = start(fragile(Mood())).send(mistake(A()), Queued(Go()), Resumed())

    assert isinstance(run.last, Broken)
    assert (run.last.signal, run.last.cause) == (A(), 2)
    assert waiting(run) == (A(), Go())
    assert run.send(PARK).now.pending.parked == mistake(entry=2)


def test_a_mended_run_goes_on_as_if_nothing_had_been() -> None:
    mood = Mood()
    run = start(fragile(mood)).send(mistake(A()), Queued(Go()))
    mood.is_bad = False

    run.send(Resumed())

    assert (run.marks, run.states) == (("mended",), ("t",))


def test_nothing_is_recalled_while_a_run_is_parked() -> None:
    run = start(fragile(Note("B"))).send(B(), PARK, Queued(Go()))

    assert recall(run.table, run.now) is None


def test_the_line_of_a_run_that_has_ended_is_dropped() -> None:
    machine = Machine("m", State("s", On(Go, to="f"), do=retried), Final("f"), data=Trail)
    run = start(machine).send(PARK, Queued(Go()), Queued(returned(1)))
    two = Machine("m", State("s", On(Go, to="f"), On(A)), Final("f"), data=Trail)

    assert run.send(Resumed()).now.status == "completed"
    told = answers(start(two).send(PARK, Queued(Go()), Queued(A())), Resumed())
    assert told[-1] == "Go -> f (completed)"


def test_what_is_gone_waits_no_longer() -> None:
    """A held effect is dropped with its state, and a timer: what came of them can no longer happen."""
    machine = Machine(
        "m", State("s", On(Go, to="t"), After(1, to="t"), do=retried), State("t"), data=Trail
    )
    run = start(machine).send(Held((2,), "limiter"), PARK)

    run.send(Queued(Go()), Queued(returned(2)), Queued(Fired(1)), Queued(Go()), Resumed())

    assert [type(one.signal).__name__ for one in run.steps[-3:]] == ["Resumed", "Go", "Go"]
    assert (run.states, waiting(run)) == (("t",), ())


def test_the_line_is_taken_in_checked_mode() -> None:
    run = start(fragile(Add())).send(PARK, Queued(A()))
    resumed = step(run.table, run.now, Resumed()).snapshot

    told = checked_recall(run.table, resumed)

    assert isinstance(told, Moved)
    assert told.cause == 3


def test_a_line_that_cannot_be_taken_is_told_by_those_who_step_by_hand() -> None:
    run = start(fragile(Note("A"))).send(PARK, Queued(Go()))
    resumed = step(run.table, run.now, Resumed()).snapshot

    past = recall(run.table, resumed, at=run.now.at - 5)

    assert past is not None
    assert past.snapshot.at == run.now.at


# -- what answers say


def test_an_answer_of_nobody_in_line_has_no_cause() -> None:
    run = start(fragile(Note("B"))).send(B())

    assert isinstance(run.last, Deferred)
    assert run.last.cause is None
    assert isinstance(step(run.table, run.now, C()), Ignored)
    assert isinstance(step(run.table, run.now, Back(), SECOND), Rejected)
