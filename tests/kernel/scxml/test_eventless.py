"""Rows without an event: when they are asked, what they see, and that they come to an end."""

import pytest

from detent.kernel import (
    After,
    Always,
    Broken,
    BrokenBegin,
    Call,
    Done,
    Final,
    Fired,
    Ignore,
    InvalidMachine,
    Machine,
    On,
    Part,
    Region,
    State,
    compile_machine,
    step,
)
from tests.kernel.scxml.toys import (
    A,
    Add,
    Ask,
    B,
    Break,
    Go,
    Note,
    Ping,
    Toy,
    Trail,
    ping,
    returned,
    start,
)


def counting(limit: int, microsteps: int) -> Toy:
    """A machine that counts to a limit for one event, under a bound."""
    return Machine(
        "m",
        State("idle", On(Go, to="counting")),
        State("counting", Always(when=f"data.n < {limit}", update=Add())),
        data=Trail,
        microsteps=microsteps,
    )


def test_a_row_without_event_is_taken_when_the_run_begins() -> None:
    run = start(Machine("m", State("a", Always(to="b", update=Note("x"))), State("b"), data=Trail))

    assert (run.states, run.marks) == (("b",), ("x",))


def test_rows_without_event_follow_one_another() -> None:
    machine = Machine(
        "m",
        State("a", On(Go, to="b")),
        State("b", Always(to="c", update=Note("b"))),
        State("c", Always(to="d", update=Note("c"))),
        State("d"),
        data=Trail,
    )

    run = start(machine).send(Go())

    assert (run.states, run.marks, run.now.seq) == (("d",), ("b", "c"), 2)


def test_the_first_row_without_event_whose_guard_is_true_is_taken() -> None:
    asked: list[str] = []
    rows = (
        Always(to="b", when=Ask("b", False, asked)),
        Always(to="c", when=Ask("c", True, asked)),
        Always(to="d", when=Ask("d", True, asked)),
    )
    machine = Machine("m", State("a", *rows), State("b"), State("c"), State("d"), data=Trail)

    assert start(machine).states == ("c",)
    assert asked == ["b", "c"]


def test_an_inner_row_without_event_comes_before_an_outer_one() -> None:
    inside = State("in", Always(when="data.n == 0", update=Add()))
    outside = State("out", Always(when="data.n == 0", update=Add(10)), inside)

    assert start(Machine("m", outside, data=Trail)).now.data.n == 1


def test_a_row_without_event_sees_what_the_event_made_of_the_data() -> None:
    machine = Machine(
        "m",
        State("a", On(Go, update=Add()), Always(to="b", when="data.n == 2")),
        State("b"),
        data=Trail,
    )
    run = start(machine)

    assert run.send(Go()).states == ("a",)
    assert run.send(Go()).states == ("b",)


def test_rows_without_event_come_before_what_the_event_led_to() -> None:
    machine = Machine(
        "m",
        State("a", On(Go, to="s")),
        State(
            "s",
            Final("f"),
            Done(update=Note("done")),
            Always(when="data.n < 2", update=Add()),
        ),
        data=Trail,
    )

    assert start(machine).send(Go()).moved.took == (("a/0",), ("s/1",), ("s/1",), ("s/0",))


def test_rows_without_event_are_asked_again_after_each_internal_event() -> None:
    region = Region("y", Final("yf"), Done(update=Note("y")))
    machine = Machine(
        "m",
        State("idle", On(Go, to="p")),
        State(
            "p",
            Region("x", Final("xf"), Done(update=Add())),
            region,
            Always(when="data.n == 1", to="t", update=Note("always")),
        ),
        State("t"),
        data=Trail,
    )

    run = start(machine).send(Go())

    assert (run.states, run.marks) == (("t",), ("always",))


def test_rows_without_event_of_regions_are_taken_side_by_side() -> None:
    machine = Machine(
        "m",
        State("idle", On(Go, to="p")),
        State(
            "p",
            Region("x", State("x1", Always(to="x2", update=Note("x"))), State("x2")),
            Region("y", State("y1", Always(to="y2", update=Note("y"))), State("y2")),
        ),
        data=Trail,
    )

    run = start(machine).send(Go())

    assert run.moved.took == (("idle/0",), ("x1/0", "y1/0"))
    assert run.marks == ("x", "y")


def test_one_region_may_wait_for_what_another_does() -> None:
    machine = Machine(
        "m",
        Region("x", State("x1", On(Go, to="x2", update=Add())), State("x2")),
        Region("y", State("y1", Always(when="data.n > 0", to="y2")), State("y2")),
        data=Trail,
    )

    run = start(machine).send(Go())

    assert run.moved.took == (("x1/0",), ("y1/0",))


def test_rows_of_the_machine_without_event_are_asked_in_every_state() -> None:
    machine = Machine(
        "m",
        Always(when="data.n == 3", to="end", update=Add()),
        State("a", On(A, to="b", update=Add(2))),
        State("b", On(B, update=Add())),
        State("end"),
        data=Trail,
    )

    assert start(machine).send(A(), B()).states == ("end",)
    assert start(machine, n=3).states == ("end",)


def test_rows_without_event_are_asked_after_outcomes_and_timers() -> None:
    call = Call(Ping, ping)
    machine = Machine(
        "m",
        State(
            "a",
            On(call.returned, update=Add()),
            After(1, update=Add()),
            Always(when="data.n > 0", to="b"),
            do=call,
        ),
        State("b"),
        data=Trail,
    )

    assert start(machine).send(returned(2)).states == ("b",)
    assert start(machine).send(Fired(1)).states == ("b",)


def test_rows_without_event_are_not_asked_for_an_event_that_means_nothing() -> None:
    asked: list[str] = []
    machine = Machine("m", State("a", Always(when=Ask("x", False, asked)), Ignore(A)), data=Trail)
    run = start(machine)
    asked.clear()

    run.send(A(), B())

    assert asked == []


def test_a_chain_as_long_as_the_bound_is_taken() -> None:
    run = start(counting(limit=4, microsteps=5)).send(Go())

    assert (run.now.data.n, len(run.moved.took)) == (4, 5)


def test_a_chain_longer_than_the_bound_breaks_and_nothing_has_changed() -> None:
    run = start(counting(limit=5, microsteps=5))
    before = run.now

    broken = step(run.table, before, Go())

    assert isinstance(broken, Broken)
    assert (broken.snapshot, broken.bug.problem.kind) == (before, "Endless")
    assert "counting/0" in broken.bug.problem.message


def test_two_states_that_send_each_other_to_and_fro_break_the_step() -> None:
    machine = Machine(
        "m",
        State("a", On(Go, to="b", update=Add())),
        State("b", Always(when="data.n > 0", to="c")),
        State("c", Always(when="data.n > 0", to="b")),
        data=Trail,
    )

    broken = start(machine).send(Go()).last

    assert isinstance(broken, Broken)
    assert all(row in broken.bug.problem.message for row in ("b/0", "c/0"))


def test_a_beginning_without_end_is_a_broken_begin() -> None:
    machine = Machine("m", State("a", Always(when="data.n >= 0", update=Add())), data=Trail)

    with pytest.raises(BrokenBegin, match="more than 1000"):
        start(machine)


def test_the_smallest_bound_breaks_a_beginning_as_others_do() -> None:
    machine = Machine(
        "m",
        State("a", Always(to="b")),
        State("b", Always(to="c")),
        State("c"),
        data=Trail,
        microsteps=1,
    )

    with pytest.raises(BrokenBegin):
        start(machine)


def test_a_row_without_event_that_raises_takes_the_whole_macrostep_back() -> None:
    machine = Machine(
        "m",
        State("a", On(Go, to="b", update=Add()), do=Call(Ping, ping)),
        State("b", Always(to="c", update=Add())),
        State("c", Always(to="d", update=Break())),
        State("d"),
        data=Trail,
    )
    run = start(machine)
    before = run.now

    broken = step(run.table, before, Go(), at=5)

    assert isinstance(broken, Broken)
    assert broken.snapshot is before
    assert (broken.bug.place, broken.bug.role) == ("c/0", "update")


@pytest.mark.parametrize(
    "parts",
    [
        (State("a", Always(update=Add())),),
        (State("a", Always(to="a")),),
        (State("a", Always(to="a", when="True")),),
        (State("a", Always(to="b")), State("b", Always(to="a"))),
        (State("a", Always(to="b")), State("b", State("c", Always(to="a")))),
        (State("a", Always(to="c"), State("b"), State("c")),),
        (Always(to="a"), State("a")),
    ],
)
def test_a_circle_of_rows_without_event_and_guard_is_refused(
    parts: tuple[Part[Trail], ...],
) -> None:
    with pytest.raises(InvalidMachine) as caught:
        compile_machine(Machine("m", *parts, data=Trail))

    assert "endless-circle" in [mistake.code for mistake in caught.value.mistakes]


def test_a_circle_with_a_guard_in_it_is_not_refused() -> None:
    machine = Machine(
        "m", State("a", Always(to="b", when="data.n < 0")), State("b", Always(to="a")), data=Trail
    )

    assert start(machine).states == ("a",)
