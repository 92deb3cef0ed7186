"""Many effects side by side: begun in order, heard in any order, settled once."""

from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from detent.kernel import (
    Always,
    Broken,
    Call,
    Each,
    Fan,
    Happened,
    InDoubt,
    Machine,
    On,
    Order,
    Part,
    Region,
    Rejected,
    Returned,
    Settled,
    State,
    Wait,
    step,
    walk,
)
from tests.kernel.scxml.toys import (
    Add,
    Go,
    Note,
    Pay,
    Ping,
    Refused,
    Run,
    Toy,
    Trail,
    failed,
    giving,
    orders,
    ping,
    returned,
    start,
)


def heard(data: Trail, event: Settled[Any]) -> Trail:
    """Leave what settled on the trail: values as they are, everything else by its name."""
    shown = (str(o.value) if isinstance(o, Returned) else type(o).__name__ for o in event.outcomes)
    return evolve(data, marks=(*data.marks, " ".join(shown)))


plain = Each(Ping, Trail.pings, name="each")
bounded = Each(Ping, Trail.pings, at_most=2, name="each")
strict = Each(Ping, Trail.pings, at_most=2, stop_on_failure=True, name="each")


def working(do: Each[Trail, int], *rows: Part[Trail]) -> Toy:
    """A state that goes on when its Each has settled, or is left by Go. The rows come first."""
    return Machine(
        "m",
        State("s", *rows, On(do.settled, to="t", update=heard), On(Go, to="t"), do=do),
        State("t"),
        data=Trail,
    )


def fan(run: Run) -> Fan:
    """The Each that is in flight."""
    (flight,) = run.now.effects
    assert isinstance(flight, Fan)
    return flight


def test_the_orders_of_an_each_have_consecutive_ids_in_their_order() -> None:
    moved = start(working(plain), n=3).moved

    assert orders(moved) == (("each", 1), ("each", 2), ("each", 3))
    assert [one.order for one in moved.ordered] == [Ping(0), Ping(1), Ping(2)]


def test_ids_go_on_after_those_of_an_each_also_if_not_all_have_begun() -> None:
    after = Call(Ping, ping, name="after")
    machine = Machine("m", State("s", On(after.returned), do=(bounded, after)), data=Trail)

    assert orders(start(machine, n=5).moved)[-1] == ("after", 6)


def test_no_more_effects_are_under_way_than_at_most_says() -> None:
    run = start(working(bounded), n=5)
    assert orders(run.moved) == (("each", 1), ("each", 2))

    run.send(returned(2))
    assert orders(run.moved) == (("each", 3),)

    run.send(returned(1))
    assert orders(run.moved) == (("each", 4),)
    assert fan(run).under_way() == (2, 3)


def test_an_outcome_of_an_order_that_has_not_begun_is_rejected() -> None:
    run = start(working(bounded), n=5).send(returned(3))

    assert isinstance(run.last, Rejected)


def test_an_each_settles_in_the_macrostep_of_its_last_outcome() -> None:
    run = start(working(plain), n=2).send(returned(1), returned(2))

    assert (run.states, run.marks, run.now.effects, run.now.seq) == (("t",), ("1 2",), (), 3)


def test_an_each_settles_once() -> None:
    run = start(working(plain, On(plain.settled, update=heard)), n=2).send(returned(2), returned(1))

    assert run.marks == ("1 2",)
    assert isinstance(run.send(returned(1)).last, Rejected)
    assert run.marks == ("1 2",)


@given(st.permutations(range(1, 8)), st.sets(st.integers(1, 7)))
def test_outcomes_settle_in_the_order_of_the_orders_whatever_came_first(
    order: list[int], bad: set[int]
) -> None:
    run = start(working(plain), n=7).send(*(failed(i) if i in bad else returned(i) for i in order))

    assert run.marks == (" ".join("Failed" if i in bad else str(i) for i in range(1, 8)),)


@given(st.integers(1, 9), st.integers(1, 4), st.randoms(use_true_random=False))
def test_with_a_bound_every_order_begins_once_in_order_and_all_settle(
    n: int, at_most: int, chance: Any
) -> None:
    each = Each(Ping, Trail.pings, at_most=at_most, name="each")
    run = start(working(each), n=n)
    begun = [order.id for order in run.moved.ordered]
    while run.now.effects:
        under_way = fan(run).under_way()
        assert 0 < len(under_way) <= at_most
        run.send(returned(fan(run).id + chance.choice(under_way)))
        begun += [order.id for order in run.moved.ordered]

    assert begun == list(range(1, n + 1))
    assert run.marks == (" ".join(str(i) for i in begun),)


def test_an_each_of_nothing_settles_in_the_macrostep_that_enters() -> None:
    run = start(working(plain), n=0)

    assert (run.states, run.marks, run.now.effects) == (("t",), ("",), ())
    assert run.moved.took == (("s/0",),)


def test_an_each_of_nothing_does_not_keep_its_neighbour_from_being_ordered() -> None:
    neighbour = Call(Ping, ping)
    machine = Machine(
        "m", State("s", On(plain.settled, update=heard), do=(plain, neighbour)), data=Trail
    )

    run = start(machine)

    assert (run.marks, run.flying) == (("",), (("ping", 1),))


def test_what_an_each_of_nothing_leaves_is_not_ordered() -> None:
    neighbour = Call(Ping, ping)
    machine = Machine(
        "m", State("s", On(plain.settled, to="t"), do=(neighbour, plain)), State("t"), data=Trail
    )

    run = start(machine)

    assert (run.states, run.moved.ordered, run.moved.stopped) == (("t",), (), ())


def test_settling_comes_after_rows_without_event() -> None:
    row = On(plain.returned, update=Add(-1))
    leaving = Always(when="data.n == 0", to="u", update=Note("first"))
    machine = Machine(
        "m",
        State("s", row, leaving, On(plain.settled, update=Note("no")), do=plain),
        State("u"),
        data=Trail,
    )

    assert start(machine, n=1).send(returned(1)).marks == ("first",)


def test_a_row_for_a_single_outcome_comes_first_and_settled_still_carries_it() -> None:
    machine = working(plain, On(plain.failed, update=Note("failed")))

    run = start(machine, n=3).send(returned(3), failed(1), returned(2))

    assert run.marks == ("failed", "Failed 2 3")


def test_settled_takes_what_no_other_row_names() -> None:
    refused = Happened(1, Refused("no"))

    run = start(working(plain, On(plain.returned, when="event.value > 9")), n=2)
    run.send(refused, returned(2))

    assert (run.marks, run.now.status) == (("Refused 2",), "running")


def test_an_outcome_without_a_row_fails_the_run_where_nobody_waits_for_settled() -> None:
    machine = Machine("m", State("s", On(plain.returned), do=plain), data=Trail)

    assert start(machine, n=2).send(failed(1)).now.status == "ending"


def test_an_each_whose_settled_nobody_takes_fails_the_run() -> None:
    machine = Machine("m", State("s", On(plain.returned), do=plain), data=Trail)

    end = start(machine, n=1).send(returned(1)).now.end

    assert end is not None
    assert (end.status, end.failures[0].kind) == ("failed", "unhandled")
    assert "each.settled" in end.failures[0].message


def test_settled_falls_outwards_like_every_outcome() -> None:
    machine = Machine(
        "m",
        On(plain.settled, update=heard),
        State("s", On(plain.settled, when="data.n > 1", update=Note("no")), do=plain),
        data=Trail,
    )

    assert start(machine, n=1).send(returned(1)).marks == ("1",)


def test_one_each_may_give_orders_of_several_forms() -> None:
    call, pay, ask = Call(Ping, name="call"), Call(Pay, name="pay"), Wait(int, name="ask")

    def made(data: Trail) -> tuple[Ping | Order[int], ...]:
        return (ask("how many?"), Ping(1), pay(Pay(2)))

    each = Each((call, pay, ask), made, name="each")
    run = start(working(each))

    assert [(one.order, one.part) for one in run.moved.ordered] == [
        ("how many?", 2),
        (Ping(1), 0),
        (Pay(2), 1),
    ]
    assert run.send(returned(2), Happened(3, InDoubt()), returned(1, 7)).marks == ("7 2 InDoubt",)


def test_an_outcome_that_only_another_form_of_an_each_can_come_to_is_rejected() -> None:
    call, ask = Call(Ping, name="call"), Wait(int, name="ask")
    each = Each((call, ask), giving(ask("how many?"), Ping(1)), name="each")

    run = start(working(each)).send(failed(1))

    assert isinstance(run.last, Rejected)


def test_an_order_of_a_class_that_no_form_gives_breaks_the_step() -> None:
    made: Any = giving(Ping(1), Pay(2))
    wrong = Each(Ping, made, name="each")
    machine = Machine(
        "m", State("a", On(Go, to="s")), State("s", On(wrong.settled), do=wrong), data=Trail
    )

    broken = start(machine).send(Go()).last

    assert isinstance(broken, Broken)
    assert (broken.bug.place, broken.bug.role) == ("s/each", "make")


def test_an_outcome_that_is_heard_twice_is_rejected_and_changes_nothing() -> None:
    run = start(working(plain), n=3).send(returned(2))
    before = run.now

    answer = step(run.table, before, failed(2))

    assert isinstance(answer, Rejected)
    assert answer.snapshot is before


def test_eaches_of_two_regions_settle_apart() -> None:
    one, two = (Each(Ping, Trail.pings, name=name) for name in ("one", "two"))
    machine = Machine(
        "m",
        Region("x", State("x1", On(one.settled, update=heard), do=one)),
        Region("y", State("y1", On(two.settled, update=heard), do=two)),
        data=Trail,
    )

    run = start(machine, n=2).send(returned(1), returned(3), returned(4), returned(2))

    assert run.marks == ("3 4", "1 2")


def test_five_thousand_orders_settle_in_order() -> None:
    run = start(working(Each(Ping, Trail.pings, at_most=50, name="each")), n=5000)
    order = [*range(50, 5000), *range(1, 50), 5000]

    for effect in order:
        run.send(returned(effect))

    assert run.marks == (" ".join(str(i) for i in range(1, 5001)),)


def test_in_a_walk_an_answer_goes_to_the_order_it_names() -> None:
    steps = walk(working(plain), Trail(n=2), plain.returned(8).item(1), plain.returned(9))

    assert steps[-1].snapshot.data.marks == ("9 8",)
