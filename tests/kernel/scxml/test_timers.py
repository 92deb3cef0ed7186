"""Rows that wait for their time."""

from datetime import timedelta
from typing import Any

import pytest

from detent.kernel import (
    After,
    Broken,
    BrokenBegin,
    Fired,
    Machine,
    Moved,
    On,
    Region,
    Rejected,
    State,
    Timer,
    elapse,
    step,
    walk,
)
from tests.kernel.scxml.toys import A, Add, B, Back, Break, Go, Note, Run, Toy, Trail, start

SECOND = 1_000_000


def ids(run: Run) -> tuple[int, ...]:
    """The timers that are running."""
    return tuple(timer.id for timer in run.now.timers)


def two_timers() -> Toy:
    """A state with two timers that stay, left by Go and come back to by Back."""
    return Machine(
        "m",
        State("s", After(2, update=Note("2s")), After(1, update=Note("1s")), On(Go, to="t"), On(A)),
        State("t", On(Back, to="s")),
        data=Trail,
    )


def test_a_timer_is_due_so_many_seconds_after_its_state_was_entered() -> None:
    run = start(two_timers(), at=5 * SECOND)

    assert run.now.timers == (
        Timer(1, "s", "s/after/0", 7 * SECOND),
        Timer(2, "s", "s/after/1", 6 * SECOND),
    )


def test_a_timer_takes_its_own_row_and_no_other() -> None:
    run = start(two_timers()).send(Fired(2))

    assert (run.marks, run.moved.took, ids(run)) == (("1s",), (("s/after/1",),), (1,))


def test_a_timer_fires_once() -> None:
    run = start(two_timers()).send(Fired(1), Fired(1))

    assert isinstance(run.last, Rejected)
    assert run.last.why == "the timer is not running"
    assert run.marks == ("2s",)


def test_a_timer_that_leads_nowhere_is_not_started_again() -> None:
    assert ids(start(two_timers()).send(Fired(1), A())) == (2,)


def test_leaving_a_state_takes_its_timers_away() -> None:
    run = start(two_timers()).send(Go())

    assert ids(run) == ()
    assert isinstance(step(run.table, run.now, Fired(1)), Rejected)


def test_entering_a_state_again_starts_its_timers_anew() -> None:
    run = start(two_timers()).send(Go()).send(Back(), at=10 * SECOND)

    assert [(timer.id, timer.due) for timer in run.now.timers] == [
        (3, 12 * SECOND),
        (4, 11 * SECOND),
    ]


def test_a_timer_of_an_earlier_stay_is_rejected() -> None:
    run = start(two_timers()).send(Go(), Back())
    before = run.now

    answer = step(run.table, before, Fired(1))

    assert isinstance(answer, Rejected)
    assert answer.snapshot is before


def test_a_timer_whose_guard_is_false_is_used_up_and_changes_nothing_else() -> None:
    machine = Machine(
        "m",
        State("s", After(1, to="t", when="data.n > 0"), After(1, update=Note("no"))),
        State("t"),
        data=Trail,
    )
    run = start(machine)
    before = run.now

    run.send(Fired(1))

    assert isinstance(run.last, Moved)
    assert (run.moved.took, run.states, run.now.data) == ((), ("s",), before.data)
    assert (ids(run), run.now.seq) == ((2,), before.seq + 1)


def test_a_timer_does_not_fall_to_the_states_around() -> None:
    machine = Machine(
        "m",
        State("s", After(1, update=Note("out")), State("in", After(1, when="data.n > 0"))),
        data=Trail,
    )

    assert start(machine).send(Fired(2)).marks == ()


def test_a_timer_of_an_outer_state_goes_on_while_inner_states_change() -> None:
    machine = Machine(
        "m",
        State("s", After(9, to="t"), State("a", After(1, to="b")), State("b")),
        State("t"),
        data=Trail,
    )

    run = start(machine).send(Fired(2))

    assert (run.states, ids(run)) == (("s", "b"), (1,))
    assert run.send(Fired(1)).states == ("t",)


def test_a_timer_in_one_region_leaves_the_others_alone() -> None:
    machine = Machine(
        "m",
        Region("x", State("x1", After(1, to="x2")), State("x2")),
        Region("y", State("y1", After(1, to="y2")), State("y2")),
        data=Trail,
    )

    run = start(machine).send(Fired(1))

    assert (run.states, ids(run)) == (("x", "x2", "y", "y1"), (2,))


def test_the_seconds_may_be_computed_of_the_data_as_it_is_when_the_macrostep_ends() -> None:
    machine = Machine(
        "m",
        State("s", On(Go, to="t", update=Add(3))),
        State("t", After(lambda data: data.n / 2, to="s")),
        data=Trail,
    )

    run = start(machine).send(Go(), at=SECOND)

    assert run.now.timers[0].due == 2_500_000


def test_a_timer_that_was_started_does_not_follow_the_data() -> None:
    machine = Machine(
        "m", State("s", After(lambda data: data.n, to="s"), On(Go, update=Add(3))), data=Trail
    )

    assert start(machine, n=1).send(Go()).now.timers[0].due == SECOND


@pytest.mark.parametrize("given", [-1, True, None, "1", float("nan"), float("inf")])
def test_seconds_that_are_no_number_break_the_step(given: Any) -> None:
    machine = Machine(
        "m", State("s", On(Go, to="t")), State("t", After(lambda data: given, to="s")), data=Trail
    )
    run = start(machine)
    before = run.now

    broken = step(run.table, before, Go())

    assert isinstance(broken, Broken)
    assert (broken.snapshot, broken.bug.role) == (before, "seconds")


def test_seconds_that_raise_break_the_beginning() -> None:
    with pytest.raises(BrokenBegin, match="seconds"):
        start(Machine("m", State("s", After(lambda data: 1 / data.n)), data=Trail))


def test_a_timer_whose_row_breaks_is_still_running() -> None:
    run = start(Machine("m", State("s", After(1, update=Break())), data=Trail)).send(Fired(1))

    assert isinstance(run.last, Broken)
    assert ids(run) == (1,)


def test_a_timer_of_no_seconds_is_an_entry_of_its_own() -> None:
    run = start(Machine("m", State("s", After(0, to="t")), State("t"), data=Trail))

    assert (run.states, run.now.timers[0].due) == (("s",), 0)
    assert run.send(Fired(1)).states == ("t",)


def test_timers_of_the_machine_start_when_the_run_begins() -> None:
    machine = Machine("m", After(5, update=Note("root")), State("s"), data=Trail)

    run = start(machine)

    assert [timer.due for timer in run.now.timers] == [5 * SECOND]
    assert run.send(Fired(1)).marks == ("root",)


def test_timers_of_the_machine_go_on_whatever_states_are_left() -> None:
    machine = Machine(
        "m",
        After(5, to="late"),
        On(Go, to="t"),
        State("s"),
        State("t", On(B, to="s")),
        State("late"),
        data=Trail,
    )

    run = start(machine).send(Go(), B(), Go())

    assert ids(run) == (1,)
    assert run.send(Fired(1)).states == ("late",)


def test_time_never_goes_back() -> None:
    run = start(two_timers(), at=9 * SECOND).send(Go(), at=3 * SECOND)

    assert run.now.at == 9 * SECOND


def test_in_a_walk_timers_fire_in_the_order_in_which_they_are_due() -> None:
    steps = walk(two_timers(), Trail(), elapse(1.5), elapse(timedelta(seconds=1)))

    assert [str(step) for step in steps] == ["begin -> s", "timer 2 -> s", "timer 1 -> s"]
    assert steps[-1].snapshot.data.marks == ("1s", "2s")


def test_in_a_walk_timers_due_at_once_fire_in_the_order_of_their_ids() -> None:
    machine = Machine(
        "m",
        State("s", After(1, update=Note("out")), State("in", After(1, to="out"))),
        State("out"),
        data=Trail,
    )

    steps = walk(machine, Trail(), elapse(1))

    assert steps[-1].snapshot.data.marks == ("out",)
    assert steps[-1].snapshot.configuration == ("out",)


def test_in_a_walk_a_timer_started_by_a_timer_fires_in_its_turn() -> None:
    machine = Machine(
        "m",
        State("a", After(1, to="b")),
        State("b", After(1, to="c")),
        State("c", After(10, to="a")),
        data=Trail,
    )

    steps = walk(machine, Trail(), elapse(2))

    assert [step.snapshot.at for step in steps] == [0, SECOND, 2 * SECOND]
    assert steps[-1].snapshot.configuration == ("c",)
