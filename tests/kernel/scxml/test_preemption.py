"""Rows of several regions at once: who wins when two would leave one state, and what each sees."""

from detent.kernel import Always, Call, Machine, On, Region, State, step
from tests.kernel.scxml.toys import (
    A,
    Add,
    Ask,
    B,
    Go,
    Note,
    NoteNumber,
    Ping,
    Toy,
    Trail,
    as_moved,
    ping,
    start,
)


def two_regions(x: tuple[On[Trail], ...], y: tuple[On[Trail], ...], *around: On[Trail]) -> Toy:
    """Two regions in a state that can be left; rows for their first states, and for the state."""
    return Machine(
        "m",
        State(
            "both",
            *around,
            Region("x", State("x1", *x, On(A, to="x2")), State("x2")),
            Region("y", State("y1", *y, On(A, to="y2")), State("y2")),
        ),
        State("out1", On(B, to="out2")),
        State("out2", On(B, to="out1")),
        On(B, to="out1"),
        data=Trail,
    )


def test_rows_of_two_regions_are_both_taken() -> None:
    run = start(two_regions((On(Go, to="x2"),), (On(Go, to="y2"),))).send(Go())

    assert run.states == ("both", "x", "x2", "y", "y2")
    assert run.moved.took == (("x1/0", "y1/0"),)


def test_of_two_regions_that_leave_their_parent_the_first_wins() -> None:
    x, y = On(Go, to="out1", update=Note("x")), On(Go, to="out2", update=Note("y"))

    run = start(two_regions((x,), (y,))).send(Go())

    assert (run.states, run.marks, run.moved.took) == (("out1",), ("x",), (("x1/0",),))


def test_a_first_region_that_stays_inside_keeps_a_later_one_from_leaving() -> None:
    x, y = On(Go, to="x2", update=Note("x")), On(Go, to="out1", update=Note("y"))

    run = start(two_regions((x,), (y,))).send(Go())

    assert (run.states, run.marks) == (("both", "x", "x2", "y", "y1"), ("x",))


def test_a_first_region_that_leaves_keeps_a_later_one_from_moving() -> None:
    x, y = On(Go, to="out1", update=Note("x")), On(Go, to="y2", update=Note("y"))

    run = start(two_regions((x,), (y,))).send(Go())

    assert (run.states, run.marks) == (("out1",), ("x",))


def test_an_inner_row_of_a_later_region_preempts_an_outer_row() -> None:
    y, around = On(Go, to="y2", update=Note("y")), On(Go, to="out1", update=Note("around"))

    run = start(two_regions((), (y,), around)).send(Go())

    assert (run.states, run.marks) == (("both", "x", "x1", "y", "y2"), ("y",))


def test_an_inner_row_of_an_earlier_region_preempts_an_outer_row() -> None:
    x, around = On(Go, to="x2", update=Note("x")), On(Go, to="out1", update=Note("around"))

    run = start(two_regions((x,), (), around)).send(Go())

    assert (run.states, run.marks) == (("both", "x", "x2", "y", "y1"), ("x",))


def test_two_inner_rows_preempt_an_outer_row_together() -> None:
    machine = Machine(
        "m",
        State(
            "p",
            On(Go, to="out", update=Note("p")),
            Region("x", State("x1")),
            Region("y", State("y1", On(Go, to="y2", update=Note("y"))), State("y2")),
            Region("z", State("z1", On(Go, to="z2", update=Note("z"))), State("z2")),
        ),
        State("out"),
        On(A, to="out"),
        data=Trail,
    )

    run = start(machine).send(Go())

    assert (run.states[-3:], run.marks) == (("y2", "z", "z2"), ("y", "z"))


def test_a_row_that_was_preempted_preempts_nobody() -> None:
    inner = Region("y", On(Go, to="out", update=Note("y")), State("y1"))
    machine = Machine(
        "m",
        State(
            "p",
            Region("x", State("x1", On(Go, to="x2", update=Note("x"))), State("x2")),
            inner,
            Region("z", State("z1", On(Go, to="z2", update=Note("z"))), State("z2")),
        ),
        State("out"),
        On(A, to="out"),
        data=Trail,
    )

    run = start(machine).send(Go())

    assert run.marks == ("x", "z")


def test_rows_without_target_never_conflict() -> None:
    x, y = On(Go, update=Note("x")), On(Go, to="out1", update=Note("y"))

    run = start(two_regions((x,), (y,))).send(Go())

    assert (run.states, run.marks) == (("out1",), ("x", "y"))


def test_an_outer_row_without_target_is_taken_beside_an_inner_one() -> None:
    x, around = On(Go, to="x2", update=Note("x")), On(Go, update=Note("around"))

    run = start(two_regions((x,), (), around)).send(Go())

    assert (run.states[2], run.marks) == ("x2", ("x", "around"))


def test_an_outer_row_is_not_taken_where_every_region_has_an_inner_one() -> None:
    x, y, around = (On(Go, update=Note(word)) for word in ("x", "y", "around"))

    assert start(two_regions((x,), (y,), around)).send(Go()).marks == ("x", "y")


def test_a_row_that_two_regions_fall_to_is_taken_once() -> None:
    around = On(Go, to="out1", update=Note("around"))

    run = start(two_regions((), (), around)).send(Go())

    assert (run.states, run.marks) == (("out1",), ("around",))


def test_a_state_left_by_two_regions_at_once_is_left_once() -> None:
    call = Call(Ping, ping)
    machine = Machine(
        "m",
        State(
            "p",
            Region("x", State("x1", On(Go, to="out"))),
            Region("y", State("y1", On(Go, to="out"))),
            do=call,
        ),
        State("out", do=Call(Ping, ping, name="after")),
        data=Trail,
    )

    run = start(machine).send(Go())

    assert (run.states, run.moved.stopped, run.flying) == (("out",), (1,), (("after", 2),))
    assert run.moved.took == (("x1/0",),)


def test_conflicts_are_settled_within_nested_regions_alone() -> None:
    nest = State(
        "n",
        Region("u", State("u1", On(Go, to="x2", update=Note("u")))),
        Region("v", State("v1", On(Go, to="x2", update=Note("v")))),
    )
    machine = Machine(
        "m",
        Region("x", nest, State("x2")),
        Region("y", State("y1", On(Go, to="y2", update=Note("y"))), State("y2")),
        data=Trail,
    )

    run = start(machine).send(Go())

    assert (run.states, run.marks) == (("x", "x2", "y", "y2"), ("u", "y"))


def test_the_guards_of_one_event_see_the_same_data() -> None:
    asked: list[str] = []
    one, two = Ask("x", True, asked), Ask("y", True, asked)
    machine = two_regions((On(Go, when=one, update=Add()),), (On(Go, when=two, update=Add()),))

    run = start(machine).send(Go())

    assert asked == ["x", "y"]
    assert one.saw == two.saw == [Trail()]
    assert run.now.data.n == 2


def test_updates_of_one_microstep_run_one_after_the_other() -> None:
    machine = two_regions(
        (On(Go, update=Add(3)),), (On(Go, when="data.n == 0", update=NoteNumber("n=")),)
    )

    assert start(machine).send(Go()).marks == ("n=3",)


def test_an_update_of_a_preempted_row_does_not_run() -> None:
    machine = two_regions((On(Go, to="out1"),), (On(Go, to="out2", update=Add(100)),))

    assert start(machine).send(Go()).now.data.n == 0


def test_the_order_of_updates_can_be_turned_and_nothing_else_changes() -> None:
    run = start(two_regions((On(Go, update=Note("x")),), (On(Go, to="y2", update=Note("y")),)))

    turned = as_moved(step(run.table, run.now, Go(), backwards=True))
    plain = as_moved(step(run.table, run.now, Go()))

    assert (plain.snapshot.data.marks, turned.snapshot.data.marks) == (("x", "y"), ("y", "x"))
    assert (plain.took, plain.snapshot.configuration) == (
        turned.took,
        turned.snapshot.configuration,
    )


def test_rows_without_event_preempt_as_rows_with_one_do() -> None:
    machine = Machine(
        "m",
        State(
            "p",
            Region("x", State("x1", Always(to="out1", when="data.n > 0", update=Note("x")))),
            Region("y", State("y1", Always(to="out2", when="data.n > 0", update=Note("y")))),
            On(Go, update=Add()),
        ),
        State("out1"),
        State("out2"),
        On(A, to="out2"),
        data=Trail,
    )

    run = start(machine).send(Go())

    assert (run.states, run.marks) == (("out1",), ("x",))
