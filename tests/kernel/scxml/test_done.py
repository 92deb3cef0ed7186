"""Coming to an end: of what is inside a state, and of regions side by side."""

import pytest

from detent.kernel import (
    Always,
    Call,
    Done,
    Final,
    Machine,
    On,
    Region,
    Signal,
    State,
)
from tests.kernel.scxml.toys import (
    A,
    Add,
    B,
    Back,
    C,
    Go,
    Note,
    Ping,
    Toy,
    Trail,
    ping,
    start,
)

inner, outer = (Call(Ping, ping, name=name) for name in ("inner", "outer"))


def two_regions(*rows: Done[Trail]) -> Toy:
    """Two regions, ended by A and B; C takes the first out of its end. The rows are around them."""
    return Machine(
        "m",
        State(
            "p",
            *rows,
            Region(
                "x",
                State("x1", On(A, to="xf")),
                Final("xf"),
                On(C, to="x1"),
                Done(update=Note("x")),
            ),
            Region("y", State("y1", On(B, to="yf")), Final("yf"), Done(update=Note("y"))),
        ),
        State("over"),
        On(Back, to="over"),
        data=Trail,
    )


def test_a_state_is_done_when_its_final_state_is_entered() -> None:
    machine = Machine(
        "m",
        State("s", State("a", On(Go, to="f")), Final("f"), Done(to="t", update=Note("done"))),
        State("t"),
        data=Trail,
    )

    run = start(machine).send(Go())

    assert (run.states, run.marks) == (("t",), ("done",))
    assert run.moved.took == (("a/0",), ("s/0",))


def test_a_state_that_is_done_and_has_no_row_for_it_stays() -> None:
    machine = Machine("m", State("s", State("a", On(Go, to="f")), Final("f")), data=Trail)

    run = start(machine).send(Go())

    assert (run.states, run.now.status) == (("s", "f"), "running")


def test_the_first_done_row_whose_guard_is_true_is_taken() -> None:
    rows = (Done(when="data.n > 0", update=Note("some")), Done(update=Note("none")))
    machine = Machine("m", State("s", *rows, State("a", On(Go, to="f")), Final("f")), data=Trail)

    assert start(machine, n=0).send(Go()).marks == ("none",)
    assert start(machine, n=1).send(Go()).marks == ("some",)


def test_the_end_of_an_inner_state_is_not_the_end_of_the_state_around() -> None:
    deep = State("b", State("a", On(Go, to="f")), Final("f"), Done(when="data.n > 0"))
    machine = Machine("m", State("s", deep, Done(update=Note("outer"))), data=Trail)

    assert start(machine).send(Go()).marks == ()


def test_ends_follow_one_another_outwards() -> None:
    deep = State("b", State("a", On(Go, to="bf")), Final("bf"), Done(to="sf", update=Note("b")))
    machine = Machine(
        "m", State("s", deep, Final("sf"), Done(to="f", update=Note("s"))), Final("f"), data=Trail
    )

    run = start(machine).send(Go())

    assert (run.marks, run.now.status) == (("b", "s"), "completed")


def test_a_state_that_begins_in_its_end_is_done_at_once() -> None:
    machine = Machine("m", State("s", Final("f"), Done(to="t")), State("t"), data=Trail)

    assert start(machine).states == ("t",)


@pytest.mark.parametrize("order", [(A(), B()), (B(), A())])
def test_a_parallel_state_is_done_when_its_last_region_is_and_not_before(
    order: tuple[Signal, Signal],
) -> None:
    run = start(two_regions(Done(to="over", update=Note("p"))))

    run.send(order[0])
    assert (run.now.is_in("p"), "p" in run.marks) == (True, False)

    run.send(order[1])
    assert (run.states, run.marks[-1]) == (("over",), "p")


def test_a_region_is_done_before_the_parallel_state_around_it() -> None:
    run = start(two_regions(Done(update=Note("p")))).send(A(), B())

    assert run.marks == ("x", "y", "p")


def test_a_region_that_came_out_of_its_end_holds_up_the_others() -> None:
    run = start(two_regions(Done(update=Note("p")))).send(A(), C(), B())

    assert run.marks == ("x", "y")
    assert run.send(A()).marks == ("x", "y", "x", "p")


def test_regions_that_end_in_one_microstep_are_done_in_order_and_their_parent_once() -> None:
    machine = Machine(
        "m",
        State(
            "p",
            Done(update=Note("p")),
            Region("x", State("x1", On(Go, to="xf")), Final("xf"), Done(update=Note("x"))),
            Region("y", State("y1", On(Go, to="yf")), Final("yf"), Done(update=Note("y"))),
        ),
        data=Trail,
    )

    assert start(machine).send(Go()).marks == ("x", "y", "p")


def test_a_parallel_state_with_a_region_that_cannot_end_is_never_done() -> None:
    machine = Machine(
        "m",
        State(
            "p",
            Done(update=Note("p")),
            Region("x", State("x1", On(Go, to="xf")), Final("xf")),
            Region("y", State("y1")),
            Region("z"),
        ),
        data=Trail,
    )

    assert start(machine).send(Go()).marks == ()


def test_a_final_state_deeper_in_a_region_does_not_end_the_region() -> None:
    deep = State("x1", State("x2", On(Go, to="xf")), Final("xf"))
    region = Region("y", State("y1", On(Go, to="yf")), Final("yf"))
    machine = Machine(
        "m", State("p", Region("x", deep), region, Done(update=Note("p"))), data=Trail
    )

    assert start(machine).send(Go()).marks == ()


def test_a_region_of_regions_ends_when_all_of_those_have() -> None:
    nest = Region(
        "x",
        Region("u", State("u1", On(A, to="uf")), Final("uf")),
        Region("v", State("v1", On(B, to="vf")), Final("vf")),
        Done(update=Note("x")),
    )
    other = Region("y", State("y1", On(C, to="yf")), Final("yf"))
    machine = Machine("m", State("p", nest, other, Done(update=Note("p"))), data=Trail)

    assert start(machine).send(A(), B()).marks == ("x",)
    assert start(machine).send(C(), B()).marks == ()
    assert start(machine).send(C(), B(), A()).marks == ("x", "p")


def test_rows_without_event_come_before_done() -> None:
    machine = Machine(
        "m",
        State(
            "s",
            Always(when="data.n > 5", to="t"),
            State("a", On(Go, to="f", update=Add(6))),
            Final("f"),
            Done(update=Note("done")),
        ),
        State("t"),
        data=Trail,
    )

    run = start(machine).send(Go())

    assert (run.states, run.marks) == (("t",), ())


def test_done_comes_before_the_orders_of_the_states_entered() -> None:
    machine = Machine(
        "m",
        State("idle", On(Go, to="s")),
        State("s", Final("f"), Done(to="t"), do=inner),
        State("t", do=outer),
        data=Trail,
    )

    assert start(machine).send(Go()).flying == (("outer", 1),)
