"""What is entered and left: seen in the configuration, and in effects and timers."""

import pytest

from detent.kernel import (
    After,
    Always,
    Call,
    Final,
    Machine,
    On,
    Region,
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
    Run,
    Toy,
    Trail,
    orders,
    ping,
    start,
)

outer, inner, other = (Call(Ping, ping, name=name) for name in ("outer", "inner", "other"))


def nested(row: On[object], inside: On[object] | None = None) -> Toy:
    """A state that works, with a state that works inside, and the row under test in one of them."""
    rows = (row,) if inside is None else ()
    deeper = () if inside is None else (inside,)
    return Machine(
        "m",
        State(
            "s",
            *rows,
            After(10),
            State("a", *deeper, On(A, to="b"), do=inner),
            State("b"),
            do=outer,
        ),
        State("t", On(Back, to="b"), On(B, to="s")),
        On(C, to="t"),
        data=Trail,
    )


def regions(*rows: On[Trail]) -> Toy:
    """Two regions that work; the rows under test are those of the first inner state."""
    return Machine(
        "m",
        State("idle", On(B, to="y2"), On(C, to="both")),
        State(
            "both",
            Region("x", State("x1", *rows, do=inner), State("x2"), State("x3", On(Go, to="x2"))),
            Region("y", State("y1", On(A, to="y2"), do=other), State("y2")),
            On(Back, to="idle"),
            do=outer,
        ),
        data=Trail,
    )


def entered(machine: Toy) -> Run:
    """A run of `regions` in its regions."""
    return start(machine).send(C())


def test_the_first_states_are_entered_all_the_way_down() -> None:
    machine = Machine(
        "m",
        State("a", State("b", State("c", On(Go, to="d")), State("d"))),
        data=Trail,
    )

    assert start(machine).states == ("a", "b", "c")


def test_a_parallel_state_is_entered_with_all_its_regions() -> None:
    assert entered(regions(On(Go, to="x3"))).states == ("both", "x", "x1", "y", "y1")


def test_a_machine_of_regions_begins_in_all_of_them() -> None:
    machine = Machine("m", Region("x", State("x1")), Region("y", State("y1")), data=Trail)

    assert start(machine).states == ("x", "x1", "y", "y1")


def test_going_into_one_region_enters_the_others_by_default() -> None:
    assert start(regions(On(Go, to="x3"))).send(B()).states == ("both", "x", "x1", "y", "y2")


def test_going_into_a_nested_region_enters_everything_around_and_beside_it() -> None:
    deep = State("p2", Region("u", State("u1")), Region("v", State("v1"), State("v2")))
    machine = Machine(
        "m",
        State("idle", On(Go, to="v2"), On(A, to="v1")),
        State("p", Region("x", State("x1", On(B, to="p2")), deep), Region("y", State("y1"))),
        data=Trail,
    )

    states = start(machine).send(Go()).states

    assert states == ("p", "x", "p2", "u", "u1", "v", "v2", "y", "y1")


def test_a_region_without_states_inside_is_a_leaf() -> None:
    machine = Machine("m", Region("x", On(Go, update=Note("x"))), Region("y"), data=Trail)

    run = start(machine).send(Go())

    assert (run.states, run.marks) == (("x", "y"), ("x",))


def test_a_deep_target_enters_every_state_around_it_once() -> None:
    machine = Machine(
        "m",
        State("idle", On(Go, to="c2")),
        State("a", State("b", State("c1", On(A, to="c2")), State("c2"), do=inner), do=outer),
        On(B, to="c1"),
        On(C, to="a"),
        data=Trail,
    )

    run = start(machine).send(Go())

    assert run.states == ("a", "b", "c2")
    assert orders(run.moved) == (("outer", 1), ("inner", 2))


def test_a_target_that_is_compound_is_entered_by_its_first_state() -> None:
    assert start(nested(On(Go, to="b"))).send(A(), C(), B()).states == ("s", "a")


def test_is_in_knows_the_states_around_the_innermost() -> None:
    now = start(nested(On(Go, to="b"))).now

    assert [name for name in ("s", "a", "b", "t") if now.is_in(name)] == ["s", "a"]


def test_a_self_transition_orders_effects_anew_with_new_ids() -> None:
    machine = Machine("m", State("s", On(Go, to="s"), do=inner), data=Trail)

    run = start(machine).send(Go())

    assert run.moved.stopped == run.stopping == (1,)
    assert orders(run.moved) == run.flying == (("inner", 2),)


def test_a_self_transition_starts_timers_anew() -> None:
    machine = Machine("m", State("s", On(Go, to="s"), After(10)), data=Trail)

    (before,) = start(machine).now.timers
    (after,) = start(machine).send(Go(), at=3_000_000).now.timers

    assert (before.id, before.due) == (1, 10_000_000)
    assert (after.id, after.due) == (2, 13_000_000)


def test_a_self_transition_of_a_compound_state_goes_to_its_first_state() -> None:
    assert start(nested(On(Go, to="s"))).send(A(), Go()).states == ("s", "a")


def test_a_row_without_target_leaves_and_restarts_nothing() -> None:
    machine = Machine("m", State("s", On(Go, update=Note("x")), After(10), do=inner), data=Trail)
    run = start(machine)
    before = run.now.pending

    run.send(Go(), at=3_000_000)

    assert (run.moved.stopped, run.moved.ordered, run.now.pending) == ((), (), before)


def test_a_row_without_target_keeps_the_inner_state_it_was_taken_in() -> None:
    assert start(nested(On(Go))).send(A(), Go()).states == ("s", "b")


def test_going_to_a_descendant_does_not_leave_the_source() -> None:
    run = start(nested(On(Go, to="b"))).send(Go())

    assert run.states == ("s", "b")
    assert run.moved.stopped == (2 + 1,)
    assert run.flying == (("outer", 2),)
    assert [timer.id for timer in run.now.timers] == [1]


def test_going_to_a_descendant_with_reenter_leaves_the_source_too() -> None:
    run = start(nested(On(Go, to="b", reenter=True))).send(Go())

    assert run.states == ("s", "b")
    assert run.moved.stopped == (2, 3)
    assert run.flying == (("outer", 5),)
    assert [timer.id for timer in run.now.timers] == [4]


def test_going_to_the_descendant_one_is_in_enters_it_anew() -> None:
    run = start(nested(On(Go, to="a"))).send(Go())

    assert (run.moved.stopped, run.flying) == ((3,), (("outer", 2), ("inner", 4)))


def test_reenter_means_nothing_where_the_source_is_left_anyway() -> None:
    plain = start(nested(On(Go, to="t"))).send(Go())
    again = start(nested(On(Go, to="t", reenter=True))).send(Go())

    assert plain.now == again.now


def test_going_to_an_ancestor_leaves_the_ancestor_and_enters_it_anew() -> None:
    run = start(nested(On(A), On(Go, to="s"))).send(Go())

    assert run.states == ("s", "a")
    assert run.moved.stopped == (2, 3)
    assert run.flying == (("outer", 5), ("inner", 6))


def test_going_to_a_sibling_leaves_the_parent_alone() -> None:
    run = start(nested(On(Go))).send(A())

    assert (run.moved.stopped, run.flying) == ((3,), (("outer", 2),))


def test_a_row_of_the_machine_leaves_whatever_is_active() -> None:
    run = start(nested(On(Go))).send(C())

    assert (run.states, run.stopping, run.now.timers) == (("t",), (2, 3), ())


def test_moving_within_a_region_leaves_the_other_regions_alone() -> None:
    run = entered(regions(On(Go, to="x3"))).send(Go())

    assert run.states == ("both", "x", "x3", "y", "y1")
    assert run.flying == (("outer", 1), ("other", 3))


def test_leaving_a_parallel_state_leaves_all_its_regions() -> None:
    run = entered(regions(On(Go, to="x3"))).send(Back())

    assert (run.states, run.stopping) == (("idle",), (1, 2, 3))


def test_leaving_from_inside_one_region_leaves_all_regions() -> None:
    run = entered(regions(On(Go, to="idle"), On(A, to="x3"))).send(Go())

    assert (run.states, run.stopping) == (("idle",), (1, 2, 3))


def test_going_to_ones_own_region_leaves_the_parallel_state_around_it() -> None:
    """A parallel state is never left in part: the nearest state that can hold both is outside."""
    run = entered(regions(On(Go, to="x"), On(B, to="x3"))).send(A(), Go())

    assert run.states == ("both", "x", "x1", "y", "y1")
    assert run.flying == (("outer", 4), ("inner", 5), ("other", 6))


def test_going_to_the_parallel_state_around_enters_all_of_it_anew() -> None:
    run = entered(regions(On(Go, to="both"), On(B, to="x3"))).send(A(), Go())

    assert run.states == ("both", "x", "x1", "y", "y1")
    assert run.flying == (("outer", 4), ("inner", 5), ("other", 6))


def test_a_parallel_state_sends_all_regions_back_when_it_goes_into_one() -> None:
    machine = Machine(
        "m",
        State(
            "both",
            On(Go, to="x2"),
            Region("x", State("x1", do=inner), State("x2")),
            Region("y", State("y1", On(A, to="y2"), do=other), State("y2")),
            do=outer,
        ),
        data=Trail,
    )

    run = start(machine).send(A(), Go())

    assert run.states == ("both", "x", "x2", "y", "y1")
    assert run.flying == (("outer", 1), ("other", 4))


def test_a_state_entered_and_left_in_one_macrostep_orders_nothing() -> None:
    machine = Machine(
        "m",
        State("a", On(Go, to="b")),
        State("b", Always(to="c"), After(1), do=inner),
        State("c", do=other),
        data=Trail,
    )

    run = start(machine).send(Go())

    assert orders(run.moved) == (("other", 1),)
    assert run.now.timers == ()


def test_a_state_around_those_passed_through_orders_once() -> None:
    passing = State("p", State("a", Always(to="b"), do=inner), State("b", do=other), do=outer)
    machine = Machine("m", State("idle", On(Go, to="p")), passing, data=Trail)

    assert orders(start(machine).send(Go()).moved) == (("outer", 1), ("other", 2))


def test_what_is_left_and_entered_again_in_one_macrostep_is_ordered_anew() -> None:
    machine = Machine(
        "m",
        State("s", On(Go, to="t", update=Add()), do=inner),
        State("t", Always(to="s")),
        data=Trail,
    )

    run = start(machine).send(Go())

    assert (run.moved.stopped, run.flying) == ((1,), (("inner", 2),))


@pytest.mark.parametrize("target", ["t", "f"])
def test_effects_of_a_state_that_is_left_are_stopping_until_they_say_so(target: str) -> None:
    machine = Machine(
        "m",
        State("s", On(Go, to=target), On(A, to="t"), On(B, to="f"), do=inner),
        State("t"),
        Final("f"),
        data=Trail,
    )

    run = start(machine).send(Go())

    assert (run.flying, run.stopping) == ((), (1,))
