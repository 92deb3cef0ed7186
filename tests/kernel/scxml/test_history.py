"""Histories: the way back to what was active when a state was last left."""

import pytest

from detent.kernel import (
    Always,
    Call,
    Done,
    Final,
    History,
    Machine,
    On,
    Region,
    State,
)
from tests.kernel.scxml.toys import (
    A,
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


def player(*, deep: bool = False, to: str | None = None) -> Toy:
    """A state two levels deep, left by Go and come back to by Back; A and B move inside."""
    return Machine(
        "m",
        State(
            "on",
            State("a", On(A, to="b")),
            State("b", State("b1", On(B, to="b2")), State("b2", On(B, to="b1")), On(A, to="c")),
            State("c", On(A, to="a")),
            History("h", deep=deep, to=to),
            On(Go, to="off"),
        ),
        State("off", On(Back, to="h"), On(C, to="on")),
        data=Trail,
    )


def off(machine: Toy) -> Toy:
    """The same machine, beginning in the state outside."""
    on, outside = machine.parts
    return Machine("m", outside, on, data=Trail)


def remembered(run: Run) -> dict[str, tuple[str, ...]]:
    """What the histories of a run remember."""
    return dict(run.now.pending.history)


def test_a_shallow_history_enters_the_inner_state_that_was_left() -> None:
    assert start(player()).send(A(), A(), Go(), Back()).states == ("on", "c")


def test_a_shallow_history_forgets_what_was_deeper() -> None:
    assert start(player()).send(A(), B(), Go(), Back()).states == ("on", "b", "b1")


def test_a_deep_history_remembers_everything_inside() -> None:
    assert start(player(deep=True)).send(A(), B(), Go(), Back()).states == ("on", "b", "b2")


@pytest.mark.parametrize("deep", [False, True])
def test_the_first_time_a_history_leads_where_entering_its_parent_would(deep: bool) -> None:
    assert start(off(player(deep=deep))).send(Back()).states == ("on", "a")


@pytest.mark.parametrize("deep", [False, True])
def test_the_first_time_a_history_leads_where_its_author_says(deep: bool) -> None:
    assert start(off(player(deep=deep, to="b2"))).send(Back()).states == ("on", "b", "b2")


def test_once_its_parent_was_left_a_history_does_not_lead_to_its_default_again() -> None:
    assert start(player(to="c")).send(A(), Go(), Back()).states == ("on", "b", "b1")


def test_a_history_remembers_the_last_exit_and_no_earlier_one() -> None:
    run = start(player()).send(A(), Go(), Back(), A(), Go(), Back())

    assert run.states == ("on", "c")


def test_entering_the_parent_by_its_name_pays_no_heed_to_its_history() -> None:
    assert start(player()).send(A(), Go(), C()).states == ("on", "a")


def test_going_back_does_not_use_up_the_memory() -> None:
    run = start(player()).send(A(), Go(), Back())

    assert remembered(run) == {"h": ("b",)}


def test_moving_inside_the_parent_records_nothing() -> None:
    assert remembered(start(player()).send(A(), B(), A())) == {}


def test_an_internal_transition_of_the_parent_records_nothing() -> None:
    machine = Machine(
        "m",
        State("s", On(Go, to="b"), State("a"), State("b"), History("h"), On(A, to="out")),
        State("out", On(Back, to="h")),
        data=Trail,
    )

    assert remembered(start(machine).send(Go())) == {}


def test_a_history_remembers_also_when_the_exit_comes_from_deep_inside() -> None:
    machine = Machine(
        "m",
        State("s", State("a"), State("b", State("c", On(Go, to="out"))), History("h", deep=True)),
        State("out", On(Back, to="h")),
        On(A, to="c"),
        data=Trail,
    )

    assert start(machine).send(A(), Go(), Back()).states == ("s", "b", "c")


def test_a_deep_history_of_a_parallel_state_restores_every_region() -> None:
    machine = Machine(
        "m",
        State(
            "p",
            Region("x", State("x1", On(A, to="x2")), State("x2")),
            Region("y", State("y1", On(B, to="y2")), State("y2", State("y3"), State("y4"))),
            History("h", deep=True),
            On(Go, to="out"),
            On(C, to="y4"),
        ),
        State("out", On(Back, to="h")),
        data=Trail,
    )

    run = start(machine).send(C(), A(), Go(), Back())

    assert run.states == ("p", "x", "x2", "y", "y2", "y4")

    again = start(machine).send(A(), B(), Go(), Back())

    assert again.states == ("p", "x", "x2", "y", "y2", "y3")


def test_a_shallow_history_of_a_parallel_state_enters_its_regions_by_default() -> None:
    machine = Machine(
        "m",
        State(
            "p",
            Region("x", State("x1", On(A, to="x2")), State("x2")),
            Region("y", State("y1", On(A, to="y2")), State("y2")),
            History("h"),
            On(Go, to="out"),
        ),
        State("out", On(Back, to="h")),
        data=Trail,
    )

    assert start(machine).send(A(), Go(), Back()).states == ("p", "x", "x1", "y", "y1")


def test_the_first_time_a_history_of_a_parallel_state_enters_all_regions() -> None:
    regions = (Region("x", State("x1"), State("x2", On(A))), Region("y", State("y1")))
    by_default = Machine(
        "m",
        State("out", On(Back, to="h"), On(A, to="x2")),
        State("p", *regions, History("h")),
        data=Trail,
    )
    by_name = Machine(
        "m", State("out", On(Back, to="h")), State("p", *regions, History("h", to="x2")), data=Trail
    )

    assert start(by_default).send(Back()).states == ("p", "x", "x1", "y", "y1")
    assert start(by_name).send(Back()).states == ("p", "x", "x2", "y", "y1")


def test_a_history_of_one_region_restores_that_region_and_enters_the_others() -> None:
    machine = Machine(
        "m",
        State(
            "p",
            Region("x", State("x1", On(A, to="x2")), State("x2"), History("h")),
            Region("y", State("y1", On(A, to="y2")), State("y2")),
            On(Go, to="out"),
        ),
        State("out", On(Back, to="h")),
        data=Trail,
    )

    assert start(machine).send(A(), Go(), Back()).states == ("p", "x", "x2", "y", "y1")


def test_several_histories_remember_apart() -> None:
    machine = Machine(
        "m",
        State(
            "s",
            State("a", On(A, to="c")),
            State("b", State("c", On(B, to="d")), State("d"), History("hb")),
            History("deep", deep=True),
            History("shallow"),
            On(Go, to="out"),
        ),
        State("out", On(A, to="deep"), On(B, to="shallow"), On(C, to="hb")),
        data=Trail,
    )
    run = start(machine).send(A(), B(), Go())

    assert remembered(run) == {"deep": ("d",), "shallow": ("b",), "hb": ("d",)}

    states = [start(machine).send(A(), B(), Go(), way).states for way in (A(), B(), C())]

    assert states == [("s", "b", "d"), ("s", "b", "c"), ("s", "b", "d")]


def test_an_inner_history_remembers_an_older_exit_than_an_outer_one() -> None:
    machine = Machine(
        "m",
        State(
            "s",
            State("a", State("a1", On(A, to="a2")), State("a2"), History("ha"), On(B, to="b")),
            State("b", On(B, to="ha")),
            History("hs"),
            On(Go, to="out"),
        ),
        State("out", On(Back, to="hs")),
        data=Trail,
    )
    run = start(machine).send(A(), B(), Go())

    assert remembered(run) == {"ha": ("a2",), "hs": ("b",)}
    assert run.send(Back(), B()).states == ("s", "a", "a2")


def test_a_state_inside_may_go_to_the_history_beside_it() -> None:
    machine = Machine(
        "m",
        State("s", State("a", On(A, to="b")), State("b", On(Back, to="h")), History("h")),
        State("out", On(Back, to="h")),
        On(Go, to="out"),
        data=Trail,
    )

    run = start(machine).send(A(), Go(), Back())
    assert run.states == ("s", "b")

    again = start(machine).send(A(), Back())
    assert again.states == ("s", "a")


def test_states_entered_by_a_history_order_their_effects_and_are_offered_their_rows() -> None:
    outer, inner = (Call(Ping, ping, name=name) for name in ("outer", "inner"))
    machine = Machine(
        "m",
        State(
            "s",
            State("a", On(A, to="b")),
            State("b", Always(when="data.n > 0", update=Note("no")), do=inner),
            History("h"),
            On(Go, to="out"),
            do=outer,
        ),
        State("out", On(Back, to="h")),
        data=Trail,
    )

    run = start(machine).send(A(), Go(), Back())

    assert orders(run.moved) == (("outer", 3), ("inner", 4))


def test_a_deep_history_that_restores_a_final_state_is_done_again() -> None:
    machine = Machine(
        "m",
        State(
            "s",
            State("a", On(A, to="f")),
            Final("f"),
            History("h", deep=True),
            Done(update=Note("done")),
            On(Go, to="out"),
        ),
        State("out", On(Back, to="h")),
        data=Trail,
    )

    assert start(machine).send(A(), Go(), Back()).marks == ("done", "done")


@pytest.mark.parametrize("deep", [False, True])
def test_leaving_and_going_back_in_one_transition_goes_back_to_what_was_just_left(
    deep: bool,
) -> None:
    """SCXML records a history when its parent is left, before anything is entered."""
    machine = Machine(
        "m",
        On(Go, to="h"),
        State(
            "s",
            State("a", On(A, to="b")),
            State("b", On(A, to="c")),
            State("c"),
            History("h", deep=deep),
        ),
        data=Trail,
    )

    assert start(machine).send(A(), Go()).states == ("s", "b")


def test_a_reentering_row_of_the_parent_to_its_history_goes_back_to_what_was_just_left() -> None:
    machine = Machine(
        "m",
        State(
            "s",
            On(Go, to="h", reenter=True),
            State("a", On(A, to="b")),
            State("b", On(A, to="c")),
            State("c"),
            History("h"),
        ),
        data=Trail,
    )

    run = start(machine).send(A(), Go())
    assert run.states == ("s", "b")

    run.send(A(), Go())
    assert run.states == ("s", "c")


def test_a_parallel_state_that_goes_to_its_own_history_is_not_left_for_it() -> None:
    """Where the history leads the first time is inside the state, as it is ever after."""
    machine = Machine(
        "m",
        State("p", On(Go, to="h"), Region("x", State("x1")), History("h"), do=Call(Ping, ping)),
        data=Trail,
    )

    run = start(machine).send(Go())

    assert (run.moved.stopped, run.flying) == ((), (("ping", 1),))


def test_a_step_that_breaks_leaves_the_memory_alone() -> None:
    machine = Machine(
        "m",
        State("s", State("a", On(A, to="b")), State("b"), History("h"), On(Go, to="out")),
        State("out", On(Back, to="h"), Always(when="10 / data.n > 1", to="s")),
        data=Trail,
    )
    run = start(machine).send(A())
    before = run.now

    run.send(Go())

    assert run.now == before
    assert remembered(run) == {}
